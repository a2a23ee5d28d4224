//! `LeadService`: leads, captured, found and listed.

use leadcapture_proto::v1::{self, lead_service_server::LeadService};
use prost::Message as _;
use tonic::{Request, Response, Status};
use tracing::instrument;

use super::{
    Api, lead_encode,
    once::respond,
    page::{Fingerprint, next_token},
    parse::{Fields, actor},
};
use crate::{
    domain::{
        capture::LeadDetails,
        customer::CustomerKey,
        error::Error,
        lead::LeadSource,
        text::{MAX_NAME, MAX_NEED, MAX_NOTE, MAX_PREFERENCE},
    },
    storage::{CapturedLead, LeadFilter, NewCapture, OnceRequest},
};

type Reply<T> = Result<Response<T>, Status>;

fn unimplemented<T>(method: &'static str) -> Reply<T> {
    Err(Error::Unimplemented { method }.into())
}

#[tonic::async_trait]
impl LeadService for Api {
    #[instrument(name = "CaptureLead", skip_all)]
    async fn capture_lead(&self, request: Request<v1::CaptureLeadRequest>) -> Reply<v1::CaptureLeadResponse> {
        let actor = actor(request.metadata())?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let tenant_id = fields.id("tenant_id", &request.tenant_id);
        let source = fields.lead_source("source", request.source);
        if source == Some(LeadSource::MissedCall) {
            fields.bad("source", "must be MANUAL or WEBSITE; missed calls are recorded with RecordCall");
        }
        let details = LeadDetails {
            customer_name: fields.optional_text("customer_name", request.customer_name.as_deref(), MAX_NAME),
            need: fields.optional_text("need", request.need.as_deref(), MAX_NEED),
            contact_preference: fields.optional_text(
                "contact_preference",
                request.contact_preference.as_deref(),
                MAX_PREFERENCE,
            ),
            note: fields.optional_text("note", request.note.as_deref(), MAX_NOTE),
        };
        let region = self.region_of(tenant_id, &fields).await?;
        let phone = fields.phone("customer_phone", &request.customer_phone, region);
        fields.check()?;
        let (Some(source), Some(phone)) = (source, phone) else {
            return Err(Error::internal("a checked request without source or phone").into());
        };

        let key = request_id.key("CaptureLead", &actor, &request, Some(tenant_id), Some(&phone));
        let response = |captured: &CapturedLead| v1::CaptureLeadResponse {
            lead: Some(lead_encode::lead(&captured.lead, region)),
            created: captured.created,
        };
        let once = OnceRequest { key, encode: &|captured| response(captured).encode_to_vec() };
        let capture = NewCapture {
            customer: CustomerKey { tenant_id, phone },
            source,
            details,
            schedule_opener: request.schedule_opener,
            actor,
        };
        Ok(respond(self.storage.capture_lead(&capture, once).await?, response)?)
    }

    #[instrument(name = "GetLead", skip_all)]
    async fn get_lead(&self, request: Request<v1::GetLeadRequest>) -> Reply<v1::GetLeadResponse> {
        let request = request.into_inner();
        let mut fields = Fields::default();
        let tenant_id = fields.id("tenant_id", &request.tenant_id);
        let lead_id = fields.id("lead_id", &request.lead_id);
        let region = self.region_of(tenant_id, &fields).await?;
        fields.check()?;
        let lead = self.storage.lead(tenant_id, lead_id).await?;
        Ok(Response::new(v1::GetLeadResponse { lead: Some(lead_encode::lead(&lead, region)) }))
    }

    #[instrument(name = "FindLeadByPhone", skip_all)]
    async fn find_lead_by_phone(&self, request: Request<v1::FindLeadByPhoneRequest>) -> Reply<v1::FindLeadByPhoneResponse> {
        let request = request.into_inner();
        let mut fields = Fields::default();
        let tenant_id = fields.id("tenant_id", &request.tenant_id);
        let region = self.region_of(tenant_id, &fields).await?;
        let phone = fields.phone("phone", &request.phone, region);
        fields.check()?;
        let phone = phone.ok_or_else(|| Error::internal("a checked request without phone"))?;
        let lead = self.storage.lead_of_phone(&CustomerKey { tenant_id, phone }).await?;
        Ok(Response::new(v1::FindLeadByPhoneResponse { lead: Some(lead_encode::lead(&lead, region)) }))
    }

    #[instrument(name = "ListLeads", skip_all)]
    async fn list_leads(&self, request: Request<v1::ListLeadsRequest>) -> Reply<v1::ListLeadsResponse> {
        let mut request = request.into_inner();
        let (size, token) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.page_token));
        let fingerprint = Fingerprint::of("leads", &request);
        let mut fields = Fields::default();
        let tenant_id = fields.id("tenant_id", &request.tenant_id);
        let statuses = request.statuses.iter().enumerate();
        let statuses =
            statuses.filter_map(|(index, value)| fields.lead_status(&format!("statuses[{index}]"), *value)).collect();
        let sources = request.sources.iter().enumerate();
        let sources =
            sources.filter_map(|(index, value)| fields.lead_source(&format!("sources[{index}]"), *value)).collect();
        let (captured_from, captured_until) =
            fields.range(("captured_from", request.captured_from), ("captured_until", request.captured_until));
        let page = fields.page(size, &token, fingerprint);
        let region = self.region_of(tenant_id, &fields).await?;
        let customer_phone = fields.phone_filter("customer_phone", &request.customer_phone, region);
        fields.check()?;

        let filter = LeadFilter { tenant_id, statuses, sources, customer_phone, captured_from, captured_until };
        let page = self.storage.leads(&filter, page).await?;
        Ok(Response::new(v1::ListLeadsResponse {
            leads: page.items.iter().map(|lead| lead_encode::lead(lead, region)).collect(),
            next_page_token: next_token(page.next, fingerprint),
        }))
    }

    async fn update_lead(&self, _: Request<v1::UpdateLeadRequest>) -> Reply<v1::UpdateLeadResponse> {
        unimplemented("UpdateLead")
    }

    async fn qualify_lead(&self, _: Request<v1::QualifyLeadRequest>) -> Reply<v1::QualifyLeadResponse> {
        unimplemented("QualifyLead")
    }

    async fn transition_lead(&self, _: Request<v1::TransitionLeadRequest>) -> Reply<v1::TransitionLeadResponse> {
        unimplemented("TransitionLead")
    }

    async fn list_lead_events(&self, _: Request<v1::ListLeadEventsRequest>) -> Reply<v1::ListLeadEventsResponse> {
        unimplemented("ListLeadEvents")
    }

    async fn erase_customer(&self, _: Request<v1::EraseCustomerRequest>) -> Reply<v1::EraseCustomerResponse> {
        unimplemented("EraseCustomer")
    }

    async fn export_customer(&self, _: Request<v1::ExportCustomerRequest>) -> Reply<v1::ExportCustomerResponse> {
        unimplemented("ExportCustomer")
    }
}
