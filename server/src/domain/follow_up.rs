//! Follow-ups: messages that are due to be sent, as leased work.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::personal::Personal;
use crate::named_enum;

named_enum! {
    /// Which message is due.
    FollowUpKind {
        /// The first message after a missed call.
        Opener = "opener",
        /// The first reminder of a round.
        Reminder1 = "reminder_1",
        /// The second and last reminder of a round.
        Reminder2 = "reminder_2",
    }
}

named_enum! {
    /// Where a follow-up stands.
    FollowUpStatus {
        /// Waiting for its due time or for a worker.
        Pending = "pending",
        /// Handed to a worker until its lease ends.
        Claimed = "claimed",
        /// Sent.
        Done = "done",
        /// No longer wanted.
        Cancelled = "cancelled",
        /// Given up after the configured number of attempts.
        Failed = "failed",
    }
}

impl FollowUpStatus {
    /// Whether it may still be sent: it waits or is being worked on.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Claimed)
    }
}

/// A follow-up with all that is stored of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowUp {
    /// Id; the key by which a sender avoids sending twice.
    pub id: Uuid,
    /// The tenant that owns the lead.
    pub tenant_id: Uuid,
    /// The lead.
    pub lead_id: Uuid,
    /// Which message.
    pub kind: FollowUpKind,
    /// The lead's round it belongs to.
    pub round: i32,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// Where it stands.
    pub status: FollowUpStatus,
    /// Proves the latest claim.
    pub claim_token: Option<Uuid>,
    /// When that claim ends.
    pub lease_until: Option<DateTime<Utc>>,
    /// How often it was handed out.
    pub attempts: i32,
    /// What its last failure was.
    pub last_error: Option<Personal>,
    /// When it was done, cancelled or given up.
    pub completed_at: Option<DateTime<Utc>>,
    /// When it was scheduled.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A follow-up that is about to be scheduled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFollowUp {
    /// Id; the key by which a sender avoids sending twice.
    pub id: Uuid,
    /// The tenant that owns the lead.
    pub tenant_id: Uuid,
    /// The lead.
    pub lead_id: Uuid,
    /// Which message.
    pub kind: FollowUpKind,
    /// The lead's round it belongs to: 1, and one more for each reopening.
    pub round: i32,
    /// When it becomes due.
    pub due_at: DateTime<Utc>,
    /// `Pending`, or `Cancelled` where the batch that scheduled it also made it needless.
    pub status: FollowUpStatus,
}
