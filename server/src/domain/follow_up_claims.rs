//! Handing out a follow-up: whether it may still be sent, when, and for how long a worker may hold it.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    conversation::Conversation,
    customer::Customer,
    follow_up::{FollowUp, FollowUpKind},
    lead::{Lead, LeadStatus},
    tenant::Tenant,
};

/// What is known of a follow-up that is due.
#[derive(Clone, Copy, Debug)]
pub struct DueFollowUp<'a> {
    /// The follow-up.
    pub follow_up: &'a FollowUp,
    /// Its lead.
    pub lead: &'a Lead,
    /// The lead's customer.
    pub customer: Option<&'a Customer>,
    /// The lead's conversation.
    pub conversation: Option<&'a Conversation>,
    /// The tenant.
    pub tenant: &'a Tenant,
    /// Whether the first reminder of the lead is still to be sent or reported.
    pub first_reminder_live: bool,
}

/// What becomes of a follow-up that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A worker gets it until then.
    HandOut {
        /// When the lease ends: never later than the send window.
        lease_until: DateTime<Utc>,
    },
    /// It waits until then.
    Postpone {
        /// The new due time.
        due_at: DateTime<Utc>,
    },
    /// It must not be sent any more.
    Cancel,
}

/// Judges a follow-up that is due, by what is true now.
#[must_use]
pub fn judge(due: &DueFollowUp<'_>, lease: TimeDelta, now: DateTime<Utc>) -> Verdict {
    if !is_wanted(due) {
        return Verdict::Cancel;
    }
    if let Some(earliest) = second_reminder_from(due, now)
        && earliest > now
    {
        return Verdict::Postpone { due_at: due.tenant.next_open(earliest) };
    }
    let Some(open_at) = due.tenant.policy.send_windows.next_open(now, due.tenant.time_zone) else {
        // No window opens within a year: look again when that may have changed.
        return Verdict::Postpone { due_at: now + TimeDelta::days(1) };
    };
    if open_at > now {
        return Verdict::Postpone { due_at: open_at };
    }
    let lease_until = now + lease;
    let closes_at = due.tenant.policy.send_windows.closes_after(now, due.tenant.time_zone);
    Verdict::HandOut { lease_until: closes_at.map_or(lease_until, |closes| closes.min(lease_until)) }
}

/// From when on the second reminder may be sent, where the first bears on that. After an outage or closed windows both may be due at once:
/// the second keeps its distance from the first.
fn second_reminder_from(due: &DueFollowUp<'_>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if due.follow_up.kind != FollowUpKind::Reminder2 {
        return None;
    }
    let policy = &due.tenant.policy;
    let distance = policy.reminder_2_delay - policy.reminder_1_delay;
    if due.first_reminder_live {
        return Some(now + distance.max(MIN_REMINDER_DISTANCE));
    }
    // A first one that was sent late does not shift the second by as much: the pause before the first is enough.
    let sent_at = due.conversation?.reminder1_sent_at?;
    Some(sent_at + distance.min(policy.reminder_1_delay))
}

/// The least time between two reminders.
const MIN_REMINDER_DISTANCE: TimeDelta = TimeDelta::minutes(1);

fn is_wanted(due: &DueFollowUp<'_>) -> bool {
    if due.customer.is_some_and(Customer::wants_no_messages) || due.follow_up.round != due.lead.round() {
        return false;
    }
    match due.follow_up.kind {
        // A qualifying lead has its opener; the others that are closed or silent need none.
        FollowUpKind::Opener => {
            matches!(due.lead.status, LeadStatus::New | LeadStatus::Qualified | LeadStatus::Contacted)
        }
        FollowUpKind::Reminder1 | FollowUpKind::Reminder2 => {
            due.lead.status.is_open()
                && due.conversation.is_some_and(|conversation| conversation.state.is_awaiting())
        }
    }
}

/// The pause before a failed follow-up is tried again when the worker names none: doubled with each attempt, at most an hour.
#[must_use]
pub fn retry_pause(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or_default().min(7);
    (TimeDelta::seconds(30) * 2_i32.pow(doublings)).min(TimeDelta::hours(1))
}

#[cfg(test)]
mod tests;
