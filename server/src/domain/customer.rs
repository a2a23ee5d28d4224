//! A customer: one phone of one tenant, and what must be remembered of it beyond any single lead.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    call::{CallRecord, Leg},
    phone::PhoneNumber,
};
use crate::named_enum;

/// How many answered calls of a phone are remembered, for the legs of the same calls that are still to be reported.
///
/// The legs of a call are reported minutes apart, so that few other calls of the same phone come between them.
pub const REMEMBERED_CALLS: usize = 32;

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

/// An answered call, or the answered leg of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsweredCall {
    /// The telephone exchange.
    pub provider: String,
    /// The exchange's id of the call.
    pub call_id: String,
    /// The call that it was transferred from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_call_id: Option<String>,
}

impl AnsweredCall {
    fn leg(&self) -> Leg<'_> {
        Leg {
            provider: &self.provider,
            call_id: &self.call_id,
            original_call_id: self.original_call_id.as_deref(),
        }
    }
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
    /// The answered calls that were reported last, at most [`REMEMBERED_CALLS`], in the order of their reports.
    pub answered_calls: Vec<AnsweredCall>,
    /// Since when no messages may be sent.
    pub suppressed_at: Option<DateTime<Utc>>,
    /// Since when a lead of this phone was lost as `do_not_contact`; never cleared.
    pub do_not_contact_at: Option<DateTime<Utc>>,
    /// When the personal data of this phone was last erased.
    pub erased_at: Option<DateTime<Utc>>,
}

impl Customer {
    /// Whether another leg of the call was answered.
    #[must_use]
    pub fn answered_leg_of(&self, call: &CallRecord) -> bool {
        self.answered_calls.iter().any(|answered| answered.leg().is_of_same_call(&call.leg()))
    }

    /// Whether this very answered call is remembered.
    #[must_use]
    pub fn remembers(&self, call: &CallRecord) -> bool {
        self.answered_calls.iter().any(|answered| answered.leg() == call.leg())
    }

    /// Remembers an answered call, in place of the first one where that would be too many.
    pub fn remember(&mut self, call: &CallRecord) {
        if self.answered_calls.len() >= REMEMBERED_CALLS {
            self.answered_calls.drain(..=self.answered_calls.len() - REMEMBERED_CALLS);
        }
        self.answered_calls.push(AnsweredCall {
            provider: call.provider.clone(),
            call_id: call.call_id.clone(),
            original_call_id: call.original_call_id.clone(),
        });
    }

    /// Whether a call that began then is from before the erasure: nothing of it may be kept but its id.
    #[must_use]
    pub fn erased_since(&self, called_at: DateTime<Utc>) -> bool {
        self.erased_at.is_some_and(|erased| called_at < erased)
    }

    /// Whether messages to this phone are forbidden for good.
    #[must_use]
    pub const fn wants_no_messages(&self) -> bool {
        self.suppressed_at.is_some() || self.do_not_contact_at.is_some()
    }
}
