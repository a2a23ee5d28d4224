//! What was seen of tokens lately, by their hashes.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::{
    access::Principal,
    api_token::{ApiToken, TokenHash},
};

/// The most tokens that are kept, and as many that do not exist. When there are more, the ones that are no longer fresh go, or all.
const CAPACITY: usize = 10_000;

/// A token as the database had it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) token: ApiToken,
    pub(super) principal: Principal,
    asked: Instant,
    /// Somebody is looking it up again.
    refreshing: AtomicBool,
    /// Shared by all entries of the token, so that no use is lost when it is looked up again.
    uses: Arc<Uses>,
}

/// When a token was last used, in microseconds since 1970.
#[derive(Debug)]
struct Uses {
    latest: AtomicI64,
    written: AtomicI64,
}

impl Entry {
    /// Notes that the token was used.
    pub(super) fn used(&self, now: DateTime<Utc>) {
        self.uses.latest.fetch_max(now.timestamp_micros(), Ordering::Relaxed);
    }
}

/// What the database said.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// There is such a token.
    Token(Arc<Entry>),
    /// There is none.
    Nothing,
}

/// What is kept of a token.
pub(super) enum Cached {
    /// Young enough to go by.
    Fresh(Seen),
    /// Young enough, but it is time to look again, and nobody does yet.
    Aging(Seen),
    /// It was there, too long ago.
    Known,
    /// Nothing.
    Stranger,
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    tokens: RwLock<HashMap<TokenHash, Arc<Entry>>>,
    nothing: RwLock<HashMap<TokenHash, Instant>>,
}

impl Cache {
    pub(super) fn get(&self, hash: TokenHash, ttl: Duration) -> Cached {
        if let Some(entry) = read(&self.tokens).get(&hash) {
            let age = entry.asked.elapsed();
            if age >= ttl {
                return Cached::Known;
            }
            let seen = Seen::Token(Arc::clone(entry));
            // The first to find it half-way looks it up again.
            let aging = age >= ttl / 2 && !entry.refreshing.swap(true, Ordering::AcqRel);
            return if aging { Cached::Aging(seen) } else { Cached::Fresh(seen) };
        }
        match read(&self.nothing).get(&hash) {
            Some(asked) if asked.elapsed() < ttl => Cached::Fresh(Seen::Nothing),
            _ => Cached::Stranger,
        }
    }

    /// Keeps what the database answered to a question that was asked at `asked`.
    pub(super) fn put(&self, hash: TokenHash, token: Option<ApiToken>, asked: Instant) -> Seen {
        let mut tokens = write(&self.tokens);
        let Some(token) = token else {
            tokens.remove(&hash);
            drop(tokens);
            let mut nothing = write(&self.nothing);
            make_room(&mut nothing, |asked| *asked);
            nothing.insert(hash, asked);
            return Seen::Nothing;
        };
        // An answer to a later question is there already.
        if let Some(entry) = tokens.get(&hash).filter(|entry| entry.asked > asked) {
            return Seen::Token(Arc::clone(entry));
        }
        let uses = tokens.get(&hash).map_or_else(
            || {
                let written = token.last_used_at.map_or(i64::MIN, |at| at.timestamp_micros());
                Arc::new(Uses { latest: AtomicI64::new(written), written: AtomicI64::new(written) })
            },
            |entry| Arc::clone(&entry.uses),
        );
        let principal = token.principal();
        let entry = Arc::new(Entry { token, principal, asked, refreshing: AtomicBool::new(false), uses });
        make_room(&mut tokens, |entry| entry.asked);
        tokens.insert(hash, Arc::clone(&entry));
        Seen::Token(entry)
    }

    /// Looking a token up again has ended, however it did.
    pub(super) fn refreshed(&self, hash: TokenHash) {
        if let Some(entry) = read(&self.tokens).get(&hash) {
            entry.refreshing.store(false, Ordering::Release);
        }
    }

    /// The tokens that were used since that was last written down.
    pub(super) fn unwritten_uses(&self) -> Vec<(Uuid, DateTime<Utc>)> {
        let tokens = read(&self.tokens);
        let unwritten = tokens.values().filter(|entry| entry.uses.is_unwritten());
        unwritten
            .filter_map(|entry| {
                let at = DateTime::from_timestamp_micros(entry.uses.latest.load(Ordering::Relaxed))?;
                Some((entry.token.id, at))
            })
            .collect()
    }

    pub(super) fn uses_written(&self, uses: &[(Uuid, DateTime<Utc>)]) {
        let written: HashMap<_, _> = uses.iter().copied().collect();
        for entry in read(&self.tokens).values() {
            if let Some(at) = written.get(&entry.token.id) {
                entry.uses.written.store(at.timestamp_micros(), Ordering::Relaxed);
            }
        }
    }

    /// Drops what is no longer fresh, so that tokens that came once take no room.
    pub(super) fn forget_unused(&self, ttl: Duration) {
        write(&self.tokens).retain(|_, entry| entry.asked.elapsed() < ttl || entry.uses.is_unwritten());
        write(&self.nothing).retain(|_, asked| asked.elapsed() < ttl);
    }
}

impl Uses {
    fn is_unwritten(&self) -> bool {
        self.latest.load(Ordering::Relaxed) > self.written.load(Ordering::Relaxed)
    }
}

/// Makes sure that one more fits.
fn make_room<T>(entries: &mut HashMap<TokenHash, T>, asked: impl Fn(&T) -> Instant) {
    if entries.len() >= CAPACITY {
        entries.retain(|_, entry| asked(entry).elapsed() < super::MAX_CACHE_TTL);
    }
    if entries.len() >= CAPACITY {
        entries.clear();
    }
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
