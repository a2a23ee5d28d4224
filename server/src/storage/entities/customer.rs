//! One row for each phone of a tenant: the row that is locked before anything about the phone is decided.

use sea_orm::entity::prelude::*;

use super::enums::SuppressionReason;
use crate::domain::personal::Personal;

/// A row of `customers`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customers")]
pub struct Model {
    /// Id, a version 7 UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The tenant that owns the customer.
    pub tenant_id: Uuid,
    /// The phone in E.164, or a keyed hash of it once erased.
    #[sea_orm(column_type = "Text")]
    pub phone: Personal,
    /// The latest end of an answered call, in either direction.
    pub last_answered_at: Option<DateTimeUtc>,
    /// The call that ended then.
    #[sea_orm(column_type = "Text")]
    pub last_answered_call_id: Option<String>,
    /// The answered calls that were reported last: an array of objects with `provider`, `call_id` and, of transfers, `original_call_id`.
    #[sea_orm(column_type = "JsonBinary")]
    pub answered_calls: Option<Json>,
    /// Since when no messages may be sent.
    pub suppressed_at: Option<DateTimeUtc>,
    /// Why; present exactly when `suppressed_at` is.
    pub suppression_reason: Option<SuppressionReason>,
    /// Since when a lead of this phone was lost as `do_not_contact`; never cleared.
    pub do_not_contact_at: Option<DateTimeUtc>,
    /// When the personal data of this phone was erased.
    pub erased_at: Option<DateTimeUtc>,
    /// When the row was made.
    pub created_at: DateTimeUtc,
    /// When the row last changed.
    pub updated_at: DateTimeUtc,
    /// The tenant.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id")]
    pub tenant: BelongsTo<super::tenant::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
