//! What a call does: from a reported call and what is known, to a disposition and its effects.
//!
//! Recording goes in three steps, each a pure function between two pieces of I/O:
//!
//! 1. [`route`](routing::Directory::route): which tenant a call belongs to and whether it is missed, answered or neither;
//! 2. storage locks the customers of the routed calls and loads [`Known`];
//! 3. [`decide`]: the dispositions of all calls of the batch, and the [`Effects`] to be written in the same transaction.

mod answered;
mod ledger;
mod missed;
pub mod routing;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use self::{ledger::Ledger, routing::RoutedCall};
use super::{
    call::{CallRecord, Disposition, MissedCall},
    customer::{Customer, CustomerKey},
    event::NewLeadEvent,
    follow_up::NewFollowUp,
    lead::Lead,
    phone::Region,
};

/// A reported call with what the decision needs beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportedCall {
    /// The call.
    pub record: CallRecord,
    /// When its record first arrived.
    pub received_at: DateTime<Utc>,
    /// Who reported it.
    pub actor: Arc<str>,
    /// Whether the reporter may report calls of the record's tenant alone: a number of another tenant is then as good as unknown.
    pub confined: bool,
    /// Ids for what the call may create; fixed on arrival, so that a repeated transaction writes the same rows.
    pub fresh: FreshIds,
}

/// Ids for the rows that one call may create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreshIds {
    /// For the missed call.
    pub missed_call: Uuid,
    /// For the lead.
    pub lead: Uuid,
    /// For the opener.
    pub opener: Uuid,
}

/// What is stored about the customers and calls of a batch, read after the customers were locked.
#[derive(Debug, Default)]
pub struct Known {
    /// Every customer of the batch.
    pub customers: Vec<Customer>,
    /// For each customer the open lead, else the latest; and the leads of calls that are recorded already.
    pub leads: Vec<Lead>,
    /// The current lead of each customer that has one, by id.
    pub current_leads: HashMap<CustomerKey, Uuid>,
    /// Calls of the batch that are recorded already, and the unreturned calls of customers with an answered call in the batch.
    pub calls: Vec<MissedCall>,
}

/// What a call did.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The row of the decision table that fitted.
    pub disposition: Disposition,
    /// The missed call as it stands after the batch.
    pub missed_call: Option<MissedCall>,
    /// The lead as it stands after the batch.
    pub lead: Option<Lead>,
    /// The region of the call's tenant, for showing phones; absent when it has none.
    pub region: Option<Region>,
}

impl Decision {
    /// A decision that touches nothing.
    #[must_use]
    pub const fn bare(disposition: Disposition) -> Self {
        Self { disposition, missed_call: None, lead: None, region: None }
    }
}

/// What is to be written, each kind in bulk.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    /// Leads that are new.
    pub new_leads: Vec<Lead>,
    /// Leads that changed.
    pub changed_leads: Vec<Lead>,
    /// Missed calls that are new.
    pub new_calls: Vec<MissedCall>,
    /// Stored missed calls whose optional fields were filled or that were marked as returned.
    pub changed_calls: Vec<MissedCall>,
    /// Customers whose last answered call changed.
    pub answered_customers: Vec<Customer>,
    /// Leads that became contacted: their live follow-ups are cancelled and a running conversation ends.
    pub contacted_leads: Vec<Uuid>,
    /// Openers to schedule.
    pub openers: Vec<NewFollowUp>,
    /// History to append.
    pub events: Vec<NewLeadEvent>,
}

/// Decides a batch, customer by customer in the order of the calls' beginning, each call seeing the effects of those before it.
///
/// Answers one decision for each call, in the order of `calls`.
#[must_use]
pub fn decide(calls: &[RoutedCall<'_>], known: Known, now: DateTime<Utc>) -> (Vec<Decision>, Effects) {
    let mut order: Vec<usize> = (0..calls.len()).collect();
    order.sort_by_key(|&index| (&calls[index].customer, calls[index].reported.record.called_at, index));

    let mut ledger = Ledger::new(known, now);
    let mut outcomes = vec![None; calls.len()];
    for index in order {
        outcomes[index] = Some(ledger.record(&calls[index]));
    }
    let decisions = outcomes
        .into_iter()
        .flatten()
        .zip(calls)
        .map(|(outcome, call)| ledger.decision(outcome, &call.tenant))
        .collect();
    (decisions, ledger.into_effects())
}
