//! Erasure and redaction: when personal fields were blanked, and by which key erased customers are known.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, text};

use crate::ddl::{check, create, drop, index, time, time_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // A migration that fails halfway must leave nothing behind on SQLite either.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["leads", "missed_calls"] {
            let add = Table::alter().table(table).add_column(time_null("redacted_at")).take();
            manager.alter_table(add).await?;
        }
        create(manager, &[], [erasure_key()], indexes()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table) in
            [("leads_to_redact", "leads"), ("unrouted_calls_customer_phone", "unrouted_calls")]
        {
            manager.drop_index(Index::drop().name(name).table(table).to_owned()).await?;
        }
        for table in ["missed_calls", "leads"] {
            manager.alter_table(Table::alter().table(table).drop_column("redacted_at").take()).await?;
        }
        drop(manager, &["erasure_key"], &[]).await
    }
}

fn erasure_key() -> TableCreateStatement {
    Table::create()
        .table("erasure_key")
        .col(integer("id").primary_key())
        .col(text("fingerprint"))
        .col(time("created_at"))
        .check(check("erasure_key_one_row", Expr::col("id").eq(1)))
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        index("leads_to_redact", "leads", ["updated_at", "id"])
            .and_where(Expr::col("status").is_in(["converted", "lost"]))
            .and_where(
                Expr::col("redacted_at").is_null().or(Expr::col("redacted_at").lt(Expr::col("updated_at"))),
            )
            .take(),
        unrouted_customer_index(),
    ]
}

pub(crate) fn unrouted_customer_index() -> IndexCreateStatement {
    index("unrouted_calls_customer_phone", "unrouted_calls", ["customer_phone"])
        .and_where(Expr::col("customer_phone").is_not_null())
        .take()
}
