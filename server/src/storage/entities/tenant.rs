//! The businesses that use the service.

use sea_orm::entity::prelude::*;

/// A row of `tenants`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenants")]
pub struct Model {
    /// Id, a version 7 UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The business's name.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// Region whose local numbers its customers use, as an ISO 3166 code.
    #[sea_orm(column_type = "Text")]
    pub region: String,
    /// IANA name of the zone of its business hours.
    #[sea_orm(column_type = "Text")]
    pub time_zone: String,
    /// What the tenant configured; a serialised `TenantPolicy`.
    #[sea_orm(column_type = "JsonBinary")]
    pub policy: Json,
    /// Grows by one with each change; the etag.
    pub version: i64,
    /// When the row was made.
    pub created_at: DateTimeUtc,
    /// When the row last changed.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
