//! The append-only history of a lead.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{lead::LeadStatus, personal::Personal};
use crate::named_enum;

named_enum! {
    /// What happened to a lead.
    LeadEventKind {
        /// The lead was made.
        Created = "created",
        /// A missed call was counted on the lead.
        CallRecorded = "call_recorded",
        /// A missed call of the lead was returned without a change of status.
        CallReturned = "call_returned",
        /// The same customer was captured again while the lead was open.
        Recaptured = "recaptured",
        /// The status changed, except by reopening.
        StatusChanged = "status_changed",
        /// A lost or unresponsive lead became new again.
        Reopened = "reopened",
        /// Name, need, preference or note changed.
        DetailsUpdated = "details_updated",
        /// The opener was sent.
        ConversationStarted = "conversation_started",
        /// The customer answered the chatbot.
        ReplyReceived = "reply_received",
        /// The conversation ended.
        ConversationEnded = "conversation_ended",
        /// A reminder was sent.
        ReminderSent = "reminder_sent",
        /// The customer asked for no more messages.
        OptedOut = "opted_out",
        /// Personal fields were blanked.
        Redacted = "redacted",
    }
}

/// A row of a lead's history that is about to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct NewLeadEvent {
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
    /// Who did it: the authenticated principal, or what the caller named.
    pub actor: String,
    /// Why, in one of the product's own words; what callers write stands in `details`.
    pub reason: Option<String>,
    /// Facts that belong to this kind of event, for example the call id.
    pub details: Option<Personal<Value>>,
    /// When it was recorded.
    pub occurred_at: DateTime<Utc>,
}

/// A row of a lead's history as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct LeadEvent {
    /// Position in the history; grows with time within a lead.
    pub seq: i64,
    /// The event.
    pub event: NewLeadEvent,
}
