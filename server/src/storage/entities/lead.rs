//! Leads: at most one open one for each tenant and phone.

use sea_orm::entity::prelude::*;

use super::enums::{LeadSource, LeadStatus, LostReason};
use crate::domain::personal::Personal;

/// A row of `leads`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "leads")]
pub struct Model {
    /// Id, a version 7 UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The tenant that owns the lead.
    pub tenant_id: Uuid,
    /// How it came about.
    pub source: LeadSource,
    /// The customer's phone in E.164.
    #[sea_orm(column_type = "Text")]
    pub customer_phone: Personal,
    /// The customer's name.
    #[sea_orm(column_type = "Text")]
    pub customer_name: Option<Personal>,
    /// What the customer wants.
    #[sea_orm(column_type = "Text")]
    pub need: Option<Personal>,
    /// How the customer wants to be reached.
    #[sea_orm(column_type = "Text")]
    pub contact_preference: Option<Personal>,
    /// Free text of the business.
    #[sea_orm(column_type = "Text")]
    pub note: Option<Personal>,
    /// Where the lead stands.
    pub status: LeadStatus,
    /// Why it was lost; present exactly while `status` is lost.
    pub lost_reason: Option<LostReason>,
    /// Missed calls counted on the lead.
    pub call_count: i32,
    /// When the latest of them began.
    pub last_call_at: Option<DateTimeUtc>,
    /// When the lead came about.
    pub captured_at: DateTimeUtc,
    /// When it last became qualifying.
    pub qualifying_at: Option<DateTimeUtc>,
    /// When it last became qualified.
    pub qualified_at: Option<DateTimeUtc>,
    /// When it last became contacted.
    pub contacted_at: Option<DateTimeUtc>,
    /// When it became converted.
    pub converted_at: Option<DateTimeUtc>,
    /// When it was last lost.
    pub lost_at: Option<DateTimeUtc>,
    /// When it last became unresponsive.
    pub unresponsive_at: Option<DateTimeUtc>,
    /// When it was last reopened.
    pub reopened_at: Option<DateTimeUtc>,
    /// When the customer was last captured again by hand or from a website.
    pub recaptured_at: Option<DateTimeUtc>,
    /// How often it was reopened.
    pub reopen_count: i32,
    /// The last round for which an opener was scheduled; 0 when none ever was.
    pub opener_round: i32,
    /// The lead of the same phone before this one.
    pub previous_lead_id: Option<Uuid>,
    /// When name, need, preference and note were last blanked.
    pub redacted_at: Option<DateTimeUtc>,
    /// Grows by one with each change; the etag.
    pub version: i64,
    /// When the row was made.
    pub created_at: DateTimeUtc,
    /// When the row last changed.
    pub updated_at: DateTimeUtc,
    /// The tenant.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id")]
    pub tenant: BelongsTo<super::tenant::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
