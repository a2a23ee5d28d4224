//! Erasure: all that is held on a customer, deleted or blanked in one transaction.

use std::collections::BTreeSet;

use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    DatabaseTransaction, EntityTrait as _, QueryFilter as _, Set,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use tracing::instrument;

use super::{
    Storage,
    customers::erased_rows,
    entities::{business_line, customer, erasure_key, idempotency_record, lead, missed_call, unrouted_call},
    error::{Failure, surface},
    idempotency::{Once, OnceRequest},
    tenants::tenant_in,
};
use crate::domain::{
    access::TenantScope,
    customer::CustomerKey,
    erasure::{Erased, ErasureKey},
    error::Error,
    personal::Personal,
};

/// The only id of `erasure_key`.
const ONE: i32 = 1;

impl Storage {
    /// The same storage with a key by which erased customers are known again.
    #[must_use]
    pub fn with_erasure_key(mut self, key: ErasureKey) -> Self {
        self.erasure_key = Some(key);
        self
    }

    /// The fingerprint of the key by which customers were erased; absent where none was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn erasure_key_in_use(&self) -> Result<Option<String>, Error> {
        let row = erasure_key::Entity::find_by_id(ONE).one(&self.reader).await.map_err(surface)?;
        Ok(row.map(|row| row.fingerprint))
    }

    /// What takes the place of the customer's phone.
    ///
    /// # Errors
    /// [`Error::ErasureKeyMissing`].
    pub fn erasure_hash(&self, customer: &CustomerKey) -> Result<String, Error> {
        Ok(self.erasure_key.as_ref().ok_or(Error::ErasureKeyMissing)?.hash(customer))
    }

    /// Erases a customer: leads with all that hangs on them, unrouted calls and stored responses are deleted, calls are blanked but for their
    /// ids, and of the customer stays a keyed hash with what must outlast: that no messages may be sent.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown tenant; [`Error::ErasureKeyMissing`]; [`Error::ErasureKeyWrong`]; [`Error::RequestIdReused`]; or when
    /// the database fails.
    #[instrument(name = "storage.erase_customer", skip_all)]
    pub async fn erase_customer(
        &self,
        tenant: TenantScope,
        customer: &CustomerKey,
        once: OnceRequest<'_, Erased>,
    ) -> Result<Once<Erased>, Error> {
        self.write_once(once, move |transaction| self.erase_in(transaction, tenant, customer).scope_boxed())
            .await
    }

    async fn erase_in(
        &self,
        transaction: &DatabaseTransaction,
        tenant: TenantScope,
        customer: &CustomerKey,
    ) -> Result<Erased, Failure> {
        tenant_in(transaction, tenant).await?;
        let key = self.erasure_key.as_ref().ok_or(Error::ErasureKeyMissing)?;
        self.claim_key(transaction, key).await?;
        self.replace_customer(transaction, tenant, key, customer).await?;
        let phone = customer.phone.as_e164();
        let leads = lead::Entity::delete_many(tenant)
            .filter(lead::COLUMN.customer_phone.eq(phone))
            .exec(transaction)
            .await?;
        let missed_calls = missed_call::Entity::update_many(tenant)
            .set(self.blank_call())
            .filter(missed_call::COLUMN.caller_phone.eq(phone))
            .exec(transaction)
            .await?;
        let unrouted_calls = unrouted_call::Entity::delete_many()
            .filter(unrouted_call::COLUMN.customer_phone.eq(phone))
            .filter(owned_by_another(tenant).not())
            .exec(transaction)
            .await?;
        let stored_responses = idempotency_record::Entity::delete_many()
            .filter(idempotency_record::COLUMN.tenant_id.eq(tenant.id()))
            .filter(idempotency_record::COLUMN.customer_phone.eq(phone))
            .exec(transaction)
            .await?;
        Ok(Erased {
            leads: leads.rows_affected,
            missed_calls: missed_calls.rows_affected,
            unrouted_calls: unrouted_calls.rows_affected,
            stored_responses: stored_responses.rows_affected,
        })
    }

    /// Makes sure that all erased customers of a database are known by the same key.
    async fn claim_key(&self, transaction: &DatabaseTransaction, key: &ErasureKey) -> Result<(), Failure> {
        let row = erasure_key::ActiveModel {
            id: Set(ONE),
            fingerprint: Set(key.fingerprint()),
            created_at: Set(self.environment().now()),
        };
        erasure_key::Entity::insert(row)
            .on_conflict(OnConflict::column(erasure_key::Column::Id).do_nothing().to_owned())
            .try_insert()
            .exec_without_returning(transaction)
            .await?;
        let used = erasure_key::Entity::find_by_id(ONE).one(transaction).await?;
        if used.is_none_or(|row| row.fingerprint != key.fingerprint()) {
            return Err(Error::ErasureKeyWrong.into());
        }
        Ok(())
    }

    /// Locks the customer and puts the hash in the place of the phone. What was forbidden stays so, whichever row it stands in.
    async fn replace_customer(
        &self,
        transaction: &DatabaseTransaction,
        tenant: TenantScope,
        key: &ErasureKey,
        customer: &CustomerKey,
    ) -> Result<(), Failure> {
        let locked = self.lock_rows(transaction, BTreeSet::from([customer.clone()])).await?;
        let known =
            locked.customers.first().ok_or_else(|| Error::internal("the customer's row was not made"))?;
        let erased = erased_rows(transaction, key, std::iter::once(customer)).await?.remove(customer);
        let now = self.environment().now();
        let mut change = customer::ActiveModel {
            id: Set(known.id),
            phone: Set(key.hash(customer).into()),
            last_answered_at: Set(None),
            last_answered_call_id: Set(None),
            answered_calls: Set(None),
            erased_at: Set(Some(now)),
            updated_at: Set(now),
            ..Default::default()
        };
        if let Some(erased) = erased {
            // Two rows of one customer are there only where nothing is known under the phone, or a server without the key made that row.
            let row = customer::Entity::find_by_id(tenant, known.id).one(transaction).await?;
            customer::Entity::delete_many(tenant)
                .filter(customer::COLUMN.id.eq(known.id))
                .exec(transaction)
                .await?;
            change.id = Set(erased.id);
            if let Some(row) = row.filter(|row| erased.suppressed_at.is_none() && row.suppressed_at.is_some())
            {
                change.suppressed_at = Set(row.suppressed_at);
                change.suppression_reason = Set(row.suppression_reason);
            }
            change.do_not_contact_at = Set(erased.do_not_contact_at.or(known.do_not_contact_at));
        }
        change.update(tenant, transaction).await?;
        Ok(())
    }

    /// The change of a call's row that [`MissedCall::redact`](crate::domain::call::MissedCall::redact) is of a call.
    fn blank_call(&self) -> missed_call::ActiveModel {
        missed_call::ActiveModel {
            caller_phone: Set(None),
            caller_raw: Set(Personal::default()),
            representative_name: Set(None),
            ivr_path: Set(None),
            recording_url: Set(None),
            custom_data: Set(None),
            redacted_at: Set(Some(self.environment().now())),
            ..Default::default()
        }
    }
}

/// Whether the number of an unrouted call became a line of another tenant, which is about to get the call.
fn owned_by_another(tenant: TenantScope) -> Expr {
    let (line, call) = (business_line::Entity, unrouted_call::Entity);
    let line_of_another = Query::select()
        .expr(Expr::val(1))
        .from(line)
        .and_where(
            Expr::col((line, business_line::Column::Phone))
                .equals((call, unrouted_call::Column::BusinessPhone)),
        )
        .and_where(Expr::col((line, business_line::Column::TenantId)).ne(tenant.id()))
        .to_owned();
    Expr::exists(line_of_another)
}
