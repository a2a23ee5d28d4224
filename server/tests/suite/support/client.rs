//! The generated clients of one server, with the requests that most tests make.

use std::net::SocketAddr;

use leadcapture_proto::v1::{
    self, AddBusinessLineRequest, BatchRecordCallsRequest, BusinessLine, CallDisposition, CallError,
    CreateTenantRequest, Lead, ListLeadsRequest, ListMissedCallsRequest, ListUnroutedCallsRequest,
    MissedCall, RecordCallRequest, RecordCallResponse, Tenant, UnroutedCall,
    conversation_service_client::ConversationServiceClient, lead_service_client::LeadServiceClient,
    missed_call_service_client::MissedCallServiceClient, tenant_service_client::TenantServiceClient,
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Connected clients of one server; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    channel: Channel,
    authorization: Authorization,
}

/// The channel with a token on every request.
pub(crate) type Authorized = InterceptedService<Channel, Authorization>;

/// What stands in `authorization`, if anything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Authorization(Option<MetadataValue<Ascii>>);

impl Interceptor for Authorization {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

impl Client {
    /// A client that connects with its first request.
    pub(crate) fn new(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self { channel: endpoint.connect_lazy(), authorization: Authorization::default() }
    }

    /// A client over a channel of the test's own.
    pub(crate) fn over(channel: Channel) -> Self {
        Self { channel, authorization: Authorization::default() }
    }

    /// The same client, which sends this token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        self.with_authorization(&format!("Bearer {token}"))
    }

    /// The same client, which sends this `authorization`.
    pub(crate) fn with_authorization(&self, value: &str) -> Self {
        Self { channel: self.channel.clone(), authorization: Authorization(Some(value.parse().unwrap())) }
    }

    /// The channel of this client, for services that are not made here.
    pub(crate) fn authorized(&self) -> Authorized {
        InterceptedService::new(self.channel.clone(), self.authorization.clone())
    }

    pub(crate) fn tenants(&self) -> TenantServiceClient<Authorized> {
        TenantServiceClient::new(self.authorized())
    }

    pub(crate) fn missed_calls(&self) -> MissedCallServiceClient<Authorized> {
        MissedCallServiceClient::new(self.authorized())
    }

    pub(crate) fn leads(&self) -> LeadServiceClient<Authorized> {
        LeadServiceClient::new(self.authorized())
    }

    pub(crate) fn conversations(&self) -> ConversationServiceClient<Authorized> {
        ConversationServiceClient::new(self.authorized())
    }

    /// The raw channel, for clients that are not made here.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// The health of `service`; `None` if the server cannot be asked.
    pub(crate) async fn health(&self, service: &str) -> Option<ServingStatus> {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = HealthClient::new(self.channel.clone()).check(request).await.ok()?;
        Some(answer.into_inner().status())
    }

    /// A tenant in Israel with the default policy and no line.
    pub(crate) async fn create_tenant(&self, name: &str) -> Tenant {
        let request = CreateTenantRequest { name: name.to_owned(), ..CreateTenantRequest::default() };
        self.tenants().create_tenant(request).await.unwrap().into_inner().tenant.unwrap()
    }

    /// Adds a line, and answers it with the number of calls that were waiting for it.
    pub(crate) async fn add_line(&self, tenant: &Tenant, phone: &str) -> (BusinessLine, i32) {
        let request = AddBusinessLineRequest {
            tenant_id: tenant.id.clone(),
            phone: phone.to_owned(),
            ..AddBusinessLineRequest::default()
        };
        let answer = self.tenants().add_business_line(request).await.unwrap().into_inner();
        (answer.business_line.unwrap(), answer.replayed_calls)
    }

    /// Adds a line, unless somebody has it.
    pub(crate) async fn try_add_line(&self, tenant: &Tenant, phone: &str) -> Option<BusinessLine> {
        let request = AddBusinessLineRequest {
            tenant_id: tenant.id.clone(),
            phone: phone.to_owned(),
            ..AddBusinessLineRequest::default()
        };
        self.tenants().add_business_line(request).await.ok()?.into_inner().business_line
    }

    /// A tenant in Israel with the default policy and the line `phone`.
    pub(crate) async fn tenant_with_line(&self, phone: &str) -> Tenant {
        let tenant = self.create_tenant("Demo Plumbing").await;
        self.add_line(&tenant, phone).await;
        tenant
    }

    /// Records a call; the error is the caller's to judge.
    pub(crate) async fn try_record(&self, call: RecordCallRequest) -> Result<RecordCallResponse, Status> {
        self.missed_calls().record_call(call).await.map(tonic::Response::into_inner)
    }

    /// Records a call that must be taken.
    pub(crate) async fn record(&self, call: RecordCallRequest) -> RecordCallResponse {
        self.try_record(call).await.unwrap()
    }

    /// Records a call and answers only what it did.
    pub(crate) async fn disposition(&self, call: RecordCallRequest) -> CallDisposition {
        self.record(call).await.disposition()
    }

    /// Records a batch: one result for each call.
    pub(crate) async fn record_batch(
        &self,
        calls: Vec<RecordCallRequest>,
    ) -> Result<Vec<Result<RecordCallResponse, CallError>>, Status> {
        use v1::batch_record_calls_result::Result as Recorded;
        let answer = self.missed_calls().batch_record_calls(BatchRecordCallsRequest { calls }).await?;
        let results = answer.into_inner().results.into_iter().map(|result| match result.result.unwrap() {
            Recorded::Response(response) => Ok(response),
            Recorded::Error(error) => Err(error),
        });
        Ok(results.collect())
    }

    /// Reads from the database; the error is the caller's to judge.
    pub(crate) async fn try_list(&self, tenant: &Tenant) -> Result<(), Status> {
        let request =
            ListMissedCallsRequest { tenant_id: tenant.id.clone(), ..ListMissedCallsRequest::default() };
        self.missed_calls().list_missed_calls(request).await.map(drop)
    }

    /// All missed calls of a tenant, newest first.
    pub(crate) async fn all_missed_calls(&self, tenant: &Tenant) -> Vec<MissedCall> {
        let mut request = ListMissedCallsRequest {
            tenant_id: tenant.id.clone(),
            page_size: 500,
            ..ListMissedCallsRequest::default()
        };
        let mut calls = Vec::new();
        loop {
            let page = self.missed_calls().list_missed_calls(request.clone()).await.unwrap().into_inner();
            calls.extend(page.missed_calls);
            if page.next_page_token.is_empty() {
                return calls;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// All leads of a tenant, newest first.
    pub(crate) async fn all_leads(&self, tenant: &Tenant) -> Vec<Lead> {
        let mut request =
            ListLeadsRequest { tenant_id: tenant.id.clone(), page_size: 500, ..ListLeadsRequest::default() };
        let mut leads = Vec::new();
        loop {
            let page = self.leads().list_leads(request.clone()).await.unwrap().into_inner();
            leads.extend(page.leads);
            if page.next_page_token.is_empty() {
                return leads;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// The unrouted calls, newest first; at most 500.
    pub(crate) async fn unrouted_calls(&self) -> Vec<UnroutedCall> {
        let request = ListUnroutedCallsRequest { page_size: 500, ..ListUnroutedCallsRequest::default() };
        self.missed_calls().list_unrouted_calls(request).await.unwrap().into_inner().unrouted_calls
    }
}
