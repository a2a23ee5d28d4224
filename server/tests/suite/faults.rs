//! Faults in the middle of the work: what was acknowledged is there exactly once, and what failed says that it may be sent again.

mod database_away;
mod processes;

use std::{
    collections::BTreeSet,
    error::Error as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use chrono::{DateTime, Utc};
use leadcapture_proto::v1::{CallDisposition, RecordCallRequest, Tenant};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::support::{
    calls::{before, missed, mobile},
    client::Client,
    problem::Problem,
    server::present,
    wait::until,
};

const SENDERS: u32 = 8;
const PHONES: u32 = 25;

/// Senders that record calls one after another until they are told to stop, or have lost their connection.
struct Load {
    began: DateTime<Utc>,
    progress: Arc<Progress>,
    senders: JoinSet<()>,
}

struct Progress {
    stop: AtomicBool,
    next: AtomicU32,
    acknowledged: Mutex<BTreeSet<u32>>,
    failed: Mutex<Vec<(u32, Status)>>,
}

/// What the senders saw, by the number of the call.
struct Outcome {
    began: DateTime<Utc>,
    acknowledged: BTreeSet<u32>,
    failed: Vec<(u32, Status)>,
}

impl Load {
    fn start(client: &Client) -> Self {
        Self::resume(client, Outcome { began: present(), acknowledged: BTreeSet::new(), failed: Vec::new() })
    }

    /// Goes on with the next calls after `outcome`.
    fn resume(client: &Client, outcome: Outcome) -> Self {
        let Outcome { began, acknowledged, failed } = outcome;
        let next = u32::try_from(acknowledged.len() + failed.len()).unwrap();
        let progress = Arc::new(Progress {
            stop: AtomicBool::new(false),
            next: AtomicU32::new(next),
            acknowledged: Mutex::new(acknowledged),
            failed: Mutex::new(failed),
        });
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            let (client, progress) = (client.clone(), Arc::clone(&progress));
            senders.spawn(async move {
                while !progress.stop.load(Ordering::Relaxed) {
                    let number = progress.next.fetch_add(1, Ordering::Relaxed);
                    match client.try_record(call(number, began)).await {
                        Ok(_) => assert!(progress.acknowledged.lock().unwrap().insert(number)),
                        Err(status) => {
                            let disconnected = status.source().is_some();
                            progress.failed.lock().unwrap().push((number, status));
                            // The port may be another server's soon.
                            if disconnected {
                                return;
                            }
                        }
                    }
                }
            });
        }
        Self { began, progress, senders }
    }

    fn acknowledged(&self) -> usize {
        self.progress.acknowledged.lock().unwrap().len()
    }

    fn failed(&self) -> usize {
        self.progress.failed.lock().unwrap().len()
    }

    /// Waits until this many more calls were acknowledged.
    async fn more(&self, calls: usize) {
        let goal = self.acknowledged() + calls;
        until("the load to go on", async || (self.acknowledged() >= goal).then_some(())).await;
    }

    async fn stop(self) -> Outcome {
        self.progress.stop.store(true, Ordering::Relaxed);
        self.senders.join_all().await;
        Outcome {
            began: self.began,
            acknowledged: std::mem::take(&mut self.progress.acknowledged.lock().unwrap()),
            failed: std::mem::take(&mut self.progress.failed.lock().unwrap()),
        }
    }
}

fn call(number: u32, began: DateTime<Utc>) -> RecordCallRequest {
    missed(&number.to_string(), &mobile(number % PHONES), before(began, i64::from(number % 600)))
}

impl Outcome {
    /// Every acknowledged call is recorded once, and none that was never sent; the leads agree with the calls.
    async fn assert_recorded(&self, client: &Client, tenant: &Tenant) {
        let calls = client.all_missed_calls(tenant).await;
        let mut recorded: Vec<u32> = calls.iter().map(|call| call.call_id.parse().unwrap()).collect();
        recorded.sort_unstable();
        assert!(recorded.windows(2).all(|pair| pair[0] < pair[1]), "a call is there twice");
        for number in &self.acknowledged {
            assert!(recorded.binary_search(number).is_ok(), "call {number} was acknowledged and is lost");
        }
        let sent = self.acknowledged.len() + self.failed.len();
        assert!(recorded.len() <= sent, "{} of {sent}", recorded.len());

        let leads = client.all_leads(tenant).await;
        assert!(leads.len() <= PHONES as usize);
        for lead in leads {
            let counted = calls.iter().filter(|call| call.lead_id.as_ref() == Some(&lead.id)).count();
            assert_eq!(usize::try_from(lead.call_count).unwrap(), counted, "{lead:?}");
        }
    }

    /// Sends everything again, as the senders of failed calls do: then each call is recorded once.
    async fn assert_repeatable(&self, client: &Client, tenant: &Tenant) {
        let failed = self.failed.iter().map(|(number, _)| *number);
        let all: Vec<_> = self.acknowledged.iter().copied().chain(failed).collect();
        for numbers in all.chunks(1_000) {
            let calls = numbers.iter().map(|number| call(*number, self.began)).collect();
            for (result, number) in client.record_batch(calls).await.unwrap().into_iter().zip(numbers) {
                let duplicate = result.unwrap().disposition() == CallDisposition::Duplicate;
                assert!(duplicate || !self.acknowledged.contains(number), "call {number}");
            }
        }
        assert_eq!(client.all_missed_calls(tenant).await.len(), all.len());
        let leads = client.all_leads(tenant).await;
        assert_eq!(leads.len(), all.len().min(PHONES as usize));
        let counted: i32 = leads.iter().map(|lead| lead.call_count).sum();
        assert_eq!(usize::try_from(counted).unwrap(), all.len());
    }
}

/// A failure that the caller is told to try again.
fn assert_unavailable(status: &Status) {
    let problem = Problem::from(status.clone());
    assert_eq!(problem.kind(), (Code::Unavailable, "DATABASE_UNAVAILABLE"), "{status:?}");
    assert!(problem.retry);
}
