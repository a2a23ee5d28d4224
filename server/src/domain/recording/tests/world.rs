//! What is stored, as far as recording sees it: each batch is routed, loaded, decided and applied as storage does it.
//!
//! Applying checks what the database would refuse: ids and keys twice, a second open lead of a phone, a second live opener of a lead,
//! and changes in columns that recording does not write.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{LINE, SECOND_LINE, at, phone};
use crate::domain::{
    call::{CallKey, CallRecord, Disposition, MissedCall},
    customer::{Customer, CustomerKey},
    event::{LeadEventKind, NewLeadEvent},
    follow_up::NewFollowUp,
    lead::{Lead, LeadStatus},
    phone::Region,
    policy::TenantPolicy,
    recording::{
        Decision, Effects, FreshIds, Known, ReportedCall, decide,
        routing::{Directory, Route, RoutedCall},
    },
    tenant::{BusinessLine, Tenant},
};

/// The tenant of all stories about one tenant.
pub(super) const TENANT: Uuid = Uuid::from_u128(1);

#[derive(Clone, Debug, PartialEq)]
pub(super) struct World {
    pub(super) now: DateTime<Utc>,
    pub(super) tenant: Tenant,
    pub(super) lines: Vec<BusinessLine>,
    pub(super) customers: BTreeMap<CustomerKey, Customer>,
    pub(super) leads: BTreeMap<Uuid, Lead>,
    pub(super) calls: BTreeMap<CallKey, MissedCall>,
    pub(super) follow_ups: BTreeMap<Uuid, NewFollowUp>,
    pub(super) events: Vec<NewLeadEvent>,
    last_id: u128,
}

pub(super) fn tenant(id: Uuid) -> Tenant {
    Tenant {
        id,
        name: "Locksmith".to_owned(),
        region: Region::ISRAEL,
        time_zone: chrono_tz::Asia::Jerusalem,
        policy: TenantPolicy::default(),
        version: 1,
        created_at: at(-10_000),
        updated_at: at(-10_000),
    }
}

pub(super) fn line(tenant_id: Uuid, raw: &str) -> BusinessLine {
    BusinessLine {
        id: Uuid::from_u128(2),
        tenant_id,
        phone: phone(raw),
        label: None,
        calls_since: None,
        released_at: None,
        created_at: at(-10_000),
        updated_at: at(-10_000),
    }
}

pub(super) fn customer_key(raw: &str) -> CustomerKey {
    CustomerKey { tenant_id: TENANT, phone: phone(raw) }
}

impl World {
    /// One tenant with two lines, an hour after noon.
    pub(super) fn new() -> Self {
        Self {
            now: at(60),
            tenant: tenant(TENANT),
            lines: vec![line(TENANT, LINE), line(TENANT, SECOND_LINE)],
            customers: BTreeMap::new(),
            leads: BTreeMap::new(),
            calls: BTreeMap::new(),
            follow_ups: BTreeMap::new(),
            events: Vec::new(),
            last_id: 1_000,
        }
    }

    pub(super) fn new_id(&mut self) -> Uuid {
        self.last_id += 1;
        Uuid::from_u128(self.last_id)
    }

    /// Records one call.
    pub(super) fn record(&mut self, call: CallRecord) -> Decision {
        self.record_with_effects(vec![call]).0.remove(0)
    }

    /// Records one call and answers only what it did.
    pub(super) fn disposition(&mut self, call: CallRecord) -> Disposition {
        self.record(call).disposition
    }

    /// Records a batch.
    pub(super) fn record_batch(&mut self, calls: Vec<CallRecord>) -> Vec<Decision> {
        self.record_with_effects(calls).0
    }

    pub(super) fn record_with_effects(&mut self, calls: Vec<CallRecord>) -> (Vec<Decision>, Effects) {
        let reported: Vec<_> = calls.into_iter().map(|record| self.report(record)).collect();
        let directory = Directory::new(self.lines.clone(), vec![self.tenant.clone()]);
        let mut decisions: Vec<Option<Decision>> = Vec::new();
        let mut routed = Vec::new();
        for call in &reported {
            decisions.push(match directory.route(call, Region::ISRAEL).unwrap() {
                Route::Ignored => Some(Decision::bare(Disposition::Ignored)),
                Route::Unrouted | Route::Foreign => Some(Decision::bare(Disposition::Unrouted)),
                Route::Routed(call) => {
                    routed.push(call);
                    None
                }
            });
        }
        let known = self.known(&routed);
        let (decided, effects) = decide(&routed, known, self.now);
        assert_eq!(decided.len(), routed.len());
        self.apply(&effects);
        let mut decided = decided.into_iter();
        let decisions = decisions.into_iter().map(|decision| decision.or_else(|| decided.next()).unwrap());
        (decisions.collect(), effects)
    }

    fn report(&mut self, record: CallRecord) -> ReportedCall {
        let fresh = FreshIds { missed_call: self.new_id(), lead: self.new_id(), opener: self.new_id() };
        ReportedCall { record, received_at: self.now, actor: "adapter".into(), confined: false, fresh }
    }

    /// Exactly what [`Known`] promises, and no more.
    fn known(&mut self, calls: &[RoutedCall<'_>]) -> Known {
        let keys: BTreeSet<_> = calls.iter().filter_map(|call| call.customer.clone()).collect();
        for key in &keys {
            self.customer_row(key.clone());
        }
        let customers: Vec<_> = keys.iter().map(|key| self.customers[key].clone()).collect();
        let spoken_with: BTreeSet<_> = calls
            .iter()
            .filter_map(|call| Some((call, call.customer.as_ref()?)))
            .filter(|(call, _)| call.is_answered())
            .map(|(_, key)| key.phone.clone())
            .collect();
        let in_batch: BTreeSet<_> =
            calls.iter().filter(|call| !call.is_answered()).map(RoutedCall::call_key).collect();
        let calls: Vec<_> = self
            .calls
            .values()
            .filter(|call| {
                let unreturned = call.returned_at.is_none();
                let waits = call.caller_phone.as_ref().is_some_and(|phone| spoken_with.contains(phone));
                in_batch.contains(&call.key) || (unreturned && waits)
            })
            .cloned()
            .collect();
        let current_leads: HashMap<_, _> =
            keys.into_iter().filter_map(|key| Some((key.clone(), self.current_lead(&key)?.id))).collect();
        let of_calls: BTreeSet<_> = calls.iter().filter_map(|call| call.lead_id).collect();
        let wanted = |id: &Uuid| of_calls.contains(id) || current_leads.values().any(|current| current == id);
        let leads = self.leads.values().filter(|lead| wanted(&lead.id)).cloned().collect();
        Known { customers, leads, current_leads, calls }
    }

    pub(super) fn customer_row(&mut self, key: CustomerKey) -> &mut Customer {
        // Ids of batches must not depend on which phones have a row already.
        let id = Uuid::from_u128(key.phone.as_e164()[1..].parse().unwrap());
        self.customers.entry(key.clone()).or_insert(Customer {
            id,
            key,
            last_answered_at: None,
            last_answered_call_id: None,
            answered_calls: Vec::new(),
            suppressed_at: None,
            do_not_contact_at: None,
            erased_at: None,
        })
    }

    /// The row of a phone, made if it is missing.
    pub(super) fn customer(&mut self, raw: &str) -> &mut Customer {
        self.customer_row(customer_key(raw))
    }

    fn current_lead(&self, key: &CustomerKey) -> Option<&Lead> {
        self.leads
            .values()
            .filter(|lead| (lead.tenant_id, &lead.customer_phone) == (key.tenant_id, &key.phone))
            .max_by_key(|lead| (lead.status.is_open(), lead.captured_at, lead.id))
    }

    /// The open lead of a phone, else the latest.
    pub(super) fn lead_of(&self, raw: &str) -> Option<&Lead> {
        self.current_lead(&customer_key(raw))
    }

    /// The only lead there is.
    pub(super) fn only_lead(&self) -> &Lead {
        assert_eq!(self.leads.len(), 1);
        self.leads.values().next().unwrap()
    }

    /// A kept call.
    pub(super) fn call(&self, call_id: &str) -> &MissedCall {
        self.find_call(call_id).unwrap()
    }

    pub(super) fn find_call(&self, call_id: &str) -> Option<&MissedCall> {
        self.calls.values().find(|call| call.key.call_id == call_id)
    }

    /// The openers of a lead, in the order of their rounds.
    pub(super) fn openers(&self, lead_id: Uuid) -> Vec<&NewFollowUp> {
        self.follow_ups.values().filter(|follow_up| follow_up.lead_id == lead_id).collect()
    }

    /// What a lead's history says, without times and causes.
    pub(super) fn history(
        &self,
        lead_id: Uuid,
    ) -> Vec<(LeadEventKind, Option<LeadStatus>, Option<LeadStatus>)> {
        let events = self.events.iter().filter(|event| event.lead_id == lead_id);
        events.map(|event| (event.kind, event.from_status, event.to_status)).collect()
    }

    /// Whether the stored rows are equal. Rows of phones of which nothing is remembered do not count: they are only locks.
    pub(super) fn stores_the_same_as(&self, other: &Self) -> bool {
        let remembered = |world: &Self| -> Vec<Customer> {
            let nothing =
                |customer: &Customer| customer.last_answered_at.is_none() && !customer.wants_no_messages();
            world.customers.values().filter(|customer| !nothing(customer)).cloned().collect()
        };
        (&self.leads, &self.calls, &self.follow_ups) == (&other.leads, &other.calls, &other.follow_ups)
            && self.events == other.events
            && remembered(self) == remembered(other)
    }
}
