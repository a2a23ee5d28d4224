//! A call as it was reported, and a missed call as it is kept.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{personal::Personal, phone::PhoneNumber};
use crate::named_enum;

named_enum! {
    /// Who called whom.
    CallDirection {
        /// The customer called the business.
        Incoming = "incoming",
        /// The business called the customer.
        Outgoing = "outgoing",
        /// Between extensions of the business.
        Internal = "internal",
    }
}

named_enum! {
    /// How a call ended.
    CallOutcome {
        /// A person answered.
        Answered = "answered",
        /// Nobody answered.
        NoAnswer = "no_answer",
        /// The caller hung up while it rang.
        Cancelled = "cancelled",
        /// The line was busy.
        Busy = "busy",
        /// The caller hung up while waiting in a queue.
        Abandoned = "abandoned",
        /// Waited too long in a queue.
        QueueTimeout = "queue_timeout",
        /// The queue was full.
        QueueFull = "queue_full",
        /// The queue had no agent.
        QueueEmpty = "queue_empty",
        /// The network was congested.
        Congestion = "congestion",
        /// A machine took a message.
        Voicemail = "voicemail",
        /// Ended in an announcement or menu.
        VoiceEnd = "voice_end",
        /// Never dialled.
        NotCalled = "not_called",
        /// A technical failure.
        Failed = "failed",
        /// The caller left a queue by a key.
        QueueExit = "queue_exit",
        /// Anything else; the provider's own word says what.
        Other = "other",
    }
}

named_enum! {
    /// What a call did.
    Disposition {
        /// Nothing: internal, outgoing unanswered, or neither answered nor missed.
        Ignored = "ignored",
        /// Its business number has no tenant yet; kept and replayed later.
        Unrouted = "unrouted",
        /// A missed call that was recorded before.
        Duplicate = "duplicate",
        /// The caller's number is withheld or not a phone.
        NoCallerId = "no_caller_id",
        /// Answered, and it marked a missed call as returned or moved a lead.
        Returned = "returned",
        /// Answered, and nothing was waiting for it.
        Answered = "answered",
        /// Missed, but the customer has been spoken with since.
        AlreadyReturned = "already_returned",
        /// The caller's last lead was spam or a wrong number.
        Suppressed = "suppressed",
        /// Counted on the caller's lead.
        Attached = "attached",
        /// The caller's lead is new again.
        LeadReopened = "lead_reopened",
        /// The caller became a customer lately.
        ExistingCustomer = "existing_customer",
        /// A new lead was made.
        LeadCreated = "lead_created",
    }
}

/// One step of a caller's path through a voice menu.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IvrStep {
    /// The menu's id.
    pub layer_id: String,
    /// The menu's name.
    pub layer_name: String,
    /// The menu's number.
    pub layer_number: i32,
    /// The key that was pressed.
    pub digit: Personal,
    /// The position of the step.
    pub order: i32,
}

/// A call as reported, with its fields validated and its phones as received.
///
/// It is stored whole, as JSON, while no tenant owns its business number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The telephone exchange, for example `voicenter`.
    pub provider: String,
    /// The exchange's id of the call; unique within tenant and provider.
    pub call_id: String,
    /// The call that this one is a transfer of.
    pub original_call_id: Option<String>,
    /// Who called whom.
    pub direction: CallDirection,
    /// How it ended.
    pub outcome: CallOutcome,
    /// The provider's word for how it ended, as sent.
    pub provider_status: Option<String>,
    /// The customer's number as received; may be empty or a word.
    pub customer_raw: Personal,
    /// The business's number as received.
    pub business_raw: Personal,
    /// When it began.
    pub called_at: DateTime<Utc>,
    /// How long it lasted in milliseconds, waiting included.
    pub duration_ms: i64,
    /// How long it rang, in milliseconds.
    pub ring_duration_ms: Option<i64>,
    /// The queue it waited in.
    pub queue_name: Option<String>,
    /// The person who took it.
    pub representative_name: Option<Personal>,
    /// Where the recording can be heard.
    pub recording_url: Option<Personal>,
    /// The path through the voice menu.
    pub ivr_path: Vec<IvrStep>,
    /// Data collected during the call, a JSON object.
    pub custom_data: Option<Personal<Value>>,
    /// The tenant, where the caller names it.
    pub tenant_id: Option<Uuid>,
}

impl CallRecord {
    /// When the call ended.
    #[must_use]
    pub fn ended_at(&self) -> DateTime<Utc> {
        self.called_at + TimeDelta::milliseconds(self.duration_ms)
    }

    /// The leg that the record is about.
    #[must_use]
    pub fn leg(&self) -> Leg<'_> {
        Leg {
            provider: &self.provider,
            call_id: &self.call_id,
            original_call_id: self.original_call_id.as_deref(),
        }
    }
}

/// What tells whether two records are of one call: a transferred call has several, each with an id of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg<'a> {
    /// The telephone exchange; two exchanges may number their calls alike.
    pub provider: &'a str,
    /// The exchange's id of the leg.
    pub call_id: &'a str,
    /// The leg that it was transferred from.
    pub original_call_id: Option<&'a str>,
}

impl Leg<'_> {
    /// Whether both are legs of one call: they are the same, one was transferred from the other, or both from a third.
    #[must_use]
    pub fn is_of_same_call(&self, other: &Leg<'_>) -> bool {
        let is_one_of_others = |id| id == other.call_id || Some(id) == other.original_call_id;
        self.provider == other.provider
            && (is_one_of_others(self.call_id) || self.original_call_id.is_some_and(is_one_of_others))
    }
}

/// The key under which a missed call is kept once, however often its record comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The telephone exchange.
    pub provider: String,
    /// The exchange's id of the call.
    pub call_id: String,
}

/// A missed call as kept.
#[derive(Clone, Debug, PartialEq)]
pub struct MissedCall {
    /// Id.
    pub id: Uuid,
    /// Tenant, provider and the provider's id.
    pub key: CallKey,
    /// The call that this one is a transfer of.
    pub original_call_id: Option<String>,
    /// The caller; absent when withheld or not a phone.
    pub caller_phone: Option<PhoneNumber>,
    /// The caller as received.
    pub caller_raw: Personal,
    /// The dialled line.
    pub business_phone: PhoneNumber,
    /// How the call ended.
    pub outcome: CallOutcome,
    /// The provider's word for how it ended, as sent.
    pub provider_status: Option<String>,
    /// When it began.
    pub called_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// When its record arrived.
    pub received_at: DateTime<Utc>,
    /// When it was decided; later than the arrival for a call that had no tenant at first.
    pub processed_at: DateTime<Utc>,
    /// How long it lasted, in milliseconds.
    pub duration_ms: i64,
    /// How long it rang, in milliseconds.
    pub ring_duration_ms: Option<i64>,
    /// The queue it waited in.
    pub queue_name: Option<String>,
    /// The person it was meant for.
    pub representative_name: Option<Personal>,
    /// The path through the voice menu.
    pub ivr_path: Vec<IvrStep>,
    /// Where the recording can be heard.
    pub recording_url: Option<Personal>,
    /// Data collected during the call.
    pub custom_data: Option<Personal<Value>>,
    /// The lead it is kept with.
    pub lead_id: Option<Uuid>,
    /// What it did.
    pub disposition: Disposition,
    /// When an answered call with the customer ended.
    pub returned_at: Option<DateTime<Utc>>,
    /// That call.
    pub returned_by_call_id: Option<String>,
    /// When its personal fields were blanked.
    pub redacted_at: Option<DateTime<Utc>>,
}

impl MissedCall {
    /// The leg that it was.
    #[must_use]
    pub fn leg(&self) -> Leg<'_> {
        Leg {
            provider: &self.key.provider,
            call_id: &self.key.call_id,
            original_call_id: self.original_call_id.as_deref(),
        }
    }

    /// Blanks all that tells of the caller or of what was said; the ids stay, so that the call is known again.
    pub fn redact(&mut self, now: DateTime<Utc>) {
        self.caller_phone = None;
        self.caller_raw = Personal::default();
        self.representative_name = None;
        self.ivr_path.clear();
        self.recording_url = None;
        self.custom_data = None;
        self.redacted_at = Some(now);
    }

    /// Fills what an earlier record of the same call left empty, unless that was blanked; answers whether anything changed.
    pub fn fill_from(&mut self, record: &CallRecord) -> bool {
        if self.redacted_at.is_some() {
            return false;
        }
        let mut changed = fill(&mut self.provider_status, record.provider_status.as_ref());
        changed |= fill(&mut self.original_call_id, record.original_call_id.as_ref());
        changed |= fill(&mut self.ring_duration_ms, record.ring_duration_ms.as_ref());
        changed |= fill(&mut self.queue_name, record.queue_name.as_ref());
        changed |= fill(&mut self.representative_name, record.representative_name.as_ref());
        changed |= fill(&mut self.recording_url, record.recording_url.as_ref());
        changed |= fill(&mut self.custom_data, record.custom_data.as_ref());
        if self.ivr_path.is_empty() && !record.ivr_path.is_empty() {
            self.ivr_path.clone_from(&record.ivr_path);
            changed = true;
        }
        changed
    }
}

fn fill<T: Clone>(target: &mut Option<T>, source: Option<&T>) -> bool {
    if target.is_some() || source.is_none() {
        return false;
    }
    *target = source.cloned();
    true
}
