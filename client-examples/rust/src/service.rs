//! Talks to leadcapture: the generated gRPC clients, and the webhook over HTTP.

use std::{env, time::Duration};

use leadcapture_proto::v1::{
    AddBusinessLineRequest, ClaimFollowUpsRequest, ClaimedFollowUp, CompleteFollowUpRequest,
    CreateTenantRequest, FailFollowUpRequest, Lead, ListBusinessLinesRequest, ListLeadsRequest,
    ListTenantsRequest, StartConversationRequest, Tenant,
    conversation_service_client::ConversationServiceClient, lead_service_client::LeadServiceClient,
    tenant_service_client::TenantServiceClient,
};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::{error::Error, record::CallRecord, worker::WAIT};

/// Name of the tenant that the demo belongs to.
const TENANT_NAME: &str = "Demo Plumbing";
/// The demo tenant's number, as a person writes it.
const LINE: &str = "077-123-4567";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// The gRPC services that this program uses.
pub(crate) struct Service {
    tenants: TenantServiceClient<Authorized>,
    leads: LeadServiceClient<Authorized>,
    conversations: ConversationServiceClient<Authorized>,
}

/// A connection that sends the token with every request.
type Authorized = InterceptedService<Channel, Authorization>;

/// The token, if there is one: a server needs none until its first was made.
#[derive(Clone)]
struct Authorization(Option<MetadataValue<Ascii>>);

impl Authorization {
    /// The token in `LEADCAPTURE_TOKEN`.
    fn from_environment() -> Result<Self, Error> {
        let token = env::var("LEADCAPTURE_TOKEN").unwrap_or_default();
        let token = token.trim();
        if token.is_empty() {
            return Ok(Self(None));
        }
        let mut value: MetadataValue<Ascii> =
            format!("Bearer {token}").parse().map_err(|_| Error::BadToken)?;
        // Kept out of what Debug shows.
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Authorization {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

impl Service {
    /// Connects to the server at `LEADCAPTURE_SERVER`.
    pub(crate) async fn connect() -> Result<Self, Error> {
        let (variable, address) = ("LEADCAPTURE_SERVER", server_address());
        let endpoint = Endpoint::from_shared(address.clone())
            .map_err(|_| Error::BadAddress { variable, value: address.clone() })?
            .connect_timeout(CONNECT_TIMEOUT)
            // A claim may wait on the server.
            .timeout(REQUEST_TIMEOUT + WAIT);
        let authorization = Authorization::from_environment()?;
        let channel = endpoint.connect().await.map_err(|_| Error::ServerAway(address))?;
        let channel = InterceptedService::new(channel, authorization);
        Ok(Self {
            tenants: TenantServiceClient::new(channel.clone()),
            leads: LeadServiceClient::new(channel.clone()),
            conversations: ConversationServiceClient::new(channel),
        })
    }

    /// Returns the demo tenant with its line; makes what is missing.
    pub(crate) async fn demo_tenant(&mut self) -> Result<Tenant, Error> {
        let tenant = match self.find_tenant().await? {
            Some(tenant) => tenant,
            None => self.create_tenant().await?,
        };
        let lines = self
            .tenants
            .list_business_lines(ListBusinessLinesRequest {
                tenant_id: tenant.id.clone(),
                ..Default::default()
            })
            .await
            .map_err(Error::refused("ListBusinessLines"))?
            .into_inner()
            .business_lines;
        if lines.is_empty() {
            let line = AddBusinessLineRequest {
                tenant_id: tenant.id.clone(),
                phone: LINE.to_owned(),
                label: "Main line".to_owned(),
                ..AddBusinessLineRequest::default()
            };
            self.tenants.add_business_line(line).await.map_err(Error::refused("AddBusinessLine"))?;
        }
        Ok(tenant)
    }

    async fn find_tenant(&mut self) -> Result<Option<Tenant>, Error> {
        let mut page_token = String::new();
        loop {
            let page = self
                .tenants
                .list_tenants(ListTenantsRequest { page_token, ..ListTenantsRequest::default() })
                .await
                .map_err(Error::refused("ListTenants"))?
                .into_inner();
            if let Some(tenant) = page.tenants.into_iter().find(|tenant| tenant.name == TENANT_NAME) {
                return Ok(Some(tenant));
            }
            if page.next_page_token.is_empty() {
                return Ok(None);
            }
            page_token = page.next_page_token;
        }
    }

    async fn create_tenant(&mut self) -> Result<Tenant, Error> {
        let response = self
            .tenants
            .create_tenant(CreateTenantRequest {
                name: TENANT_NAME.to_owned(),
                region: "IL".to_owned(),
                time_zone: "Asia/Jerusalem".to_owned(),
                ..CreateTenantRequest::default()
            })
            .await
            .map_err(Error::refused("CreateTenant"))?;
        Ok(response.into_inner().tenant.unwrap_or_default())
    }

    /// Returns all leads of a tenant, newest first, page by page.
    pub(crate) async fn leads(&mut self, tenant_id: &str) -> Result<Vec<Lead>, Error> {
        let mut leads = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = self
                .leads
                .list_leads(ListLeadsRequest {
                    tenant_id: tenant_id.to_owned(),
                    page_token,
                    ..ListLeadsRequest::default()
                })
                .await
                .map_err(Error::refused("ListLeads"))?
                .into_inner();
            leads.extend(page.leads);
            if page.next_page_token.is_empty() {
                return Ok(leads);
            }
            page_token = page.next_page_token;
        }
    }

    /// Claims messages that are due.
    pub(crate) async fn claim_follow_ups(
        &mut self,
        request: ClaimFollowUpsRequest,
    ) -> Result<Vec<ClaimedFollowUp>, Error> {
        let answer = self.conversations.claim_follow_ups(request).await;
        Ok(answer.map_err(Error::refused("ClaimFollowUps"))?.into_inner().follow_ups)
    }

    /// Reports that an opener was sent.
    pub(crate) async fn start_conversation(
        &mut self,
        request: StartConversationRequest,
    ) -> Result<(), Error> {
        let answer = self.conversations.start_conversation(request).await;
        answer.map(drop).map_err(Error::refused("StartConversation"))
    }

    /// Reports that a reminder was sent.
    pub(crate) async fn complete_follow_up(&mut self, request: CompleteFollowUpRequest) -> Result<(), Error> {
        let answer = self.conversations.complete_follow_up(request).await;
        answer.map(drop).map_err(Error::refused("CompleteFollowUp"))
    }

    /// Reports that a message could not be sent.
    pub(crate) async fn fail_follow_up(&mut self, request: FailFollowUpRequest) -> Result<(), Error> {
        let answer = self.conversations.fail_follow_up(request).await;
        answer.map(drop).map_err(Error::refused("FailFollowUp"))
    }

    /// Whether the server answers; that it wants another token is an answer too.
    async fn answers(&mut self) -> bool {
        let request = ListTenantsRequest { page_size: 1, ..Default::default() };
        match self.tenants.list_tenants(request).await {
            Ok(_) => true,
            Err(status) => matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied),
        }
    }
}

/// The webhook that Voicenter would post to.
pub(crate) struct Webhook {
    http: reqwest::Client,
    address: String,
}

impl Webhook {
    /// Prepares to post to `LEADCAPTURE_WEBHOOK`.
    pub(crate) fn new() -> Self {
        Self { http: reqwest::Client::new(), address: webhook_address() }
    }

    /// Posts one record, which is committed when this returns.
    pub(crate) async fn post(&self, record: &CallRecord) -> Result<(), Error> {
        let url = format!("{}/webhooks/voicenter/cdr", self.address);
        let response =
            self.http.post(url).timeout(REQUEST_TIMEOUT).json(&record.to_json()).send().await.map_err(
                |error| {
                    if error.is_builder() {
                        Error::BadAddress { variable: "LEADCAPTURE_WEBHOOK", value: self.address.clone() }
                    } else {
                        Error::WebhookAway(self.address.clone())
                    }
                },
            )?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let body = response.text().await.unwrap_or_default();
        Err(Error::NotAccepted { what: record.what, answer: format!("HTTP {status} {body}") })
    }

    async fn answers(&self) -> bool {
        let url = format!("{}/healthz", self.address);
        let response = self.http.get(url).timeout(CONNECT_TIMEOUT).send().await;
        response.is_ok_and(|response| response.status().is_success())
    }
}

/// Tells whether both the server and the webhook answer now.
pub(crate) async fn is_ready() -> bool {
    match Service::connect().await {
        Ok(mut service) => service.answers().await && Webhook::new().answers().await,
        Err(_) => false,
    }
}

fn server_address() -> String {
    env::var("LEADCAPTURE_SERVER").unwrap_or_else(|_| "http://127.0.0.1:50051".to_owned())
}

fn webhook_address() -> String {
    let address = env::var("LEADCAPTURE_WEBHOOK").unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned());
    address.trim_end_matches('/').to_owned()
}
