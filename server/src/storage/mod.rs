//! The database: entities, transactions and queries. The only place that knows a database error.
//!
//! PostgreSQL and SQLite are served by the same queries. On SQLite writes wait in line for the one connection that writes; on
//! PostgreSQL they meet in row locks, always taken on `customers` first and in sorted order.

mod api_tokens;
mod bulk;
mod business_lines;
mod connect;
mod conversations;
mod convert;
mod customers;
mod database_url;
mod erasure;
mod error;
mod export;
mod follow_up_claims;
mod follow_ups;
mod idempotency;
mod lead_changes;
mod lead_events;
mod leads;
mod missed_calls;
mod page;
mod recording;
mod retention;
mod scope;
mod silence;
mod statistics;
mod suppressions;
mod tenants;
mod transaction;
mod unrouted_calls;

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait as _, DatabaseConnection};

use self::erasure::OwnKey;

pub use crate::entities;

pub use self::{
    api_tokens::{CreatedToken, NewToken, TokenReference},
    business_lines::AddedLine,
    connect::{DatabaseSettings, connect_for_migrations, migrate_up},
    conversations::{ConversationAndLead, ConversationChange, ConversationReference, SentOpener},
    database_url::{ConnectError, sqlite_file},
    follow_up_claims::{ClaimRequest, ClaimedFollowUp},
    follow_ups::{FollowUpFilter, FollowUpReport, ReportedFollowUp, SendFailure},
    idempotency::{Once, OnceRequest, RequestKey},
    lead_changes::LeadReference,
    lead_events::EventPosition,
    leads::{CapturedLead, LeadFilter, NewCapture},
    missed_calls::{CallReference, MissedCallFilter},
    page::{Cursor, Listed, Page, PageRequest},
    recording::{
        MAX_BATCH, RecordingMode,
        queue::{QueueSettings, RecordingQueue},
    },
    suppressions::Suppression,
    tenants::TenantChange,
    transaction::RetryPolicy,
    unrouted_calls::{SWEEP_BATCH, UnroutedCall},
};
use crate::{
    clock::Environment,
    domain::{error::Error, phone::Region},
};

/// Access to the database; cheap to clone.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Reads that need no transaction.
    reader: DatabaseConnection,
    /// Transactions that write. On SQLite a pool of one connection, which makes writers wait in order of arrival.
    writer: DatabaseConnection,
    retry: RetryPolicy,
    environment: Environment,
    /// For how long an answered request is remembered.
    request_id_lifetime: TimeDelta,
    /// How often a follow-up is handed out before a failure is final.
    max_attempts: i32,
    /// The region of business numbers, as no tenant is known before its line is found.
    region: Region,
    /// By which customers are known again who were erased; none can be erased without.
    erasure_key: OwnKey,
    /// The largest export of a customer, in bytes of JSON.
    export_bytes: usize,
}

impl Storage {
    /// The clock and the ids that storage uses.
    #[must_use]
    pub const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The region of business numbers.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.region
    }

    /// Whether requests can be served.
    ///
    /// # Errors
    /// [`Error::DatabaseUnavailable`] when the database does not answer; [`Error::ErasureKeyUnfit`].
    pub async fn ping(&self) -> Result<(), Error> {
        self.reader.execute_unprepared("SELECT 1").await.map_err(error::surface)?;
        match self.key_of_the_erased(&self.reader).await {
            Ok(_) => Ok(()),
            Err(error::Failure::Rule(error)) => Err(error),
            Err(error::Failure::Database(error)) => Err(error::surface(error)),
        }
    }

    /// Calls `observer` after each statement, with its text, values and duration: for tests that look at query plans.
    #[doc(hidden)]
    pub fn observe_statements(
        &mut self,
        observer: impl Fn(&sea_orm::metric::Info<'_>) + Clone + Send + Sync + 'static,
    ) {
        self.reader.set_metric_callback(observer.clone());
        self.writer.set_metric_callback(observer);
    }

    /// Closes all connections after the transactions under way.
    pub async fn close(self) {
        // A pool that fails to close is dropped all the same.
        drop(self.reader.close().await);
        drop(self.writer.close().await);
    }
}
