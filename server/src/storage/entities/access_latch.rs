//! Whether a token was ever made: one row from then on, which nothing removes.

use sea_orm::entity::prelude::*;

/// The row of `access_latch`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_latch")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// When the first token was made.
    pub closed_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
