//! Tenants and the telephone numbers by which a call finds them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, json_binary, pk_uuid, text, text_null, uuid};

use crate::ddl::{at_least, create, created_and_updated, drop, index, owned_by, time, time_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // A migration that fails halfway must leave nothing behind on SQLite either.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, &[], [tenants(), business_lines(), released_numbers()], indexes()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["released_numbers", "business_lines", "tenants"], &[]).await
    }
}

fn tenants() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("tenants")
        .col(pk_uuid("id"))
        .col(text("name"))
        .col(text("region"))
        .col(text("time_zone"))
        .col(json_binary("policy"))
        .col(big_integer("version"))
        .check(at_least("tenants", "version", 1));
    created_and_updated(&mut table).take()
}

fn business_lines() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("business_lines")
        .col(pk_uuid("id"))
        .col(uuid("tenant_id"))
        .col(text("phone"))
        .col(text_null("label"))
        .col(time_null("calls_since"))
        .col(time_null("released_at"))
        .foreign_key(&mut owned_by("business_lines", "tenant_id", "tenants"));
    created_and_updated(&mut table).take()
}

/// Outlives the tenant that had the number, so it refers to none.
fn released_numbers() -> TableCreateStatement {
    Table::create().table("released_numbers").col(text("phone").primary_key()).col(time("released_at")).take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let lines = "business_lines";
    vec![
        index("tenants_created_at", "tenants", ["created_at", "id"]),
        index("business_lines_one_owner_per_phone", lines, ["phone"])
            .unique()
            .and_where(Expr::col("released_at").is_null())
            .take(),
        index("business_lines_phone_released_at", lines, ["phone", "released_at"]),
        index("business_lines_tenant_created_at", lines, ["tenant_id", "created_at", "id"]),
    ]
}
