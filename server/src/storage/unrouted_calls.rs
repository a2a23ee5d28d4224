//! Calls to numbers that no tenant owns yet.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    Condition, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QueryTrait as _, Select, Set,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Page, PageRequest, Storage, convert,
    entities::{business_line, unrouted_call},
    error::{Failure, surface},
    page::{Cursor, Listed, Order},
    scope::{AllTenants, Scope},
};
use crate::{
    clock::Environment,
    domain::{
        access::TenantScope,
        call::CallRecord,
        error::Error,
        personal::Personal,
        phone::{PhoneNumber, Region},
        recording::{
            ReportedCall,
            routing::{business_phone, customer_phone},
        },
        tenant::BusinessLine,
    },
};

/// How many unrouted calls one transaction replays.
pub const SWEEP_BATCH: u32 = 200;

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
        let mut query = unrouted_call::Entity::find().filter(has_owner(&EVERY));
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
        let before = self.environment().now() - age;
        self.write(move |transaction| {
            async move {
                let result = unrouted_call::Entity::delete_many()
                    .filter(unrouted_call::COLUMN.received_at.lt(before))
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

/// Any tenant may turn out to be the owner of a call that has none yet.
const EVERY: AllTenants = AllTenants::because("unrouted calls are found an owner among all tenants");

/// The unrouted calls of a phone to the lines of a tenant, newest first. Those to a number without an owner are nobody's yet.
pub(super) fn unrouted_calls_of(tenant: TenantScope, phone: &PhoneNumber) -> Select<unrouted_call::Entity> {
    unrouted_call::Entity::find()
        .filter(unrouted_call::COLUMN.customer_phone.eq(phone.as_e164()))
        .filter(has_owner(&tenant))
        .order_by_desc(unrouted_call::Column::ReceivedAt)
        .order_by_desc(unrouted_call::Column::Id)
}

/// Whether a line within the scope, present or former, owned the number when the call began.
fn has_owner(scope: &impl Scope) -> Expr {
    let (line, call) = (business_line::Entity, unrouted_call::Entity);
    let column = |column| Expr::col((line, column));
    let called_at = || Expr::col((call, unrouted_call::Column::CalledAt));
    let owner = Query::select()
        .expr(Expr::val(1))
        .from(line)
        .and_where_option(
            scope.tenant().map(|tenant| column(business_line::Column::TenantId).eq(tenant.id())),
        )
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
    let waiting: Select<unrouted_call::Entity> = unrouted_call::Entity::find()
        .filter(unrouted_call::COLUMN.business_phone.eq(line.phone.as_e164()))
        .apply_if(line.calls_since, |query, since| query.filter(unrouted_call::COLUMN.called_at.gte(since)));
    Ok(waiting.count(transaction).await?)
}

/// Keeps calls that have no tenant; a call that is kept already stays as it is.
pub(super) async fn keep_unrouted(
    transaction: &DatabaseTransaction,
    calls: &[&ReportedCall],
    environment: &Environment,
    region: Region,
) -> Result<(), Failure> {
    // Sorted and once each, so that two batches with the same calls never wait for each other in a circle.
    let calls: BTreeMap<_, _> =
        calls.iter().map(|call| ((&call.record.provider, &call.record.call_id), *call)).collect();
    if calls.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(calls.len());
    for call in calls.into_values() {
        let record = &call.record;
        let phone = business_phone(record, region).map(|phone| phone.as_e164().into());
        rows.push(unrouted_call::ActiveModel {
            id: Set(environment.new_id()),
            provider: Set(record.provider.clone()),
            call_id: Set(record.call_id.clone()),
            business_phone: Set(phone.unwrap_or_else(|| record.business_raw.clone())),
            customer_phone: Set(customer_phone(record, region).map(|phone| phone.as_e164().into())),
            called_at: Set(record.called_at),
            received_at: Set(call.received_at),
            record: Set(serde_json::to_value(record).map_err(Error::internal)?.into()),
        });
    }
    let keep_first = OnConflict::columns([unrouted_call::Column::Provider, unrouted_call::Column::CallId])
        .do_nothing()
        .to_owned();
    unrouted_call::Entity::insert_many(rows)
        .on_conflict(keep_first)
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
