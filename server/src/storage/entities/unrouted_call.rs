//! Calls to a number that no tenant owns yet, kept whole until the number is added.

use sea_orm::entity::prelude::*;

use crate::domain::personal::Personal;

/// A row of `unrouted_calls`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "unrouted_calls")]
pub struct Model {
    /// Id, a version 7 UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The tenant that the record names.
    pub tenant_id: Option<Uuid>,
    /// The telephone exchange that reported the call.
    #[sea_orm(column_type = "Text")]
    pub provider: String,
    /// The provider's id of the call.
    #[sea_orm(column_type = "Text")]
    pub call_id: String,
    /// The dialled number in E.164 where possible, else as received.
    #[sea_orm(column_type = "Text")]
    pub business_phone: Personal,
    /// The other side in E.164.
    #[sea_orm(column_type = "Text")]
    pub customer_phone: Option<Personal>,
    /// When the call began.
    pub called_at: DateTimeUtc,
    /// When the record arrived.
    pub received_at: DateTimeUtc,
    /// The whole record; a serialised `CallRecord`.
    #[sea_orm(column_type = "JsonBinary")]
    pub record: Personal<Json>,
}

impl ActiveModelBehavior for ActiveModel {}
