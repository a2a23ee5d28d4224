//! Erasure: all that is held on a customer, deleted or blanked in one transaction.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::{DateTime, TimeDelta, Utc};
use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Set,
    sea_query::{LockType, OnConflict},
};
use tracing::instrument;

use super::{
    Storage,
    customers::erased_rows,
    entities::{customer, erasure_key, lead, missed_call, tenant},
    error::{Failure, surface},
    idempotency::{Once, OnceRequest, forget_responses},
    tenants::tenant_in,
    unrouted_calls::erase_unrouted,
};
use crate::domain::{
    access::TenantScope,
    customer::{Customer, CustomerKey},
    erasure::{Erased, ErasureKey},
    error::Error,
    personal::Personal,
};

/// The only id of `erasure_key`.
const ONE: i32 = 1;

/// The key of this server.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnKey {
    key: Option<ErasureKey>,
    /// Whether it was seen to be the one by which customers were erased, which no other can become any more.
    fits: Arc<AtomicBool>,
}

impl Storage {
    /// The same storage with a key by which erased customers are known again.
    #[must_use]
    pub fn with_erasure_key(mut self, key: ErasureKey) -> Self {
        self.erasure_key = OwnKey { key: Some(key), ..OwnKey::default() };
        self
    }

    /// The key by which customers were erased; absent where none was. Other servers may have begun to erase since this one was started.
    ///
    /// # Errors
    /// [`Error::ErasureKeyUnfit`] where this server has another key or none.
    pub(super) async fn key_of_the_erased(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<Option<&ErasureKey>, Failure> {
        let OwnKey { key, fits } = &self.erasure_key;
        if fits.load(Ordering::Relaxed) {
            return Ok(key.as_ref());
        }
        let Some(row) = erasure_key::Entity::find_by_id(ONE).one(connection).await? else { return Ok(None) };
        let Some(key) = key.as_ref().filter(|key| key.fingerprint() == row.fingerprint) else {
            return Err(Error::ErasureKeyUnfit.into());
        };
        fits.store(true, Ordering::Relaxed);
        Ok(Some(key))
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
        Ok(self.own_key()?.hash(customer))
    }

    fn own_key(&self) -> Result<&ErasureKey, Error> {
        self.erasure_key.key.as_ref().ok_or(Error::ErasureKeyMissing)
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
        let key = self.own_key()?;
        self.claim_key(transaction, key).await?;
        self.replace_customer(transaction, tenant, key, customer).await?;
        // Keeps away who is about to keep an unrouted call of the tenant's, but not who is about to make a lead.
        tenant::Entity::find(tenant).lock(LockType::NoKeyUpdate).one(transaction).await?;
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
        let unrouted_calls = erase_unrouted(transaction, tenant, &customer.phone).await?;
        let stored_responses = forget_responses(transaction, tenant, &customer.phone).await?;
        Ok(Erased {
            leads: leads.rows_affected,
            missed_calls: missed_calls.rows_affected,
            unrouted_calls,
            stored_responses,
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
        let before = erased.as_ref().and_then(|row| row.erased_at);
        let latest = latest_contact(transaction, tenant, known).await?;
        let mut change = customer::ActiveModel {
            id: Set(known.id),
            phone: Set(key.hash(customer).into()),
            last_answered_at: Set(None),
            last_answered_call_id: Set(None),
            answered_calls: Set(None),
            erased_at: Set(Some(now).max(before).max(latest)),
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

/// The first moment after all that is known of a customer. An exchange whose clock is ahead sends its records again with the same times.
async fn latest_contact(
    transaction: &DatabaseTransaction,
    tenant: TenantScope,
    customer: &Customer,
) -> Result<Option<DateTime<Utc>>, Failure> {
    let latest_call: Option<DateTime<Utc>> = missed_call::Entity::find(tenant)
        .select_only()
        .column(missed_call::Column::CalledAt)
        .filter(missed_call::COLUMN.caller_phone.eq(customer.key.phone.as_e164()))
        .order_by_desc(missed_call::Column::CalledAt)
        .limit(1)
        .into_tuple()
        .one(transaction)
        .await?;
    let latest = latest_call.max(customer.last_answered_at);
    Ok(latest.and_then(|latest| latest.checked_add_signed(TimeDelta::microseconds(1))))
}
