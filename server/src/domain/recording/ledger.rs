//! The state of a batch while it is decided: what was known, with the effects of the calls decided so far.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{
    Decision, Effects, Known,
    routing::{CallKind, RoutedCall},
};
use crate::domain::{
    call::{CallKey, Disposition, MissedCall},
    customer::{Customer, CustomerKey},
    event::{LeadEventKind, NewLeadEvent},
    follow_up::{FollowUpKind, FollowUpStatus, NewFollowUp},
    lead::{Lead, LeadStatus},
    tenant::Tenant,
};

/// How a value differs from what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    New,
    Changed,
}

#[derive(Debug)]
struct Tracked<T> {
    value: T,
    change: Change,
}

impl<T> Tracked<T> {
    fn change(&mut self) -> &mut T {
        if self.change == Change::None {
            self.change = Change::Changed;
        }
        &mut self.value
    }
}

/// What a call came to, by reference into the ledger.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) disposition: Disposition,
    pub(super) call: Option<CallKey>,
    pub(super) lead: Option<Uuid>,
}

/// The working state of [`super::decide`].
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) now: DateTime<Utc>,
    customers: HashMap<CustomerKey, Tracked<Customer>>,
    leads: HashMap<Uuid, Tracked<Lead>>,
    current_leads: HashMap<CustomerKey, Uuid>,
    calls: HashMap<CallKey, Tracked<MissedCall>>,
    unreturned: HashMap<CustomerKey, Vec<CallKey>>,
    contacted_leads: Vec<Uuid>,
    openers: Vec<NewFollowUp>,
    events: Vec<NewLeadEvent>,
}

impl Ledger {
    pub(super) fn new(known: Known, now: DateTime<Utc>) -> Self {
        let stored = |value| Tracked { value, change: Change::None };
        let mut unreturned: HashMap<CustomerKey, Vec<CallKey>> = HashMap::new();
        for call in &known.calls {
            if let (Some(phone), None) = (&call.caller_phone, call.returned_at) {
                let customer = CustomerKey { tenant_id: call.key.tenant_id, phone: phone.clone() };
                unreturned.entry(customer).or_default().push(call.key.clone());
            }
        }
        Self {
            now,
            customers: known
                .customers
                .into_iter()
                .map(|customer| (customer.key.clone(), Tracked { value: customer, change: Change::None }))
                .collect(),
            leads: known
                .leads
                .into_iter()
                .map(|lead| (lead.id, Tracked { value: lead, change: Change::None }))
                .collect(),
            current_leads: known.current_leads,
            calls: known.calls.into_iter().map(|call| (call.key.clone(), stored(call))).collect(),
            unreturned,
            contacted_leads: Vec::new(),
            openers: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Decides one call and enters its effects.
    pub(super) fn record(&mut self, call: &RoutedCall<'_>) -> Outcome {
        match &call.kind {
            CallKind::Missed { line } => self.record_missed(call, line),
            CallKind::Answered => self.record_answered(call),
        }
    }

    pub(super) fn customer(&self, key: &CustomerKey) -> Option<&Customer> {
        self.customers.get(key).map(|tracked| &tracked.value)
    }

    pub(super) fn change_customer(&mut self, key: &CustomerKey) -> Option<&mut Customer> {
        self.customers.get_mut(key).map(Tracked::change)
    }

    pub(super) fn current_lead(&self, key: &CustomerKey) -> Option<&Lead> {
        self.current_leads.get(key).and_then(|id| self.leads.get(id)).map(|tracked| &tracked.value)
    }

    pub(super) fn change_lead(&mut self, id: Uuid) -> Option<&mut Lead> {
        self.leads.get_mut(&id).map(Tracked::change)
    }

    pub(super) fn add_lead(&mut self, key: CustomerKey, lead: Lead) {
        self.current_leads.insert(key, lead.id);
        self.leads.insert(lead.id, Tracked { value: lead, change: Change::New });
    }

    pub(super) fn call(&self, key: &CallKey) -> Option<&MissedCall> {
        self.calls.get(key).map(|tracked| &tracked.value)
    }

    pub(super) fn change_call(&mut self, key: &CallKey) -> Option<&mut MissedCall> {
        self.calls.get_mut(key).map(Tracked::change)
    }

    pub(super) fn add_call(&mut self, customer: Option<&CustomerKey>, call: MissedCall) {
        if let (Some(customer), None) = (customer, call.returned_at) {
            self.unreturned.entry(customer.clone()).or_default().push(call.key.clone());
        }
        self.calls.insert(call.key.clone(), Tracked { value: call, change: Change::New });
    }

    /// Takes the unreturned calls of a customer that `returned` picks, and leaves the others.
    pub(super) fn take_unreturned(
        &mut self,
        customer: &CustomerKey,
        returned: impl Fn(&MissedCall) -> bool,
    ) -> Vec<CallKey> {
        let Some(keys) = self.unreturned.get_mut(customer) else { return Vec::new() };
        let calls = &self.calls;
        keys.extract_if(.., |key| calls.get(key).is_some_and(|call| returned(&call.value))).collect()
    }

    /// Notes that a lead became contacted; openers that this batch scheduled for it are needless.
    pub(super) fn lead_contacted(&mut self, lead_id: Uuid) {
        self.contacted_leads.push(lead_id);
        for opener in self.openers.iter_mut().filter(|opener| opener.lead_id == lead_id) {
            opener.status = FollowUpStatus::Cancelled;
        }
    }

    /// Schedules an opener for the lead's present round, at most one in a round.
    pub(super) fn schedule_opener(&mut self, call: &RoutedCall<'_>, lead_id: Uuid) {
        let Some(lead) = self.leads.get_mut(&lead_id) else { return };
        let round = lead.value.round();
        if lead.value.opener_round >= round {
            return;
        }
        lead.change().opener_round = round;
        // The end of a call whose clock runs ahead still lies in the future; its opener must not wait for that.
        let ended_at = call.reported.record.ended_at().min(self.now);
        self.openers.push(NewFollowUp {
            id: call.reported.fresh.opener,
            tenant_id: call.tenant.id,
            lead_id,
            kind: FollowUpKind::Opener,
            round,
            due_at: call.tenant.next_open(ended_at + call.tenant.policy.opener_delay),
            status: FollowUpStatus::Pending,
        });
    }

    /// Appends to a lead's history, with the call as its cause.
    pub(super) fn add_event(
        &mut self,
        call: &RoutedCall<'_>,
        lead_id: Uuid,
        kind: LeadEventKind,
        statuses: (Option<LeadStatus>, Option<LeadStatus>),
    ) {
        let record = &call.reported.record;
        let reason = match kind {
            LeadEventKind::StatusChanged | LeadEventKind::CallReturned => "answered_call",
            _ => "missed_call",
        };
        self.events.push(NewLeadEvent {
            tenant_id: call.tenant.id,
            lead_id,
            kind,
            from_status: statuses.0,
            to_status: statuses.1,
            actor: call.reported.actor.to_string(),
            reason: Some(reason.to_owned()),
            details: Some(json!({ "provider": record.provider, "call_id": record.call_id }).into()),
            occurred_at: self.now,
        });
    }

    /// The decision that an outcome stands for, with call and lead as they are after the batch.
    pub(super) fn decision(&self, outcome: Outcome, tenant: &Tenant) -> Decision {
        Decision {
            disposition: outcome.disposition,
            missed_call: outcome.call.and_then(|key| self.call(&key).cloned()),
            lead: outcome.lead.and_then(|id| self.leads.get(&id)).map(|tracked| tracked.value.clone()),
            region: Some(tenant.region),
        }
    }

    /// All that is to be written, in a fixed order.
    pub(super) fn into_effects(self) -> Effects {
        let (mut new_leads, mut changed_leads) = split(self.leads.into_values());
        new_leads.sort_by_key(|lead| lead.id);
        changed_leads.sort_by_key(|lead| lead.id);
        let (mut new_calls, mut changed_calls) = split(self.calls.into_values());
        // In the order of their unique key, so that two batches with the same calls never wait for each other in a circle.
        new_calls.sort_by(|a, b| a.key.cmp(&b.key));
        changed_calls.sort_by_key(|call| call.id);
        let (_, mut answered_customers) = split(self.customers.into_values());
        answered_customers.sort_by(|a, b| a.key.cmp(&b.key));
        Effects {
            new_leads,
            changed_leads,
            new_calls,
            changed_calls,
            answered_customers,
            contacted_leads: self.contacted_leads,
            openers: self.openers,
            events: self.events,
        }
    }
}

fn split<T>(values: impl Iterator<Item = Tracked<T>>) -> (Vec<T>, Vec<T>) {
    let (mut new, mut changed) = (Vec::new(), Vec::new());
    for tracked in values {
        match tracked.change {
            Change::None => {}
            Change::New => new.push(tracked.value),
            Change::Changed => changed.push(tracked.value),
        }
    }
    (new, changed)
}
