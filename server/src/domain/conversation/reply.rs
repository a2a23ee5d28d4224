//! A customer's reply: answers, a late return, or the wish to get no more messages.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Conversation, ConversationEndReason, ConversationState, start::event};
use crate::domain::{
    details::LeadDetails,
    error::Error,
    event::{LeadEventKind, NewLeadEvent},
    lead::{Lead, LeadStatus},
    qualification::missing,
    transition::{TransitionRequest, transition},
};

/// What a customer said.
#[derive(Clone, Debug)]
pub struct Reply<'a> {
    /// The answers in it.
    pub answers: &'a LeadDetails,
    /// Whether it asks for no more messages.
    pub opt_out: bool,
    /// Who reports it.
    pub actor: &'a str,
    /// From a reply to giving up, once both reminders are out.
    pub unresponsive_delay: TimeDelta,
}

/// What a reply does beside changing lead and conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplyEffects {
    /// History to append.
    pub events: Vec<NewLeadEvent>,
    /// Whether reminders that were not sent are cancelled; else they move, counted from this reply.
    pub cancel_reminders: bool,
}

/// Takes a reply into lead and conversation.
///
/// # Errors
/// [`Error::ConversationEnded`] for a conversation that is over, unless the reply opts out; nothing is changed then.
pub fn reply(
    reply: &Reply<'_>,
    lead: &mut Lead,
    conversation: &mut Conversation,
    now: DateTime<Utc>,
) -> Result<ReplyEffects, Error> {
    let ended = conversation.state == ConversationState::Completed;
    if ended && !reply.opt_out {
        return Err(Error::ConversationEnded);
    }
    let mut events = Vec::new();
    if !ended {
        if !reply.answers.fill(lead).is_empty() {
            lead.touch(now);
        }
        conversation.last_reply_at = Some(now);
        conversation.touch(now);
    }
    if reply.opt_out {
        if conversation.state.is_awaiting() {
            conversation.complete(ConversationEndReason::OptOut, now);
        }
        events.push(event(lead, LeadEventKind::OptedOut, conversation, reply.actor, now));
        return Ok(ReplyEffects { events, cancel_reminders: true });
    }

    let late = conversation.state == ConversationState::Unresponsive;
    let next = missing(lead).next();
    match next {
        Some(question) => {
            conversation.state = ConversationState::asking(question);
            // Only a conversation whose reminders are out is waiting for its end.
            if late || conversation.give_up_at.is_some() {
                conversation.give_up_after(reply.unresponsive_delay, now);
            }
        }
        None => conversation.complete(ConversationEndReason::AllAnswered, now),
    }
    events.push(event(lead, LeadEventKind::ReplyReceived, conversation, reply.actor, now));
    let mut go = |lead: &mut Lead, to| {
        let request = TransitionRequest { to, lost_reason: None, note: None };
        transition(lead, &request, reply.actor, now).map(|event| events.push(event))
    };
    if late && matches!(lead.status, LeadStatus::Unresponsive | LeadStatus::New) {
        go(lead, LeadStatus::Qualifying)?;
    }
    if next.is_none() && matches!(lead.status, LeadStatus::New | LeadStatus::Qualifying) {
        go(lead, LeadStatus::Qualified)?;
    }
    Ok(ReplyEffects { events, cancel_reminders: next.is_none() })
}
