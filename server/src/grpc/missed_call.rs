//! `MissedCallService`: call records in, missed calls out.

use std::sync::Arc;

use leadcapture_proto::v1::{self, missed_call_service_server::MissedCallService};
use tonic::{Request, Response, Status};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Api, call,
    caller::{Caller, caller, principal},
    encode, lead_encode,
    page::{Fingerprint, messages},
    parse::Fields,
    status,
};
use crate::{
    domain::{
        access::{Role, TenantScope},
        error::{Error, FieldViolation},
        phone::{ParsedPhone, Region, parse_phone},
        recording::{Decision, ReportedCall},
    },
    storage::{CallReference, MAX_BATCH, MissedCallFilter, RecordingMode},
};

type Reply<T> = Result<Response<T>, Status>;

impl Api {
    fn reported(
        &self,
        request: v1::RecordCallRequest,
        caller: &Caller,
        actor: &Arc<str>,
    ) -> Result<ReportedCall, Error> {
        let received_at = self.storage.environment().now();
        let mut record = call::parse(request, received_at)?;
        let principal = caller.principal();
        record.tenant_id = principal.reach(record.tenant_id).tenant().map(TenantScope::id);
        Ok(ReportedCall {
            record,
            received_at,
            actor: Arc::clone(actor),
            confined: principal.bound_to().is_some(),
            fresh: self.storage.fresh_ids(),
        })
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

/// How much of what a call touched its reporter is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Everything,
    /// The ids: who brings records need not learn who the customers are.
    Ids,
    /// Nothing was written.
    Nothing,
}

impl Shown {
    fn to(caller: &Caller, validate_only: bool) -> Self {
        match caller.principal().role() {
            _ if validate_only => Self::Nothing,
            Role::Ingest => Self::Ids,
            Role::Admin | Role::Tenant | Role::Worker => Self::Everything,
        }
    }
}

fn encode_decision(decision: &Decision, home: Region, shown: Shown) -> v1::RecordCallResponse {
    let region = decision.region.unwrap_or(home);
    let disposition = encode::disposition(decision.disposition).into();
    let (call, lead) = (decision.missed_call.as_ref(), decision.lead.as_ref());
    let (missed_call, lead) = match shown {
        Shown::Everything => (
            call.map(|call| encode::missed_call(call, region)),
            lead.map(|lead| lead_encode::lead(lead, region)),
        ),
        Shown::Ids => (call.map(encode::missed_call_ids), lead.map(lead_encode::lead_ids)),
        Shown::Nothing => (None, None),
    };
    v1::RecordCallResponse { disposition, missed_call, lead }
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
        let caller = caller(&request)?;
        let actor = Arc::from(caller.actor());
        let request = request.into_inner();
        let validate_only = request.validate_only;
        let decision = self.record_one(self.reported(request, &caller, &actor)?, validate_only).await?;
        if !validate_only {
            self.metrics.call_recorded(decision.disposition);
        }
        Ok(Response::new(encode_decision(
            &decision,
            self.storage.region(),
            Shown::to(&caller, validate_only),
        )))
    }

    #[instrument(name = "BatchRecordCalls", skip_all, fields(calls = request.get_ref().calls.len()))]
    async fn batch_record_calls(
        &self,
        request: Request<v1::BatchRecordCallsRequest>,
    ) -> Reply<v1::BatchRecordCallsResponse> {
        let caller = caller(&request)?;
        let actor = Arc::from(caller.actor());
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

        let parsed: Vec<_> = calls.into_iter().map(|call| self.reported(call, &caller, &actor)).collect();
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
        let shown = Shown::to(&caller, validate_only);
        let encode = |result: &Result<Decision, Error>| match result {
            Ok(decision) => v1::batch_record_calls_result::Result::Response(encode_decision(
                decision,
                self.storage.region(),
                shown,
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
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
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
        let call = self.storage.missed_call(tenant, &reference).await?;
        let region = self.storage.tenant(tenant).await?.region;
        Ok(Response::new(v1::GetMissedCallResponse { missed_call: Some(encode::missed_call(&call, region)) }))
    }

    #[instrument(name = "ListMissedCalls", skip_all)]
    async fn list_missed_calls(
        &self,
        request: Request<v1::ListMissedCallsRequest>,
    ) -> Reply<v1::ListMissedCallsResponse> {
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let (size, token) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.page_token));
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
        let fingerprint = Fingerprint::of("missed_calls", &request);
        let lead_id = fields.optional_id("lead_id", &request.lead_id);
        let (called_from, called_until) =
            fields.range(("called_from", request.called_from), ("called_until", request.called_until));
        let page = fields.page(size, &token, fingerprint);
        let region = self.region_of(tenant, &fields).await?;
        let caller_phone = fields.phone_filter("caller_phone", &request.caller_phone, region);
        fields.check()?;

        let filter = MissedCallFilter {
            tenant,
            caller_phone,
            lead_id,
            called_from,
            called_until,
            unreturned_only: request.unreturned_only,
        };
        let page = self.storage.missed_calls(&filter, page).await?;
        let (missed_calls, next_page_token) =
            messages(page, fingerprint, |call| encode::missed_call(call, region));
        Ok(Response::new(v1::ListMissedCallsResponse { missed_calls, next_page_token }))
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
        let (unrouted_calls, next_page_token) = messages(page, fingerprint, encode::unrouted_call);
        Ok(Response::new(v1::ListUnroutedCallsResponse { unrouted_calls, next_page_token }))
    }
}
