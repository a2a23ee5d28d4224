//! Which key erased customers are known by: one row from the first erasure on.

use sea_orm::entity::prelude::*;

/// The row of `erasure_key`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "erasure_key")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// What tells the key from another, and tells nothing of it.
    #[sea_orm(column_type = "Text")]
    pub fingerprint: String,
    /// When the first customer was erased.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
