//! Group commit: calls that arrive while a transaction is under way are recorded together in the next one.
//!
//! Nothing waits for company: an idle worker takes a call at once. Under load a worker finds several calls waiting and records them in one
//! transaction, so that throughput grows with the load instead of the number of commits.
//!
//! The transaction belongs to the trace of the first of its calls; the others' traces are linked to it.

use std::sync::Arc;

use leadcapture_webhook::telemetry::panics;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span, info_span, instrument};

use super::{RecordingMode, Storage};
use crate::domain::{
    error::Error,
    recording::{Decision, ReportedCall},
};

/// How calls are gathered.
#[derive(Clone, Copy, Debug)]
pub struct QueueSettings {
    /// Transactions at the same time. On SQLite one is right, as there is one writer.
    pub workers: usize,
    /// The most calls of one transaction.
    pub batch: usize,
    /// The most calls that wait; more are refused as overload.
    pub capacity: usize,
}

/// The entrance to the queue; cheap to clone. Its workers end when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct RecordingQueue {
    jobs: mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Job {
    call: ReportedCall,
    reply: oneshot::Sender<Result<Decision, Error>>,
    /// Of the caller's trace; open until the call is committed.
    span: Span,
}

impl RecordingQueue {
    /// Starts the workers.
    #[must_use]
    pub fn start(storage: &Storage, settings: QueueSettings, tasks: &TaskTracker) -> Self {
        let (jobs, waiting) = mpsc::channel(settings.capacity);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..settings.workers {
            tasks.spawn(work(storage.clone(), Arc::clone(&waiting), settings.batch));
        }
        Self { jobs }
    }

    /// Records a call and waits until it is committed.
    ///
    /// A caller that stops waiting does not stop the recording.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when the queue is full; else as [`Storage::record_calls`] and, for the call itself, its result.
    #[instrument(name = "recording_queue.record", skip_all)]
    pub async fn record(&self, call: ReportedCall) -> Result<Decision, Error> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(Job { call, reply, span: Span::current() }).map_err(|_| Error::Overloaded)?;
        answer.await.map_err(|_| Error::DatabaseUnavailable)?
    }
}

async fn work(storage: Storage, waiting: Arc<Mutex<mpsc::Receiver<Job>>>, batch: usize) {
    let mut jobs = Vec::new();
    loop {
        // The lock is held only until the first calls are there: the next worker takes those that come after.
        if waiting.lock().await.recv_many(&mut jobs, batch).await == 0 {
            return;
        }
        // A task of its own: a panic must not end the worker, or in time nobody would be left to work. Its callers get an error, as
        // their replies are dropped with it.
        let recorded = tokio::spawn(record_together(storage.clone(), std::mem::take(&mut jobs))).await;
        if let Err(error) = recorded {
            tracing::error!(error = panics::end(&error), "recording a batch ended unexpectedly");
        }
    }
}

async fn record_together(storage: Storage, jobs: Vec<Job>) {
    let span = span_of_all(&jobs);
    let (calls, replies): (Vec<_>, Vec<_>) = jobs.into_iter().map(|job| (job.call, job.reply)).unzip();
    let results = record_batch(&storage, &calls).instrument(span).await;
    for (reply, result) in replies.into_iter().zip(results) {
        // A caller that has gone away needs no answer.
        drop(reply.send(result));
    }
}

/// A span below the first call's, to which the other calls' are linked.
fn span_of_all(jobs: &[Job]) -> Span {
    let Some((first, others)) = jobs.split_first() else { return Span::none() };
    let span = info_span!(parent: &first.span, "recording_queue.batch", calls = jobs.len());
    for job in others {
        job.span.follows_from(&span);
    }
    span
}

async fn record_batch(storage: &Storage, calls: &[ReportedCall]) -> Vec<Result<Decision, Error>> {
    match storage.record_calls(calls, RecordingMode::Commit).await {
        Ok(results) => results,
        // Whatever is wrong with one call must not fail the others that happened to come with it.
        Err(Error::Internal(_)) if calls.len() > 1 => {
            let mut results = Vec::with_capacity(calls.len());
            for call in calls {
                results.push(record_alone(storage, call).await);
            }
            results
        }
        Err(error) => calls.iter().map(|_| Err(repeat(&error))).collect(),
    }
}

async fn record_alone(storage: &Storage, call: &ReportedCall) -> Result<Decision, Error> {
    let results = storage.record_calls(std::slice::from_ref(call), RecordingMode::Commit).await?;
    results.into_iter().next().unwrap_or_else(|| Err(Error::internal("a call without a result")))
}

/// The same error for each caller of a batch that failed as a whole.
fn repeat(error: &Error) -> Error {
    match error {
        Error::DatabaseUnavailable => Error::DatabaseUnavailable,
        Error::Overloaded => Error::Overloaded,
        Error::ErasureKeyUnfit => Error::ErasureKeyUnfit,
        other => Error::internal(other.to_string()),
    }
}
