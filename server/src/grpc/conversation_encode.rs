//! Conversations, follow-ups and suppressions to messages.

use leadcapture_proto::v1;

use super::{encode::time, lead_encode};
use crate::{
    domain::{
        conversation::{Conversation, ConversationEndReason, ConversationState},
        customer::SuppressionReason,
        follow_up::{FollowUp, FollowUpKind, FollowUpStatus},
        lead::Lead,
        personal::revealed,
        phone::Region,
        qualification::missing,
    },
    storage::{ClaimedFollowUp, Suppression},
};

/// What is still to be asked.
pub(super) fn questions(lead: &Lead) -> Vec<i32> {
    missing(lead).map(|question| lead_encode::question(question).into()).collect()
}

/// A conversation; what is missing is its lead's.
pub(super) fn conversation(conversation: &Conversation, lead: &Lead) -> v1::Conversation {
    v1::Conversation {
        id: conversation.id.to_string(),
        tenant_id: conversation.tenant_id.to_string(),
        lead_id: conversation.lead_id.to_string(),
        state: state(conversation.state).into(),
        round: conversation.round,
        whatsapp_conversation_id: revealed(conversation.whatsapp_conversation_id.as_ref()),
        opened_at: Some(time(conversation.opened_at)),
        last_reply_at: conversation.last_reply_at.map(time),
        reminder1_sent_at: conversation.reminder1_sent_at.map(time),
        reminder2_sent_at: conversation.reminder2_sent_at.map(time),
        completed_at: conversation.completed_at.map(time),
        end_reason: conversation.end_reason.map_or(v1::ConversationEndReason::Unspecified, end_reason).into(),
        etag: conversation.version.to_string(),
        missing: questions(lead),
    }
}

/// A follow-up.
pub(super) fn follow_up(follow_up: &FollowUp) -> v1::FollowUp {
    let leased = follow_up.lease_until.filter(|_| follow_up.status == FollowUpStatus::Claimed);
    v1::FollowUp {
        id: follow_up.id.to_string(),
        tenant_id: follow_up.tenant_id.to_string(),
        lead_id: follow_up.lead_id.to_string(),
        kind: kind(follow_up.kind).into(),
        round: follow_up.round,
        due_at: Some(time(follow_up.due_at)),
        status: status(follow_up.status).into(),
        lease_until: leased.map(time),
        attempts: follow_up.attempts,
        last_error: revealed(follow_up.last_error.as_ref()),
        completed_at: follow_up.completed_at.map(time),
        created_at: Some(time(follow_up.created_at)),
        updated_at: Some(time(follow_up.updated_at)),
    }
}

/// A follow-up that was handed out.
pub(super) fn claimed(claimed: &ClaimedFollowUp) -> v1::ClaimedFollowUp {
    let region = claimed.tenant.region;
    v1::ClaimedFollowUp {
        follow_up: Some(follow_up(&claimed.follow_up)),
        lead: Some(lead_encode::lead(&claimed.lead, region)),
        conversation: claimed.conversation.as_ref().map(|found| conversation(found, &claimed.lead)),
        tenant_name: claimed.tenant.name.clone(),
        time_zone: claimed.tenant.time_zone.name().to_owned(),
        phone: claimed.lead.customer_phone.as_e164().to_owned(),
        phone_local: claimed.lead.customer_phone.to_local(region),
        attempt: claimed.follow_up.attempts,
        claim_token: claimed.follow_up.claim_token.map(|token| token.to_string()).unwrap_or_default(),
        lease_until: claimed.follow_up.lease_until.map(time),
    }
}

/// A suppression.
pub(super) fn suppression(suppression: &Suppression, region: Region) -> v1::Suppression {
    v1::Suppression {
        tenant_id: suppression.customer.tenant_id.to_string(),
        phone: suppression.customer.phone.as_e164().to_owned(),
        phone_local: suppression.customer.phone.to_local(region),
        reason: suppression_reason(suppression.reason).into(),
        suppressed_at: Some(time(suppression.suppressed_at)),
    }
}

const fn state(value: ConversationState) -> v1::ConversationState {
    match value {
        ConversationState::AwaitingResponse => v1::ConversationState::AwaitingResponse,
        ConversationState::AwaitingName => v1::ConversationState::AwaitingName,
        ConversationState::AwaitingNeed => v1::ConversationState::AwaitingNeed,
        ConversationState::AwaitingPreference => v1::ConversationState::AwaitingPreference,
        ConversationState::Completed => v1::ConversationState::Completed,
        ConversationState::Unresponsive => v1::ConversationState::Unresponsive,
    }
}

const fn end_reason(value: ConversationEndReason) -> v1::ConversationEndReason {
    match value {
        ConversationEndReason::AllAnswered => v1::ConversationEndReason::AllAnswered,
        ConversationEndReason::Contacted => v1::ConversationEndReason::Contacted,
        ConversationEndReason::Converted => v1::ConversationEndReason::Converted,
        ConversationEndReason::Lost => v1::ConversationEndReason::Lost,
        ConversationEndReason::OptOut => v1::ConversationEndReason::OptOut,
        ConversationEndReason::AgentTookOver => v1::ConversationEndReason::AgentTookOver,
        ConversationEndReason::NotInterested => v1::ConversationEndReason::NotInterested,
        ConversationEndReason::Undeliverable => v1::ConversationEndReason::Undeliverable,
        ConversationEndReason::Other => v1::ConversationEndReason::Other,
    }
}

const fn kind(value: FollowUpKind) -> v1::FollowUpKind {
    match value {
        FollowUpKind::Opener => v1::FollowUpKind::Opener,
        FollowUpKind::Reminder1 => v1::FollowUpKind::Reminder1,
        FollowUpKind::Reminder2 => v1::FollowUpKind::Reminder2,
    }
}

const fn status(value: FollowUpStatus) -> v1::FollowUpStatus {
    match value {
        FollowUpStatus::Pending => v1::FollowUpStatus::Pending,
        FollowUpStatus::Claimed => v1::FollowUpStatus::Claimed,
        FollowUpStatus::Done => v1::FollowUpStatus::Done,
        FollowUpStatus::Cancelled => v1::FollowUpStatus::Cancelled,
        FollowUpStatus::Failed => v1::FollowUpStatus::Failed,
    }
}

const fn suppression_reason(value: SuppressionReason) -> v1::SuppressionReason {
    match value {
        SuppressionReason::OptOut => v1::SuppressionReason::OptOut,
        SuppressionReason::Requested => v1::SuppressionReason::Requested,
        SuppressionReason::Complaint => v1::SuppressionReason::Complaint,
        SuppressionReason::Other => v1::SuppressionReason::Other,
    }
}
