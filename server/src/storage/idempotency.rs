//! Requests that may be sent again: the record of a request and its effect are one transaction.

use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    DatabaseTransaction, EntityTrait as _, QueryFilter as _, QuerySelect as _, QueryTrait as _, Set,
    sea_query::{Expr, ExprTrait as _},
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Storage, entities::idempotency_record, error::Failure, transaction::TransactionFuture,
    unrouted_calls::PURGE_BATCH,
};
use crate::domain::{access::TenantScope, error::Error, personal::Personal, phone::PhoneNumber};

/// A request with an id of the caller's choice.
#[derive(Clone, Debug)]
pub struct RequestKey {
    /// Who sent it; ids of different principals never meet.
    pub principal: String,
    /// The method, for example `leadcapture.v1.LeadService/CaptureLead`.
    pub method: &'static str,
    /// The id.
    pub request_id: Uuid,
    /// Hash of the request without its id.
    pub request_hash: Vec<u8>,
    /// The tenant, with which the record is deleted.
    pub tenant_id: Option<Uuid>,
}

/// How to remember a request and its answer.
pub struct OnceRequest<'a, T> {
    /// The request's key; absent when the caller gave no id.
    pub key: Option<RequestKey>,
    /// Encodes the answer that is stored.
    pub encode: &'a (dyn Fn(&T) -> Vec<u8> + Send + Sync),
    /// The customer that the answer tells of, on whose erasure it is deleted.
    pub customer: fn(&T) -> Option<&PhoneNumber>,
}

/// The answer to a request that may have been sent before.
#[derive(Debug)]
pub enum Once<T> {
    /// The request did its work now.
    Fresh(T),
    /// It did so before; this is the stored answer.
    Replayed(Vec<u8>),
}

impl Storage {
    /// As [`Storage::write`], but does nothing when the request was answered before.
    ///
    /// Of two equal requests at the same time one loses the race for the record's primary key, runs again and finds the answer. Or it meets
    /// the effect of the other first and fails by a rule, such as a number that is taken by now: then the answer is looked for once more.
    pub(super) async fn write_once<'env, T, F>(
        &self,
        once: OnceRequest<'_, T>,
        operation: F,
    ) -> Result<Once<T>, Error>
    where
        F: for<'tx> Fn(&'tx DatabaseTransaction) -> TransactionFuture<'env, 'tx, T> + Send + Sync,
        T: Send + Sync,
    {
        let (once, operation) = (&once, &operation);
        let result = self
            .write(move |transaction| {
                async move {
                    let Some(key) = &once.key else { return Ok(Once::Fresh(operation(transaction).await?)) };
                    if let Some(response) = self.stored_response(transaction, key).await? {
                        return Ok(Once::Replayed(response));
                    }
                    let value = operation(transaction).await?;
                    let customer = (once.customer)(&value);
                    self.store_response(transaction, key, (once.encode)(&value), customer).await?;
                    Ok(Once::Fresh(value))
                }
                .scope_boxed()
            })
            .await;
        match (result, &once.key) {
            (Err(error), Some(key)) if is_rule(&error) => {
                let stored =
                    self.write(move |transaction| self.stored_response(transaction, key).scope_boxed()).await;
                // Whatever stands in the way of the second look, the first failure is the one to tell.
                stored.ok().flatten().map_or(Err(error), |response| Ok(Once::Replayed(response)))
            }
            (result, _) => result,
        }
    }

    /// Deletes the records of requests that were answered too long ago; answers how many.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.purge_requests", skip_all)]
    pub async fn purge_requests(&self) -> Result<u64, Error> {
        let now = self.environment().now();
        self.write_in_batches(PURGE_BATCH, move |transaction| {
            async move {
                use idempotency_record::Column;
                let key = [Column::Principal, Column::Method, Column::RequestId];
                let expired = idempotency_record::Entity::find()
                    .select_only()
                    .columns(key)
                    .filter(idempotency_record::COLUMN.expires_at.lte(now))
                    .limit(PURGE_BATCH)
                    .into_query();
                let purged = idempotency_record::Entity::delete_many()
                    .filter(Expr::tuple(key.map(Expr::col)).in_subquery(expired));
                Ok(purged.exec(transaction).await?.rows_affected)
            }
            .scope_boxed()
        })
        .await
    }

    async fn stored_response(
        &self,
        transaction: &DatabaseTransaction,
        key: &RequestKey,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let id = (key.principal.clone(), key.method.to_owned(), key.request_id);
        let Some(record) = idempotency_record::Entity::find_by_id(id.clone()).one(transaction).await? else {
            return Ok(None);
        };
        if record.expires_at <= self.environment().now() {
            idempotency_record::Entity::delete_by_id(id).exec(transaction).await?;
            return Ok(None);
        }
        if record.request_hash.is_empty() {
            return Err(Error::CustomerErased.into());
        }
        if record.request_hash != key.request_hash {
            return Err(Error::RequestIdReused.into());
        }
        Ok(Some(record.response.into_revealed()))
    }

    async fn store_response(
        &self,
        transaction: &DatabaseTransaction,
        key: &RequestKey,
        response: Vec<u8>,
        customer: Option<&PhoneNumber>,
    ) -> Result<(), Failure> {
        let now = self.environment().now();
        let row = idempotency_record::ActiveModel {
            principal: Set(key.principal.clone()),
            method: Set(key.method.to_owned()),
            request_id: Set(key.request_id),
            tenant_id: Set(key.tenant_id),
            customer_phone: Set(customer.map(|phone| phone.as_e164().into())),
            request_hash: Set(key.request_hash.clone()),
            response: Set(response.into()),
            created_at: Set(now),
            expires_at: Set(now + self.request_id_lifetime),
        };
        idempotency_record::Entity::insert(row).exec_without_returning(transaction).await?;
        Ok(())
    }
}

/// Forgets the answers that tell of a customer, and what was asked; answers how many. That the requests were made stays: one that is sent again
/// must not bring the customer back.
pub(super) async fn forget_responses(
    transaction: &DatabaseTransaction,
    tenant: TenantScope,
    phone: &PhoneNumber,
) -> Result<u64, Failure> {
    let blank = idempotency_record::ActiveModel {
        customer_phone: Set(None),
        request_hash: Set(Vec::new()),
        response: Set(Personal::default()),
        ..Default::default()
    };
    let forgotten = idempotency_record::Entity::update_many()
        .set(blank)
        .filter(idempotency_record::COLUMN.tenant_id.eq(tenant.id()))
        .filter(idempotency_record::COLUMN.customer_phone.eq(phone.as_e164()));
    Ok(forgotten.exec(transaction).await?.rows_affected)
}

/// Whether an error may come from the effect of an equal request, and not from the database or the request id itself.
const fn is_rule(error: &Error) -> bool {
    !matches!(
        error,
        Error::RequestIdReused
            | Error::CustomerErased
            | Error::DatabaseUnavailable
            | Error::Overloaded
            | Error::TokenBusy
            | Error::Internal(_)
    )
}
