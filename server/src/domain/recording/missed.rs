//! Missed calls: the rows of the decision table from "same call again" to "anything else".

use super::{
    ledger::{Ledger, Outcome},
    routing::RoutedCall,
};
use crate::domain::{
    call::{Disposition, MissedCall},
    customer::{Customer, CustomerKey},
    event::LeadEventKind,
    lead::{Lead, LeadSource, LeadStatus, LostReason, NewLead},
    phone::PhoneNumber,
};
use uuid::Uuid;

/// What a missed call does to the caller's current lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// The call is kept without a lead.
    KeepAlone(Disposition),
    /// The call is counted on the lead; an opener is scheduled only where allowed.
    Count { disposition: Disposition, opener: bool },
    /// The lead becomes new again.
    Reopen,
    /// A new lead is made.
    Create,
}

impl Ledger {
    pub(super) fn record_missed(&mut self, call: &RoutedCall<'_>, line: &PhoneNumber) -> Outcome {
        let record = &call.reported.record;
        let call_key = call.call_key();
        if let Some(kept) = self.call(&call_key) {
            let lead = kept.lead_id;
            let mut filled = kept.clone();
            if filled.fill_from(record)
                && let Some(kept) = self.change_call(&call_key)
            {
                *kept = filled;
            }
            return Outcome { disposition: Disposition::Duplicate, call: Some(call_key), lead };
        }
        let Some(key) = &call.customer else {
            return self.keep(call, line, None, Disposition::NoCallerId, None);
        };
        let Some(customer) = self.customer(key).cloned() else {
            return self.keep(call, line, None, Disposition::NoCallerId, None);
        };
        if customer.erased_since(record.called_at) {
            return self.keep(call, line, Some(&customer), Disposition::Suppressed, None);
        }
        // The answered leg did all there is to do when it came.
        if customer.answered_leg_of(record) {
            return Outcome { disposition: Disposition::Answered, call: None, lead: None };
        }

        let lead = self.current_lead(key);
        match effect(call, &customer, lead) {
            Effect::KeepAlone(disposition) => self.keep(call, line, Some(&customer), disposition, None),
            Effect::Count { disposition, opener } => {
                let lead_id = lead.map(|lead| lead.id);
                self.count(call, lead_id);
                if let Some(lead_id) = lead_id
                    && opener
                    && self.may_message(call, &customer)
                {
                    self.schedule_opener(call, lead_id);
                }
                self.keep(call, line, Some(&customer), disposition, lead_id)
            }
            Effect::Reopen => {
                let lead_id = lead.map(|lead| lead.id);
                self.reopen(call, &customer, lead_id);
                self.keep(call, line, Some(&customer), Disposition::LeadReopened, lead_id)
            }
            Effect::Create => {
                let lead_id = self.create(call, key, &customer);
                self.keep(call, line, Some(&customer), Disposition::LeadCreated, Some(lead_id))
            }
        }
    }

    /// Whether an opener may follow this call: the phone takes messages and the call is recent.
    fn may_message(&self, call: &RoutedCall<'_>, customer: &Customer) -> bool {
        let policy = &call.tenant.policy;
        let age = self.now - call.reported.record.called_at;
        !customer.wants_no_messages()
            && (policy.opener_to_non_mobile || customer.key.phone.is_mobile())
            && age <= policy.stale_call_after
    }

    fn count(&mut self, call: &RoutedCall<'_>, lead_id: Option<Uuid>) {
        let now = self.now;
        let Some(lead) = lead_id.and_then(|id| self.change_lead(id)) else { return };
        lead.count_call(call.reported.record.called_at);
        lead.touch(now);
        let id = lead.id;
        self.add_event(call, id, LeadEventKind::CallRecorded, (None, None));
    }

    fn reopen(&mut self, call: &RoutedCall<'_>, customer: &Customer, lead_id: Option<Uuid>) {
        let now = self.now;
        let Some(lead) = lead_id.and_then(|id| self.change_lead(id)) else { return };
        let (id, from) = (lead.id, lead.status);
        if lead.transition(LeadStatus::New, now).is_err() {
            return;
        }
        lead.count_call(call.reported.record.called_at);
        self.add_event(call, id, LeadEventKind::Reopened, (Some(from), Some(LeadStatus::New)));
        if self.may_message(call, customer) {
            self.schedule_opener(call, id);
        }
    }

    fn create(&mut self, call: &RoutedCall<'_>, key: &CustomerKey, customer: &Customer) -> Uuid {
        let new = NewLead {
            id: call.reported.fresh.lead,
            tenant_id: call.tenant.id,
            source: LeadSource::MissedCall,
            customer_phone: key.phone.clone(),
            previous_lead_id: self.current_lead(key).map(|lead| lead.id),
        };
        let mut lead = Lead::new(new, self.now);
        lead.count_call(call.reported.record.called_at);
        let id = lead.id;
        self.add_lead(key.clone(), lead);
        self.add_event(call, id, LeadEventKind::Created, (None, Some(LeadStatus::New)));
        if self.may_message(call, customer) {
            self.schedule_opener(call, id);
        }
        id
    }

    fn keep(
        &mut self,
        call: &RoutedCall<'_>,
        line: &PhoneNumber,
        customer: Option<&Customer>,
        disposition: Disposition,
        lead_id: Option<Uuid>,
    ) -> Outcome {
        let record = &call.reported.record;
        let returned = customer.filter(|_| disposition == Disposition::AlreadyReturned);
        let mut kept = MissedCall {
            id: call.reported.fresh.missed_call,
            key: call.call_key(),
            original_call_id: record.original_call_id.clone(),
            caller_phone: call.customer.as_ref().map(|key| key.phone.clone()),
            caller_raw: record.customer_raw.clone(),
            business_phone: line.clone(),
            outcome: record.outcome,
            provider_status: record.provider_status.clone(),
            called_at: record.called_at,
            ended_at: record.ended_at(),
            received_at: call.reported.received_at,
            processed_at: self.now,
            duration_ms: record.duration_ms,
            ring_duration_ms: record.ring_duration_ms,
            queue_name: record.queue_name.clone(),
            representative_name: record.representative_name.clone(),
            ivr_path: record.ivr_path.clone(),
            recording_url: record.recording_url.clone(),
            custom_data: record.custom_data.clone(),
            lead_id,
            disposition,
            returned_at: returned.and_then(|customer| customer.last_answered_at),
            returned_by_call_id: returned.and_then(|customer| customer.last_answered_call_id.clone()),
            redacted_at: None,
        };
        let erased = customer.is_some_and(|customer| customer.erased_since(record.called_at));
        if erased {
            kept.redact(self.now);
        }
        let key = kept.key.clone();
        self.add_call(call.customer.as_ref().filter(|_| !erased), kept);
        Outcome { disposition, call: Some(key), lead: lead_id }
    }
}

fn effect(call: &RoutedCall<'_>, customer: &Customer, lead: Option<&Lead>) -> Effect {
    let called_at = call.reported.record.called_at;
    let policy = &call.tenant.policy;
    if customer.last_answered_at.is_some_and(|answered| answered > called_at) {
        let disposition = Disposition::AlreadyReturned;
        return match lead {
            Some(_) => Effect::Count { disposition, opener: false },
            None => Effect::KeepAlone(disposition),
        };
    }
    let Some(lead) = lead else { return Effect::Create };
    let since_closing = lead.closed_at().map(|closed| called_at - closed);
    let within = |window| since_closing.is_some_and(|since| since <= window);
    let before_closing = since_closing.is_some_and(|since| since < chrono::TimeDelta::zero());
    match (lead.status, lead.lost_reason) {
        (LeadStatus::Lost, Some(LostReason::Spam | LostReason::WrongNumber)) => {
            Effect::KeepAlone(Disposition::Suppressed)
        }
        // A lead is qualifying because its opener was sent, whoever scheduled it.
        (LeadStatus::Qualifying, _) => Effect::Count { disposition: Disposition::Attached, opener: false },
        (LeadStatus::New | LeadStatus::Qualified | LeadStatus::Contacted, _) => {
            Effect::Count { disposition: Disposition::Attached, opener: true }
        }
        (LeadStatus::Unresponsive | LeadStatus::Lost, _) if before_closing => {
            Effect::Count { disposition: Disposition::Attached, opener: false }
        }
        (LeadStatus::Unresponsive, _) => Effect::Reopen,
        (LeadStatus::Lost, _) if within(policy.lost_reopen_window) => Effect::Reopen,
        (LeadStatus::Converted, _) if within(policy.returning_customer_window) => {
            Effect::Count { disposition: Disposition::ExistingCustomer, opener: false }
        }
        (LeadStatus::Lost | LeadStatus::Converted, _) => Effect::Create,
    }
}
