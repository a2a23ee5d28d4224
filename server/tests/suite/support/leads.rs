//! Leads and the requests that change them.

use leadcapture_proto::v1::{
    CaptureLeadRequest, GetLeadRequest, Lead, LeadEvent, LeadSource, LeadStatus, ListLeadEventsRequest,
    LostReason, QualificationField, QualifyLeadRequest, Tenant, TransitionLeadRequest, UpdateLeadRequest,
};

use super::{client::Client, problem::Problem};

/// Captures a customer of whom nothing is known but the phone.
pub(crate) fn capture(tenant: &Tenant, phone: &str) -> CaptureLeadRequest {
    CaptureLeadRequest {
        tenant_id: tenant.id.clone(),
        source: LeadSource::Manual.into(),
        customer_phone: phone.to_owned(),
        ..CaptureLeadRequest::default()
    }
}

/// Changes nothing yet.
pub(crate) fn update(lead: &Lead) -> UpdateLeadRequest {
    UpdateLeadRequest {
        tenant_id: lead.tenant_id.clone(),
        lead_id: lead.id.clone(),
        ..UpdateLeadRequest::default()
    }
}

/// Tells nothing yet.
pub(crate) fn qualify(lead: &Lead) -> QualifyLeadRequest {
    QualifyLeadRequest {
        tenant_id: lead.tenant_id.clone(),
        lead_id: lead.id.clone(),
        ..QualifyLeadRequest::default()
    }
}

/// Moves the lead; what is lost is lost by its price.
pub(crate) fn transition(lead: &Lead, to: LeadStatus) -> TransitionLeadRequest {
    let reason = if to == LeadStatus::Lost { LostReason::Price } else { LostReason::Unspecified };
    TransitionLeadRequest {
        tenant_id: lead.tenant_id.clone(),
        lead_id: lead.id.clone(),
        to_status: to.into(),
        lost_reason: reason.into(),
        ..TransitionLeadRequest::default()
    }
}

/// The lead after a capture that must succeed.
pub(crate) async fn captured(client: &Client, request: CaptureLeadRequest) -> Lead {
    client.leads().capture_lead(request).await.unwrap().into_inner().lead.unwrap()
}

/// The lead after an update.
pub(crate) async fn updated(client: &Client, request: UpdateLeadRequest) -> Result<Lead, Problem> {
    Ok(client.leads().update_lead(request).await?.into_inner().lead.unwrap())
}

/// The lead after a qualification, and what is still missing.
pub(crate) async fn qualified(
    client: &Client,
    request: QualifyLeadRequest,
) -> Result<(Lead, Vec<QualificationField>), Problem> {
    let answer = client.leads().qualify_lead(request).await?.into_inner();
    Ok((answer.lead.clone().unwrap(), answer.missing().collect()))
}

/// The lead after a transition.
pub(crate) async fn moved(client: &Client, request: TransitionLeadRequest) -> Result<Lead, Problem> {
    Ok(client.leads().transition_lead(request).await?.into_inner().lead.unwrap())
}

/// The lead after all of these transitions, one after the other.
pub(crate) async fn walked(client: &Client, mut lead: Lead, path: &[LeadStatus]) -> Lead {
    for to in path {
        lead = moved(client, transition(&lead, *to)).await.unwrap();
    }
    lead
}

/// The lead as it is now.
pub(crate) async fn read(client: &Client, lead: &Lead) -> Lead {
    let request = GetLeadRequest { tenant_id: lead.tenant_id.clone(), lead_id: lead.id.clone() };
    client.leads().get_lead(request).await.unwrap().into_inner().lead.unwrap()
}

/// The lead's whole history, oldest first.
pub(crate) async fn history(client: &Client, lead: &Lead) -> Vec<LeadEvent> {
    let mut request = ListLeadEventsRequest {
        tenant_id: lead.tenant_id.clone(),
        lead_id: lead.id.clone(),
        page_size: 500,
        ..ListLeadEventsRequest::default()
    };
    let mut events = Vec::new();
    loop {
        let page = client.leads().list_lead_events(request.clone()).await.unwrap().into_inner();
        events.extend(page.events);
        if page.next_page_token.is_empty() {
            return events;
        }
        request.page_token = page.next_page_token;
    }
}

/// The details of an event as JSON; null if it has none.
pub(crate) fn details(event: &LeadEvent) -> serde_json::Value {
    event.details.clone().map_or(serde_json::Value::Null, |details| {
        details.fields.into_iter().map(|(name, value)| (name, json(value))).collect()
    })
}

fn json(value: prost_types::Value) -> serde_json::Value {
    use prost_types::value::Kind;
    match value.kind.unwrap() {
        Kind::NullValue(_) => serde_json::Value::Null,
        Kind::NumberValue(value) => value.into(),
        Kind::StringValue(value) => value.into(),
        Kind::BoolValue(value) => value.into(),
        Kind::StructValue(value) => {
            value.fields.into_iter().map(|(name, value)| (name, json(value))).collect()
        }
        Kind::ListValue(value) => value.values.into_iter().map(json).collect(),
    }
}
