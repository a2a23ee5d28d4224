//! The answered calls of a customer, by which the other legs of the same calls are known.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{json_binary_null, text_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // A migration that fails halfway must leave nothing behind on SQLite either.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        exchange(manager, "last_answered_original_call_id", json_binary_null("answered_calls")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        exchange(manager, "answered_calls", text_null("last_answered_original_call_id")).await
    }
}

/// Replaces a column of `customers`; SQLite changes one column in a statement.
async fn exchange(manager: &SchemaManager<'_>, old: &'static str, new: ColumnDef) -> Result<(), DbErr> {
    let customers = || Table::alter().table("customers").take();
    manager.alter_table(customers().drop_column(old).take()).await?;
    manager.alter_table(customers().add_column(new).take()).await
}
