//! Ending a conversation by hand.

use chrono::{DateTime, Utc};

use super::{Conversation, ConversationEndReason, ConversationState, start::event};
use crate::domain::{
    error::Error,
    event::{LeadEventKind, NewLeadEvent},
    lead::Lead,
};

/// Ends a conversation that is not over; the lead's status stays. Answers the history to append.
///
/// # Errors
/// [`Error::ConversationEnded`] for a conversation that is over.
pub fn close(
    lead: &Lead,
    conversation: &mut Conversation,
    reason: ConversationEndReason,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<NewLeadEvent, Error> {
    if conversation.state == ConversationState::Completed {
        return Err(Error::ConversationEnded);
    }
    conversation.complete(reason, now);
    conversation.touch(now);
    Ok(event(lead, LeadEventKind::ConversationEnded, conversation, actor, now))
}
