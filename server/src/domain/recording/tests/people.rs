//! What people and other services do to leads between calls.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    MOBILE, at, missed, phone,
    world::{TENANT, World, customer_key},
};
use crate::domain::{
    customer::CustomerKey,
    event::{LeadEventKind, NewLeadEvent},
    follow_up::FollowUpStatus,
    lead::{Lead, LeadSource, LeadStatus, LostReason, NewLead},
    lifecycle::allowed_from,
};

impl World {
    /// A missed call of [`MOBILE`] at noon made a lead, which had come to `status` ten minutes later.
    pub(super) fn with_lead(status: LeadStatus, reason: Option<LostReason>) -> Self {
        let mut world = Self::new();
        world.now = at(1);
        world.record(missed("first", MOBILE, 0));
        world.now = at(10);
        world.bring_lead_to(status, reason);
        world.now = at(60);
        world
    }

    /// A transition with its history and the end of the lead's openers.
    pub(super) fn move_lead(&mut self, id: Uuid, to: LeadStatus, reason: Option<LostReason>) {
        let now = self.now;
        let lead = self.leads.get_mut(&id).unwrap();
        let (from, phone) = (lead.status, lead.customer_phone.clone());
        lead.transition(to, now).unwrap();
        lead.lost_reason = reason;
        let kind = if to == LeadStatus::New { LeadEventKind::Reopened } else { LeadEventKind::StatusChanged };
        self.events.push(event(id, kind, (Some(from), Some(to)), now));
        if reason == Some(LostReason::DoNotContact) {
            self.customer_row(CustomerKey { tenant_id: TENANT, phone }).do_not_contact_at = Some(now);
        }
        if !matches!(to, LeadStatus::New | LeadStatus::Qualifying | LeadStatus::Qualified) {
            self.cancel_openers(id);
        }
    }

    /// Brings the lead of the only phone to a status by the shortest way; `reason` is for the last step.
    pub(super) fn bring_lead_to(&mut self, status: LeadStatus, reason: Option<LostReason>) {
        let (id, from) = (self.only_lead().id, self.only_lead().status);
        for step in way(from, status) {
            let other = (step == LeadStatus::Lost).then_some(LostReason::Other);
            self.move_lead(id, step, if step == status { reason } else { other });
        }
    }

    /// A lead entered by hand, for a phone without an open one.
    pub(super) fn capture(&mut self, raw: &str) -> Uuid {
        let id = self.new_id();
        let previous_lead_id = self.lead_of(raw).map(|lead| lead.id);
        let new = NewLead {
            id,
            tenant_id: TENANT,
            source: LeadSource::Manual,
            customer_phone: phone(raw),
            previous_lead_id,
        };
        self.customer_row(customer_key(raw));
        self.leads.insert(id, Lead::new(new, self.now));
        self.events.push(event(id, LeadEventKind::Created, (None, Some(LeadStatus::New)), self.now));
        id
    }

    /// A phone with an open lead entered by hand once more, with nothing new.
    pub(super) fn recapture(&mut self, raw: &str) {
        let id = self.lead_of(raw).unwrap().id;
        self.leads.get_mut(&id).unwrap().recaptured_at = Some(self.now);
    }

    /// The live openers of a lead are needless.
    pub(super) fn cancel_openers(&mut self, lead_id: Uuid) {
        for follow_up in self.follow_ups.values_mut().filter(|follow_up| follow_up.lead_id == lead_id) {
            if follow_up.status.is_live() {
                follow_up.status = FollowUpStatus::Cancelled;
            }
        }
    }
}

fn event(
    lead_id: Uuid,
    kind: LeadEventKind,
    statuses: (Option<LeadStatus>, Option<LeadStatus>),
    now: DateTime<Utc>,
) -> NewLeadEvent {
    NewLeadEvent {
        tenant_id: TENANT,
        lead_id,
        kind,
        from_status: statuses.0,
        to_status: statuses.1,
        actor: "person".to_owned(),
        reason: None,
        details: None,
        occurred_at: now,
    }
}

/// The statuses to go through to come from one to another.
fn way(from: LeadStatus, to: LeadStatus) -> Vec<LeadStatus> {
    let mut ways = VecDeque::from([(from, Vec::new())]);
    while let Some((end, way)) = ways.pop_front() {
        if end == to {
            return way;
        }
        ways.extend(
            allowed_from(end)
                .filter(|step| !way.contains(step))
                .map(|step| (step, [&way[..], &[step]].concat())),
        );
    }
    panic!("no way from {} to {}", from.name(), to.name())
}
