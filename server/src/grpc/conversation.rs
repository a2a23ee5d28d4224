//! `ConversationService`: the chatbot's memory, and what is due to be sent.

use std::time::Duration;

use chrono::TimeDelta;
use leadcapture_proto::v1::{self, conversation_service_server::ConversationService};
use prost::Message as _;
use tokio::time::{Instant, sleep_until};
use tonic::{Request, Response, Status};
use tracing::instrument;

use super::{
    Api,
    caller::{caller, principal, session},
    conversation_encode as encode, lead_encode,
    once::respond,
    page::{Fingerprint, messages},
    parse::Fields,
};
use crate::{
    auth::Session,
    domain::error::Error,
    storage::{
        ClaimRequest, ClaimedFollowUp, ConversationAndLead, ConversationChange, FollowUpFilter, OnceRequest,
        ReportedFollowUp, Suppression,
    },
};

type Reply<T> = Result<Response<T>, Status>;

/// How often a waiting claim looks again, as other replicas schedule follow-ups too.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

impl Api {
    /// Claims, and while nothing is due waits for it, looking again when the next follow-up becomes due.
    async fn claim_within(
        &self,
        session: &Session,
        request: &ClaimRequest,
        wait: TimeDelta,
    ) -> Result<Vec<ClaimedFollowUp>, Error> {
        let deadline = Instant::now() + wait.to_std().unwrap_or_default();
        loop {
            let claimed = self.storage.claim_follow_ups(request).await?;
            let now = Instant::now();
            if !claimed.is_empty() || now >= deadline {
                return Ok(claimed);
            }
            let next = self.storage.next_follow_up_at(request).await?;
            let until_next = next.and_then(|at| (at - self.storage.environment().now()).to_std().ok());
            let pause =
                until_next.map_or(LOOK_AGAIN, |until| until.clamp(Duration::from_millis(1), LOOK_AGAIN));
            let look_again = sleep_until((now + pause).min(deadline));
            if self.stop.run_until_cancelled(look_again).await.is_none() {
                return Ok(claimed);
            }
            // The wait is longer than a revoked token may be good for.
            session.still_valid().await?;
        }
    }
}

#[tonic::async_trait]
impl ConversationService for Api {
    #[instrument(name = "StartConversation", skip_all)]
    async fn start_conversation(
        &self,
        request: Request<v1::StartConversationRequest>,
    ) -> Reply<v1::StartConversationResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let reference =
            fields.lead_reference(&caller, &mut request.tenant_id, &request.lead_id, &request.etag);
        let thread = fields.thread(request.whatsapp_conversation_id.as_deref());
        let opener = fields.sent_opener(&request.follow_up_id, &request.claim_token);
        let region = self.region_of(reference.tenant, &fields).await?;
        fields.check()?;

        let key = request_id.key("StartConversation", &caller, &request, Some(reference.tenant.id()));
        let response = |found: &ConversationAndLead| v1::StartConversationResponse {
            conversation: Some(encode::conversation(&found.conversation, &found.lead)),
            lead: Some(lead_encode::lead(&found.lead, region)),
        };
        let once = OnceRequest {
            key,
            encode: &|found| response(found).encode_to_vec(),
            customer: |found| Some(&found.lead.customer_phone),
        };
        let started = self.storage.start_conversation(&reference, thread.as_ref(), opener, once).await?;
        Ok(respond(started, response)?)
    }

    #[instrument(name = "GetConversation", skip_all)]
    async fn get_conversation(
        &self,
        request: Request<v1::GetConversationRequest>,
    ) -> Reply<v1::GetConversationResponse> {
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
        let reference = fields.conversation(request.by.map(Into::into));
        fields.check()?;
        let found = self.storage.conversation(tenant, &reference).await?;
        Ok(Response::new(v1::GetConversationResponse {
            conversation: Some(encode::conversation(&found.conversation, &found.lead)),
        }))
    }

    #[instrument(name = "RecordReply", skip_all)]
    async fn record_reply(&self, request: Request<v1::RecordReplyRequest>) -> Reply<v1::RecordReplyResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let change = ConversationChange {
            tenant: fields.tenant(caller.principal(), &mut request.tenant_id),
            conversation: fields.conversation(request.by.clone().map(Into::into)),
            version: fields.etag(&request.etag),
            actor: caller.actor(),
        };
        let answers = fields.lead_details(
            request.customer_name.as_deref(),
            request.need.as_deref(),
            request.contact_preference.as_deref(),
            None,
        );
        let region = self.region_of(change.tenant, &fields).await?;
        fields.check()?;

        let key = request_id.key("RecordReply", &caller, &request, Some(change.tenant.id()));
        let response = |found: &ConversationAndLead| v1::RecordReplyResponse {
            conversation: Some(encode::conversation(&found.conversation, &found.lead)),
            missing: encode::questions(&found.lead),
            lead: Some(lead_encode::lead(&found.lead, region)),
        };
        let once = OnceRequest {
            key,
            encode: &|found| response(found).encode_to_vec(),
            customer: |found| Some(&found.lead.customer_phone),
        };
        Ok(respond(self.storage.record_reply(&change, &answers, request.opt_out, once).await?, response)?)
    }

    #[instrument(name = "CloseConversation", skip_all)]
    async fn close_conversation(
        &self,
        request: Request<v1::CloseConversationRequest>,
    ) -> Reply<v1::CloseConversationResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let change = ConversationChange {
            tenant: fields.tenant(caller.principal(), &mut request.tenant_id),
            conversation: fields.conversation(request.by.clone().map(Into::into)),
            version: fields.etag(&request.etag),
            actor: caller.actor(),
        };
        let reason = fields.close_reason(request.reason);
        let region = self.region_of(change.tenant, &fields).await?;
        fields.check()?;

        let key = request_id.key("CloseConversation", &caller, &request, Some(change.tenant.id()));
        let response = |found: &ConversationAndLead| v1::CloseConversationResponse {
            conversation: Some(encode::conversation(&found.conversation, &found.lead)),
            lead: Some(lead_encode::lead(&found.lead, region)),
        };
        let once = OnceRequest {
            key,
            encode: &|found| response(found).encode_to_vec(),
            customer: |found| Some(&found.lead.customer_phone),
        };
        Ok(respond(self.storage.close_conversation(&change, reason, once).await?, response)?)
    }

    #[instrument(name = "ClaimFollowUps", skip_all)]
    async fn claim_follow_ups(
        &self,
        request: Request<v1::ClaimFollowUpsRequest>,
    ) -> Reply<v1::ClaimFollowUpsResponse> {
        let session = session(&request)?;
        let mut fields = Fields::default();
        let (claim, wait) = fields.claim(session.principal(), request.get_ref());
        fields.check()?;
        if let Some(tenant) = claim.reach.tenant() {
            self.storage.tenant(tenant).await?;
        }
        let claimed = self.claim_within(&session, &claim, wait).await?;
        Ok(Response::new(v1::ClaimFollowUpsResponse {
            follow_ups: claimed.iter().map(encode::claimed).collect(),
        }))
    }

    #[instrument(name = "CompleteFollowUp", skip_all)]
    async fn complete_follow_up(
        &self,
        request: Request<v1::CompleteFollowUpRequest>,
    ) -> Reply<v1::CompleteFollowUpResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let tenant = fields.tenant(caller.principal(), &mut request.tenant_id);
        let ids = (request.follow_up_id.as_str(), request.claim_token.as_str());
        let report = fields.report(tenant, ids, caller.actor());
        self.region_of(report.tenant, &fields).await?;
        fields.check()?;

        let key = request_id.key("CompleteFollowUp", &caller, &request, Some(report.tenant.id()));
        let response = |reported: &ReportedFollowUp| v1::CompleteFollowUpResponse {
            follow_up: Some(encode::follow_up(&reported.follow_up)),
            conversation: reported
                .conversation
                .as_ref()
                .map(|found| encode::conversation(found, &reported.lead)),
        };
        let once = OnceRequest {
            key,
            encode: &|reported| response(reported).encode_to_vec(),
            customer: |reported| Some(&reported.lead.customer_phone),
        };
        Ok(respond(self.storage.complete_follow_up(&report, once).await?, response)?)
    }

    #[instrument(name = "FailFollowUp", skip_all)]
    async fn fail_follow_up(
        &self,
        request: Request<v1::FailFollowUpRequest>,
    ) -> Reply<v1::FailFollowUpResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let tenant = fields.tenant(caller.principal(), &mut request.tenant_id);
        let ids = (request.follow_up_id.as_str(), request.claim_token.as_str());
        let report = fields.report(tenant, ids, caller.actor());
        let failure = fields.send_failure(&request);
        self.region_of(report.tenant, &fields).await?;
        fields.check()?;

        let key = request_id.key("FailFollowUp", &caller, &request, Some(report.tenant.id()));
        let response = |reported: &ReportedFollowUp| v1::FailFollowUpResponse {
            follow_up: Some(encode::follow_up(&reported.follow_up)),
        };
        let once = OnceRequest {
            key,
            encode: &|reported| response(reported).encode_to_vec(),
            customer: |reported| Some(&reported.lead.customer_phone),
        };
        Ok(respond(self.storage.fail_follow_up(&report, &failure, once).await?, response)?)
    }

    #[instrument(name = "ListFollowUps", skip_all)]
    async fn list_follow_ups(
        &self,
        request: Request<v1::ListFollowUpsRequest>,
    ) -> Reply<v1::ListFollowUpsResponse> {
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let (size, token) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.page_token));
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
        let fingerprint = Fingerprint::of("follow_ups", &request);
        let (due_from, due_until) =
            fields.range(("due_from", request.due_from), ("due_until", request.due_until));
        let filter = FollowUpFilter {
            tenant,
            lead_id: fields.optional_id("lead_id", &request.lead_id),
            statuses: fields.follow_up_statuses(&request.statuses),
            kinds: fields.follow_up_kinds(&request.kinds),
            due_from,
            due_until,
        };
        let page = fields.page(size, &token, fingerprint);
        self.region_of(tenant, &fields).await?;
        fields.check()?;
        let page = self.storage.follow_ups(&filter, page).await?;
        let (follow_ups, next_page_token) = messages(page, fingerprint, encode::follow_up);
        Ok(Response::new(v1::ListFollowUpsResponse { follow_ups, next_page_token }))
    }

    #[instrument(name = "AddSuppression", skip_all)]
    async fn add_suppression(
        &self,
        request: Request<v1::AddSuppressionRequest>,
    ) -> Reply<v1::AddSuppressionResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let tenant = fields.tenant(caller.principal(), &mut request.tenant_id);
        let reason = fields.suppression_reason(request.reason);
        let region = self.region_of(tenant, &fields).await?;
        let phone = fields.phone("phone", &request.phone, region);
        fields.check()?;
        let phone = phone.ok_or_else(|| Error::internal("a checked request without phone"))?;

        let key = request_id.key("AddSuppression", &caller, &request, Some(tenant.id()));
        let response = |added: &Suppression| v1::AddSuppressionResponse {
            suppression: Some(encode::suppression(added, region)),
        };
        let once = OnceRequest {
            key,
            encode: &|added| response(added).encode_to_vec(),
            customer: |added| Some(&added.customer.phone),
        };
        Ok(respond(self.storage.add_suppression(tenant, &phone, reason, once).await?, response)?)
    }

    #[instrument(name = "RemoveSuppression", skip_all)]
    async fn remove_suppression(
        &self,
        request: Request<v1::RemoveSuppressionRequest>,
    ) -> Reply<v1::RemoveSuppressionResponse> {
        let caller = caller(&request)?;
        let mut request = request.into_inner();
        let mut fields = Fields::default();
        let request_id = fields.request_id(&std::mem::take(&mut request.request_id));
        let tenant = fields.tenant(caller.principal(), &mut request.tenant_id);
        let region = self.region_of(tenant, &fields).await?;
        let phone = fields.phone("phone", &request.phone, region);
        fields.check()?;
        let phone = phone.ok_or_else(|| Error::internal("a checked request without phone"))?;

        let key = request_id.key("RemoveSuppression", &caller, &request, Some(tenant.id()));
        let once = OnceRequest {
            key,
            encode: &|_| v1::RemoveSuppressionResponse {}.encode_to_vec(),
            customer: |phone| Some(phone),
        };
        let removed = self.storage.remove_suppression(tenant, &phone, once).await?;
        Ok(respond(removed, |_| v1::RemoveSuppressionResponse {})?)
    }

    #[instrument(name = "ListSuppressions", skip_all)]
    async fn list_suppressions(
        &self,
        request: Request<v1::ListSuppressionsRequest>,
    ) -> Reply<v1::ListSuppressionsResponse> {
        let principal = principal(&request)?;
        let mut request = request.into_inner();
        let (size, token) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.page_token));
        let mut fields = Fields::default();
        let tenant = fields.tenant(&principal, &mut request.tenant_id);
        let fingerprint = Fingerprint::of("suppressions", &request);
        let page = fields.page(size, &token, fingerprint);
        let region = self.region_of(tenant, &fields).await?;
        fields.check()?;
        let page = self.storage.suppressions(tenant, page).await?;
        let (suppressions, next_page_token) =
            messages(page, fingerprint, |found| encode::suppression(found, region));
        Ok(Response::new(v1::ListSuppressionsResponse { suppressions, next_page_token }))
    }
}
