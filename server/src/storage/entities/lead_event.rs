//! The append-only history of leads.

use sea_orm::entity::prelude::*;

use super::enums::{LeadEventKind, LeadStatus};
use crate::domain::personal::Personal;

/// A row of `lead_events`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lead_events")]
pub struct Model {
    /// Position in the history, given by the database.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// The tenant that owns the lead.
    pub tenant_id: Uuid,
    /// The lead.
    pub lead_id: Uuid,
    /// What happened.
    pub kind: LeadEventKind,
    /// The status before, where the status changed.
    pub from_status: Option<LeadStatus>,
    /// The status after, where the status changed or the lead was made.
    pub to_status: Option<LeadStatus>,
    /// Who did it.
    #[sea_orm(column_type = "Text")]
    pub actor: String,
    /// Why.
    #[sea_orm(column_type = "Text")]
    pub reason: Option<String>,
    /// Facts that belong to this kind of event.
    #[sea_orm(column_type = "JsonBinary")]
    pub details: Option<Personal<Json>>,
    /// When it was recorded.
    pub occurred_at: DateTimeUtc,
    /// The tenant.
    #[sea_orm(belongs_to, from = "tenant_id", to = "id")]
    pub tenant: BelongsTo<super::tenant::Entity>,
    /// The lead.
    #[sea_orm(belongs_to, from = "lead_id", to = "id")]
    pub lead: BelongsTo<super::lead::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
