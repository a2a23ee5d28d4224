//! Business lines: who owns which number, and since when.

use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    DatabaseTransaction, EntityTrait as _, QueryFilter as _, QuerySelect as _, Set, sea_query::OnConflict,
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Page, PageRequest, Storage, convert,
    entities::{business_line, released_number},
    error::{Failure, surface},
    idempotency::{Once, OnceRequest},
    page::{Cursor, Listed, Order},
    recording::load::inserted,
    tenants::{lock_tenant, release_numbers},
};
use crate::domain::{
    access::TenantScope,
    error::{Error, Resource},
    phone::PhoneNumber,
    tenant::BusinessLine,
};

/// A line that was added, and how many calls were waiting for it.
#[derive(Clone, Debug)]
pub struct AddedLine {
    /// The line.
    pub line: BusinessLine,
    /// The unrouted calls that are now the tenant's.
    pub waiting_calls: u64,
}

impl Storage {
    /// Gives a number to a tenant.
    ///
    /// The calls that wait for it are recorded by [`Storage::replay_unrouted`], which the caller runs next; should it not come to that, the
    /// periodic sweep does.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::BusinessLineTaken`]; [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.add_business_line", skip_all)]
    pub async fn add_business_line(
        &self,
        tenant: TenantScope,
        phone: &PhoneNumber,
        label: Option<&str>,
        once: OnceRequest<'_, AddedLine>,
    ) -> Result<Once<AddedLine>, Error> {
        let id = self.environment().new_id();
        self.write_once(once, move |transaction| {
            async move {
                lock_tenant(transaction, tenant, None).await?;
                let now = self.environment().now();
                let mut line = BusinessLine {
                    id,
                    tenant_id: tenant.id(),
                    phone: phone.clone(),
                    label: label.map(str::to_owned),
                    calls_since: None,
                    released_at: None,
                    created_at: now,
                    updated_at: now,
                };
                // Without a conflict target: the unique index is partial, and its predicate must not become a parameter.
                let result = business_line::Entity::insert_many([row(&line)])
                    .on_conflict(OnConflict::new().do_nothing().to_owned())
                    .try_insert()
                    .exec_without_returning(transaction)
                    .await?;
                if inserted(&result) == 0 {
                    return Err(Error::BusinessLineTaken.into());
                }
                // Only now: the insert waits for a transaction that is giving the number up.
                line.calls_since = number_free_since(transaction, phone).await?;
                if line.calls_since.is_some() {
                    let change = business_line::ActiveModel {
                        id: Set(line.id),
                        calls_since: Set(line.calls_since),
                        ..Default::default()
                    };
                    change.update(tenant, transaction).await?;
                }
                let waiting_calls = super::unrouted_calls::count_waiting(transaction, &line).await?;
                Ok(AddedLine { line, waiting_calls })
            }
            .scope_boxed()
        })
        .await
    }

    /// Takes a number from a tenant; removing it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.remove_business_line", skip_all)]
    pub async fn remove_business_line(
        &self,
        tenant: TenantScope,
        line_id: Uuid,
        once: OnceRequest<'_, BusinessLine>,
    ) -> Result<Once<BusinessLine>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                lock_tenant(transaction, tenant, None).await?;
                let row = business_line::Entity::find_by_id(tenant, line_id)
                    .lock_exclusive()
                    .one(transaction)
                    .await?
                    .ok_or(Error::NotFound(Resource::BusinessLine))?;
                let mut line = convert::business_line(row)?;
                if line.released_at.is_none() {
                    let now = self.environment().now();
                    line.released_at = Some(now);
                    line.updated_at = now;
                    release_numbers(transaction, [line.phone.as_e164().into()], now).await?;
                    let change = business_line::ActiveModel {
                        id: Set(line.id),
                        released_at: Set(line.released_at),
                        updated_at: Set(now),
                        ..Default::default()
                    };
                    change.update(tenant, transaction).await?;
                }
                Ok(line)
            }
            .scope_boxed()
        })
        .await
    }

    /// A tenant's lines, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown tenant, or when the database fails.
    #[instrument(name = "storage.business_lines", skip_all)]
    pub async fn business_lines(
        &self,
        tenant: TenantScope,
        include_released: bool,
        page: PageRequest,
    ) -> Result<Page<BusinessLine>, Error> {
        self.tenant(tenant).await?;
        let mut query = business_line::Entity::find(tenant);
        if !include_released {
            query = query.filter(business_line::COLUMN.released_at.is_null());
        }
        let columns = (business_line::Column::CreatedAt, business_line::Column::Id);
        let rows = page.apply(query, columns, Order::OldestFirst).all(&self.reader).await.map_err(surface)?;
        let lines = rows.into_iter().map(convert::business_line).collect::<Result<_, _>>()?;
        Ok(page.page(lines))
    }
}

impl Listed for BusinessLine {
    type Position = Cursor;

    fn position(&self) -> Cursor {
        Cursor { at: self.created_at, id: self.id }
    }
}

async fn number_free_since(
    transaction: &DatabaseTransaction,
    phone: &PhoneNumber,
) -> Result<Option<chrono::DateTime<chrono::Utc>>, Failure> {
    let row = released_number::Entity::find_by_id(phone.as_e164().to_owned()).one(transaction).await?;
    Ok(row.map(|row| row.released_at))
}

fn row(line: &BusinessLine) -> business_line::ActiveModel {
    business_line::ActiveModel {
        id: Set(line.id),
        tenant_id: Set(line.tenant_id),
        phone: Set(line.phone.as_e164().into()),
        label: Set(line.label.clone()),
        calls_since: Set(line.calls_since),
        released_at: Set(line.released_at),
        created_at: Set(line.created_at),
        updated_at: Set(line.updated_at),
    }
}
