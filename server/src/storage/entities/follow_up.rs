//! Messages that are due to be sent, as leased work.

use sea_orm::entity::prelude::*;

use super::enums::{FollowUpKind, FollowUpStatus};
use crate::domain::personal::Personal;

/// A row of `follow_ups`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "follow_ups")]
pub struct Model {
    /// Id, a version 7 UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The tenant that owns the lead.
    pub tenant_id: Uuid,
    /// The lead.
    pub lead_id: Uuid,
    /// Which message.
    pub kind: FollowUpKind,
    /// The lead's round it belongs to: 1, and one more for each reopening.
    pub round: i32,
    /// When it becomes due.
    pub due_at: DateTimeUtc,
    /// Where it stands.
    pub status: FollowUpStatus,
    /// The latest claim; always present while `status` is claimed.
    pub claim_token: Option<Uuid>,
    /// When the lease of that claim ends; always present while `status` is claimed.
    pub lease_until: Option<DateTimeUtc>,
    /// How often it was handed out.
    pub attempts: i32,
    /// What the last holder reported as its failure.
    #[sea_orm(column_type = "Text")]
    pub last_error: Option<Personal>,
    /// When it was sent.
    pub completed_at: Option<DateTimeUtc>,
    /// When the row was made.
    pub created_at: DateTimeUtc,
    /// When the row last changed.
    pub updated_at: DateTimeUtc,
    /// The tenant.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// The lead.
    #[sea_orm(belongs_to, from = "lead_id", to = "id")]
    pub lead: BelongsTo<super::lead::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
