//! Moving a lead by hand: the lifecycle with its guards.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    conversation::ConversationEndReason,
    error::Error,
    event::{LeadEventKind, NewLeadEvent},
    lead::{Lead, LeadStatus, LostReason},
    personal::Personal,
};

/// A wanted transition. A loss has a reason, and no other status has; the reason `other` has a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionRequest {
    /// The new status.
    pub to: LeadStatus,
    /// Why the lead is lost.
    pub lost_reason: Option<LostReason>,
    /// A text for the history.
    pub note: Option<Personal>,
}

/// What becomes of a lead's follow-ups and running conversation when it enters a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUpEnd {
    /// Follow-ups are cancelled; the conversation is completed.
    Completed(ConversationEndReason),
    /// Follow-ups are cancelled; the conversation becomes unresponsive.
    Unresponsive,
}

/// How entering a status ends the following up; `None` where it goes on.
#[must_use]
pub const fn follow_up_end(entered: LeadStatus) -> Option<FollowUpEnd> {
    match entered {
        LeadStatus::Contacted => Some(FollowUpEnd::Completed(ConversationEndReason::Contacted)),
        LeadStatus::Converted => Some(FollowUpEnd::Completed(ConversationEndReason::Converted)),
        LeadStatus::Lost => Some(FollowUpEnd::Completed(ConversationEndReason::Lost)),
        LeadStatus::Unresponsive => Some(FollowUpEnd::Unresponsive),
        LeadStatus::New | LeadStatus::Qualifying | LeadStatus::Qualified => None,
    }
}

/// Moves a lead and answers its history.
///
/// That a phone has one open lead is not seen from here: whoever reopens checks it.
///
/// # Errors
/// [`Error::InvalidTransition`], or [`Error::NeedUnknown`] for a lead that is to be qualified without a need; the lead is unchanged.
pub fn transition(
    lead: &mut Lead,
    request: &TransitionRequest,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<NewLeadEvent, Error> {
    super::lifecycle::check(lead.status, request.to)?;
    if request.to == LeadStatus::Qualified && lead.need.is_none() {
        return Err(Error::NeedUnknown);
    }
    let from = lead.status;
    lead.transition(request.to, now)?;
    lead.lost_reason = request.lost_reason;
    let kind =
        if request.to == LeadStatus::New { LeadEventKind::Reopened } else { LeadEventKind::StatusChanged };
    Ok(NewLeadEvent {
        tenant_id: lead.tenant_id,
        lead_id: lead.id,
        kind,
        from_status: Some(from),
        to_status: Some(request.to),
        actor: actor.to_owned(),
        reason: request.lost_reason.map(|reason| reason.name().to_owned()),
        details: request.note.as_ref().map(|note| json!({ "note": note.reveal() }).into()),
        occurred_at: now,
    })
}
