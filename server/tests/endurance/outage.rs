//! The server is away for half a minute under 200 records a second: each is acknowledged at once, and all are delivered soon
//! after its return.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    MACHINE,
    stage::{Stage, assert_recorded, post},
    support::{
        calls::LINE,
        database::{Engine, TestDatabase},
        wait::until,
    },
};

/// Between two records: 200 a second.
const PERIOD: Duration = Duration::from_millis(5);
const BEFORE: Duration = Duration::from_secs(5);
const OUTAGE: Duration = Duration::from_secs(30);
/// How long records still come after the server's return.
const AFTER: Duration = Duration::from_secs(10);
const LONGEST_ANSWER: Duration = Duration::from_millis(100);
const LONGEST_DELIVERY: Duration = Duration::from_mins(1);

/// A record that was posted: its number, when, how long the answer took, and whether it acknowledged the record.
type Posted = (u32, Instant, Duration, bool);

/// Posts a record every 5 ms, whether or not the ones before are answered, until `stop`.
async fn send(url: String, stop: CancellationToken) -> Vec<Posted> {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut posts = JoinSet::new();
    let mut number = 0;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let (http, url) = (http.clone(), url.clone());
        posts.spawn(async move {
            let began = Instant::now();
            let acknowledged = post(&http, &url, number).await;
            (number, began, began.elapsed(), acknowledged)
        });
        number += 1;
    }
    posts.join_all().await
}

/// The 99th percentile.
fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[derive(Clone, Copy, Debug)]
enum Way {
    /// The server's process is killed, and another one takes its place.
    Killed,
    /// The server's process takes connections and never answers, until it goes on.
    Hung,
}

#[expect(clippy::print_stdout, reason = "the measurement is a result")]
async fn outage(engine: Engine, way: Way) {
    let _machine = MACHINE.write().await;
    let stage = Stage::new(TestDatabase::new(engine).await);
    let mut server = stage.start_server().await;
    let tenant = server.tenant_with_line(LINE).await;
    let _adapter = stage.start_adapter().await;
    let stop = CancellationToken::new();
    let sender = tokio::spawn(send(stage.url(), stop.clone()));

    sleep(BEFORE).await;
    let away = Instant::now();
    match way {
        Way::Killed => server.kill(),
        Way::Hung => server.signal("-STOP"),
    }
    sleep(OUTAGE).await;
    let back = Instant::now();
    match way {
        Way::Killed => server = stage.start_server().await,
        Way::Hung => server.signal("-CONT"),
    }
    let forwarded = async {
        until("the spool to be empty", async || (stage.spooled().waiting.deliveries == 0).then_some(()))
            .await;
        back.elapsed()
    };
    let (forwarded, ()) = tokio::join!(forwarded, sleep(AFTER));
    stop.cancel();
    let posted = sender.await.unwrap();
    until("the last records to be forwarded", async || {
        (stage.spooled().waiting.deliveries == 0).then_some(())
    })
    .await;
    let delivered = back.elapsed();

    let failed: Vec<_> = posted.iter().filter(|(_, _, _, acknowledged)| !acknowledged).collect();
    assert!(failed.is_empty(), "not acknowledged: {failed:?}");
    let expected = (BEFORE + OUTAGE + AFTER).as_millis() / PERIOD.as_millis();
    assert!(posted.len() as u128 >= expected * 9 / 10, "the sender was too slow: {} records", posted.len());
    let times = |from: Option<Instant>, to: Option<Instant>| -> Vec<Duration> {
        let within = |began: Instant| from.is_none_or(|from| began >= from) && to.is_none_or(|to| began < to);
        posted.iter().filter(|(_, began, _, _)| within(*began)).map(|(_, _, took, _)| *took).collect()
    };
    let [before, during, after] =
        [(None, Some(away)), (Some(away), Some(back)), (Some(back), None)].map(|(from, to)| times(from, to));
    println!(
        "{way:?}, {engine:?}: {} records, {} while away; p99 before {:?}, away {:?}, after {:?}; slowest {:?}; \
         spool empty after {forwarded:?}",
        posted.len(),
        during.len(),
        p99(before),
        p99(during.clone()),
        p99(after),
        during.iter().max(),
    );
    assert!(p99(during.clone()) < LONGEST_ANSWER, "99th percentile {:?}", p99(during));
    assert!(delivered < LONGEST_DELIVERY, "delivered only after {delivered:?}");
    let acknowledged: BTreeSet<u32> = posted.into_iter().map(|(number, ..)| number).collect();
    assert_recorded(&server, &tenant, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed() {
    outage(Engine::Sqlite, Way::Killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs() {
    outage(Engine::Postgres, Way::Hung).await;
}
