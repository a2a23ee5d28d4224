//! Server and adapter are killed at random, again and again, while senders post records and repeat what was not acknowledged.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    MACHINE,
    stage::{Stage, assert_recorded, post},
    support::{calls::LINE, database::both_engines, wait::until},
};

const LENGTH: Duration = Duration::from_mins(1);
const SENDERS: usize = 8;
/// The pause of a sender after each record, so that there is some of the machine left for the processes.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a sender waits for an answer before it repeats the record.
const PATIENCE: Duration = Duration::from_secs(5);

/// Senders of ever new records, each repeated until it is acknowledged.
struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeSet<u32>>>,
    repeats: Arc<AtomicU32>,
    senders: JoinSet<()>,
}

impl Load {
    fn start(url: &str) -> Self {
        let next = Arc::new(AtomicU32::new(0));
        let mut load = Self {
            stop: Arc::default(),
            acknowledged: Arc::default(),
            repeats: Arc::default(),
            senders: JoinSet::new(),
        };
        for _ in 0..SENDERS {
            let (next, stop, url) = (Arc::clone(&next), Arc::clone(&load.stop), url.to_owned());
            let (acknowledged, repeats) = (Arc::clone(&load.acknowledged), Arc::clone(&load.repeats));
            let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
            load.senders.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    while !post(&http, &url, number).await {
                        repeats.fetch_add(1, Ordering::Relaxed);
                        sleep(PAUSE).await;
                    }
                    acknowledged.lock().unwrap().insert(number);
                    sleep(PAUSE).await;
                }
            });
        }
        load
    }

    /// Ends the senders once what they have begun is acknowledged. Answers that, and how often a record was repeated.
    async fn stop(self) -> (BTreeSet<u32>, u32) {
        self.stop.store(true, Ordering::Relaxed);
        self.senders.join_all().await;
        (std::mem::take(&mut self.acknowledged.lock().unwrap()), self.repeats.load(Ordering::Relaxed))
    }
}

both_engines! {
    async fn processes_killed_for_a_minute_lose_and_double_nothing(db: TestDatabase) {
        let _machine = MACHINE.read().await;
        let stage = Stage::new(db);
        let mut random = StdRng::seed_from_u64(20_260_302);
        let mut server = stage.start_server().await;
        let mut adapter = stage.start_adapter().await;
        let tenant = server.tenant_with_line(LINE).await;
        let load = Load::start(&stage.url());

        let (began, mut kills) = (Instant::now(), 0);
        while began.elapsed() < LENGTH {
            sleep(Duration::from_millis(random.random_range(0..3_000))).await;
            let away = Duration::from_millis(random.random_range(0..1_500));
            let (kills_server, kills_adapter) = [(true, false), (false, true), (true, true)][random.random_range(0..3)];
            if kills_server {
                server.kill();
            }
            if kills_adapter {
                adapter.kill();
            }
            sleep(away).await;
            if kills_adapter {
                adapter = stage.start_adapter().await;
            }
            if kills_server {
                server = stage.start_server().await;
            }
            kills += 1;
        }
        let (acknowledged, repeats) = load.stop().await;
        until("the spool to be empty", async || (stage.spooled().waiting.deliveries == 0).then_some(())).await;
        assert_eq!(stage.spooled().dead.deliveries, 0);
        assert!(kills >= 10 && repeats > 0, "{kills} kills, {repeats} repeats");
        assert!(acknowledged.len() > 500, "{} records", acknowledged.len());
        assert_recorded(&server, &tenant, &acknowledged).await;
    }
}
