//! API tokens and stored responses of repeated requests.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{blob, pk_uuid, text, text_null, uuid, uuid_null};
use sea_orm_migration::sea_orm::DbBackend;

use crate::ddl::{EnumType, check, create, drop, index, owned_by, time, time_null};

const API_TOKEN_ROLE: EnumType = EnumType::new("api_token_role", &["admin", "tenant", "ingest", "worker"]);
const TYPES: &[&EnumType] = &[&API_TOKEN_ROLE];

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // A migration that fails halfway must leave nothing behind on SQLite either.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        create(manager, TYPES, [idempotency_records(), api_tokens(backend)], indexes()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["api_tokens", "idempotency_records"], TYPES).await
    }
}

fn idempotency_records() -> TableCreateStatement {
    Table::create()
        .table("idempotency_records")
        .col(text("principal"))
        .col(text("method"))
        .col(uuid("request_id"))
        .col(uuid_null("tenant_id"))
        .col(text_null("customer_phone"))
        .col(blob("request_hash"))
        .col(blob("response"))
        .col(time("created_at"))
        .col(time("expires_at"))
        .primary_key(
            Index::create().name("idempotency_records_pkey").col("principal").col("method").col("request_id"),
        )
        .foreign_key(&mut owned_by("idempotency_records", "tenant_id", "tenants"))
        .take()
}

fn api_tokens(backend: DbBackend) -> TableCreateStatement {
    let is_role = |role: &'static str| Expr::col("role").eq(role);
    let has_tenant = || Expr::col("tenant_id").is_not_null();
    Table::create()
        .table("api_tokens")
        .col(pk_uuid("id"))
        .col(blob("token_hash"))
        .col(API_TOKEN_ROLE.column(backend, "role"))
        .col(uuid_null("tenant_id"))
        .col(text("label"))
        .col(time("created_at"))
        .col(time_null("expires_at"))
        .col(time_null("last_used_at"))
        .col(time_null("revoked_at"))
        .foreign_key(&mut owned_by("api_tokens", "tenant_id", "tenants"))
        // Ingest and worker tokens may be bound to a tenant or not.
        .check(check("api_tokens_tenant_bound", is_role("tenant").not().or(has_tenant())))
        .check(check("api_tokens_admin_unbound", is_role("admin").and(has_tenant()).not()))
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        index("idempotency_records_expires_at", "idempotency_records", ["expires_at"]),
        index("idempotency_records_customer", "idempotency_records", ["tenant_id", "customer_phone"]),
        index("api_tokens_token_hash", "api_tokens", ["token_hash"]).unique().take(),
        index("api_tokens_tenant_id", "api_tokens", ["tenant_id"]),
    ]
}
