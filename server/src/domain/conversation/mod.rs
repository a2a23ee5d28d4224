//! The chatbot conversation of a lead: its states, and what moves it from one to another.
//!
//! | from | event | to |
//! |---|---|---|
//! | – | start | `AwaitingResponse`, round 1 |
//! | `Completed`, `Unresponsive`, lead reopened since | start | `AwaitingResponse`, next round |
//! | awaiting, `Unresponsive` | reply | the first question that is open; none: `Completed`, lead qualified |
//! | awaiting, `Unresponsive` | closed, lead contacted, lost or converted | `Completed` |
//! | awaiting | lead unresponsive | `Unresponsive` |
//! | any | opt-out | the phone is suppressed; awaiting: `Completed` |

mod close;
mod reply;
mod silence;
mod start;
#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

pub use self::{
    close::close,
    reply::{Reply, ReplyEffects, reply},
    silence::{give_up, reminder_sent},
    start::{Start, Started, start},
};
use super::{lead::Lead, personal::Personal, qualification::Question};
use crate::named_enum;

named_enum! {
    /// Where a conversation stands.
    ConversationState {
        /// The opener was sent and nothing came back yet.
        AwaitingResponse = "awaiting_response",
        /// The customer's name is asked for.
        AwaitingName = "awaiting_name",
        /// The customer's need is asked for.
        AwaitingNeed = "awaiting_need",
        /// The preferred way of contact is asked for.
        AwaitingPreference = "awaiting_preference",
        /// Ended.
        Completed = "completed",
        /// Both reminders went unanswered.
        Unresponsive = "unresponsive",
    }
}

named_enum! {
    /// Why a conversation ended.
    ConversationEndReason {
        /// Name, need and preference are all known.
        AllAnswered = "all_answered",
        /// A person spoke with the customer.
        Contacted = "contacted",
        /// The lead was converted.
        Converted = "converted",
        /// The lead was lost.
        Lost = "lost",
        /// The customer asked for no more messages.
        OptOut = "opt_out",
        /// A person took the conversation over.
        AgentTookOver = "agent_took_over",
        /// The customer is not interested.
        NotInterested = "not_interested",
        /// Messages cannot be delivered.
        Undeliverable = "undeliverable",
        /// Anything else.
        Other = "other",
    }
}

impl ConversationState {
    /// Whether the customer's next answer is waited for.
    #[must_use]
    pub const fn is_awaiting(self) -> bool {
        matches!(
            self,
            Self::AwaitingResponse | Self::AwaitingName | Self::AwaitingNeed | Self::AwaitingPreference
        )
    }

    /// The state in which `question` is asked next.
    #[must_use]
    pub const fn asking(question: Question) -> Self {
        match question {
            Question::Name => Self::AwaitingName,
            Question::Need => Self::AwaitingNeed,
            Question::Preference => Self::AwaitingPreference,
        }
    }
}

/// A conversation with all that is stored of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// Id.
    pub id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// The lead; it has at most one conversation.
    pub lead_id: Uuid,
    /// Where it stands.
    pub state: ConversationState,
    /// 1, and one more for each start after a reopening.
    pub round: i32,
    /// WhatsApp's id of the thread.
    pub whatsapp_conversation_id: Option<Personal>,
    /// When the opener of this round was sent.
    pub opened_at: DateTime<Utc>,
    /// When the customer last replied.
    pub last_reply_at: Option<DateTime<Utc>>,
    /// When the first reminder of this round was sent.
    pub reminder1_sent_at: Option<DateTime<Utc>>,
    /// When the second reminder of this round was sent.
    pub reminder2_sent_at: Option<DateTime<Utc>>,
    /// When it becomes unresponsive if no reply comes; set once the second reminder was sent or given up.
    pub give_up_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub completed_at: Option<DateTime<Utc>>,
    /// Why it ended.
    pub end_reason: Option<ConversationEndReason>,
    /// Grows by one with each change; the etag.
    pub version: i64,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Conversation {
    /// Ends the conversation.
    pub(super) fn complete(&mut self, reason: ConversationEndReason, now: DateTime<Utc>) {
        self.state = ConversationState::Completed;
        self.end_reason = Some(reason);
        self.completed_at = Some(now);
        self.give_up_at = None;
    }

    /// Marks the conversation as changed.
    pub const fn touch(&mut self, now: DateTime<Utc>) {
        self.version += 1;
        self.updated_at = now;
    }

    /// Sets when the conversation is given up: `delay` after the second reminder or the last reply, whichever is later.
    pub fn give_up_after(&mut self, delay: TimeDelta, now: DateTime<Utc>) {
        if self.state.is_awaiting() {
            self.give_up_at = Some(now + delay);
        }
    }

    /// Whether the lead was reopened after this conversation was started.
    fn is_of_an_earlier_round(&self, lead: &Lead) -> bool {
        !self.state.is_awaiting() && lead.reopened_at.is_some_and(|reopened| reopened > self.opened_at)
    }
}
