//! `leadcapture-webhook replay`: recorded bodies through the same reading and the same API as those that come over HTTP.
//!
//! Recording is idempotent, so a replay that was cut short is simply run again: what was recorded is a duplicate and changes nothing.

mod export;
mod input;
mod lanes;
mod summary;

pub use input::Place;
pub use summary::{Failure, Outcome, Summary};

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    cdr::{self, Call, TimeRules},
    clock::Clock,
    config::{Settings, SettingsError},
};
use input::Body;
use lanes::{Lanes, Sender, ToSend};

/// What to replay, and how.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The files, in the order in which their calls are sent; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// The arrival of bodies that bring none of their own; `None` takes the time of the replay.
    pub arrived_at: Option<DateTime<Utc>>,
    /// Whether the calls are only judged, and nothing is recorded.
    pub validate_only: bool,
    /// The most calls of a batch, 1 to 1,000.
    pub batch: usize,
    /// How many batches are under way at the same time. Calls of one phone are always sent one after another.
    pub concurrency: usize,
    /// How long the server may take for a batch.
    pub batch_timeout: Duration,
    /// For how long a batch is tried again while the server is away or overloaded.
    pub retry_for: Duration,
    /// Whether progress is shown on standard error, if that is a terminal.
    pub progress: bool,
}

/// Why a replay ended before its time. What was recorded until then stays recorded.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A file cannot be read.
    #[error("{0}")]
    Input(String),
    /// The server was away for too long, or lets nobody in.
    #[error("{0}; calls recorded so far stay recorded, so the same command may be run again")]
    Server(String),
}

/// Replays the files. The summary tells of all that was done, also where the replay ended before its time.
pub async fn replay(
    replay: Replay,
    settings: &Settings,
    clock: Arc<dyn Clock>,
) -> (Summary, Result<(), ReplayError>) {
    let summary = Arc::new(Mutex::new(Summary::new(replay.validate_only)));
    let result = run(replay, settings, clock, &summary).await;
    let mut summary = std::mem::take(&mut *summary.lock().unwrap_or_else(PoisonError::into_inner));
    summary.in_order();
    (summary, result)
}

async fn run(
    replay: Replay,
    settings: &Settings,
    clock: Arc<dyn Clock>,
    summary: &Arc<Mutex<Summary>>,
) -> Result<(), ReplayError> {
    let sender = Sender::new(settings, &replay)?;
    let total = input::check(&replay.files).map_err(ReplayError::Input)?;
    let bar = progress_bar(&replay, total);
    let mut lanes = Lanes::start(&sender, replay.concurrency, replay.batch, summary, &bar);

    let reader = Reader {
        defaults: Defaults { arrived_at: replay.arrived_at, time: settings.time, limit: settings.body_limit },
        clock,
        validate_only: replay.validate_only,
        summary: Arc::clone(summary),
        bar: bar.clone(),
        lanes: lanes.doors(),
        number: 0,
    };
    let files = replay.files;
    let reading = tokio::task::spawn_blocking(move || reader.read(&files));
    let sent = lanes.finish().await;
    let read = reading.await.unwrap_or_else(|error| Err(format!("reading ended unexpectedly: {error}")));
    bar.finish_and_clear();
    sent.map_err(ReplayError::Server)?;
    read.map_err(ReplayError::Input)
}

fn progress_bar(replay: &Replay, total: Option<u64>) -> ProgressBar {
    if !replay.progress {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    let template = match total {
        Some(_) => "{bar:30} {bytes}/{total_bytes} {msg} {elapsed} (eta {eta})",
        None => "{spinner} {bytes} {msg} {elapsed}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// What holds for bodies that say nothing else.
#[derive(Clone, Copy, Debug)]
struct Defaults {
    arrived_at: Option<DateTime<Utc>>,
    time: TimeRules,
    /// The largest body in bytes.
    limit: usize,
}

/// Reads files, and hands their calls to the lanes.
struct Reader {
    defaults: Defaults,
    clock: Arc<dyn Clock>,
    validate_only: bool,
    summary: Arc<Mutex<Summary>>,
    bar: ProgressBar,
    lanes: lanes::Doors,
    /// How many records there were so far.
    number: usize,
}

impl Reader {
    fn read(mut self, files: &[PathBuf]) -> Result<(), String> {
        for file in files {
            let mut stopped = false;
            input::bodies(file, self.defaults, &mut |bytes, body| {
                self.bar.inc(bytes);
                stopped = !self.take(body);
                !stopped
            })?;
            if stopped {
                break;
            }
        }
        Ok(())
    }

    /// Hands over the calls of a body; false once nobody takes them any more.
    fn take(&mut self, body: Result<Body, (Place, String)>) -> bool {
        self.count(|summary| summary.bodies += 1);
        let body = match body {
            Ok(body) => body,
            Err((place, reason)) => {
                self.fail(place, reason);
                return true;
            }
        };
        let arrival = body.arrived_at.unwrap_or_else(|| self.clock.now());
        let calls = match cdr::read(body.format, &body.bytes, body.time, arrival) {
            Ok(calls) => calls,
            Err(malformed) => {
                self.fail(body.place, malformed.to_string());
                return true;
            }
        };
        let several = calls.len() > 1;
        for (index, call) in calls.into_iter().enumerate() {
            let place = Place { record: several.then_some(index + 1), ..body.place.clone() };
            match call {
                Err(malformed) => self.fail(place, malformed.to_string()),
                Ok(call) => {
                    if !self.send(call, place, body.tenant_id.as_deref()) {
                        return false;
                    }
                }
            }
        }
        true
    }

    fn send(&mut self, mut call: Call, place: Place, tenant_id: Option<&str>) -> bool {
        if call.ends_after(self.clock.now()) {
            self.count(|summary| summary.in_future += 1);
        }
        call.request.tenant_id = tenant_id.unwrap_or_default().to_owned();
        call.request.validate_only = self.validate_only;
        self.number += 1;
        self.lanes.send(ToSend { number: self.number, place, call })
    }

    fn fail(&mut self, place: Place, reason: String) {
        self.number += 1;
        let failure = Failure { number: self.number, place, call_id: None, reason };
        self.count(|summary| summary.failures.push(failure));
    }

    fn count(&self, change: impl FnOnce(&mut Summary)) {
        change(&mut self.summary.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
