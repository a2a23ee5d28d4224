//! Numbers that were given up, remembered beyond the life of the tenant that had them.

use sea_orm::entity::prelude::*;

use crate::domain::personal::Personal;

/// A row of `released_numbers`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "released_numbers")]
pub struct Model {
    /// The number in E.164.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub phone: Personal,
    /// When it was last given up.
    pub released_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
