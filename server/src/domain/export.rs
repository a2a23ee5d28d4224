//! What a customer is shown on asking what is held: the shape of an export, as it is written to JSON.
//!
//! Members have the names of the API's fields, and what is absent is null. Times are RFC 3339 in UTC, lengths of time are seconds with an
//! `s` as in the JSON form of `google.protobuf.Duration`, and values of enums have the names that they have in the history of leads. Left
//! out is what says nothing of the customer: versions, claims of follow-ups, the bytes of stored responses. The members are described in
//! `docs/privacy.md`, which a test compares.
#![expect(missing_docs, reason = "docs/privacy.md describes every member, by the name that it has here")]

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use super::{
    call::{CallDirection, CallOutcome, Disposition, IvrStep},
    conversation::{ConversationEndReason, ConversationState},
    customer::SuppressionReason,
    event::LeadEventKind,
    follow_up::{FollowUpKind, FollowUpStatus},
    lead::{LeadSource, LeadStatus, LostReason},
    personal::Personal,
};

/// The version of the shape: it changes when a member goes or changes its meaning, not when one is added.
pub const FORMAT: u32 = 1;

/// All that a tenant holds on a phone.
#[derive(Clone, Debug, Serialize)]
pub struct CustomerExport {
    pub format: u32,
    pub exported_at: DateTime<Utc>,
    pub tenant_id: Uuid,
    pub phone: Personal,
    /// The lists of which only the newest entries are here, as all would be too large.
    pub truncated: Vec<&'static str>,
    pub customer: Option<ExportedCustomer>,
    pub leads: Vec<ExportedLead>,
    pub missed_calls: Vec<ExportedMissedCall>,
    pub unrouted_calls: Vec<ExportedUnroutedCall>,
    pub stored_responses: Vec<ExportedResponse>,
}

/// What is remembered of the phone itself.
#[derive(Clone, Debug, Serialize)]
pub struct ExportedCustomer {
    pub id: Uuid,
    pub phone: Personal,
    pub last_answered_at: Option<DateTime<Utc>>,
    pub last_answered_call_id: Option<String>,
    pub answered_calls: Vec<ExportedAnsweredCall>,
    pub suppressed_at: Option<DateTime<Utc>>,
    pub suppression_reason: Option<SuppressionReason>,
    pub do_not_contact_at: Option<DateTime<Utc>>,
    pub erased_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// An answered call of which only the ids are kept.
#[derive(Clone, Debug, Serialize)]
pub struct ExportedAnsweredCall {
    pub provider: String,
    pub call_id: String,
    pub original_call_id: Option<String>,
}

/// A lead with all that hangs on it but its calls.
#[derive(Clone, Debug, Serialize)]
pub struct ExportedLead {
    pub id: Uuid,
    pub source: LeadSource,
    pub customer_phone: Personal,
    pub customer_name: Option<Personal>,
    pub need: Option<Personal>,
    pub contact_preference: Option<Personal>,
    pub note: Option<Personal>,
    pub status: LeadStatus,
    pub lost_reason: Option<LostReason>,
    pub call_count: i32,
    pub last_call_at: Option<DateTime<Utc>>,
    pub captured_at: DateTime<Utc>,
    pub qualifying_at: Option<DateTime<Utc>>,
    pub qualified_at: Option<DateTime<Utc>>,
    pub contacted_at: Option<DateTime<Utc>>,
    pub converted_at: Option<DateTime<Utc>>,
    pub lost_at: Option<DateTime<Utc>>,
    pub unresponsive_at: Option<DateTime<Utc>>,
    pub reopened_at: Option<DateTime<Utc>>,
    pub recaptured_at: Option<DateTime<Utc>>,
    pub reopen_count: i32,
    pub previous_lead_id: Option<Uuid>,
    pub redacted_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub conversation: Option<ExportedConversation>,
    pub follow_ups: Vec<ExportedFollowUp>,
    pub events: Vec<ExportedEvent>,
}

/// The chatbot's conversation about a lead.
#[derive(Clone, Debug, Serialize)]
pub struct ExportedConversation {
    pub id: Uuid,
    pub state: ConversationState,
    pub round: i32,
    pub whatsapp_conversation_id: Option<Personal>,
    pub opened_at: DateTime<Utc>,
    pub last_reply_at: Option<DateTime<Utc>>,
    pub reminder1_sent_at: Option<DateTime<Utc>>,
    pub reminder2_sent_at: Option<DateTime<Utc>>,
    pub give_up_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub end_reason: Option<ConversationEndReason>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// A message that was or is to be sent.
#[derive(Clone, Debug, Serialize)]
pub struct ExportedFollowUp {
    pub id: Uuid,
    pub kind: FollowUpKind,
    pub round: i32,
    pub due_at: DateTime<Utc>,
    pub status: FollowUpStatus,
    pub attempts: i32,
    pub last_error: Option<Personal>,
    pub completed_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// An entry of a lead's history.
#[derive(Clone, Debug, Serialize)]
pub struct ExportedEvent {
    pub seq: i64,
    pub kind: LeadEventKind,
    pub from_status: Option<LeadStatus>,
    pub to_status: Option<LeadStatus>,
    pub actor: String,
    pub reason: Option<String>,
    pub details: Option<Personal<Value>>,
    pub occurred_at: DateTime<Utc>,
}

/// A missed call, whether or not it is kept with a lead.
#[derive(Clone, Debug, Serialize)]
pub struct ExportedMissedCall {
    pub id: Uuid,
    pub provider: String,
    pub call_id: String,
    pub original_call_id: Option<String>,
    pub caller_phone: Option<Personal>,
    pub caller_raw: Personal,
    pub business_phone: Personal,
    pub outcome: CallOutcome,
    pub provider_status: Option<String>,
    pub called_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub processed_at: DateTime<Utc>,
    pub duration: Milliseconds,
    pub ring_duration: Option<Milliseconds>,
    pub queue_name: Option<String>,
    pub representative_name: Option<Personal>,
    pub ivr_path: Vec<IvrStep>,
    pub recording_url: Option<Personal>,
    pub custom_data: Option<Personal<Value>>,
    pub lead_id: Option<Uuid>,
    pub disposition: Disposition,
    pub returned_at: Option<DateTime<Utc>>,
    pub returned_by_call_id: Option<String>,
    pub redacted_at: Option<DateTime<Utc>>,
}

/// A call, answered or not, that has not been recorded with its tenant yet.
#[derive(Clone, Debug, Serialize)]
pub struct ExportedUnroutedCall {
    pub id: Uuid,
    pub provider: String,
    pub call_id: String,
    pub original_call_id: Option<String>,
    pub direction: CallDirection,
    pub outcome: CallOutcome,
    pub provider_status: Option<String>,
    pub customer_phone: Option<Personal>,
    pub customer_raw: Personal,
    pub business_phone: Personal,
    pub business_raw: Personal,
    pub called_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub duration: Milliseconds,
    pub ring_duration: Option<Milliseconds>,
    pub queue_name: Option<String>,
    pub representative_name: Option<Personal>,
    pub ivr_path: Vec<IvrStep>,
    pub recording_url: Option<Personal>,
    pub custom_data: Option<Personal<Value>>,
}

/// A remembered answer to a request about the customer, without its bytes.
#[derive(Clone, Debug, Serialize)]
pub struct ExportedResponse {
    pub method: String,
    pub request_id: Uuid,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A length of time in milliseconds, not negative; in JSON `20s` or `20.500s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Milliseconds(pub i64);

impl Serialize for Milliseconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (seconds, millis) = (self.0 / 1_000, self.0 % 1_000);
        if millis == 0 {
            serializer.collect_str(&format_args!("{seconds}s"))
        } else {
            serializer.collect_str(&format_args!("{seconds}.{millis:03}s"))
        }
    }
}

/// How much an export may still grow.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    left: usize,
}

impl Budget {
    /// A budget of bytes of JSON.
    #[must_use]
    pub const fn new(bytes: usize) -> Self {
        Self { left: bytes }
    }

    /// Takes the length of `entry` and of the comma before it, if that much is left.
    ///
    /// # Errors
    /// When the entry cannot be written as JSON.
    pub fn take(&mut self, entry: &impl Serialize) -> Result<bool, serde_json::Error> {
        let mut length = Length(1);
        serde_json::to_writer(&mut length, entry)?;
        let left = self.left.checked_sub(length.0);
        self.left = left.unwrap_or(self.left);
        Ok(left.is_some())
    }
}

/// Counts what is written.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_written_as_protobuf_does() {
        for (millis, text) in [(0, "0s"), (7, "0.007s"), (20_000, "20s"), (20_500, "20.500s")] {
            assert_eq!(serde_json::to_value(Milliseconds(millis)).unwrap(), text);
        }
    }

    #[test]
    fn a_budget_is_never_exceeded_and_keeps_what_it_cannot_spend() {
        let mut budget = Budget::new(10);
        assert!(budget.take(&"1234").unwrap(), "seven bytes with quotes and comma");
        assert!(!budget.take(&"12").unwrap(), "five more are too many");
        assert!(budget.take(&"").unwrap(), "three are left");
        assert!(!budget.take(&1).unwrap());
    }
}
