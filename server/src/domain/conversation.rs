//! The chatbot conversation of a lead.

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
