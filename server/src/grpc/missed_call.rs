//! `MissedCallService`: call records in, missed calls out.

use std::sync::Arc;

use leadcapture_proto::v1::{self, missed_call_service_server::MissedCallService};
use tonic::{Request, Response, Status};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Api, call, encode, lead_encode,
    page::{Fingerprint, next_token},
    parse::{Fields, actor},
    status,
};
use crate::{
    domain::{
        error::{Error, FieldViolation},
        phone::{ParsedPhone, Region, parse_phone},
        recording::{Decision, ReportedCall},
    },
    storage::{CallReference, MAX_BATCH, MissedCallFilter, RecordingMode},
};

type Reply<T> = Result<Response<T>, Status>;

impl Api {
    fn reported(&self, request: v1::RecordCallRequest, actor: &Arc<str>) -> Result<ReportedCall, Error> {
        let received_at = self.storage.environment().now();
        let record = call::parse(request, received_at)?;
        Ok(ReportedCall { record, received_at, actor: Arc::clone(actor), fresh: self.storage.fresh_ids() })
    }

    async fn record_one(&self, call: ReportedCall, validate_only: bool) -> Result<Decision, Error> {
        if !validate_only {
            return self.recordings.record(call).await;
        }
        let results =
            self.storage.record_calls(std::slice::from_ref(&call), RecordingMode::ValidateOnly).await?;
        results.into_iter().next().unwrap_or_else(|| Err(Error::internal("a call without a result")))
    }
}

fn encode_decision(decision: &Decision, home: Region, validate_only: bool) -> v1::RecordCallResponse {
    let region = decision.region.unwrap_or(home);
    let shown = !validate_only;
    v1::RecordCallResponse {
        disposition: encode::disposition(decision.disposition).into(),
        missed_call: decision
            .missed_call
            .as_ref()
            .filter(|_| shown)
            .map(|call| encode::missed_call(call, region)),
        lead: decision.lead.as_ref().filter(|_| shown).map(|lead| lead_encode::lead(lead, region)),
    }
}

fn encode_error(error: &Error) -> v1::CallError {
    let violations = match error {
        Error::InvalidFields(violations) => violations.as_slice(),
        _ => &[],
    };
    v1::CallError {
        code: status::code(error).into(),
        message: status::message(error),
        reason: error.reason().to_owned(),
        field_violations: violations
            .iter()
            .map(|FieldViolation { field, description }| v1::FieldViolation {
                field: field.clone(),
                description: description.clone(),
            })
            .collect(),
    }
}

#[tonic::async_trait]
impl MissedCallService for Api {
    #[instrument(name = "RecordCall", skip_all)]
    async fn record_call(&self, request: Request<v1::RecordCallRequest>) -> Reply<v1::RecordCallResponse> {
        let actor = Arc::from(actor(request.metadata())?);
        let request = request.into_inner();
        let validate_only = request.validate_only;
        let decision = self.record_one(self.reported(request, &actor)?, validate_only).await?;
        if !validate_only {
            self.metrics.call_recorded(decision.disposition);
        }
        Ok(Response::new(encode_decision(&decision, self.storage.region(), validate_only)))
    }

    #[instrument(name = "BatchRecordCalls", skip_all, fields(calls = request.get_ref().calls.len()))]
    async fn batch_record_calls(
        &self,
        request: Request<v1::BatchRecordCallsRequest>,
    ) -> Reply<v1::BatchRecordCallsResponse> {
        let actor = Arc::from(actor(request.metadata())?);
        let calls = request.into_inner().calls;
        let mut fields = Fields::default();
        if calls.is_empty() || calls.len() > MAX_BATCH {
            fields.bad(
                "calls",
                format!("must hold 1 to {MAX_BATCH} calls, and holds {}; split the batch", calls.len()),
            );
        }
        let validate_only = calls.first().is_some_and(|call| call.validate_only);
        if let Some(index) = calls.iter().position(|call| call.validate_only != validate_only) {
            fields.bad(format!("calls[{index}].validate_only"), "must be the same in all calls of a batch");
        }
        fields.check()?;

        let parsed: Vec<_> = calls.into_iter().map(|call| self.reported(call, &actor)).collect();
        let valid: Vec<_> = parsed.iter().filter_map(|call| call.as_ref().ok()).cloned().collect();
        let mode = if validate_only { RecordingMode::ValidateOnly } else { RecordingMode::Commit };
        let mut recorded = if valid.is_empty() {
            Vec::new().into_iter()
        } else {
            self.storage.record_calls(&valid, mode).await?.into_iter()
        };
        let results: Vec<Result<Decision, Error>> = parsed
            .into_iter()
            .map(|call| match call {
                Ok(_) => recorded.next().unwrap_or_else(|| Err(Error::internal("a call without a result"))),
                Err(error) => Err(error),
            })
            .collect();

        if !validate_only {
            results.iter().flatten().for_each(|decision| self.metrics.call_recorded(decision.disposition));
        }
        let encode = |result: &Result<Decision, Error>| match result {
            Ok(decision) => v1::batch_record_calls_result::Result::Response(encode_decision(
                decision,
                self.storage.region(),
                validate_only,
            )),
            Err(error) => v1::batch_record_calls_result::Result::Error(encode_error(error)),
        };
        let results = results
            .iter()
            .map(|result| v1::BatchRecordCallsResult { result: Some(encode(result)) })
            .collect();
        Ok(Response::new(v1::BatchRecordCallsResponse { results }))
    }

    #[instrument(name = "GetMissedCall", skip_all)]
    async fn get_missed_call(
        &self,
        request: Request<v1::GetMissedCallRequest>,
    ) -> Reply<v1::GetMissedCallResponse> {
        let request = request.into_inner();
        let mut fields = Fields::default();
        let tenant_id = fields.id("tenant_id", &request.tenant_id);
        let reference = match request.by {
            Some(v1::get_missed_call_request::By::Id(id)) => CallReference::Id(fields.id("id", &id)),
            Some(v1::get_missed_call_request::By::Call(call)) => CallReference::Provider {
                provider: fields.text("call.provider", &call.provider, 32),
                call_id: fields.text("call.call_id", &call.call_id, 128),
            },
            None => {
                fields.bad("id", "is required; give id, or call with provider and call_id");
                CallReference::Id(Uuid::nil())
            }
        };
        fields.check()?;
        let call = self.storage.missed_call(tenant_id, &reference).await?;
        let region = self.storage.tenant(tenant_id).await?.region;
        Ok(Response::new(v1::GetMissedCallResponse { missed_call: Some(encode::missed_call(&call, region)) }))
    }

    #[instrument(name = "ListMissedCalls", skip_all)]
    async fn list_missed_calls(
        &self,
        request: Request<v1::ListMissedCallsRequest>,
    ) -> Reply<v1::ListMissedCallsResponse> {
        let mut request = request.into_inner();
        let (size, token) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.page_token));
        let fingerprint = Fingerprint::of("missed_calls", &request);
        let mut fields = Fields::default();
        let tenant_id = fields.id("tenant_id", &request.tenant_id);
        let lead_id = fields.optional_id("lead_id", &request.lead_id);
        let (called_from, called_until) =
            fields.range(("called_from", request.called_from), ("called_until", request.called_until));
        let page = fields.page(size, &token, fingerprint);
        let region = self.region_of(tenant_id, &fields).await?;
        let caller_phone = fields.phone_filter("caller_phone", &request.caller_phone, region);
        fields.check()?;

        let filter = MissedCallFilter {
            tenant_id,
            caller_phone,
            lead_id,
            called_from,
            called_until,
            unreturned_only: request.unreturned_only,
        };
        let page = self.storage.missed_calls(&filter, page).await?;
        Ok(Response::new(v1::ListMissedCallsResponse {
            missed_calls: page.items.iter().map(|call| encode::missed_call(call, region)).collect(),
            next_page_token: next_token(page.next, fingerprint),
        }))
    }

    #[instrument(name = "ListUnroutedCalls", skip_all)]
    async fn list_unrouted_calls(
        &self,
        request: Request<v1::ListUnroutedCallsRequest>,
    ) -> Reply<v1::ListUnroutedCallsResponse> {
        let mut request = request.into_inner();
        let (size, token) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.page_token));
        let fingerprint = Fingerprint::of("unrouted_calls", &request);
        let mut fields = Fields::default();
        let phone = fields.optional_text("business_phone", Some(&request.business_phone), 64);
        let page = fields.page(size, &token, fingerprint);
        fields.check()?;

        // Numbers that are none are kept as received.
        let phone = phone.map(|raw| match parse_phone(&raw, self.storage.region()) {
            ParsedPhone::Number(phone) => phone.as_e164().to_owned(),
            ParsedPhone::Withheld | ParsedPhone::NotAPhone(_) => raw,
        });
        let page = self.storage.unrouted_calls(phone.as_deref(), page).await?;
        Ok(Response::new(v1::ListUnroutedCallsResponse {
            unrouted_calls: page.items.iter().map(encode::unrouted_call).collect(),
            next_page_token: next_token(page.next, fingerprint),
        }))
    }
}
