//! Answered calls, in either direction: somebody spoke with the customer.

use super::{
    ledger::{Ledger, Outcome},
    routing::RoutedCall,
};
use crate::domain::{
    call::{CallKey, Disposition},
    customer::CustomerKey,
    event::LeadEventKind,
    lead::LeadStatus,
};
use uuid::Uuid;

impl Ledger {
    pub(super) fn record_answered(&mut self, call: &RoutedCall<'_>) -> Outcome {
        let Some(key) = &call.customer else {
            return Outcome { disposition: Disposition::NoCallerId, call: None, lead: None };
        };
        if self.customer(key).is_some_and(|customer| customer.erased_since(call.reported.record.called_at)) {
            return Outcome { disposition: Disposition::Answered, call: None, lead: None };
        }
        let latest = self.remember_answer(call, key);
        let returned = self.mark_returned(call, key);
        let contacted = self.contact_lead(call, key, latest, &returned);
        self.note_returned(call, &returned, contacted);
        let disposition = if contacted.is_none() && returned.is_empty() {
            Disposition::Answered
        } else {
            Disposition::Returned
        };
        let lead = contacted
            .or_else(|| returned.iter().find_map(|key| self.call(key).and_then(|call| call.lead_id)));
        Outcome { disposition, call: None, lead }
    }

    /// Remembers the call and moves `last_answered_at` forward; answers whether this is the latest answered call so far.
    fn remember_answer(&mut self, call: &RoutedCall<'_>, key: &CustomerKey) -> bool {
        let record = &call.reported.record;
        let ended_at = record.ended_at();
        let Some(customer) = self.customer(key) else { return false };
        let latest = customer.last_answered_at.is_none_or(|last| last < ended_at);
        let remembered = customer.remembers(record);
        if remembered && !latest {
            return false;
        }
        if let Some(customer) = self.change_customer(key) {
            if !remembered {
                customer.remember(record);
            }
            if latest {
                customer.last_answered_at = Some(ended_at);
                customer.last_answered_call_id = Some(record.call_id.clone());
            }
        }
        latest
    }

    fn mark_returned(&mut self, call: &RoutedCall<'_>, key: &CustomerKey) -> Vec<CallKey> {
        let record = &call.reported.record;
        let ended_at = record.ended_at();
        // A missed leg of the same transferred call was answered by this one, even if it began later.
        let returned = self.take_unreturned(key, |missed| {
            missed.called_at < ended_at || missed.leg().is_of_same_call(&record.leg())
        });
        for key in &returned {
            if let Some(missed) = self.change_call(key) {
                missed.returned_at = Some(ended_at);
                missed.returned_by_call_id = Some(record.call_id.clone());
            }
        }
        returned
    }

    /// Moves the open lead to contacted if the customer has asked for nothing since.
    fn contact_lead(
        &mut self,
        call: &RoutedCall<'_>,
        key: &CustomerKey,
        latest: bool,
        returned: &[CallKey],
    ) -> Option<Uuid> {
        let lead = self.current_lead(key)?;
        let (id, from, asked_at) = (lead.id, lead.status, lead.last_asked_at());
        let waiting = matches!(
            from,
            LeadStatus::New | LeadStatus::Qualifying | LeadStatus::Qualified | LeadStatus::Unresponsive
        );
        let asked_before = latest && asked_at < call.reported.record.ended_at();
        let asked_by_other_leg = returned
            .iter()
            .filter_map(|key| self.call(key))
            .any(|missed| missed.lead_id == Some(id) && missed.called_at == asked_at);
        if !waiting || !(asked_before || asked_by_other_leg) {
            return None;
        }
        let now = self.now;
        self.change_lead(id)?.transition(LeadStatus::Contacted, now).ok()?;
        self.lead_contacted(id);
        self.add_event(call, id, LeadEventKind::StatusChanged, (Some(from), Some(LeadStatus::Contacted)));
        Some(id)
    }

    /// Tells the history of leads that stay where they are that their calls were returned.
    fn note_returned(&mut self, call: &RoutedCall<'_>, returned: &[CallKey], contacted: Option<Uuid>) {
        let mut leads: Vec<_> = returned
            .iter()
            .filter_map(|key| self.call(key)?.lead_id)
            .filter(|lead_id| Some(*lead_id) != contacted)
            .collect();
        leads.sort_unstable();
        leads.dedup();
        for lead_id in leads {
            self.add_event(call, lead_id, LeadEventKind::CallReturned, (None, None));
        }
    }
}
