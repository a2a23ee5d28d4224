//! Phones to which no messages may be sent.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    ActiveEnum, ColumnTrait as _, DatabaseTransaction, QueryFilter as _, QuerySelect as _, Set,
    sea_query::Expr,
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Page, PageRequest, Storage,
    customers::Contact,
    entities::{
        customer,
        enums::{self, ConversationState, FollowUpStatus},
        follow_up, lead, lead_conversation,
    },
    error::{Failure, surface},
    idempotency::{Once, OnceRequest},
    page::{Cursor, Listed, Order},
    scope::Scope,
    tenants::tenant_in,
};
use crate::domain::{
    access::TenantScope,
    customer::{Customer, CustomerKey, SuppressionReason},
    error::{Error, Resource},
    phone::PhoneNumber,
};

/// A phone to which no messages may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Id of the customer's row.
    pub id: Uuid,
    /// Tenant and phone.
    pub customer: CustomerKey,
    /// Why.
    pub reason: SuppressionReason,
    /// Since when.
    pub suppressed_at: DateTime<Utc>,
}

impl Storage {
    /// Forbids messages to a phone; one that is suppressed already keeps its reason and time.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown tenant; [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.add_suppression", skip_all)]
    pub async fn add_suppression(
        &self,
        tenant: TenantScope,
        phone: &PhoneNumber,
        reason: SuppressionReason,
        once: OnceRequest<'_, Suppression>,
    ) -> Result<Once<Suppression>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                let policy = tenant_in(transaction, tenant).await?.policy;
                let key = CustomerKey { tenant_id: tenant.id(), phone: phone.clone() };
                let mut customer = self.lock_customer(transaction, key).await?;
                let now = self.environment().now();
                if customer.suppressed_at.is_none() {
                    suppress(transaction, &mut customer, reason, now).await?;
                    give_up_later(transaction, &customer.key, policy.unresponsive_delay, now).await?;
                }
                let row = customer::Entity::find_by_id(tenant, customer.id).one(transaction).await?;
                suppression(row)
                    .ok_or_else(|| Error::internal("a suppression that was just written is not there").into())
            }
            .scope_boxed()
        })
        .await
    }

    /// Allows messages to a phone again; answers the phone.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a phone that is not suppressed; [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.remove_suppression", skip_all)]
    pub async fn remove_suppression(
        &self,
        tenant: TenantScope,
        phone: &PhoneNumber,
        once: OnceRequest<'_, PhoneNumber>,
    ) -> Result<Once<PhoneNumber>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                tenant_in(transaction, tenant).await?;
                let key = CustomerKey { tenant_id: tenant.id(), phone: phone.clone() };
                // Of an erased customer the mark is taken from the row that is left; nothing makes the phone known again.
                let customers =
                    self.lock_customers(transaction, BTreeSet::from([key]), |_| Contact::Old).await?;
                let suppressed = customers.into_iter().find(|customer| customer.suppressed_at.is_some());
                let Some(customer) = suppressed else {
                    return Err(Error::NotFound(Resource::Suppression).into());
                };
                let change = customer::ActiveModel {
                    id: Set(customer.id),
                    suppressed_at: Set(None),
                    suppression_reason: Set(None),
                    updated_at: Set(self.environment().now()),
                    ..Default::default()
                };
                change.update(tenant, transaction).await?;
                Ok(customer.key.phone)
            }
            .scope_boxed()
        })
        .await
    }

    /// A tenant's suppressed phones, the earliest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown tenant, or when the database fails.
    #[instrument(name = "storage.suppressions", skip_all)]
    pub async fn suppressions(
        &self,
        tenant: TenantScope,
        page: PageRequest,
    ) -> Result<Page<Suppression>, Error> {
        self.tenant(tenant).await?;
        let query = customer::Entity::find(tenant)
            .filter(customer::COLUMN.suppressed_at.is_not_null())
            // Of an erased customer nothing is left to be shown.
            .filter(customer::COLUMN.phone.starts_with("+"));
        let columns = (customer::Column::SuppressedAt, customer::Column::Id);
        let rows = page.apply(query, columns, Order::OldestFirst).all(&self.reader).await.map_err(surface)?;
        let suppressions = rows.into_iter().filter_map(|row| suppression(Some(row))).collect();
        Ok(page.page(suppressions))
    }
}

impl Listed for Suppression {
    type Position = Cursor;

    fn position(&self) -> Cursor {
        Cursor { at: self.suppressed_at, id: self.id }
    }
}

fn suppression(row: Option<customer::Model>) -> Option<Suppression> {
    let row = row?;
    Some(Suppression {
        id: row.id,
        customer: CustomerKey {
            tenant_id: row.tenant_id,
            phone: PhoneNumber::from_e164(row.phone.reveal()).ok()?,
        },
        reason: row.suppression_reason?.into(),
        suppressed_at: row.suppressed_at?,
    })
}

/// Forbids messages to a locked customer, and cancels what is scheduled for its leads.
pub(super) async fn suppress(
    transaction: &DatabaseTransaction,
    customer: &mut Customer,
    reason: SuppressionReason,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let tenant = TenantScope::of_row(customer.key.tenant_id);
    if customer.suppressed_at.is_none() {
        customer.suppressed_at = Some(now);
        let change = customer::ActiveModel {
            id: Set(customer.id),
            suppressed_at: Set(Some(now)),
            suppression_reason: Set(Some(enums::SuppressionReason::from(reason))),
            updated_at: Set(now),
            ..Default::default()
        };
        change.update(tenant, transaction).await?;
    }
    let leads = leads_of(transaction, &customer.key).await?;
    cancel_follow_ups(transaction, tenant, &leads, now).await
}

async fn leads_of(transaction: &DatabaseTransaction, key: &CustomerKey) -> Result<Vec<Uuid>, Failure> {
    let ids = lead::Entity::find(TenantScope::of_row(key.tenant_id))
        .select_only()
        .column(lead::Column::Id)
        .filter(lead::COLUMN.customer_phone.eq(key.phone.as_e164()))
        .into_tuple()
        .all(transaction)
        .await?;
    Ok(ids)
}

/// Conversations whose reminders are cancelled have nothing left that ends their waiting but the time.
pub(super) async fn give_up_later(
    transaction: &DatabaseTransaction,
    key: &CustomerKey,
    delay: TimeDelta,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let leads = leads_of(transaction, key).await?;
    lead_conversation::Entity::update_many(TenantScope::of_row(key.tenant_id))
        .col_expr(lead_conversation::Column::GiveUpAt, Expr::val(now + delay))
        .filter(lead_conversation::COLUMN.lead_id.is_in(leads))
        .filter(lead_conversation::COLUMN.give_up_at.is_null())
        .filter(
            lead_conversation::Column::State
                .is_not_in([ConversationState::Completed, ConversationState::Unresponsive]),
        )
        .exec(transaction)
        .await?;
    Ok(())
}

/// Cancels the live follow-ups of leads.
pub(super) async fn cancel_follow_ups(
    transaction: &DatabaseTransaction,
    scope: impl Scope,
    leads: &[Uuid],
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    if leads.is_empty() {
        return Ok(());
    }
    follow_up::Entity::update_many(scope)
        .col_expr(follow_up::Column::Status, ActiveEnum::as_enum(&FollowUpStatus::Cancelled))
        .col_expr(follow_up::Column::CompletedAt, Expr::val(now))
        .col_expr(follow_up::Column::UpdatedAt, Expr::val(now))
        .filter(follow_up::COLUMN.lead_id.is_in(leads.iter().copied()))
        .filter(follow_up::Column::Status.is_in([FollowUpStatus::Pending, FollowUpStatus::Claimed]))
        .exec(transaction)
        .await?;
    Ok(())
}
