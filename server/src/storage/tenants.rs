//! Tenants.

use std::collections::BTreeSet;

use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    ActiveModelTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Set,
    sea_query::{Expr, ExprTrait as _, LockType, OnConflict},
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Page, PageRequest, Storage, convert,
    entities::{business_line, released_number, tenant},
    error::{Failure, surface},
    idempotency::{Once, OnceRequest},
    page::{Cursor, Listed, Order},
    scope::AllTenants,
};
use crate::domain::{
    access::TenantScope,
    error::{Error, FieldViolation, Resource},
    personal::Personal,
    tenant::Tenant,
};

/// A change of a tenant, applied to what is stored; the result is validated as a whole.
pub type TenantChange<'a> = &'a (dyn Fn(&mut Tenant) + Send + Sync);

impl Storage {
    /// Makes a tenant.
    ///
    /// # Errors
    /// [`Error::RequestIdReused`], or when the database fails.
    #[instrument(name = "storage.create_tenant", skip_all)]
    pub async fn create_tenant(
        &self,
        tenant: &Tenant,
        once: OnceRequest<'_, Tenant>,
    ) -> Result<Once<Tenant>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                convert::tenant_row(tenant)?.insert(transaction).await?;
                Ok(tenant.clone())
            }
            .scope_boxed()
        })
        .await
    }

    /// A tenant by its id.
    ///
    /// # Errors
    /// [`Error::NotFound`], or when the database fails.
    #[instrument(name = "storage.tenant", skip_all)]
    pub async fn tenant(&self, scope: TenantScope) -> Result<Tenant, Error> {
        let row = tenant::Entity::find(scope).one(&self.reader).await.map_err(surface)?;
        row.map_or(Err(Error::NotFound(Resource::Tenant)), convert::tenant)
    }

    /// All tenants, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.tenants", skip_all)]
    pub async fn tenants(&self, page: PageRequest) -> Result<Page<Tenant>, Error> {
        let every = AllTenants::because("the list of tenants is for callers that are bound to none");
        let columns = (tenant::Column::CreatedAt, tenant::Column::Id);
        let query = page.apply(tenant::Entity::find(every), columns, Order::OldestFirst);
        let rows = query.all(&self.reader).await.map_err(surface)?;
        let tenants = rows.into_iter().map(convert::tenant).collect::<Result<_, _>>()?;
        Ok(page.page(tenants))
    }

    /// Changes a tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::EtagMismatch`] when `version` is given and stale; [`Error::InvalidFields`] when the result would be
    /// no valid policy; [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.update_tenant", skip_all)]
    pub async fn update_tenant(
        &self,
        scope: TenantScope,
        version: Option<i64>,
        change: TenantChange<'_>,
        once: OnceRequest<'_, Tenant>,
    ) -> Result<Once<Tenant>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                let mut tenant = lock_tenant(transaction, scope, version).await?;
                let before = tenant.clone();
                change(&mut tenant);
                let now = self.environment().now();
                let violations = tenant.policy.problems(tenant.time_zone, now);
                if !violations.is_empty() {
                    let violation = |(field, description)| FieldViolation {
                        field: format!("policy.{field}"),
                        description,
                    };
                    return Err(Error::InvalidFields(violations.into_iter().map(violation).collect()).into());
                }
                if tenant != before {
                    tenant.version += 1;
                    tenant.updated_at = now;
                    convert::tenant_row(&tenant)?.update(scope, transaction).await?;
                }
                Ok(tenant)
            }
            .scope_boxed()
        })
        .await
    }

    /// Deletes a tenant with all that belongs to it. Its numbers become free from this moment on.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::TenantNameMismatch`]; [`Error::EtagMismatch`]; [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.delete_tenant", skip_all)]
    pub async fn delete_tenant(
        &self,
        scope: TenantScope,
        name: &str,
        version: Option<i64>,
        once: OnceRequest<'_, ()>,
    ) -> Result<Once<()>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                let tenant = lock_tenant(transaction, scope, version).await?;
                if tenant.name != name {
                    return Err(Error::TenantNameMismatch.into());
                }
                let lines = business_line::Entity::find(scope)
                    .filter(business_line::COLUMN.released_at.is_null())
                    .all(transaction)
                    .await?;
                release_numbers(
                    transaction,
                    lines.into_iter().map(|line| line.phone),
                    self.environment().now(),
                )
                .await?;
                tenant::Entity::delete_many(scope).exec(transaction).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
    }
}

impl Listed for Tenant {
    type Position = Cursor;

    fn position(&self) -> Cursor {
        Cursor { at: self.created_at, id: self.id }
    }
}

/// A tenant, read in a transaction.
pub(super) async fn tenant_in(
    transaction: &DatabaseTransaction,
    scope: TenantScope,
) -> Result<Tenant, Failure> {
    let row = tenant::Entity::find(scope).one(transaction).await?;
    Ok(convert::tenant(row.ok_or(Error::NotFound(Resource::Tenant))?)?)
}

/// Keeps customers of the tenants from being erased until the transaction ends.
pub(super) async fn hold_tenants(
    transaction: &DatabaseTransaction,
    ids: impl Iterator<Item = Uuid>,
) -> Result<(), Failure> {
    let every = AllTenants::because("a batch holds calls that name several tenants");
    let ids: BTreeSet<_> = ids.collect();
    tenant::Entity::find(every)
        .filter(tenant::COLUMN.id.is_in(ids))
        .order_by_asc(tenant::Column::Id)
        .lock(LockType::Share)
        .all(transaction)
        .await?;
    Ok(())
}

/// Locks a tenant's row, so that changes of it happen one after another.
pub(super) async fn lock_tenant(
    transaction: &DatabaseTransaction,
    scope: TenantScope,
    version: Option<i64>,
) -> Result<Tenant, Failure> {
    let row = tenant::Entity::find(scope).lock_exclusive().one(transaction).await?;
    let tenant = convert::tenant(row.ok_or(Error::NotFound(Resource::Tenant))?)?;
    if version.is_some_and(|version| version != tenant.version) {
        return Err(Error::EtagMismatch.into());
    }
    Ok(tenant)
}

/// Remembers since when numbers are free, beyond the life of the tenant that had them.
pub(super) async fn release_numbers(
    transaction: &DatabaseTransaction,
    phones: impl IntoIterator<Item = Personal>,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), Failure> {
    let rows: Vec<_> = phones
        .into_iter()
        .map(|phone| released_number::ActiveModel { phone: Set(phone), released_at: Set(now) })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let latest = OnConflict::column(released_number::Column::Phone)
        .update_column(released_number::Column::ReleasedAt)
        .action_and_where(
            Expr::col((released_number::Entity, released_number::Column::ReleasedAt)).lt(Expr::val(now)),
        )
        .to_owned();
    released_number::Entity::insert_many(rows)
        .on_conflict(latest)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
