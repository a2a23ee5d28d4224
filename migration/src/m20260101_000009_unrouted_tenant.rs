//! The tenant that an unrouted call names, so that no other tenant exports, erases or displaces it.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::{
    ddl::index,
    m20260101_000003_missed_calls::{unrouted_calls, unrouted_indexes},
    m20260101_000008_erasure::unrouted_customer_index,
};

const TABLE: &str = "unrouted_calls";
/// Before, ids of calls were unique over all tenants.
const UNIQUE_BEFORE: &str = "unrouted_calls_call_id";
const UNIQUE_OF_TENANT: &str = "unrouted_calls_tenant_call_id";
const UNIQUE_OF_NOBODY: &str = "unrouted_calls_nobody_call_id";

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // A migration that fails halfway must leave nothing behind on SQLite either.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        // SQLite takes a foreign key with a new column only as a part of its definition.
        let (uuid, named) = match manager.get_database_backend() {
            DbBackend::Postgres => ("uuid", "(record ->> 'tenant_id')::uuid"),
            _ => ("uuid_text", "unhex(replace(record ->> 'tenant_id', '-', ''))"),
        };
        let reference = "CONSTRAINT unrouted_calls_tenant_id_fkey REFERENCES tenants (id) ON DELETE CASCADE";
        let add = format!("ALTER TABLE {TABLE} ADD COLUMN tenant_id {uuid} {reference}");
        connection.execute_unprepared(&add).await?;
        let existing = format!("{named} IN (SELECT id FROM tenants)");
        let fill = format!("UPDATE {TABLE} SET tenant_id = {named} WHERE {existing}");
        connection.execute_unprepared(&fill).await?;

        drop_indexes(manager, &[UNIQUE_BEFORE]).await?;
        let of_tenant = index(UNIQUE_OF_TENANT, TABLE, ["tenant_id", "provider", "call_id"]).unique().take();
        manager.create_index(of_tenant).await?;
        // A unique index takes two NULLs for different.
        let of_nobody = index(UNIQUE_OF_NOBODY, TABLE, ["provider", "call_id"])
            .unique()
            .and_where(Expr::col("tenant_id").is_null())
            .take();
        manager.create_index(of_nobody).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Of the copies of a call that several tenants named, one can stay.
        let first = "SELECT 1 FROM unrouted_calls AS other WHERE other.provider = unrouted_calls.provider \
                     AND other.call_id = unrouted_calls.call_id AND other.id < unrouted_calls.id";
        let delete = format!("DELETE FROM {TABLE} WHERE EXISTS ({first})");
        manager.get_connection().execute_unprepared(&delete).await?;
        drop_indexes(manager, &[UNIQUE_OF_NOBODY, UNIQUE_OF_TENANT]).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            manager.alter_table(Table::alter().table(TABLE).drop_column("tenant_id").take()).await?;
            return manager
                .create_index(index(UNIQUE_BEFORE, TABLE, ["provider", "call_id"]).unique().take())
                .await;
        }
        rebuild(manager).await
    }
}

/// Makes the table as it was before: SQLite drops no column with a foreign key.
async fn rebuild(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    const OLD: &str = "unrouted_calls_of_tenants";
    let columns = "id, provider, call_id, business_phone, customer_phone, called_at, received_at, record";
    let others =
        ["unrouted_calls_business_phone", "unrouted_calls_received_at", "unrouted_calls_customer_phone"];
    drop_indexes(manager, &others).await?;
    manager.rename_table(Table::rename().table(TABLE, OLD).to_owned()).await?;
    manager.create_table(unrouted_calls()).await?;
    let copy = format!("INSERT INTO {TABLE} ({columns}) SELECT {columns} FROM {OLD}");
    manager.get_connection().execute_unprepared(&copy).await?;
    manager.drop_table(Table::drop().table(OLD).take()).await?;
    for index in unrouted_indexes().into_iter().chain([unrouted_customer_index()]) {
        manager.create_index(index).await?;
    }
    Ok(())
}

async fn drop_indexes(manager: &SchemaManager<'_>, names: &[&'static str]) -> Result<(), DbErr> {
    for &name in names {
        manager.drop_index(Index::drop().name(name).table(TABLE).to_owned()).await?;
    }
    Ok(())
}
