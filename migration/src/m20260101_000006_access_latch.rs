//! The latch: one row from the moment the first API token is made, whatever becomes of the tokens.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::integer;

use crate::ddl::{check, create, drop, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // A migration that fails halfway must leave nothing behind on SQLite either.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create(manager, &[], [access_latch()], []).await?;
        // Where there are tokens already, the first was made when the oldest was.
        let mut insert = Query::insert();
        insert.into_table("access_latch").columns(["id", "closed_at"]);
        let oldest = Query::select()
            .expr(Expr::val(1))
            .expr(Func::min(Expr::col("created_at")))
            .from("api_tokens")
            .and_having(Func::count(Expr::col("id")).gt(0))
            .take();
        insert.select_from(oldest).map_err(|error| DbErr::Custom(error.to_string()))?;
        manager.get_connection().execute(&insert).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["access_latch"], &[]).await
    }
}

fn access_latch() -> TableCreateStatement {
    Table::create()
        .table("access_latch")
        .col(integer("id").primary_key())
        .col(time("closed_at"))
        .check(check("access_latch_one_row", Expr::col("id").eq(1)))
        .take()
}
