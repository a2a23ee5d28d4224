//! A customer: one phone of one tenant, and what must be remembered of it beyond any single lead.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{call::CallRecord, phone::PhoneNumber};
use crate::named_enum;

named_enum! {
    /// Why no messages may be sent to a phone.
    SuppressionReason {
        /// The customer said so in the conversation.
        OptOut = "opt_out",
        /// The customer asked the business.
        Requested = "requested",
        /// The customer complained.
        Complaint = "complaint",
        /// Anything else.
        Other = "other",
    }
}

/// The key of a customer. Sorted, so that rows are locked in one order everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerKey {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The customer's phone.
    pub phone: PhoneNumber,
}

/// What is remembered of a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Row id.
    pub id: Uuid,
    /// Tenant and phone.
    pub key: CustomerKey,
    /// The latest end of an answered call, in either direction.
    pub last_answered_at: Option<DateTime<Utc>>,
    /// The call that ended then.
    pub last_answered_call_id: Option<String>,
    /// The original call of that call, where it was a transfer.
    pub last_answered_original_call_id: Option<String>,
    /// Since when no messages may be sent.
    pub suppressed_at: Option<DateTime<Utc>>,
    /// Since when a lead of this phone was lost as `do_not_contact`; never cleared.
    pub do_not_contact_at: Option<DateTime<Utc>>,
}

impl Customer {
    /// Whether the last answered call and `call` are legs of one transferred call.
    #[must_use]
    pub fn answered_leg_of(&self, call: &CallRecord) -> bool {
        let answered =
            self.last_answered_original_call_id.as_deref().or(self.last_answered_call_id.as_deref());
        answered.is_some_and(|root| root == call.root_call_id())
    }

    /// Whether messages to this phone are forbidden for good.
    #[must_use]
    pub const fn wants_no_messages(&self) -> bool {
        self.suppressed_at.is_some() || self.do_not_contact_at.is_some()
    }
}
