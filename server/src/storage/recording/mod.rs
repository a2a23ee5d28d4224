//! Recording calls: one transaction for a batch, with the same statements for one call as for a thousand.

mod apply;
pub(super) mod load;
pub(super) mod queue;
mod replay;

use std::collections::BTreeSet;

use scoped_futures::ScopedFutureExt as _;
use sea_orm::DatabaseTransaction;
use tracing::instrument;
use uuid::Uuid;

use super::{
    Storage,
    customers::{Contact, erasures},
    error::Failure,
    tenants::hold_tenants,
    transaction::Finish,
    unrouted_calls::{WaitingCall, delete_unrouted, keep_unrouted},
};
use crate::domain::{
    call::Disposition,
    customer::Customer,
    error::Error,
    recording::{
        Decision, FreshIds, ReportedCall, decide,
        routing::{Directory, Route, RoutedCall, customer_phone},
    },
};

/// The most calls of one batch.
pub const MAX_BATCH: usize = 1_000;

/// Whether recording changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingMode {
    /// The effects are committed.
    Commit,
    /// Decides as if, and leaves everything as it was.
    ValidateOnly,
}

impl Storage {
    /// Ids for what a call may create.
    #[must_use]
    pub fn fresh_ids(&self) -> FreshIds {
        let environment = self.environment();
        FreshIds {
            missed_call: environment.new_id(),
            lead: environment.new_id(),
            opener: environment.new_id(),
        }
    }

    /// Records a batch of at most [`MAX_BATCH`] calls in one transaction and answers one result for each, in their order.
    ///
    /// The calls of a batch stand alone: one that names a wrong tenant fails by itself.
    ///
    /// # Errors
    /// When nothing was recorded, because the database is away or fails.
    #[instrument(name = "storage.record_calls", skip_all, fields(calls = calls.len()))]
    pub async fn record_calls(
        &self,
        calls: &[ReportedCall],
        mode: RecordingMode,
    ) -> Result<Vec<Result<Decision, Error>>, Error> {
        let finish = match mode {
            RecordingMode::Commit => Finish::Commit,
            RecordingMode::ValidateOnly => Finish::RollBack,
        };
        self.write_and(finish, move |transaction| self.record_in(transaction, calls, &[]).scope_boxed()).await
    }

    /// Records calls in a transaction that may do more; `replayed` are the ids of the unrouted calls that they were.
    async fn record_in(
        &self,
        transaction: &DatabaseTransaction,
        calls: &[ReportedCall],
        replayed: &[Uuid],
    ) -> Result<Vec<Result<Decision, Error>>, Failure> {
        let directory = load::directory(transaction, calls, self.region()).await?;
        let mut results: Vec<Option<Result<Decision, Error>>> = Vec::with_capacity(calls.len());
        let (mut routed, mut routed_indexes) = (Vec::new(), Vec::new());
        let mut unrouted = Vec::new();
        for (index, call) in calls.iter().enumerate() {
            results.push(match directory.route(call, self.region()) {
                Err(error) => Some(Err(error)),
                Ok(Route::Ignored) => Some(Ok(Decision::bare(Disposition::Ignored))),
                Ok(Route::Unrouted) => {
                    unrouted.push(call);
                    Some(Ok(Decision::bare(Disposition::Unrouted)))
                }
                Ok(Route::Foreign) => Some(Ok(Decision::bare(Disposition::Unrouted))),
                Ok(Route::Routed(call)) => {
                    routed.push(call);
                    routed_indexes.push(index);
                    None
                }
            });
        }

        if !routed.is_empty() {
            let customers = self.lock_callers(transaction, &routed).await?;
            // After the locks, so that the times of decisions about one phone are in the order of the decisions.
            let now = self.environment().now();
            let known = load::known(transaction, &routed, customers).await?;
            let (decisions, effects) = decide(&routed, known, now);
            apply::apply(transaction, effects, now).await?;
            for (index, decision) in routed_indexes.into_iter().zip(decisions) {
                results[index] = Some(Ok(decision));
            }
        }
        // Every call was either decided at once or routed, and each routed call has a decision.
        let results: Vec<_> = results.into_iter().flatten().collect();
        if replayed.is_empty() {
            let waiting = self.waiting(transaction, &unrouted, &directory).await?;
            keep_unrouted(transaction, &waiting, self.environment(), self.region()).await?;
        }
        let recorded =
            replayed.iter().zip(&results).filter(|(_, result)| is_recorded(result)).map(|(id, _)| *id);
        delete_unrouted(transaction, recorded.collect()).await?;
        Ok(results)
    }

    /// The calls to keep until their numbers have a tenant: all but those of customers whom the tenant that they name has erased since.
    async fn waiting<'a>(
        &self,
        transaction: &DatabaseTransaction,
        calls: &[&'a ReportedCall],
        directory: &Directory,
    ) -> Result<Vec<WaitingCall<'a>>, Failure> {
        let waiting = calls.iter().map(|call| {
            let region = directory.region_of(&call.record).unwrap_or(self.region());
            WaitingCall { reported: call, customer_phone: customer_phone(&call.record, region) }
        });
        let mut waiting: Vec<_> = waiting.collect();
        let keys: BTreeSet<_> = waiting.iter().filter_map(WaitingCall::customer).collect();
        if keys.is_empty() {
            return Ok(waiting);
        }
        // An erasure that is under way either sees these calls or is seen by them.
        hold_tenants(transaction, keys.iter().map(|key| key.tenant_id)).await?;
        let Some(key) = self.key_of_the_erased(transaction).await? else { return Ok(waiting) };
        let erasures = erasures(transaction, key, keys.iter()).await?;
        waiting.retain(|call| {
            let erased_at = call.customer().and_then(|customer| erasures.get(&customer).copied());
            erased_at.is_none_or(|erased_at| call.reported.record.called_at >= erased_at)
        });
        Ok(waiting)
    }

    /// Locks the customers of the batch. One who was erased is in touch again by a call that began later.
    async fn lock_callers(
        &self,
        transaction: &DatabaseTransaction,
        calls: &[RoutedCall<'_>],
    ) -> Result<Vec<Customer>, Failure> {
        let keys: BTreeSet<_> = calls.iter().filter_map(|call| call.customer.clone()).collect();
        let contact = |customer: &Customer| {
            let calls = calls.iter().filter(|call| call.customer.as_ref() == Some(&customer.key));
            let mut since = calls.filter(|call| !customer.erased_since(call.reported.record.called_at));
            if since.next().is_some() { Contact::New } else { Contact::Old }
        };
        self.lock_customers(transaction, keys, contact).await
    }
}

fn is_recorded(result: &Result<Decision, Error>) -> bool {
    result.as_ref().is_ok_and(|decision| decision.disposition != Disposition::Unrouted)
}
