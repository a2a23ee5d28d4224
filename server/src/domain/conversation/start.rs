//! Starting a conversation: the opener was sent.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{Conversation, ConversationEndReason, ConversationState};
use crate::domain::{
    customer::Customer,
    error::Error,
    event::{LeadEventKind, NewLeadEvent},
    follow_up::{FollowUpKind, FollowUpStatus, NewFollowUp},
    lead::{Lead, LeadStatus},
    personal::Personal,
    tenant::Tenant,
    transition::{FollowUpEnd, TransitionRequest, follow_up_end, transition},
};

/// An opener that was sent.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The tenant.
    pub tenant: &'a Tenant,
    /// WhatsApp's id of the thread.
    pub whatsapp_conversation_id: Option<&'a Personal>,
    /// Who reports it.
    pub actor: &'a str,
    /// Id for a conversation that is made.
    pub conversation_id: Uuid,
    /// Ids for the two reminders.
    pub reminder_ids: [Uuid; 2],
}

/// What a start came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Started {
    /// The round has a conversation already; nothing changes.
    Already,
    /// A conversation was made, or goes into its next round.
    Now {
        /// The conversation.
        conversation: Box<Conversation>,
        /// Reminders to schedule.
        reminders: Vec<NewFollowUp>,
        /// History to append.
        events: Vec<NewLeadEvent>,
    },
}

/// Starts the conversation of `lead`, whose earlier one, if any, is `existing`.
///
/// A lead that was contacted or closed while the opener was on its way gets a conversation that is over at once.
///
/// # Errors
/// None that the lifecycle of a new lead can give; kept for the type of the transition.
pub fn start(
    start: &Start<'_>,
    lead: &mut Lead,
    customer: &Customer,
    existing: Option<&Conversation>,
    now: DateTime<Utc>,
) -> Result<Started, Error> {
    if existing.is_some_and(|conversation| !conversation.is_of_an_earlier_round(lead)) {
        return Ok(Started::Already);
    }
    let mut conversation = opened(start, lead, existing, now);
    let mut events = vec![event(lead, LeadEventKind::ConversationStarted, &conversation, start.actor, now)];
    match follow_up_end(lead.status) {
        Some(FollowUpEnd::Completed(reason)) => conversation.complete(reason, now),
        Some(FollowUpEnd::Unresponsive) => conversation.state = ConversationState::Unresponsive,
        None => {}
    }
    let mut reminders = Vec::new();
    if conversation.state.is_awaiting() {
        if lead.status == LeadStatus::New {
            let request = TransitionRequest { to: LeadStatus::Qualifying, lost_reason: None, note: None };
            events.push(transition(lead, &request, start.actor, now)?);
        }
        lead.opener_round = lead.round();
        if customer.wants_no_messages() {
            // Nothing will be sent, so nothing but a reply or the time ends this conversation.
            let policy = &start.tenant.policy;
            conversation.give_up_after(policy.reminder_2_delay + policy.unresponsive_delay, now);
        } else {
            reminders = schedule(start, lead, now);
        }
    }
    Ok(Started::Now { conversation: Box::new(conversation), reminders, events })
}

fn opened(
    start: &Start<'_>,
    lead: &Lead,
    existing: Option<&Conversation>,
    now: DateTime<Utc>,
) -> Conversation {
    let whatsapp = start.whatsapp_conversation_id.cloned();
    Conversation {
        id: existing.map_or(start.conversation_id, |conversation| conversation.id),
        tenant_id: lead.tenant_id,
        lead_id: lead.id,
        state: ConversationState::AwaitingResponse,
        round: existing.map_or(1, |conversation| conversation.round + 1),
        whatsapp_conversation_id: whatsapp.or_else(|| existing?.whatsapp_conversation_id.clone()),
        opened_at: now,
        last_reply_at: existing.and_then(|conversation| conversation.last_reply_at),
        reminder1_sent_at: None,
        reminder2_sent_at: None,
        give_up_at: None,
        completed_at: None,
        end_reason: None::<ConversationEndReason>,
        version: existing.map_or(1, |conversation| conversation.version + 1),
        created_at: existing.map_or(now, |conversation| conversation.created_at),
        updated_at: now,
    }
}

/// The two reminders, counted from the opener and moved into the tenant's send windows.
fn schedule(start: &Start<'_>, lead: &Lead, now: DateTime<Utc>) -> Vec<NewFollowUp> {
    let (tenant, policy) = (start.tenant, &start.tenant.policy);
    [(FollowUpKind::Reminder1, policy.reminder_1_delay), (FollowUpKind::Reminder2, policy.reminder_2_delay)]
        .into_iter()
        .zip(start.reminder_ids)
        .map(|((kind, delay), id)| NewFollowUp {
            id,
            tenant_id: tenant.id,
            lead_id: lead.id,
            kind,
            round: lead.round(),
            due_at: tenant.next_open(now + delay),
            status: FollowUpStatus::Pending,
        })
        .collect()
}

/// An event of the lead's history about its conversation.
pub(super) fn event(
    lead: &Lead,
    kind: LeadEventKind,
    conversation: &Conversation,
    actor: &str,
    now: DateTime<Utc>,
) -> NewLeadEvent {
    NewLeadEvent {
        tenant_id: lead.tenant_id,
        lead_id: lead.id,
        kind,
        from_status: None,
        to_status: None,
        actor: actor.to_owned(),
        reason: conversation.end_reason.map(|reason| reason.name().to_owned()),
        details: Some(json!({ "round": conversation.round, "state": conversation.state.name() }).into()),
        occurred_at: now,
    }
}
