//! The chatbot conversation of a lead; one for each lead.

use sea_orm::entity::prelude::*;

use super::enums::{ConversationEndReason, ConversationState};
use crate::domain::personal::Personal;

/// A row of `lead_conversations`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lead_conversations")]
pub struct Model {
    /// Id, a version 7 UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The tenant that owns the lead.
    pub tenant_id: Uuid,
    /// The lead.
    pub lead_id: Uuid,
    /// Where the conversation stands.
    pub state: ConversationState,
    /// 1, and one more for each start after a reopening.
    pub round: i32,
    /// Id of the WhatsApp thread; unique in a tenant among conversations that are not completed.
    #[sea_orm(column_type = "Text")]
    pub whatsapp_conversation_id: Option<Personal>,
    /// When the opener of this round was sent.
    pub opened_at: DateTimeUtc,
    /// When the customer last answered.
    pub last_reply_at: Option<DateTimeUtc>,
    /// When the first reminder of this round was sent.
    pub reminder1_sent_at: Option<DateTimeUtc>,
    /// When the second reminder of this round was sent.
    pub reminder2_sent_at: Option<DateTimeUtc>,
    /// When it becomes unresponsive if no reply comes; set once the second reminder was sent or given up.
    pub give_up_at: Option<DateTimeUtc>,
    /// When it ended; always present while `state` is completed.
    pub completed_at: Option<DateTimeUtc>,
    /// Why it ended; always present while `state` is completed.
    pub end_reason: Option<ConversationEndReason>,
    /// Grows by one with each change; the etag.
    pub version: i64,
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
