//! `LeadService`: leads, captured, found and listed.

use leadcapture_proto::v1::{self, lead_service_server::LeadService};
use prost::Message as _;
use tonic::{Request, Response, Status};
use tracing::instrument;

use super::{
    Api,
    caller::{Caller, caller, principal},
    lead_encode,
    once::respond,
    page::{Fingerprint, messages},
    parse::Fields,
};
use crate::{
    domain::{
        details::{DetailField, LeadDetails},
        error::Error,
        lead::{Lead, LeadSource, LeadStatus, LostReason},
        qualification::missing,
        text::{MAX_NAME, MAX_NEED, MAX_NOTE, MAX_PREFERENCE},
        transition::TransitionRequest,
    },
    storage::{CapturedLead, LeadFilter, LeadReference, NewCapture, OnceRequest},
};

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl LeadService for Api {
    #[instrument(name = "CaptureLead", skip_all)]
    async fn capture_lead(&self, request: Request<v1::CaptureLeadRequest>) -> Reply<v1::CaptureLeadResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let tenant = fields.tenant(caller.principal(), &mut request.tenant_id);
        let source = fields.lead_source("source", request.source);
        if source == Some(LeadSource::MissedCall) {
            fields.bad("source", "must be MANUAL or WEBSITE; missed calls are recorded with RecordCall");
        }
        let details = fields.lead_details(
            request.customer_name.as_deref(),
            request.need.as_deref(),
            request.contact_preference.as_deref(),
            request.note.as_deref(),
        );
        let region = self.region_of(tenant, &fields).await?;
        let phone = fields.phone("customer_phone", &request.customer_phone, region);
        fields.check()?;
        let (Some(source), Some(phone)) = (source, phone) else {
            return Err(Error::internal("a checked request without source or phone").into());
        };

        let key = request_id.key("CaptureLead", &caller, &request, Some(tenant.id()));
        let response = |captured: &CapturedLead| v1::CaptureLeadResponse {
            lead: Some(lead_encode::lead(&captured.lead, region)),
            created: captured.created,
        };
        let once = OnceRequest {
            key,
            encode: &|captured| response(captured).encode_to_vec(),
            customer: |captured| Some(&captured.lead.customer_phone),
        };
        let capture = NewCapture {
            tenant,
            phone,
            source,
            details,
            schedule_opener: request.schedule_opener,
            actor: caller.actor(),
        };
        Ok(respond(self.storage.capture_lead(&capture, once).await?, response)?)
    }

    #[instrument(name = "GetLead", skip_all)]
    async fn get_lead(&self, request: Request<v1::GetLeadRequest>) -> Reply<v1::GetLeadResponse> {
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
        let lead_id = fields.id("lead_id", &request.lead_id);
        let region = self.region_of(tenant, &fields).await?;
        fields.check()?;
        let lead = self.storage.lead(tenant, lead_id).await?;
        Ok(Response::new(v1::GetLeadResponse { lead: Some(lead_encode::lead(&lead, region)) }))
    }

    #[instrument(name = "FindLeadByPhone", skip_all)]
    async fn find_lead_by_phone(
        &self,
        request: Request<v1::FindLeadByPhoneRequest>,
    ) -> Reply<v1::FindLeadByPhoneResponse> {
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
        let region = self.region_of(tenant, &fields).await?;
        let phone = fields.phone("phone", &request.phone, region);
        fields.check()?;
        let phone = phone.ok_or_else(|| Error::internal("a checked request without phone"))?;
        let lead = self.storage.lead_of_phone(tenant, &phone).await?;
        Ok(Response::new(v1::FindLeadByPhoneResponse { lead: Some(lead_encode::lead(&lead, region)) }))
    }

    #[instrument(name = "ListLeads", skip_all)]
    async fn list_leads(&self, request: Request<v1::ListLeadsRequest>) -> Reply<v1::ListLeadsResponse> {
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let (size, token) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.page_token));
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
        let fingerprint = Fingerprint::of("leads", &request);
        let statuses = fields.each("statuses", &request.statuses, Fields::lead_status);
        let sources = fields.each("sources", &request.sources, Fields::lead_source);
        let (captured_from, captured_until) = fields
            .range(("captured_from", request.captured_from), ("captured_until", request.captured_until));
        let page = fields.page(size, &token, fingerprint);
        let region = self.region_of(tenant, &fields).await?;
        let customer_phone = fields.phone_filter("customer_phone", &request.customer_phone, region);
        fields.check()?;

        let filter = LeadFilter { tenant, statuses, sources, customer_phone, captured_from, captured_until };
        let page = self.storage.leads(&filter, page).await?;
        let (leads, next_page_token) = messages(page, fingerprint, |lead| lead_encode::lead(lead, region));
        Ok(Response::new(v1::ListLeadsResponse { leads, next_page_token }))
    }

    #[instrument(name = "UpdateLead", skip_all)]
    async fn update_lead(&self, request: Request<v1::UpdateLeadRequest>) -> Reply<v1::UpdateLeadResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let reference =
            fields.lead_reference(&caller, &mut request.tenant_id, &request.lead_id, &request.etag);
        let details = fields.lead_details(
            request.customer_name.as_deref(),
            request.need.as_deref(),
            request.contact_preference.as_deref(),
            request.note.as_deref(),
        );
        let changed = changed_fields(&mut fields, &request);
        let region = self.region_of(reference.tenant, &fields).await?;
        fields.check()?;

        let key = request_id.key("UpdateLead", &caller, &request, Some(reference.tenant.id()));
        let response = |lead: &Lead| v1::UpdateLeadResponse { lead: Some(lead_encode::lead(lead, region)) };
        let once = OnceRequest {
            key,
            encode: &|lead| response(lead).encode_to_vec(),
            customer: |lead| Some(&lead.customer_phone),
        };
        Ok(respond(self.storage.update_lead(&reference, &details, &changed, once).await?, response)?)
    }

    #[instrument(name = "QualifyLead", skip_all)]
    async fn qualify_lead(&self, request: Request<v1::QualifyLeadRequest>) -> Reply<v1::QualifyLeadResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let reference =
            fields.lead_reference(&caller, &mut request.tenant_id, &request.lead_id, &request.etag);
        let answers = fields.lead_details(
            request.customer_name.as_deref(),
            request.need.as_deref(),
            request.contact_preference.as_deref(),
            None,
        );
        let region = self.region_of(reference.tenant, &fields).await?;
        fields.check()?;

        let key = request_id.key("QualifyLead", &caller, &request, Some(reference.tenant.id()));
        let response = |lead: &Lead| v1::QualifyLeadResponse {
            lead: Some(lead_encode::lead(lead, region)),
            missing: missing(lead).map(|question| lead_encode::question(question).into()).collect(),
        };
        let once = OnceRequest {
            key,
            encode: &|lead| response(lead).encode_to_vec(),
            customer: |lead| Some(&lead.customer_phone),
        };
        let qualified = self.storage.qualify_lead(&reference, &answers, request.mark_qualified, once).await?;
        Ok(respond(qualified, response)?)
    }

    #[instrument(name = "TransitionLead", skip_all)]
    async fn transition_lead(
        &self,
        request: Request<v1::TransitionLeadRequest>,
    ) -> Reply<v1::TransitionLeadResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let reference =
            fields.lead_reference(&caller, &mut request.tenant_id, &request.lead_id, &request.etag);
        let wanted = transition_request(&mut fields, &request);
        let region = self.region_of(reference.tenant, &fields).await?;
        fields.check()?;
        let wanted = wanted.ok_or_else(|| Error::internal("a checked request without status"))?;

        let key = request_id.key("TransitionLead", &caller, &request, Some(reference.tenant.id()));
        let response =
            |lead: &Lead| v1::TransitionLeadResponse { lead: Some(lead_encode::lead(lead, region)) };
        let once = OnceRequest {
            key,
            encode: &|lead| response(lead).encode_to_vec(),
            customer: |lead| Some(&lead.customer_phone),
        };
        Ok(respond(self.storage.transition_lead(&reference, &wanted, once).await?, response)?)
    }

    #[instrument(name = "ListLeadEvents", skip_all)]
    async fn list_lead_events(
        &self,
        request: Request<v1::ListLeadEventsRequest>,
    ) -> Reply<v1::ListLeadEventsResponse> {
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let (size, token) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.page_token));
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
        let fingerprint = Fingerprint::of("lead_events", &request);
        let lead_id = fields.id("lead_id", &request.lead_id);
        let page = fields.page(size, &token, fingerprint);
        fields.check()?;
        let page = self.storage.lead_events(tenant, lead_id, page).await?;
        let (events, next_page_token) = messages(page, fingerprint, lead_encode::event);
        Ok(Response::new(v1::ListLeadEventsResponse { events, next_page_token }))
    }

    #[instrument(name = "EraseCustomer", skip_all)]
    async fn erase_customer(
        &self,
        request: Request<v1::EraseCustomerRequest>,
    ) -> Reply<v1::EraseCustomerResponse> {
        self.erase(request).await
    }

    #[instrument(name = "ExportCustomer", skip_all)]
    async fn export_customer(
        &self,
        request: Request<v1::ExportCustomerRequest>,
    ) -> Reply<v1::ExportCustomerResponse> {
        self.export(request).await
    }
}

impl Fields {
    /// What a caller knows of a customer; an empty text counts as absent.
    pub(super) fn lead_details(
        &mut self,
        customer_name: Option<&str>,
        need: Option<&str>,
        contact_preference: Option<&str>,
        note: Option<&str>,
    ) -> LeadDetails {
        LeadDetails {
            customer_name: self.personal_text("customer_name", customer_name, MAX_NAME),
            need: self.personal_text("need", need, MAX_NEED),
            contact_preference: self.personal_text("contact_preference", contact_preference, MAX_PREFERENCE),
            note: self.personal_text("note", note, MAX_NOTE),
        }
    }

    pub(super) fn lead_reference(
        &mut self,
        caller: &Caller,
        tenant_id: &mut String,
        lead_id: &str,
        etag: &str,
    ) -> LeadReference {
        LeadReference {
            tenant: self.tenant(caller.principal(), tenant_id),
            lead_id: self.id("lead_id", lead_id),
            version: self.etag(etag),
            actor: caller.actor(),
        }
    }
}

/// The details that an update sets or clears: those of the mask, else those that are set.
fn changed_fields(fields: &mut Fields, request: &v1::UpdateLeadRequest) -> Vec<DetailField> {
    let mask = request.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
    if mask.is_empty() {
        let set = [
            request.customer_name.is_some(),
            request.need.is_some(),
            request.contact_preference.is_some(),
            request.note.is_some(),
        ];
        return DetailField::ALL.iter().zip(set).filter_map(|(field, set)| set.then_some(*field)).collect();
    }
    let mut changed = Vec::with_capacity(mask.len());
    for (index, path) in mask.iter().enumerate() {
        match DetailField::ALL.iter().find(|field| field.name() == path) {
            Some(field) => changed.push(*field),
            None => fields.bad(
                format!("update_mask.paths[{index}]"),
                "is unknown; give customer_name, need, contact_preference or note",
            ),
        }
    }
    changed
}

fn transition_request(fields: &mut Fields, request: &v1::TransitionLeadRequest) -> Option<TransitionRequest> {
    let to = fields.lead_status("to_status", request.to_status);
    let note = fields.personal_text("note", Some(&request.note), MAX_NOTE);
    let lost_reason = fields.lost_reason(request.lost_reason);
    match (to, lost_reason) {
        (Some(LeadStatus::Lost), None) if request.lost_reason == 0 => {
            fields.bad("lost_reason", "is required for LOST; give one of the values of LostReason");
        }
        (Some(LeadStatus::Lost), Some(LostReason::Other)) if note.is_none() => {
            fields.bad("note", "is required for the lost reason OTHER; say in it why the lead was lost");
        }
        (Some(status), Some(_)) if status != LeadStatus::Lost => {
            fields.bad("lost_reason", "belongs to LOST alone; leave it out");
        }
        _ => {}
    }
    Some(TransitionRequest { to: to?, lost_reason, note })
}
