//! The spool for the running adapter: one thread that owns the file, and writes for all who wait in one commit.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout,
};

use super::{
    delivery::{Delivery, State, Stored, Totals},
    store::{Changes, Store, StoreError},
};
use crate::{clock::Clock, config::SpoolSettings};

/// The most jobs of one commit.
const GROUP: usize = 256;
/// The most KiB of bodies that wait to be written, so that a disk that hangs does not fill the memory.
const PENDING_KIB: u32 = 64 * 1024;

/// Why the spool did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// There is no room for another delivery within the configured limit.
    #[error("the spool is full")]
    Full,
    /// The disk did not answer in time. It may do what it was asked yet.
    #[error("the disk did not answer in time")]
    Slow,
    /// The file cannot be read or written.
    #[error("{0}")]
    Broken(String),
}

/// What became of a waiting delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is recorded, and need not be kept.
    Recorded(i64),
    /// It can never be recorded, for this reason.
    Dead(i64, String),
    /// It was not recorded for this problem and waits for its next attempt.
    PutOff(i64, DateTime<Utc>, String),
}

type Reply<T> = oneshot::Sender<Result<T, SpoolError>>;

enum Job {
    Change(Change),
    Due(Due, Reply<Vec<Stored>>),
    Totals(Reply<Totals>),
}

/// Which deliveries to take for forwarding.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// The most deliveries.
    pub count: usize,
    /// The most bytes of bodies, unless the first alone is larger.
    pub bytes: usize,
    /// The longest time that a delivery is put off.
    pub longest: Duration,
}

enum Change {
    Insert(Box<Insert>, Reply<()>),
    Settle(Vec<Settlement>, Reply<()>),
    Expire(Reply<Expired>),
}

struct Insert {
    delivery: Arc<Delivery>,
    state: State,
    problem: String,
    /// Given back when the job is dropped.
    _memory: OwnedSemaphorePermit,
}

/// What outlived its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Deliveries that waited too long and are dead letters now.
    pub buried: usize,
    /// Dead letters that were deleted.
    pub purged: usize,
}

/// A handle on the spool; cheap to clone.
#[derive(Clone, Debug)]
pub struct Spool {
    jobs: mpsc::Sender<Job>,
    memory: Arc<Semaphore>,
    timeout: Duration,
    arrived: Arc<Notify>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Spool {
    /// Opens the file and starts the thread.
    ///
    /// # Errors
    /// The file cannot be opened, or the thread cannot be started.
    pub fn open(settings: &SpoolSettings, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let store = Store::open(&settings.path, settings.timeout)?;
        let (jobs, queue) = mpsc::channel(GROUP);
        let writer =
            Writer { path: settings.path.clone(), settings: settings.clone(), clock, store: Some(store) };
        let thread = thread::Builder::new().name("spool".to_owned()).spawn(move || writer.run(queue))?;
        Ok(Self {
            jobs,
            memory: Arc::new(Semaphore::new(PENDING_KIB as usize)),
            timeout: settings.timeout,
            arrived: Arc::default(),
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Keeps a delivery; it is safe on the disk when this returns.
    ///
    /// # Errors
    /// The spool is full, too slow or broken.
    pub async fn insert(
        &self,
        delivery: Arc<Delivery>,
        state: State,
        problem: String,
    ) -> Result<(), SpoolError> {
        let kib =
            u32::try_from(delivery.body.len() / 1024).unwrap_or(u32::MAX).saturating_add(1).min(PENDING_KIB);
        let inserted = async {
            let memory = Arc::clone(&self.memory).acquire_many_owned(kib).await.map_err(|_| ended())?;
            let insert = Box::new(Insert { delivery, state, problem, _memory: memory });
            self.ask(|reply| Job::Change(Change::Insert(insert, reply))).await
        };
        let inserted = timeout(self.timeout, inserted).await.unwrap_or(Err(SpoolError::Slow));
        if inserted.is_ok() && state == State::Waiting {
            self.arrived.notify_one();
        }
        inserted
    }

    /// Notes what became of deliveries.
    ///
    /// # Errors
    /// The spool is broken; nothing is noted.
    pub async fn settle(&self, settlements: Vec<Settlement>) -> Result<(), SpoolError> {
        self.ask(|reply| Job::Change(Change::Settle(settlements, reply))).await
    }

    /// Buries and deletes what has outlived its time.
    ///
    /// # Errors
    /// The spool is broken.
    pub async fn expire(&self) -> Result<Expired, SpoolError> {
        self.ask(|reply| Job::Change(Change::Expire(reply))).await
    }

    /// What is to be forwarded now, as [`Store::due`].
    ///
    /// # Errors
    /// The spool is broken.
    pub async fn due(&self, due: Due) -> Result<Vec<Stored>, SpoolError> {
        self.ask(|reply| Job::Due(due, reply)).await
    }

    /// How much there is.
    ///
    /// # Errors
    /// The spool is broken.
    pub async fn totals(&self) -> Result<Totals, SpoolError> {
        self.ask(Job::Totals).await
    }

    /// Waits until this process keeps another delivery that is to be forwarded; returns at once if one came since the last wait.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Closes the file once every other handle is dropped and what they asked for is done.
    pub async fn close(self) {
        let Self { jobs, thread, .. } = self;
        drop(jobs);
        let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic in it was reported by the panic hook.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, SpoolError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

fn ended() -> SpoolError {
    SpoolError::Broken("the spool's thread has ended".to_owned())
}

struct Writer {
    path: PathBuf,
    settings: SpoolSettings,
    clock: Arc<dyn Clock>,
    /// None after a failure, until the next job opens the file again.
    store: Option<Store>,
}

impl Writer {
    fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(GROUP);
        while queue.blocking_recv_many(&mut jobs, GROUP) > 0 {
            self.work(std::mem::take(&mut jobs));
        }
    }

    /// Does the changes among the jobs in one commit, then answers the rest.
    fn work(&mut self, jobs: Vec<Job>) {
        let (mut changes, mut questions) = (Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Change(change) => changes.push(change),
                question => questions.push(question),
            }
        }
        if !changes.is_empty() {
            self.change(changes);
        }
        for question in questions {
            // Whoever asked may have given up.
            match question {
                Job::Due(Due { count, bytes, longest }, reply) => {
                    let longest = TimeDelta::from_std(longest).unwrap_or(TimeDelta::MAX);
                    let now = self.clock.now();
                    drop(reply.send(self.with_store(|store| store.due(now, longest, count, bytes))));
                }
                Job::Totals(reply) => drop(reply.send(self.with_store(|store| store.totals()))),
                Job::Change(_) => {}
            }
        }
    }

    fn change(&mut self, jobs: Vec<Change>) {
        let (settings, now) = (self.settings.clone(), self.clock.now());
        let done = self.with_store(|store| {
            let done = store.change(|changes| {
                jobs.iter().map(|job| apply(job, changes, &settings, now)).collect::<Result<Vec<_>, _>>()
            })?;
            if jobs.iter().any(|job| matches!(job, Change::Expire(_))) {
                store.shrink()?;
            }
            Ok(done)
        });
        match done {
            Ok(done) => jobs.into_iter().zip(done).for_each(|(job, done)| answer(job, Ok(done))),
            Err(error) => jobs.into_iter().for_each(|job| answer(job, Err(error.clone()))),
        }
    }

    /// Works on the file. After a failure it is opened anew: what failed may have been the connection's own state.
    fn with_store<T>(
        &mut self,
        work: impl FnOnce(&mut Store) -> Result<T, StoreError>,
    ) -> Result<T, SpoolError> {
        let broken = |error: StoreError| SpoolError::Broken(error.to_string());
        let mut store = match self.store.take() {
            Some(store) => store,
            None => Store::open(&self.path, self.settings.timeout).map_err(broken)?,
        };
        let done = work(&mut store).map_err(broken)?;
        self.store = Some(store);
        Ok(done)
    }
}

/// What a change came to.
enum Done {
    Kept,
    NoRoom,
    Settled,
    Expired(Expired),
}

fn apply(
    job: &Change,
    changes: &Changes<'_>,
    settings: &SpoolSettings,
    now: DateTime<Utc>,
) -> Result<Done, StoreError> {
    match job {
        Change::Insert(insert, _) => {
            let Insert { delivery, state, problem, .. } = &**insert;
            let kept = changes.insert(delivery, *state, problem, now, settings.limit)?;
            Ok(if kept { Done::Kept } else { Done::NoRoom })
        }
        Change::Settle(settlements, _) => {
            for settlement in settlements {
                match settlement {
                    Settlement::Recorded(id) => changes.remove(*id)?,
                    Settlement::Dead(id, reason) => changes.bury(*id, reason, now)?,
                    Settlement::PutOff(id, until, problem) => changes.put_off(*id, *until, problem)?,
                }
            }
            Ok(Done::Settled)
        }
        Change::Expire(_) => Ok(Done::Expired(Expired {
            buried: changes.expire(before(now, settings.wait_days), now)?,
            purged: changes.purge(before(now, settings.dead_letter_days))?,
        })),
    }
}

/// Tells whoever asked for a change what it came to; they may have given up.
fn answer(job: Change, done: Result<Done, SpoolError>) {
    match job {
        Change::Insert(_, reply) => drop(reply.send(done.and_then(|done| match done {
            Done::NoRoom => Err(SpoolError::Full),
            Done::Kept | Done::Settled | Done::Expired(_) => Ok(()),
        }))),
        Change::Settle(_, reply) => drop(reply.send(done.map(|_| ()))),
        Change::Expire(reply) => drop(reply.send(done.map(|done| match done {
            Done::Expired(expired) => expired,
            Done::Kept | Done::NoRoom | Done::Settled => Expired::default(),
        }))),
    }
}

fn before(now: DateTime<Utc>, days: u32) -> DateTime<Utc> {
    now.checked_sub_signed(TimeDelta::days(i64::from(days))).unwrap_or(DateTime::<Utc>::MIN_UTC)
}
