//! Calls to the server: in batches, several at a time, those of one phone one after another.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::ProgressBar;
use leadcapture_proto::v1::{
    BatchRecordCallsRequest, BatchRecordCallsResult, CallError, RecordCallRequest,
    batch_record_calls_result::Result as Recorded, missed_call_service_client::MissedCallServiceClient,
};
use prost::Message as _;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

use super::{
    Replay,
    input::Place,
    summary::{Failure, Outcome, Summary},
};
use crate::{
    cdr::{self, Call, Problem},
    config::{Settings, SettingsError},
    endpoint,
    server::asked_wait,
};

/// The most bytes of a batch, unless a single call is larger: a quarter of what the server takes by default.
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// The waits between attempts.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The digits that tell phones apart, however they are written.
const TELLING_DIGITS: usize = 9;

/// A call on its way.
pub(super) struct ToSend {
    /// Its number among all records of the replay.
    pub(super) number: usize,
    pub(super) place: Place,
    pub(super) call: Call,
}

/// The ways into the lanes.
pub(super) struct Doors(Vec<mpsc::Sender<ToSend>>);

impl Doors {
    /// Hands a call over, and waits for room; false once nobody takes calls any more.
    pub(super) fn send(&self, call: ToSend) -> bool {
        let mut hasher = DefaultHasher::new();
        let digits = call.call.request.customer_phone.bytes().rev().filter(u8::is_ascii_digit);
        digits.take(TELLING_DIGITS).for_each(|digit| digit.hash(&mut hasher));
        let lanes = self.0.len() as u64;
        let lane = usize::try_from(hasher.finish() % lanes.max(1)).unwrap_or_default();
        self.0.get(lane).is_some_and(|lane| lane.blocking_send(call).is_ok())
    }
}

/// Tasks that send.
pub(super) struct Lanes {
    doors: Vec<mpsc::Sender<ToSend>>,
    tasks: JoinSet<Result<(), String>>,
}

impl Lanes {
    pub(super) fn start(
        sender: &Sender,
        count: usize,
        batch: usize,
        summary: &Arc<Mutex<Summary>>,
        bar: &ProgressBar,
    ) -> Self {
        let mut tasks = JoinSet::new();
        let mut doors = Vec::new();
        for _ in 0..count.max(1) {
            let (door, calls) = mpsc::channel(batch);
            doors.push(door);
            let lane = Lane { sender: sender.clone(), summary: Arc::clone(summary), bar: bar.clone() };
            tasks.spawn(lane.run(calls, batch));
        }
        Self { doors, tasks }
    }

    /// The ways in. The lanes end when they are dropped.
    pub(super) fn doors(&mut self) -> Doors {
        Doors(std::mem::take(&mut self.doors))
    }

    /// Waits until all is sent, or one lane cannot go on: then none does.
    pub(super) async fn finish(mut self) -> Result<(), String> {
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap_or_else(|error| Err(format!("sending ended unexpectedly: {error}")))?;
        }
        Ok(())
    }
}

struct Lane {
    sender: Sender,
    summary: Arc<Mutex<Summary>>,
    bar: ProgressBar,
}

impl Lane {
    async fn run(self, mut calls: mpsc::Receiver<ToSend>, batch: usize) -> Result<(), String> {
        let mut waiting = Vec::new();
        while calls.recv_many(&mut waiting, batch).await > 0 {
            let mut rest = std::mem::take(&mut waiting).into_iter().peekable();
            while rest.peek().is_some() {
                let mut bytes = 0;
                let mut part = Vec::new();
                while let Some(next) = rest.next_if(|next| {
                    bytes += next.call.request.encoded_len();
                    part.is_empty() || bytes <= MAX_BATCH_BYTES
                }) {
                    part.push(next);
                }
                self.send(part).await?;
            }
        }
        Ok(())
    }

    /// Sends a batch until each of its calls is recorded or refused.
    async fn send(&self, mut batch: Vec<ToSend>) -> Result<(), String> {
        let mut attempts = Attempts::new(self.sender.retry_for);
        while !batch.is_empty() {
            let requests = batch.iter().map(|sent| sent.call.request.clone()).collect();
            match self.sender.record(requests).await {
                Ok(results) if results.len() == batch.len() => {
                    let mut again = Vec::new();
                    let mut last = None;
                    for (sent, result) in batch.into_iter().zip(results) {
                        if let Some((sent, error)) = self.note(sent, result) {
                            again.push(sent);
                            last = Some(error);
                        }
                    }
                    batch = again;
                    if let Some(error) = last {
                        attempts.wait(&error, None).await?;
                    }
                }
                Ok(_) => {
                    return Err("the server answered another number of calls than it was sent".to_owned());
                }
                Err(status) if is_worth_another_try(status.code()) => {
                    attempts.wait(status.message(), asked_wait(&status)).await?;
                }
                Err(status) if status.code() == Code::InvalidArgument && batch.len() == 1 => {
                    let sent = batch.remove(0);
                    let reason = status.message().to_owned();
                    self.fail(sent, reason);
                }
                Err(status) => {
                    return Err(format!(
                        "the server refuses the batch: {}: {}",
                        status.code(),
                        status.message()
                    ));
                }
            }
        }
        Ok(())
    }

    /// Notes what became of a call; gives it back if it is worth another try, with the reason.
    fn note(&self, sent: ToSend, result: BatchRecordCallsResult) -> Option<(ToSend, String)> {
        match result.result {
            Some(Recorded::Response(response)) => {
                let ToSend { number, place, call } = sent;
                let outcome = Outcome {
                    number,
                    place,
                    call_id: call.request.call_id,
                    disposition: response.disposition(),
                };
                self.change(|summary| summary.recorded(outcome));
            }
            Some(Recorded::Error(error)) if is_worth_another_try(Code::from(error.code)) => {
                return Some((sent, error.message));
            }
            Some(Recorded::Error(error)) => {
                let reason = refusal(&sent.call, error);
                self.fail(sent, reason);
            }
            None => self.fail(sent, "the server gave no result".to_owned()),
        }
        None
    }

    fn fail(&self, sent: ToSend, reason: String) {
        let call_id = Some(sent.call.request.call_id);
        let failure = Failure { number: sent.number, place: sent.place, call_id, reason };
        self.change(|summary| summary.failures.push(failure));
    }

    fn change(&self, change: impl FnOnce(&mut Summary)) {
        let mut summary = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut summary);
        self.bar.set_message(format!(
            "{} calls, {} not taken",
            summary.recorded_count(),
            summary.failures.len()
        ));
    }
}

/// Why a call was refused, in the sender's names.
fn refusal(call: &Call, error: CallError) -> String {
    if error.field_violations.is_empty() {
        return error.message;
    }
    let problems = error.field_violations.into_iter();
    let problems =
        problems.map(|violation| Problem::new(call.vendor_field(&violation.field), violation.description));
    cdr::Malformed(problems.collect()).to_string()
}

fn is_worth_another_try(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::DeadlineExceeded
            | Code::Cancelled
    )
}

/// The attempts at one batch.
struct Attempts {
    wait: Duration,
    give_up: Option<Instant>,
    patience: Duration,
}

impl Attempts {
    fn new(patience: Duration) -> Self {
        Self { wait: FIRST_WAIT, give_up: None, patience }
    }

    /// Waits before the next attempt, longer each time and for as long as the server asks.
    async fn wait(&mut self, reason: &str, asked: Option<Duration>) -> Result<(), String> {
        let now = Instant::now();
        let give_up = *self.give_up.get_or_insert(now + self.patience);
        if now >= give_up {
            return Err(format!("the server cannot take the calls: {reason}"));
        }
        sleep(self.wait.max(asked.unwrap_or_default()).min(give_up - now)).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        Ok(())
    }
}

/// The server, as a replay asks it.
#[derive(Clone)]
pub(super) struct Sender {
    client: MissedCallServiceClient<Channel>,
    authorization: Option<MetadataValue<Ascii>>,
    deadline: Duration,
    retry_for: Duration,
}

impl Sender {
    pub(super) fn new(settings: &Settings, replay: &Replay) -> Result<Self, SettingsError> {
        let channel = endpoint::of(settings)?.connect_timeout(replay.batch_timeout).connect_lazy();
        Ok(Self {
            // Results hold the leads; they may be larger than the requests.
            client: MissedCallServiceClient::new(channel).max_decoding_message_size(usize::MAX),
            authorization: settings.token.as_ref().map(endpoint::authorization).transpose()?,
            deadline: replay.batch_timeout,
            retry_for: replay.retry_for,
        })
    }

    async fn record(&self, calls: Vec<RecordCallRequest>) -> Result<Vec<BatchRecordCallsResult>, Status> {
        let mut request = Request::new(BatchRecordCallsRequest { calls });
        request.set_timeout(self.deadline);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        let mut client = self.client.clone();
        // The deadline sent to the server does not cover the time that connecting takes.
        let answer = timeout(self.deadline, client.batch_record_calls(request)).await;
        let answer = answer.map_err(|_| Status::deadline_exceeded("no answer within the deadline"))??;
        Ok(answer.into_inner().results)
    }
}
