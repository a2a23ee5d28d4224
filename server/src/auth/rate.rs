//! How many requests each token may send: a bucket that every request takes one from and time fills again.
//!
//! Buckets are this process's own, so several servers on one database let a token send that many times as much. A bucket that is full says
//! no more than none, so those are dropped: what is kept are the tokens that were used within the last minute or the time of a refill.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    clock::Environment,
    domain::{access::Principal, error::Error},
    metrics::Metrics,
};

/// How often full buckets are dropped, and a token that sends too much is named in the log.
const EVERY: TimeDelta = TimeDelta::minutes(1);

/// How many requests a token may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRate {
    /// Requests per second that a token may send for any length of time.
    pub per_second: NonZeroU32,
    /// Requests that a token which was silent may send at once.
    pub burst: NonZeroU32,
}

impl TokenRate {
    /// Nanoseconds that fill one request in.
    fn interval(self) -> u64 {
        (1_000_000_000 / u64::from(self.per_second.get())).max(1)
    }

    /// Nanoseconds that fill an empty bucket. Both factors fit 32 bits.
    fn capacity(self) -> u64 {
        self.interval() * u64::from(self.burst.get())
    }
}

/// What a token may send at the moment.
#[derive(Debug)]
struct Bucket {
    /// Nanoseconds from `at` until it is full.
    missing: u64,
    at: DateTime<Utc>,
    /// When the log last named the token.
    named_at: Option<DateTime<Utc>>,
}

impl Bucket {
    const fn full(now: DateTime<Utc>) -> Self {
        Self { missing: 0, at: now, named_at: None }
    }

    /// Fills it for the time that passed. A clock that was set back fills nothing, and takes nothing away.
    fn fill(&mut self, now: DateTime<Utc>) {
        let passed = (now - self.at).num_nanoseconds().unwrap_or(i64::MAX);
        self.missing = self.missing.saturating_sub(u64::try_from(passed).unwrap_or(0));
        self.at = now;
    }

    /// Takes one request, or tells after what time there will be one. What is refused takes nothing.
    fn take(&mut self, rate: TokenRate, now: DateTime<Utc>) -> Result<(), Duration> {
        self.fill(now);
        let missing = self.missing + rate.interval();
        match missing.saturating_sub(rate.capacity()) {
            0 => {
                self.missing = missing;
                Ok(())
            }
            // The clock shows whole microseconds: the next one is late enough.
            short => Err(Duration::from_micros(short.div_ceil(1_000))),
        }
    }
}

#[derive(Debug)]
struct Buckets {
    of: HashMap<Uuid, Bucket>,
    swept_at: DateTime<Utc>,
}

/// Counts the requests of every token, and refuses those that are too many.
#[derive(Debug)]
pub struct TokenRates {
    rate: TokenRate,
    environment: Environment,
    metrics: Metrics,
    buckets: Mutex<Buckets>,
}

impl TokenRates {
    /// The same rate for every token; all buckets are full.
    #[must_use]
    pub fn new(rate: TokenRate, environment: Environment, metrics: Metrics) -> Self {
        let buckets = Buckets { of: HashMap::new(), swept_at: environment.now() };
        Self { rate, environment, metrics, buckets: Mutex::new(buckets) }
    }

    /// Counts a request. Only tokens from the database are limited: neither callers of a server that is open, nor parts of the server itself.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when the token has sent too many.
    pub fn admit(&self, principal: &Principal) -> Result<(), Error> {
        let Some(token) = principal.token_id() else { return Ok(()) };
        let now = self.environment.now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.sweep(now);
        let bucket = buckets.of.entry(token).or_insert_with(|| Bucket::full(now));
        let Err(wait) = bucket.take(self.rate, now) else { return Ok(()) };
        let is_named = bucket.named_at.is_some_and(|at| is_recent(at, now));
        if !is_named {
            bucket.named_at = Some(now);
        }
        drop(buckets);
        self.metrics.rate_limited();
        let per_second = self.rate.per_second.get();
        if !is_named {
            tracing::warn!(
                token = principal.actor(None),
                per_second,
                "a token sends more requests than it may"
            );
        }
        Err(Error::RateLimited { per_second, wait })
    }
}

impl Buckets {
    /// Drops the full buckets from time to time.
    fn sweep(&mut self, now: DateTime<Utc>) {
        if is_recent(self.swept_at, now) {
            return;
        }
        self.swept_at = now;
        self.of.retain(|_, bucket| {
            bucket.fill(now);
            bucket.missing > 0
        });
    }
}

/// Whether `at` is less than [`EVERY`] ago. The future is not: the clock was set back.
fn is_recent(at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    at <= now && now - at < EVERY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{ManualClock, SeededRandom},
        domain::access::Role,
    };

    fn rate(per_second: u32, burst: u32) -> TokenRate {
        TokenRate { per_second: NonZeroU32::new(per_second).unwrap(), burst: NonZeroU32::new(burst).unwrap() }
    }

    fn rates(rate: TokenRate) -> (TokenRates, ManualClock) {
        let clock = ManualClock::new(DateTime::from_timestamp(1_772_445_600, 0).unwrap());
        let environment = Environment::new(clock.clone(), SeededRandom::new(1));
        (TokenRates::new(rate, environment, Metrics::new()), clock)
    }

    fn token(id: u128) -> Principal {
        Principal::token(Uuid::from_u128(id), Role::Ingest, None, "pbx")
    }

    /// The wait of a request that must be refused.
    fn wait(rates: &TokenRates, principal: &Principal) -> Duration {
        match rates.admit(principal) {
            Err(Error::RateLimited { wait, .. }) => wait,
            other => panic!("{other:?}"),
        }
    }

    /// How many of `requests` are let in.
    fn admitted(rates: &TokenRates, principal: &Principal, requests: usize) -> usize {
        (0..requests).filter(|_| rates.admit(principal).is_ok()).count()
    }

    #[test]
    fn a_burst_is_let_in_and_then_the_rate() {
        let (rates, clock) = rates(rate(10, 3));
        assert_eq!(admitted(&rates, &token(1), 100), 3);
        for _ in 0..20 {
            clock.advance(TimeDelta::milliseconds(100));
            assert_eq!(admitted(&rates, &token(1), 100), 1);
        }
        clock.advance(TimeDelta::hours(1));
        assert_eq!(admitted(&rates, &token(1), 100), 3, "no more gathers than the burst");
    }

    #[test]
    fn the_wait_is_the_shortest_that_helps() {
        for per_second in [1, 3, 7, 1_000, 3_000_000, u32::MAX] {
            let (rates, clock) = rates(rate(per_second, 1));
            rates.admit(&token(1)).unwrap();
            let wait = wait(&rates, &token(1));
            let wait = TimeDelta::from_std(wait).unwrap();
            clock.advance(wait - TimeDelta::microseconds(1));
            rates.admit(&token(1)).unwrap_err();
            clock.advance(TimeDelta::microseconds(1));
            rates.admit(&token(1)).unwrap();
        }
    }

    #[test]
    fn tokens_do_not_share_and_what_is_no_token_is_not_limited() {
        let (rates, _) = rates(rate(1, 2));
        assert_eq!(admitted(&rates, &token(1), 5), 2);
        assert_eq!(admitted(&rates, &token(2), 5), 2);
        for principal in [Principal::anonymous(), Principal::system("webhook", Role::Ingest)] {
            assert_eq!(admitted(&rates, &principal, 100), 100, "{principal:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_neither_fills_nor_locks_out() {
        let (rates, clock) = rates(rate(1, 2));
        assert_eq!(admitted(&rates, &token(1), 5), 2);
        clock.advance(TimeDelta::days(-1));
        assert_eq!(wait(&rates, &token(1)), Duration::from_secs(1));
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(admitted(&rates, &token(1), 5), 1);
    }

    #[test]
    fn only_what_is_not_full_again_is_kept() {
        let (rates, clock) = rates(rate(1, 600));
        for id in 0..1_000 {
            rates.admit(&token(id)).unwrap();
        }
        assert_eq!(admitted(&rates, &token(7), 1_000), 599);
        clock.advance(TimeDelta::minutes(5));
        rates.admit(&token(2_000)).unwrap();
        let kept = |rates: &TokenRates| {
            let mut kept: Vec<_> = rates.buckets.lock().unwrap().of.keys().map(Uuid::as_u128).collect();
            kept.sort_unstable();
            kept
        };
        assert_eq!(kept(&rates), [7, 2_000]);
        assert_eq!(admitted(&rates, &token(7), 1_000), 300, "what is kept is not forgotten");
        clock.advance(TimeDelta::minutes(20));
        rates.admit(&token(3_000)).unwrap();
        assert_eq!(kept(&rates), [3_000]);
    }

    #[test]
    fn refusals_are_counted() {
        let (rates, _) = rates(rate(1, 1));
        assert_eq!(admitted(&rates, &token(1), 4), 1);
        assert!(rates.metrics.text().contains("leadcapture_grpc_rate_limited_requests_total 3\n"));
    }
}
