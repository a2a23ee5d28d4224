//! Telephone numbers by which a dialled number finds its tenant.

use sea_orm::entity::prelude::*;

use crate::domain::personal::Personal;

/// A row of `business_lines`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "business_lines")]
pub struct Model {
    /// Id, a version 7 UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The tenant that owns the number.
    pub tenant_id: Uuid,
    /// The number in E.164.
    #[sea_orm(column_type = "Text")]
    pub phone: Personal,
    /// What the tenant calls it.
    #[sea_orm(column_type = "Text")]
    pub label: Option<String>,
    /// Calls from before this time belong to an earlier owner of the number.
    pub calls_since: Option<DateTimeUtc>,
    /// When the tenant gave the number up; unique by phone while empty.
    pub released_at: Option<DateTimeUtc>,
    /// When the row was made.
    pub created_at: DateTimeUtc,
    /// When the row last changed.
    pub updated_at: DateTimeUtc,
    /// The tenant.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id")]
    pub tenant: BelongsTo<super::tenant::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
