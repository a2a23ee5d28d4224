//! Requests about conversations, follow-ups and suppressions to validated values.

use std::time::Duration;

use chrono::TimeDelta;
use leadcapture_proto::v1;
use uuid::Uuid;

use super::parse::Fields;
use crate::{
    domain::{
        access::{Principal, TenantScope},
        conversation::ConversationEndReason,
        customer::SuppressionReason,
        follow_up::{FollowUpKind, FollowUpStatus},
        personal::Personal,
    },
    storage::{ClaimRequest, ConversationReference, FollowUpReport, SendFailure, SentOpener},
};

const THREAD: &str = "whatsapp_conversation_id";
const MAX_THREAD_ID: usize = 200;
const MAX_SEND_ERROR: usize = 1_000;
const MAX_CLAIM: i32 = 100;
const DEFAULT_CLAIM: u32 = 10;
const DEFAULT_LEASE: TimeDelta = TimeDelta::minutes(1);
const LEASE_RANGE: (TimeDelta, TimeDelta) = (TimeDelta::seconds(5), TimeDelta::hours(1));
const WAIT_RANGE: (TimeDelta, TimeDelta) = (TimeDelta::zero(), TimeDelta::seconds(60));
/// The longest that a claim waits for something to become due.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(WAIT_RANGE.1.num_seconds().unsigned_abs());
const RETRY_RANGE: (TimeDelta, TimeDelta) = (TimeDelta::zero(), TimeDelta::hours(24));

/// The three ways to name a conversation, which every request has as a `oneof` of its own.
pub(super) enum By {
    Id(String),
    LeadId(String),
    WhatsappConversationId(String),
}

macro_rules! by {
    ($($module:ident),+) => {
        $(impl From<v1::$module::By> for By {
            fn from(by: v1::$module::By) -> Self {
                match by {
                    v1::$module::By::Id(id) => Self::Id(id),
                    v1::$module::By::LeadId(id) => Self::LeadId(id),
                    v1::$module::By::WhatsappConversationId(id) => Self::WhatsappConversationId(id),
                }
            }
        })+
    };
}
by!(get_conversation_request, record_reply_request, close_conversation_request);

impl Fields {
    /// Which conversation is meant.
    pub(super) fn conversation(&mut self, by: Option<By>) -> ConversationReference {
        match by {
            Some(By::Id(id)) => ConversationReference::Id(self.id("id", &id)),
            Some(By::LeadId(id)) => ConversationReference::Lead(self.id("lead_id", &id)),
            Some(By::WhatsappConversationId(id)) => {
                ConversationReference::Whatsapp(self.thread(Some(&id)).unwrap_or_else(|| {
                    if id.trim().is_empty() {
                        self.bad(THREAD, "is required");
                    }
                    Personal::default()
                }))
            }
            None => {
                self.bad("id", "is required; give one of id, lead_id and whatsapp_conversation_id");
                ConversationReference::Id(Uuid::nil())
            }
        }
    }

    /// WhatsApp's id of a thread, absent when empty.
    pub(super) fn thread(&mut self, value: Option<&str>) -> Option<Personal> {
        let thread = self.personal_text(THREAD, value, MAX_THREAD_ID)?;
        if thread.reveal().contains(char::is_control) {
            self.bad(THREAD, "contains a tab or line break; remove it");
            return None;
        }
        Some(thread)
    }

    /// The opener that was sent: both its fields, or neither.
    pub(super) fn sent_opener(&mut self, follow_up_id: &str, claim_token: &str) -> Option<SentOpener> {
        if follow_up_id.is_empty() && claim_token.is_empty() {
            return None;
        }
        let (follow_up_id, claim_token) =
            (self.id("follow_up_id", follow_up_id), self.id("claim_token", claim_token));
        Some(SentOpener { follow_up_id, claim_token })
    }

    /// A reason that a caller may end a conversation for.
    pub(super) fn close_reason(&mut self, value: i32) -> ConversationEndReason {
        match v1::ConversationEndReason::try_from(value) {
            Ok(v1::ConversationEndReason::AgentTookOver) => ConversationEndReason::AgentTookOver,
            Ok(v1::ConversationEndReason::NotInterested) => ConversationEndReason::NotInterested,
            Ok(v1::ConversationEndReason::Undeliverable) => ConversationEndReason::Undeliverable,
            Ok(v1::ConversationEndReason::Other) => ConversationEndReason::Other,
            _ => {
                self.bad("reason", "must be AGENT_TOOK_OVER, NOT_INTERESTED, UNDELIVERABLE or OTHER");
                ConversationEndReason::Other
            }
        }
    }

    /// Why a phone is suppressed.
    pub(super) fn suppression_reason(&mut self, value: i32) -> SuppressionReason {
        match v1::SuppressionReason::try_from(value) {
            Ok(v1::SuppressionReason::OptOut) => SuppressionReason::OptOut,
            Ok(v1::SuppressionReason::Requested) => SuppressionReason::Requested,
            Ok(v1::SuppressionReason::Complaint) => SuppressionReason::Complaint,
            Ok(v1::SuppressionReason::Other) => SuppressionReason::Other,
            Ok(v1::SuppressionReason::Unspecified) | Err(_) => {
                self.unknown_value("reason", value, "SuppressionReason");
                SuppressionReason::Other
            }
        }
    }

    /// Kinds of follow-ups; none means all.
    pub(super) fn follow_up_kinds(&mut self, values: &[i32]) -> Vec<FollowUpKind> {
        self.each("kinds", values, |fields, field, value| match v1::FollowUpKind::try_from(value) {
            Ok(v1::FollowUpKind::Opener) => Some(FollowUpKind::Opener),
            Ok(v1::FollowUpKind::Reminder1) => Some(FollowUpKind::Reminder1),
            Ok(v1::FollowUpKind::Reminder2) => Some(FollowUpKind::Reminder2),
            Ok(v1::FollowUpKind::Unspecified) | Err(_) => {
                fields.unknown_value(field, value, "FollowUpKind");
                None
            }
        })
    }

    /// States of follow-ups; none means all.
    pub(super) fn follow_up_statuses(&mut self, values: &[i32]) -> Vec<FollowUpStatus> {
        self.each("statuses", values, |fields, field, value| match v1::FollowUpStatus::try_from(value) {
            Ok(v1::FollowUpStatus::Pending) => Some(FollowUpStatus::Pending),
            Ok(v1::FollowUpStatus::Claimed) => Some(FollowUpStatus::Claimed),
            Ok(v1::FollowUpStatus::Done) => Some(FollowUpStatus::Done),
            Ok(v1::FollowUpStatus::Cancelled) => Some(FollowUpStatus::Cancelled),
            Ok(v1::FollowUpStatus::Failed) => Some(FollowUpStatus::Failed),
            Ok(v1::FollowUpStatus::Unspecified) | Err(_) => {
                fields.unknown_value(field, value, "FollowUpStatus");
                None
            }
        })
    }

    /// What a worker asks for, and how long it waits.
    pub(super) fn claim(
        &mut self,
        principal: &Principal,
        request: &v1::ClaimFollowUpsRequest,
    ) -> (ClaimRequest, TimeDelta) {
        let limit = match request.limit {
            0 => DEFAULT_CLAIM,
            limit @ 1..=MAX_CLAIM => limit.unsigned_abs(),
            _ => {
                self.bad("limit", format!("must be from 1 to {MAX_CLAIM}; 0 means {DEFAULT_CLAIM}"));
                DEFAULT_CLAIM
            }
        };
        let claim = ClaimRequest {
            reach: self.reach(principal, &request.tenant_id),
            kinds: self.follow_up_kinds(&request.kinds),
            limit,
            lease: self.duration("lease", request.lease, LEASE_RANGE).unwrap_or(DEFAULT_LEASE),
        };
        (claim, self.duration("wait", request.wait, WAIT_RANGE).unwrap_or_default())
    }

    /// Which claim a report is on.
    pub(super) fn report(
        &mut self,
        tenant: TenantScope,
        (follow_up_id, claim_token): (&str, &str),
        actor: String,
    ) -> FollowUpReport {
        FollowUpReport {
            tenant,
            follow_up_id: self.id("follow_up_id", follow_up_id),
            claim_token: self.id("claim_token", claim_token),
            actor,
        }
    }

    /// Why a message could not be sent.
    pub(super) fn send_failure(&mut self, request: &v1::FailFollowUpRequest) -> SendFailure {
        SendFailure {
            error: self.text("error", &request.error, MAX_SEND_ERROR).into(),
            retry_after: self.duration("retry_after", request.retry_after, RETRY_RANGE),
        }
    }
}
