//! Authentication: who sends a request, told by its bearer token.
//!
//! What the database says of a token is kept for [`AuthSettings::cache_ttl`] at most, so a busy token costs no query per request and a revoked
//! one is refused everywhere within that time. While the database is away, tokens are accepted for as long as they are kept, and nobody else is.

mod cache;
mod latch;
mod rate;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

pub use self::rate::{TokenRate, TokenRates};
use self::{
    cache::{Cache, Cached, Seen},
    latch::Latch,
};
use crate::{
    domain::{
        access::{Principal, Role},
        api_token::{ApiTokenSecret, TokenHash, TokenState},
        error::{Error, TokenProblem},
    },
    storage::Storage,
};

/// The longest time for which what is known of a token may be kept: a revoked one must be refused within it.
pub const MAX_CACHE_TTL: Duration = Duration::from_secs(10);

/// How many tokens are looked up at once, of either kind.
const LOOKUPS: usize = 4;

/// How tokens are checked.
#[derive(Clone, Copy, Debug)]
pub struct AuthSettings {
    /// For how long what is known of a token is kept; at most [`MAX_CACHE_TTL`].
    pub cache_ttl: Duration,
    /// How long a token that was not seen lately waits to be looked up.
    pub lookup_timeout: Duration,
}

/// Finds out who sends a request; cheap to clone.
#[derive(Clone, Debug)]
pub struct Authenticator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    storage: Storage,
    settings: AuthSettings,
    latch: Latch,
    cache: Cache,
    /// Turns to look up a token that was here before.
    known: Semaphore,
    /// Turns to look up any other: strangers who make tokens up must not take all connections, nor the turns of others.
    strangers: Semaphore,
    /// Parts of this process that call it over gRPC. Their tokens were made in memory and are stored nowhere.
    internal: Vec<(TokenHash, Principal)>,
}

impl Authenticator {
    /// An authenticator of the tokens in a database, and a token for the webhook in this process.
    #[must_use]
    pub fn new(storage: Storage, settings: AuthSettings) -> (Self, ApiTokenSecret) {
        let webhook = ApiTokenSecret::new(storage.environment().new_secret());
        let inner = Inner {
            latch: Latch::default(),
            cache: Cache::default(),
            known: Semaphore::new(LOOKUPS),
            strangers: Semaphore::new(LOOKUPS),
            internal: vec![(webhook.hash(), Principal::system("webhook", Role::Ingest))],
            storage,
            settings,
        };
        (Self(Arc::new(inner)), webhook)
    }

    /// Whether a token was ever made, so that every request needs one.
    ///
    /// # Errors
    /// [`Error::DatabaseUnavailable`] when that cannot be told.
    pub async fn tokens_required(&self) -> Result<bool, Error> {
        self.0.latch.closed(&self.0.storage, self.0.settings.cache_ttl).await
    }

    /// The session of a request that presents this token, or none.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] without a good token; [`Error::DatabaseUnavailable`] when that cannot be told.
    pub async fn authenticate(&self, presented: Option<TokenHash>) -> Result<Session, Error> {
        let principal = match presented {
            Some(hash) => self.holder(hash).await?,
            None if self.tokens_required().await? => {
                return Err(Error::Unauthenticated(TokenProblem::Missing));
            }
            None => Principal::anonymous(),
        };
        Ok(Session { principal, standing: Some((self.clone(), presented)) })
    }

    async fn holder(&self, hash: TokenHash) -> Result<Principal, Error> {
        if let Some((_, principal)) = self.0.internal.iter().find(|(internal, _)| *internal == hash) {
            return Ok(principal.clone());
        }
        let ttl = self.0.settings.cache_ttl;
        let seen = match self.0.cache.get(hash, ttl) {
            Cached::Fresh(seen) => seen,
            // Whoever uses a token all the time never waits for the database.
            Cached::Aging(seen) => {
                let authenticator = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = authenticator.look_up(hash).await {
                        tracing::debug!(%error, "a token could not be looked up again");
                    }
                    authenticator.0.cache.refreshed(hash);
                });
                seen
            }
            Cached::Known => self.look_up_in_turn(hash, &self.0.known).await?,
            Cached::Stranger => self.look_up_in_turn(hash, &self.0.strangers).await?,
        };
        self.judge(&seen)
    }

    /// Asks the database when it is this request's turn, unless another of the same token did so meanwhile.
    async fn look_up_in_turn(&self, hash: TokenHash, turns: &Semaphore) -> Result<Seen, Error> {
        let permit = timeout(self.0.settings.lookup_timeout, turns.acquire()).await;
        let _permit = permit.map_err(|_| Error::DatabaseUnavailable)?;
        match self.0.cache.get(hash, self.0.settings.cache_ttl) {
            Cached::Fresh(seen) => Ok(seen),
            Cached::Aging(_) | Cached::Known | Cached::Stranger => self.look_up(hash).await,
        }
    }

    /// Asks the database, and keeps the answer.
    async fn look_up(&self, hash: TokenHash) -> Result<Seen, Error> {
        // From before the question: what is answered may be as old as that.
        let asked = Instant::now();
        let token = self.0.storage.token(hash).await?;
        if token.is_some() {
            self.0.latch.close();
        }
        Ok(self.0.cache.put(hash, token, asked))
    }

    fn judge(&self, seen: &Seen) -> Result<Principal, Error> {
        let Seen::Token(entry) = seen else { return Err(Error::Unauthenticated(TokenProblem::Unknown)) };
        let now = self.0.storage.environment().now();
        match entry.token.state(now) {
            TokenState::Active => {
                entry.used(now);
                Ok(entry.principal.clone())
            }
            TokenState::Revoked => Err(Error::Unauthenticated(TokenProblem::Revoked)),
            TokenState::Expired => Err(Error::Unauthenticated(TokenProblem::Expired)),
        }
    }

    /// Writes down when tokens were last used, and forgets those that nobody uses.
    ///
    /// # Errors
    /// When the database fails; what was not written is tried again the next time.
    pub async fn note_uses(&self) -> Result<(), Error> {
        let uses: Vec<(uuid::Uuid, DateTime<Utc>)> = self.0.cache.unwritten_uses();
        if !uses.is_empty() {
            self.0.storage.note_token_uses(&uses).await?;
            self.0.cache.uses_written(&uses);
        }
        self.0.cache.forget_unused(self.0.settings.cache_ttl);
        Ok(())
    }
}

/// Who sent a request, for as long as it takes.
#[derive(Clone, Debug)]
pub struct Session {
    principal: Principal,
    standing: Option<(Authenticator, Option<TokenHash>)>,
}

impl Session {
    /// A session for calls of services without a server in front.
    #[must_use]
    pub fn unguarded(principal: Principal) -> Self {
        Self { principal, standing: None }
    }

    /// Who sent it.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Fails once the token is no longer good: for requests that take longer than a revoked token may be accepted.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`].
    pub async fn still_valid(&self) -> Result<(), Error> {
        match &self.standing {
            Some((authenticator, presented)) => authenticator.authenticate(*presented).await.map(drop),
            None => Ok(()),
        }
    }
}
