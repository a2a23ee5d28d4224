//! Silence: reminders that were sent, and the end of patience.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Conversation, ConversationState, start::event};
use crate::domain::{
    event::{LeadEventKind, NewLeadEvent},
    follow_up::FollowUpKind,
    lead::{Lead, LeadStatus},
    transition::{TransitionRequest, transition},
};

/// Notes that a reminder was sent; each is noted once. Answers the history to append, or `None` where it was noted before.
pub fn reminder_sent(
    lead: &Lead,
    conversation: &mut Conversation,
    kind: FollowUpKind,
    unresponsive_delay: TimeDelta,
    actor: &str,
    now: DateTime<Utc>,
) -> Option<NewLeadEvent> {
    let sent_at = match kind {
        FollowUpKind::Opener => return None,
        FollowUpKind::Reminder1 => &mut conversation.reminder1_sent_at,
        FollowUpKind::Reminder2 => &mut conversation.reminder2_sent_at,
    };
    if sent_at.is_some() {
        return None;
    }
    *sent_at = Some(now);
    if kind == FollowUpKind::Reminder2 {
        conversation.give_up_after(unresponsive_delay, now);
    }
    conversation.touch(now);
    let mut event = event(lead, LeadEventKind::ReminderSent, conversation, actor, now);
    event.reason = Some(kind.name().to_owned());
    Some(event)
}

/// Gives a silent conversation up, and its lead with it; `None` where it is not, or no longer, time for that.
pub fn give_up(
    lead: &mut Lead,
    conversation: &mut Conversation,
    actor: &str,
    now: DateTime<Utc>,
) -> Option<Vec<NewLeadEvent>> {
    let due = conversation.give_up_at.is_some_and(|at| at <= now);
    if !due || !conversation.state.is_awaiting() {
        return None;
    }
    conversation.state = ConversationState::Unresponsive;
    conversation.give_up_at = None;
    conversation.touch(now);
    let request = TransitionRequest { to: LeadStatus::Unresponsive, lost_reason: None, note: None };
    // A lead that cannot become unresponsive, for example one that is new again, keeps its status.
    let moved = transition(lead, &request, actor, now).ok();
    Some(moved.into_iter().collect())
}
