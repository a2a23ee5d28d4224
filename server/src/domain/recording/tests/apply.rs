//! Applying what was decided, with the refusals of the database.

use std::collections::BTreeSet;

use super::world::World;
use crate::domain::{call::MissedCall, customer::Customer, lead::Lead, recording::Effects};

impl World {
    pub(super) fn apply(&mut self, effects: &Effects) {
        for lead_id in &effects.contacted_leads {
            self.cancel_openers(*lead_id);
        }
        for lead in &effects.new_leads {
            assert!(self.leads.insert(lead.id, lead.clone()).is_none(), "the lead's id was used before");
        }
        for changed in &effects.changed_leads {
            let stored = self.leads.get_mut(&changed.id).expect("a changed lead is stored");
            assert!(changed.version > stored.version, "a changed lead has a new version");
            *stored = written_lead(stored, changed);
            assert_eq!(stored, changed, "recording changed a column that it does not write");
        }
        for call in &effects.new_calls {
            assert!(self.calls.values().all(|kept| kept.id != call.id), "the call's id was used before");
            assert!(self.calls.insert(call.key.clone(), call.clone()).is_none(), "the call was kept before");
        }
        for changed in &effects.changed_calls {
            let stored = self.calls.get_mut(&changed.key).expect("a changed call is stored");
            assert_ne!(stored, changed, "an unchanged call is not written");
            *stored = written_call(stored, changed);
            assert_eq!(stored, changed, "recording changed a column that it does not write");
        }
        for changed in &effects.answered_customers {
            let stored = self.customers.get_mut(&changed.key).expect("a changed customer is stored");
            assert_ne!(stored, changed, "an unchanged customer is not written");
            *stored = written_customer(stored, changed);
            assert_eq!(stored, changed, "recording changed a column that it does not write");
        }
        for opener in &effects.openers {
            assert!(self.leads.contains_key(&opener.lead_id));
            let before = self.follow_ups.insert(opener.id, opener.clone());
            assert_eq!(before, None, "the opener's id was used before");
        }
        assert!(effects.events.iter().all(|event| self.leads.contains_key(&event.lead_id)));
        self.events.extend(effects.events.iter().cloned());
        self.check_unique();
    }

    /// The partial unique indexes, and foreign keys.
    fn check_unique(&self) {
        let mut open = BTreeSet::new();
        for lead in self.leads.values().filter(|lead| lead.status.is_open()) {
            let phone = (lead.tenant_id, &lead.customer_phone);
            assert!(open.insert(phone), "a phone has two open leads");
        }
        let mut live = BTreeSet::new();
        for follow_up in self.follow_ups.values().filter(|follow_up| follow_up.status.is_live()) {
            assert!(live.insert(follow_up.lead_id), "a lead has two live openers");
        }
        let leads_of_calls = self.calls.values().filter_map(|call| call.lead_id);
        let previous_leads = self.leads.values().filter_map(|lead| lead.previous_lead_id);
        assert!(leads_of_calls.chain(previous_leads).all(|id| self.leads.contains_key(&id)));
    }
}

fn written_lead(stored: &Lead, changed: &Lead) -> Lead {
    Lead {
        status: changed.status,
        lost_reason: changed.lost_reason,
        call_count: changed.call_count,
        last_call_at: changed.last_call_at,
        contacted_at: changed.contacted_at,
        reopened_at: changed.reopened_at,
        reopen_count: changed.reopen_count,
        opener_round: changed.opener_round,
        version: changed.version,
        updated_at: changed.updated_at,
        ..stored.clone()
    }
}

fn written_call(stored: &MissedCall, changed: &MissedCall) -> MissedCall {
    MissedCall {
        original_call_id: changed.original_call_id.clone(),
        provider_status: changed.provider_status.clone(),
        ring_duration_ms: changed.ring_duration_ms,
        queue_name: changed.queue_name.clone(),
        representative_name: changed.representative_name.clone(),
        ivr_path: changed.ivr_path.clone(),
        recording_url: changed.recording_url.clone(),
        custom_data: changed.custom_data.clone(),
        returned_at: changed.returned_at,
        returned_by_call_id: changed.returned_by_call_id.clone(),
        ..stored.clone()
    }
}

fn written_customer(stored: &Customer, changed: &Customer) -> Customer {
    Customer {
        last_answered_at: changed.last_answered_at,
        last_answered_call_id: changed.last_answered_call_id.clone(),
        answered_calls: changed.answered_calls.clone(),
        ..stored.clone()
    }
}
