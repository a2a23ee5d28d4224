//! Capturing a lead by hand or from a website: reopening and succession as for calls.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    customer::Customer,
    details::LeadDetails,
    event::{LeadEventKind, NewLeadEvent},
    follow_up::{FollowUpKind, FollowUpStatus, NewFollowUp},
    lead::{Lead, LeadSource, LeadStatus, NewLead},
    recording::FreshIds,
    tenant::Tenant,
};

/// A customer that is to be captured.
#[derive(Clone, Debug)]
pub struct CaptureRequest<'a> {
    /// The tenant.
    pub tenant: &'a Tenant,
    /// How the lead comes about.
    pub source: LeadSource,
    /// What is known.
    pub details: &'a LeadDetails,
    /// Whether an opener is wanted.
    pub schedule_opener: bool,
    /// Who captures.
    pub actor: &'a str,
    /// Ids for what may be made.
    pub fresh: FreshIds,
}

/// What capturing came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// The lead as it is then.
    pub lead: Lead,
    /// Whether it was made.
    pub created: bool,
    /// History to append; empty when nothing changed but that the customer asked again.
    pub event: Option<NewLeadEvent>,
    /// An opener to schedule.
    pub opener: Option<NewFollowUp>,
}

/// Captures a customer whose current lead, the open one or else the latest, is `current`.
#[must_use]
pub fn capture(
    request: &CaptureRequest<'_>,
    customer: &Customer,
    current: Option<Lead>,
    now: DateTime<Utc>,
) -> Capture {
    let (mut lead, kind, from) = match current {
        Some(mut lead) if reopens(request.tenant, &lead, now) => {
            let from = lead.status;
            // The states that reopen are exactly those with an edge to NEW.
            let kind = lead
                .transition(LeadStatus::New, now)
                .map_or(LeadEventKind::Recaptured, |()| LeadEventKind::Reopened);
            (lead, kind, Some(from))
        }
        Some(lead) if lead.status.is_open() => (lead, LeadEventKind::Recaptured, None),
        previous => {
            let new = NewLead {
                id: request.fresh.lead,
                tenant_id: request.tenant.id,
                source: request.source,
                customer_phone: customer.key.phone.clone(),
                previous_lead_id: previous.map(|lead| lead.id),
            };
            (Lead::new(new, now), LeadEventKind::Created, None)
        }
    };
    let existed = kind != LeadEventKind::Created;
    if existed {
        lead.recaptured_at = Some(now);
    }
    let filled = request.details.fill(&mut lead);
    let opener = opener(request, customer, &mut lead, now);
    if kind == LeadEventKind::Recaptured {
        if filled.is_empty() && opener.is_none() {
            return Capture { lead, created: false, event: None, opener: None };
        }
        lead.touch(now);
    }
    let event = NewLeadEvent {
        tenant_id: lead.tenant_id,
        lead_id: lead.id,
        kind,
        from_status: from,
        to_status: (kind != LeadEventKind::Recaptured).then_some(lead.status),
        actor: request.actor.to_owned(),
        reason: Some(request.source.name().to_owned()),
        details: (!filled.is_empty()).then(|| json!({ "filled": filled }).into()),
        occurred_at: now,
    };
    Capture { lead, created: kind == LeadEventKind::Created, event: Some(event), opener }
}

fn reopens(tenant: &Tenant, lead: &Lead, now: DateTime<Utc>) -> bool {
    match lead.status {
        LeadStatus::Unresponsive => true,
        LeadStatus::Lost => lead.lost_at.is_some_and(|lost| now - lost <= tenant.policy.lost_reopen_window),
        LeadStatus::New
        | LeadStatus::Qualifying
        | LeadStatus::Qualified
        | LeadStatus::Contacted
        | LeadStatus::Converted => false,
    }
}

/// An opener for a new lead, if one is wanted and allowed; at most one in a round.
fn opener(
    request: &CaptureRequest<'_>,
    customer: &Customer,
    lead: &mut Lead,
    now: DateTime<Utc>,
) -> Option<NewFollowUp> {
    let policy = &request.tenant.policy;
    let allowed = request.schedule_opener
        && lead.status == LeadStatus::New
        && lead.opener_round < lead.round()
        && !customer.wants_no_messages()
        && (policy.opener_to_non_mobile || customer.key.phone.is_mobile());
    if !allowed {
        return None;
    }
    lead.opener_round = lead.round();
    Some(NewFollowUp {
        id: request.fresh.opener,
        tenant_id: lead.tenant_id,
        lead_id: lead.id,
        kind: FollowUpKind::Opener,
        round: lead.round(),
        due_at: request.tenant.next_open(now + policy.opener_delay),
        status: FollowUpStatus::Pending,
    })
}
