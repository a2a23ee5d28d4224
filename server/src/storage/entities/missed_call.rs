//! Calls that a business missed, kept once for each call id.

use sea_orm::entity::prelude::*;

use super::enums::{CallDisposition, CallOutcome};
use crate::domain::personal::Personal;

/// A row of `missed_calls`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "missed_calls")]
pub struct Model {
    /// Id, a version 7 UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The tenant that owns the called line.
    pub tenant_id: Uuid,
    /// The telephone exchange that reported the call.
    #[sea_orm(column_type = "Text")]
    pub provider: String,
    /// The provider's id of the call.
    #[sea_orm(column_type = "Text")]
    pub call_id: String,
    /// The call this one was transferred from.
    #[sea_orm(column_type = "Text")]
    pub original_call_id: Option<String>,
    /// The caller in E.164; empty where withheld or not a phone.
    #[sea_orm(column_type = "Text")]
    pub caller_phone: Option<Personal>,
    /// The caller as received.
    #[sea_orm(column_type = "Text")]
    pub caller_raw: Personal,
    /// The dialled line in E.164.
    #[sea_orm(column_type = "Text")]
    pub business_phone: Personal,
    /// How the call ended.
    pub outcome: CallOutcome,
    /// The provider's word for it, as sent.
    #[sea_orm(column_type = "Text")]
    pub provider_status: Option<String>,
    /// When the call began.
    pub called_at: DateTimeUtc,
    /// When it ended.
    pub ended_at: DateTimeUtc,
    /// When the record arrived.
    pub received_at: DateTimeUtc,
    /// When the record was decided on.
    pub processed_at: DateTimeUtc,
    /// Length of the call in milliseconds.
    pub duration_ms: i64,
    /// How long it rang, in milliseconds.
    pub ring_duration_ms: Option<i64>,
    /// The queue the caller waited in.
    #[sea_orm(column_type = "Text")]
    pub queue_name: Option<String>,
    /// The person the call was put through to.
    #[sea_orm(column_type = "Text")]
    pub representative_name: Option<Personal>,
    /// The steps through the voice menu; a list of `IvrStep`.
    #[sea_orm(column_type = "JsonBinary")]
    pub ivr_path: Option<Personal<Json>>,
    /// Where the recording is.
    #[sea_orm(column_type = "Text")]
    pub recording_url: Option<Personal>,
    /// What else the provider sent.
    #[sea_orm(column_type = "JsonBinary")]
    pub custom_data: Option<Personal<Json>>,
    /// The lead the call counts on.
    pub lead_id: Option<Uuid>,
    /// What the call did.
    pub disposition: CallDisposition,
    /// When the call was returned.
    pub returned_at: Option<DateTimeUtc>,
    /// The provider's id of the call that returned it.
    #[sea_orm(column_type = "Text")]
    pub returned_by_call_id: Option<String>,
    /// When the personal fields were blanked.
    pub redacted_at: Option<DateTimeUtc>,
    /// The tenant.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// The lead, if any.
    #[sea_orm(belongs_to, from = "lead_id", to = "id")]
    pub lead: BelongsTo<Option<super::lead::Entity>>,
}

impl ActiveModelBehavior for ActiveModel {}
