//! What leads should be, without database, locks or retries. Only the table of transitions is the service's own.

mod calls;
mod requests;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1::{
    Lead, LeadEventKind, LeadSource,
    LeadStatus::{self, Contacted, Converted, Lost, New, Qualified, Qualifying, Unresponsive, Unspecified},
    LostReason, Tenant,
};
use leadcapture_server::domain::lifecycle::TRANSITIONS;
use proptest::sample::Index;

pub(super) use self::requests::Refusal;
use super::steps::Details;
use crate::support::calls::{mobile_e164, moment, timestamp};

/// `lost_reopen_window` and `returning_customer_window` by default.
const WINDOW: TimeDelta = TimeDelta::days(30);

/// How many leads the steps are about.
const LATEST: usize = 5;

/// The leads of one tenant.
#[derive(Debug)]
pub(super) struct Model {
    tenant_id: String,
    /// In the order in which they were made.
    pub(super) leads: Vec<ModelLead>,
    phones: BTreeMap<u32, Phone>,
}

/// A lead as the server should show it, and what else happened to it.
#[derive(Debug)]
pub(super) struct ModelLead {
    phone: u32,
    pub(super) lead: Lead,
    version: u32,
    /// Kind, status before and status after of each entry of the history.
    pub(super) events: Vec<(LeadEventKind, LeadStatus, LeadStatus)>,
    /// Whether an opener was scheduled since the lead was made or reopened.
    opener_scheduled: bool,
    /// How many openers were ever scheduled.
    pub(super) openers: usize,
}

/// What is remembered of a phone beside its leads.
#[derive(Debug, Default)]
struct Phone {
    answered_until: Option<DateTime<Utc>>,
    do_not_contact: bool,
    /// The leads of the missed calls that nobody returned.
    unreturned: Vec<Option<usize>>,
}

impl Model {
    /// A tenant without leads.
    pub(super) fn new(tenant: &Tenant) -> Self {
        Self { tenant_id: tenant.id.clone(), leads: Vec::new(), phones: BTreeMap::new() }
    }

    /// One of the latest leads, if there are any; most of the older ones are closed for good.
    pub(super) fn pick(&self, index: Index) -> Option<usize> {
        let latest = self.leads.len().min(LATEST);
        (latest > 0).then(|| self.leads.len() - 1 - index.index(latest))
    }

    /// The phone's open lead, else its latest.
    fn current(&self, phone: u32) -> Option<usize> {
        let of_phone = |index: &usize| self.leads[*index].phone == phone;
        let open = self.open(phone);
        open.or_else(|| (0..self.leads.len()).rev().find(of_phone))
    }

    fn open(&self, phone: u32) -> Option<usize> {
        self.leads.iter().position(|lead| lead.phone == phone && is_open(lead.lead.status()))
    }

    fn create(&mut self, phone: u32, source: LeadSource, now: DateTime<Utc>) -> usize {
        let number = format!("{phone:07}");
        let mut lead = ModelLead {
            phone,
            lead: Lead {
                tenant_id: self.tenant_id.clone(),
                source: source.into(),
                customer_phone: mobile_e164(phone),
                customer_phone_local: format!("052-{}-{}", &number[..3], &number[3..]),
                captured_at: Some(timestamp(now)),
                created_at: Some(timestamp(now)),
                previous_lead_id: self.current(phone).map(|index| self.leads[index].lead.id.clone()),
                ..Lead::default()
            },
            version: 0,
            events: Vec::new(),
            opener_scheduled: false,
            openers: 0,
        };
        lead.lead.set_status(New);
        lead.changed(LeadEventKind::Created, (Unspecified, New), now);
        self.leads.push(lead);
        self.leads.len() - 1
    }

    /// Schedules an opener where none was in this round and the customer takes any; answers whether it did.
    fn schedule_opener(&mut self, index: usize) -> bool {
        let lead = &mut self.leads[index];
        let refused = self.phones.get(&lead.phone).is_some_and(|phone| phone.do_not_contact);
        if refused || lead.opener_scheduled {
            return false;
        }
        lead.opener_scheduled = true;
        lead.openers += 1;
        true
    }
}

impl ModelLead {
    /// A new version, and what the history tells of it.
    fn changed(&mut self, kind: LeadEventKind, (from, to): (LeadStatus, LeadStatus), now: DateTime<Utc>) {
        self.version += 1;
        self.lead.etag = self.version.to_string();
        self.lead.updated_at = Some(timestamp(now));
        self.lead.allowed_transitions = allowed(self.lead.status()).into_iter().map(Into::into).collect();
        self.events.push((kind, from, to));
    }

    /// A new status, with its timestamp.
    fn enter(&mut self, to: LeadStatus, now: DateTime<Utc>) {
        let (from, lead) = (self.lead.status(), &mut self.lead);
        let entered_at = match to {
            New => &mut lead.reopened_at,
            Qualifying => &mut lead.qualifying_at,
            Qualified => &mut lead.qualified_at,
            Contacted => &mut lead.contacted_at,
            Converted => &mut lead.converted_at,
            Lost => &mut lead.lost_at,
            Unresponsive => &mut lead.unresponsive_at,
            Unspecified => panic!("no status"),
        };
        *entered_at = Some(timestamp(now));
        lead.set_status(to);
        lead.set_lost_reason(LostReason::Unspecified);
        let mut kind = LeadEventKind::StatusChanged;
        if to == New {
            lead.reopen_count += 1;
            self.opener_scheduled = false;
            kind = LeadEventKind::Reopened;
        }
        self.changed(kind, (from, to), now);
    }

    fn add_call(&mut self, called_at: DateTime<Utc>) {
        self.lead.call_count += 1;
        let last = self.lead.last_call_at.map(|last| moment(Some(last)));
        self.lead.last_call_at = last.max(Some(called_at)).map(timestamp);
    }

    fn count(&mut self, called_at: DateTime<Utc>, now: DateTime<Utc>) {
        self.add_call(called_at);
        self.changed(LeadEventKind::CallRecorded, (Unspecified, Unspecified), now);
    }

    /// Fills what is empty; answers whether anything was.
    fn fill(&mut self, details: &Details) -> bool {
        let mut filled = false;
        for (field, text) in fields(&mut self.lead).into_iter().zip(details.texts()) {
            if field.is_none() && text.is_some() {
                *field = text;
                filled = true;
            }
        }
        filled
    }
}

fn fields(lead: &mut Lead) -> [&mut Option<String>; 4] {
    [&mut lead.customer_name, &mut lead.need, &mut lead.contact_preference, &mut lead.note]
}

pub(super) fn is_open(status: LeadStatus) -> bool {
    !matches!(status, Converted | Lost)
}

/// The table of transitions, in the words of the API.
pub(super) fn edges() -> impl Iterator<Item = (LeadStatus, LeadStatus)> {
    let wire =
        |name: &str| LeadStatus::from_str_name(&format!("LEAD_STATUS_{}", name.to_uppercase())).unwrap();
    TRANSITIONS.iter().map(move |(from, to)| (wire(from.name()), wire(to.name())))
}

/// Where a lead may go from here.
fn allowed(from: LeadStatus) -> Vec<LeadStatus> {
    edges().filter(|edge| edge.0 == from).map(|edge| edge.1).collect()
}
