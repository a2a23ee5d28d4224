//! Enum types of the columns: native types on PostgreSQL, checked text on SQLite.
//!
//! Each mirrors an enum of the domain and converts to and from it. Adding a value takes a migration: the labels are
//! part of the schema.

use sea_orm::entity::prelude::*;

use crate::domain;

/// Declares a stored enum and its conversions from and to the enum of the domain that it mirrors.
macro_rules! stored_enum {
    ($(#[$meta:meta])* $type:ident($db_name:literal) = $domain:path { $($variant:ident = $label:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
        #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = $db_name)]
        pub enum $type {
            $(
                #[doc = concat!("Stored as `", $label, "`.")]
                #[sea_orm(string_value = $label)]
                $variant
            ),+
        }

        impl From<$domain> for $type {
            fn from(value: $domain) -> Self {
                use $domain as Domain;
                match value { $(Domain::$variant => Self::$variant),+ }
            }
        }

        impl From<$type> for $domain {
            fn from(value: $type) -> Self {
                match value { $($type::$variant => Self::$variant),+ }
            }
        }
    };
}

stored_enum! {
    /// How a lead came about.
    LeadSource("lead_source") = domain::lead::LeadSource {
        MissedCall = "missed_call",
        Manual = "manual",
        Website = "website",
    }
}

stored_enum! {
    /// Where a lead stands.
    LeadStatus("lead_status") = domain::lead::LeadStatus {
        New = "new",
        Qualifying = "qualifying",
        Qualified = "qualified",
        Contacted = "contacted",
        Converted = "converted",
        Lost = "lost",
        Unresponsive = "unresponsive",
    }
}

stored_enum! {
    /// Why a lead was lost.
    LostReason("lost_reason") = domain::lead::LostReason {
        Price = "price",
        Competitor = "competitor",
        NotRelevant = "not_relevant",
        NoResponse = "no_response",
        Duplicate = "duplicate",
        Spam = "spam",
        WrongNumber = "wrong_number",
        DoNotContact = "do_not_contact",
        Other = "other",
    }
}

stored_enum! {
    /// How a call ended.
    CallOutcome("call_outcome") = domain::call::CallOutcome {
        Answered = "answered",
        NoAnswer = "no_answer",
        Cancelled = "cancelled",
        Busy = "busy",
        Abandoned = "abandoned",
        QueueTimeout = "queue_timeout",
        QueueFull = "queue_full",
        QueueEmpty = "queue_empty",
        Congestion = "congestion",
        Voicemail = "voicemail",
        VoiceEnd = "voice_end",
        NotCalled = "not_called",
        Failed = "failed",
        QueueExit = "queue_exit",
        Other = "other",
    }
}

stored_enum! {
    /// What a call did.
    CallDisposition("call_disposition") = domain::call::Disposition {
        Ignored = "ignored",
        Unrouted = "unrouted",
        Duplicate = "duplicate",
        NoCallerId = "no_caller_id",
        Returned = "returned",
        Answered = "answered",
        AlreadyReturned = "already_returned",
        Suppressed = "suppressed",
        Attached = "attached",
        LeadReopened = "lead_reopened",
        ExistingCustomer = "existing_customer",
        LeadCreated = "lead_created",
    }
}

stored_enum! {
    /// Where a conversation stands.
    ConversationState("conversation_state") = domain::conversation::ConversationState {
        AwaitingResponse = "awaiting_response",
        AwaitingName = "awaiting_name",
        AwaitingNeed = "awaiting_need",
        AwaitingPreference = "awaiting_preference",
        Completed = "completed",
        Unresponsive = "unresponsive",
    }
}

stored_enum! {
    /// Why a conversation ended.
    ConversationEndReason("conversation_end_reason") = domain::conversation::ConversationEndReason {
        AllAnswered = "all_answered",
        Contacted = "contacted",
        Converted = "converted",
        Lost = "lost",
        OptOut = "opt_out",
        AgentTookOver = "agent_took_over",
        NotInterested = "not_interested",
        Undeliverable = "undeliverable",
        Other = "other",
    }
}

stored_enum! {
    /// Which message is due.
    FollowUpKind("follow_up_kind") = domain::follow_up::FollowUpKind {
        Opener = "opener",
        Reminder1 = "reminder_1",
        Reminder2 = "reminder_2",
    }
}

stored_enum! {
    /// Where a follow-up stands.
    FollowUpStatus("follow_up_status") = domain::follow_up::FollowUpStatus {
        Pending = "pending",
        Claimed = "claimed",
        Done = "done",
        Cancelled = "cancelled",
        Failed = "failed",
    }
}

stored_enum! {
    /// Why no messages may be sent to a phone.
    SuppressionReason("suppression_reason") = domain::customer::SuppressionReason {
        OptOut = "opt_out",
        Requested = "requested",
        Complaint = "complaint",
        Other = "other",
    }
}

stored_enum! {
    /// What happened to a lead.
    LeadEventKind("lead_event_kind") = domain::event::LeadEventKind {
        Created = "created",
        CallRecorded = "call_recorded",
        CallReturned = "call_returned",
        Recaptured = "recaptured",
        StatusChanged = "status_changed",
        Reopened = "reopened",
        DetailsUpdated = "details_updated",
        ConversationStarted = "conversation_started",
        ReplyReceived = "reply_received",
        ConversationEnded = "conversation_ended",
        ReminderSent = "reminder_sent",
        OptedOut = "opted_out",
        Redacted = "redacted",
    }
}

stored_enum! {
    /// What an API token may do.
    ApiTokenRole("api_token_role") = domain::access::Role {
        Admin = "admin",
        Tenant = "tenant",
        Ingest = "ingest",
        Worker = "worker",
    }
}
