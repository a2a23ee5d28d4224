//! Whether the server is well enough for new records: a circuit breaker and a limit on calls that wait for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Duration, Instant},
};

use crate::{config::Settings, metrics::Metrics, random::Random};

/// Decides who may ask the server.
///
/// Open while the server is well: then each new record goes straight to it, as long as not too many wait for it already. The first
/// failure closes it. From then on new records go to the spool at once, and the forwarder alone asks the server, after a wait
/// that doubles with each further failure and is never shorter than the server asked for; the first success opens it again.
pub struct Gate {
    state: Mutex<State>,
    waiting: Arc<Semaphore>,
    backoff: Backoff,
    random: Arc<dyn Random>,
    metrics: Metrics,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Open,
    Closed { failures: u32, until: Instant },
}

/// The leave to ask the server. Counts as waiting for it until dropped.
#[derive(Debug)]
pub struct Pass(#[expect(dead_code, reason = "held to be dropped")] OwnedSemaphorePermit);

impl Gate {
    /// A gate that is open.
    #[must_use]
    pub fn new(settings: &Settings, random: Arc<dyn Random>, metrics: Metrics) -> Self {
        let backoff = Backoff { min: settings.forward.retry_min, max: settings.forward.retry_max };
        metrics.server_is_available(true);
        let waiting = Arc::new(Semaphore::new(settings.server_calls.min(Semaphore::MAX_PERMITS)));
        Self { state: Mutex::new(State::Open), waiting, backoff, random, metrics }
    }

    /// The leave for a new record, unless the server is away or too many wait for it.
    #[must_use]
    pub fn pass(&self) -> Option<Pass> {
        match *self.state() {
            State::Open => self.pass_anyway(),
            State::Closed { .. } => None,
        }
    }

    /// The leave for a new record that has no other way, even while the server seems to be away; not if too many wait for it.
    #[must_use]
    pub fn pass_anyway(&self) -> Option<Pass> {
        Arc::clone(&self.waiting).try_acquire_owned().ok().map(Pass)
    }

    /// When the forwarder may ask the server; `None` means now, as the server is well.
    #[must_use]
    pub fn closed_until(&self) -> Option<Instant> {
        match *self.state() {
            State::Open => None,
            State::Closed { until, .. } => Some(until),
        }
    }

    /// A new record failed, and the server may have said how long to wait. Tells nothing new where the gate is closed already: that record was
    /// on its way before.
    pub fn direct_failed(&self, asked: Option<Duration>) {
        let mut state = self.state();
        if matches!(*state, State::Open) {
            self.close(&mut state, 1, asked);
        }
    }

    /// The forwarder failed, and the server may have said how long to wait; answers how long it is to wait.
    pub fn forward_failed(&self, asked: Option<Duration>) -> Duration {
        let mut state = self.state();
        let failures = match *state {
            State::Open => 1,
            State::Closed { failures, .. } => failures.saturating_add(1),
        };
        self.close(&mut state, failures, asked)
    }

    /// The server has answered.
    pub fn succeeded(&self) {
        let mut state = self.state();
        if matches!(*state, State::Closed { .. }) {
            *state = State::Open;
            self.metrics.server_is_available(true);
            tracing::info!("server is back: new records go straight to it");
        }
    }

    fn close(&self, state: &mut State, failures: u32, asked: Option<Duration>) -> Duration {
        if matches!(*state, State::Open) {
            self.metrics.server_is_available(false);
            tracing::warn!("server is away: new records go to the spool");
        }
        let wait = self.backoff.after(failures, self.random.fraction());
        let wait = wait.max(asked.unwrap_or_default().min(self.backoff.max));
        *state = State::Closed { failures, until: Instant::now() + wait };
        wait
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits that double with each failure, up to a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub min: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Backoff {
    /// The wait after this many failures in a row: half of it and a random part, from 0 up to 1, of the other half, so that those
    /// who failed together do not come again together.
    #[must_use]
    pub fn after(self, failures: u32, fraction: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let whole = self.min.saturating_mul(doubled).min(self.max);
        whole.mul_f64(0.5 + 0.5 * fraction.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::ForwardSettings, random::SeededRandom};

    fn gate(server_calls: usize) -> Gate {
        let settings = Settings { server_calls, ..Settings::default() };
        Gate::new(&settings, Arc::new(SeededRandom::new(1)), Metrics::default())
    }

    #[test]
    fn waits_double_up_to_the_limit_and_are_spread() {
        let backoff = Backoff { min: Duration::from_millis(100), max: Duration::from_secs(5) };
        let whole: Vec<u128> = (1..=8).map(|failures| backoff.after(failures, 1.0).as_millis()).collect();
        assert_eq!(whole, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(backoff.after(3, 0.0), Duration::from_millis(200));
        assert_eq!(backoff.after(u32::MAX, 0.0), Duration::from_millis(2_500));
    }

    #[tokio::test]
    async fn a_failure_closes_it_and_a_success_opens_it() {
        let gate = gate(2);
        assert!(gate.pass().is_some());
        assert_eq!(gate.closed_until(), None);
        gate.direct_failed(None);
        assert!(gate.pass().is_none());
        assert!(gate.pass_anyway().is_some());
        assert!(gate.closed_until().is_some());
        gate.succeeded();
        assert!(gate.pass().is_some());
    }

    #[tokio::test]
    async fn only_the_forwarders_failures_make_the_wait_longer() {
        let gate = gate(2);
        gate.direct_failed(None);
        let first = gate.closed_until();
        gate.direct_failed(None);
        assert_eq!(gate.closed_until(), first);
        let waits: Vec<Duration> = (0..4).map(|_| gate.forward_failed(None)).collect();
        assert!(waits.windows(2).all(|pair| pair[0] < pair[1] * 2), "{waits:?}");
        assert!(waits[3] >= Duration::from_millis(800), "{waits:?}");
        gate.succeeded();
        assert!(gate.forward_failed(None) <= Duration::from_millis(100));
    }

    #[tokio::test]
    async fn the_server_is_left_alone_for_as_long_as_it_asks() {
        let gate = gate(2);
        let asked = Duration::from_secs(3);
        let before = Instant::now();
        gate.direct_failed(Some(asked));
        assert!(gate.closed_until().is_some_and(|until| until >= before + asked));
        assert_eq!(gate.forward_failed(Some(asked)), asked);
        let longest = ForwardSettings::default().retry_max;
        assert_eq!(gate.forward_failed(Some(Duration::from_hours(1))), longest);
        assert!(
            gate.forward_failed(Some(Duration::ZERO)) >= Duration::from_millis(400),
            "its own wait is longer"
        );
    }

    #[tokio::test]
    async fn no_more_wait_for_the_server_than_allowed() {
        let gate = gate(2);
        let passes = [gate.pass(), gate.pass()];
        assert!(passes.iter().all(Option::is_some));
        assert!(gate.pass().is_none() && gate.pass_anyway().is_none());
        assert_eq!(gate.closed_until(), None, "an overload is no failure");
        drop(passes);
        assert!(gate.pass().is_some());
    }
}
