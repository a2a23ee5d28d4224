//! Calls to numbers that no tenant owns yet.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    Condition, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _, Select, Set,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Page, PageRequest, Storage, convert,
    entities::{business_line, unrouted_call},
    error::{Failure, surface},
    page::{Cursor, Listed, Order},
};
use crate::{
    clock::Environment,
    domain::{
        access::TenantScope,
        call::CallRecord,
        customer::CustomerKey,
        error::Error,
        personal::Personal,
        phone::{PhoneNumber, Region},
        recording::{ReportedCall, routing::business_phone},
        tenant::BusinessLine,
    },
};

/// How many unrouted calls one transaction replays.
pub const SWEEP_BATCH: u32 = 200;

/// How many rows one transaction purges.
pub(super) const PURGE_BATCH: u64 = 1_000;

/// A call that waits for its number to get a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct UnroutedCall {
    /// Id.
    pub id: Uuid,
    /// The business number, in E.164 where it is one, else as received.
    pub business_phone: Personal,
    /// The customer's number, where it is one.
    pub customer_phone: Option<PhoneNumber>,
    /// When its record arrived.
    pub received_at: DateTime<Utc>,
    /// The whole call.
    pub record: CallRecord,
}

impl Storage {
    /// Unrouted calls, newest first.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.unrouted_calls", skip_all)]
    pub async fn unrouted_calls(
        &self,
        business_phone: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<UnroutedCall>, Error> {
        let mut query = unrouted_call::Entity::find();
        if let Some(phone) = business_phone {
            query = query.filter(unrouted_call::COLUMN.business_phone.eq(phone));
        }
        let columns = (unrouted_call::Column::ReceivedAt, unrouted_call::Column::Id);
        let rows = page.apply(query, columns, Order::NewestFirst).all(&self.reader).await.map_err(surface)?;
        let calls = rows.into_iter().map(convert::unrouted_call).collect::<Result<_, _>>()?;
        Ok(page.page(calls))
    }

    /// Unrouted calls that have an owner by now, oldest first.
    pub(super) async fn routable_calls(
        &self,
        phone: Option<&PhoneNumber>,
        page: PageRequest,
    ) -> Result<Page<UnroutedCall>, Error> {
        let mut query = unrouted_call::Entity::find().filter(has_owner(Owner::Any));
        if let Some(phone) = phone {
            query = query.filter(unrouted_call::COLUMN.business_phone.eq(phone.as_e164()));
        }
        let columns = (unrouted_call::Column::ReceivedAt, unrouted_call::Column::Id);
        let rows = page.apply(query, columns, Order::OldestFirst).all(&self.reader).await.map_err(surface)?;
        let calls = rows.into_iter().map(convert::unrouted_call).collect::<Result<_, _>>()?;
        Ok(page.page(calls))
    }

    /// Deletes unrouted calls that arrived longer ago than `age`; answers how many.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.purge_unrouted", skip_all)]
    pub async fn purge_unrouted(&self, age: TimeDelta) -> Result<u64, Error> {
        // Nothing is as old as that.
        let Some(before) = self.environment().now().checked_sub_signed(age) else { return Ok(0) };
        self.write_in_batches(PURGE_BATCH, move |transaction| {
            async move {
                let outlived = unrouted_call::Entity::find()
                    .select_only()
                    .column(unrouted_call::Column::Id)
                    .filter(unrouted_call::COLUMN.received_at.lt(before))
                    .limit(PURGE_BATCH)
                    .into_query();
                let result = unrouted_call::Entity::delete_many()
                    .filter(unrouted_call::COLUMN.id.in_subquery(outlived))
                    .exec(transaction)
                    .await?;
                Ok(result.rows_affected)
            }
            .scope_boxed()
        })
        .await
    }
}

impl Listed for UnroutedCall {
    type Position = Cursor;

    fn position(&self) -> Cursor {
        Cursor { at: self.received_at, id: self.id }
    }
}

/// The unrouted calls of a phone that are a tenant's, newest first: those that name it, and those to its lines. The others are nobody's yet.
pub(super) fn unrouted_calls_of(tenant: TenantScope, phone: &PhoneNumber) -> Select<unrouted_call::Entity> {
    unrouted_call::Entity::find()
        .filter(unrouted_call::COLUMN.customer_phone.eq(phone.as_e164()))
        .filter(Condition::any().add(names(tenant)).add(has_owner(Owner::One(tenant))))
        .order_by_desc(unrouted_call::Column::ReceivedAt)
        .order_by_desc(unrouted_call::Column::Id)
}

/// Deletes the unrouted calls of a phone that are a tenant's or may become its own; answers how many.
///
/// A call that names nobody, to a number that is nobody's, goes too: whoever erases cannot wait until it is known whose it would have been.
pub(super) async fn erase_unrouted(
    transaction: &DatabaseTransaction,
    tenant: TenantScope,
    phone: &PhoneNumber,
) -> Result<u64, Failure> {
    let nobodys = Condition::all()
        .add(unrouted_call::COLUMN.tenant_id.is_null())
        .add(has_owner(Owner::Another(tenant)).not());
    let erased = unrouted_call::Entity::delete_many()
        .filter(unrouted_call::COLUMN.customer_phone.eq(phone.as_e164()))
        .filter(Condition::any().add(names(tenant)).add(nobodys));
    Ok(erased.exec(transaction).await?.rows_affected)
}

fn names(tenant: TenantScope) -> Expr {
    Expr::col((unrouted_call::Entity, unrouted_call::Column::TenantId)).eq(tenant.id())
}

/// Whose line a number may be.
#[derive(Clone, Copy)]
enum Owner {
    Any,
    One(TenantScope),
    Another(TenantScope),
}

/// Whether a line of such an owner, present or former, had the number when the call began, and the call names nobody else.
fn has_owner(owner: Owner) -> Expr {
    let (line, call) = (business_line::Entity, unrouted_call::Entity);
    let column = |column| Expr::col((line, column));
    let line_tenant = || column(business_line::Column::TenantId);
    let named = || Expr::col((call, unrouted_call::Column::TenantId));
    let called_at = || Expr::col((call, unrouted_call::Column::CalledAt));
    let owner = Query::select()
        .expr(Expr::val(1))
        .from(line)
        .and_where_option(match owner {
            Owner::Any => None,
            Owner::One(tenant) => Some(line_tenant().eq(tenant.id())),
            Owner::Another(tenant) => Some(line_tenant().ne(tenant.id())),
        })
        .cond_where(Condition::any().add(named().is_null()).add(named().eq(line_tenant())))
        .and_where(column(business_line::Column::Phone).equals((call, unrouted_call::Column::BusinessPhone)))
        .cond_where(
            Condition::any()
                .add(column(business_line::Column::CallsSince).is_null())
                .add(column(business_line::Column::CallsSince).lte(called_at())),
        )
        .cond_where(
            Condition::any()
                .add(column(business_line::Column::ReleasedAt).is_null())
                .add(column(business_line::Column::ReleasedAt).gt(called_at())),
        )
        .to_owned();
    Expr::exists(owner)
}

/// How many calls wait for a line that was just added.
pub(super) async fn count_waiting(
    transaction: &DatabaseTransaction,
    line: &BusinessLine,
) -> Result<u64, Failure> {
    let named = unrouted_call::COLUMN.tenant_id;
    let waiting: Select<unrouted_call::Entity> = unrouted_call::Entity::find()
        .filter(unrouted_call::COLUMN.business_phone.eq(line.phone.as_e164()))
        .filter(Condition::any().add(named.is_null()).add(named.eq(line.tenant_id)))
        .apply_if(line.calls_since, |query, since| query.filter(unrouted_call::COLUMN.called_at.gte(since)));
    Ok(waiting.count(transaction).await?)
}

/// A call to keep until its number has a tenant.
pub(super) struct WaitingCall<'a> {
    pub(super) reported: &'a ReportedCall,
    /// The customer's number, read as the named tenant does, if the record names one.
    pub(super) customer_phone: Option<PhoneNumber>,
}

impl WaitingCall<'_> {
    /// Whose customer it is about, as far as the record says.
    pub(super) fn customer(&self) -> Option<CustomerKey> {
        let tenant_id = self.reported.record.tenant_id?;
        Some(CustomerKey { tenant_id, phone: self.customer_phone.clone()? })
    }
}

/// Keeps calls that have no tenant; a call that is kept already stays as it is.
pub(super) async fn keep_unrouted(
    transaction: &DatabaseTransaction,
    calls: &[WaitingCall<'_>],
    environment: &Environment,
    region: Region,
) -> Result<(), Failure> {
    // Sorted and once each, so that two batches with the same calls never wait for each other in a circle.
    let key = |record: &CallRecord| (record.tenant_id, record.provider.clone(), record.call_id.clone());
    let calls: BTreeMap<_, _> = calls.iter().map(|call| (key(&call.reported.record), call)).collect();
    if calls.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(calls.len());
    for call in calls.into_values() {
        let record = &call.reported.record;
        let phone = business_phone(record, region).map(|phone| phone.as_e164().into());
        rows.push(unrouted_call::ActiveModel {
            id: Set(environment.new_id()),
            tenant_id: Set(record.tenant_id),
            provider: Set(record.provider.clone()),
            call_id: Set(record.call_id.clone()),
            business_phone: Set(phone.unwrap_or_else(|| record.business_raw.clone())),
            customer_phone: Set(call.customer_phone.as_ref().map(|phone| phone.as_e164().into())),
            called_at: Set(record.called_at),
            received_at: Set(call.reported.received_at),
            record: Set(serde_json::to_value(record).map_err(Error::internal)?.into()),
        });
    }
    unrouted_call::Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Deletes unrouted calls that were recorded.
pub(super) async fn delete_unrouted(
    transaction: &DatabaseTransaction,
    ids: Vec<Uuid>,
) -> Result<(), Failure> {
    if !ids.is_empty() {
        let recorded = unrouted_call::Entity::delete_many().filter(unrouted_call::COLUMN.id.is_in(ids));
        recorded.exec(transaction).await?;
    }
    Ok(())
}
