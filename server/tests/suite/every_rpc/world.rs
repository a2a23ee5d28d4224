//! Two tenants, each with one of everything, and a way to send any request.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
};

use leadcapture_proto::v1::{
    AddSuppressionRequest, CallError, ClaimFollowUpsRequest, ClaimedFollowUp, CreateTenantRequest,
    RecordCallRequest, StartConversationRequest, SuppressionReason, TenantPolicy,
};
use prost::Message;
use tonic::{Code, Response, Status};

use super::{Kind, Row};
use crate::support::{
    calls::{before, missed},
    client::Client,
    problem::Problem,
    server::present,
};

/// What a request is about.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) tenant_id: String,
    /// The tenant's name.
    pub(super) name: String,
    /// What the row's object is called; empty when it has none.
    pub(super) object: String,
    /// A number that is nobody's.
    pub(super) free_phone: String,
    /// Proves the claim of the tenant's follow-up.
    pub(super) claim_token: String,
}

/// An error, as far as the table tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) reason: String,
    pub(super) fields: Vec<String>,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let Problem { code, reason, fields, .. } = status.into();
        Self { code, reason, fields }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let fields = error.field_violations.into_iter().map(|violation| violation.field).collect();
        Self { code: error.code.into(), reason: error.reason, fields }
    }
}

/// The answer to a request: whether it failed, how, and all that came over the wire.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) result: Result<(), Failure>,
    pub(super) wire: Vec<u8>,
}

/// An answer that is on its way.
pub(super) type Answer = Pin<Box<dyn Future<Output = Answered>>>;

/// Sends a request about a target.
pub(super) type Send = fn(Client, Target) -> Answer;

/// Forgets what a good answer means.
pub(super) fn outcome<T: Message>(answer: Result<Response<T>, Status>) -> Answered {
    match answer {
        Ok(response) => Answered { result: Ok(()), wire: response.get_ref().encode_to_vec() },
        Err(status) => {
            let wire = [status.message().as_bytes(), status.details()].concat();
            Answered { result: Err(status.into()), wire }
        }
    }
}

/// Two tenants.
pub(super) struct World {
    client: Client,
    own: Tenant,
    foreign: Tenant,
}

/// A tenant and the names of what it has.
#[derive(Clone)]
struct Tenant {
    id: String,
    name: String,
    line: String,
    line_phone: String,
    lead: String,
    lead_phone: String,
    missed_call: String,
    call_id: String,
    conversation: String,
    thread: String,
    follow_up: String,
    claim_token: String,
    suppressed_phone: String,
}

impl World {
    /// Two new tenants, with numbers that no other world has.
    pub(super) async fn new(client: &Client) -> Self {
        let (own, foreign) = tokio::join!(Box::pin(Tenant::new(client)), Box::pin(Tenant::new(client)));
        Self { client: client.clone(), own, foreign }
    }

    /// One new tenant, for requests that only name what is its own.
    pub(super) async fn of_one(client: &Client) -> Self {
        let own = Tenant::new(client).await;
        Self { client: client.clone(), foreign: own.clone(), own }
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Ids of the own tenant and the other one.
    pub(super) fn tenant_ids(&self) -> [&str; 2] {
        [&self.own.id, &self.foreign.id]
    }

    /// All words that only an answer about the own tenant has.
    pub(super) fn own_words(&self) -> Vec<String> {
        let own = &self.own;
        let e164 = |local: &str| format!("+972{}", &local[1..]);
        let mut words: Vec<_> = [
            &own.id,
            &own.name,
            &own.line,
            &own.lead,
            &own.missed_call,
            &own.call_id,
            &own.conversation,
            &own.thread,
            &own.follow_up,
            &own.claim_token,
        ]
        .into_iter()
        .cloned()
        .collect();
        for phone in [&own.line_phone, &own.lead_phone, &own.suppressed_phone] {
            words.extend([phone.clone(), e164(phone)]);
        }
        words
    }

    /// What belongs together.
    pub(super) fn own(&self, row: &Row) -> Target {
        self.own.target(row)
    }

    /// The same of the other tenant.
    pub(super) fn foreign(&self, row: &Row) -> Target {
        self.foreign.target(row)
    }
}

fn next_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1_000_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The one follow-up of the tenant that is due.
async fn claimed(client: &Client, tenant_id: &str) -> ClaimedFollowUp {
    let request =
        ClaimFollowUpsRequest { tenant_id: tenant_id.to_owned(), ..ClaimFollowUpsRequest::default() };
    let claims = client.conversations().claim_follow_ups(request).await.unwrap().into_inner().follow_ups;
    let [claim] = <[_; 1]>::try_from(claims).unwrap();
    claim
}

impl Tenant {
    async fn new(client: &Client) -> Self {
        let number = next_number();
        let name = format!("Tenant {number}");
        // Without delays the opener and the first reminder are due at once.
        let at_once = Some(prost_types::Duration::default());
        let policy =
            TenantPolicy { opener_delay: at_once, reminder_1_delay: at_once, ..TenantPolicy::default() };
        let request = CreateTenantRequest {
            name: name.clone(),
            policy: Some(policy),
            ..CreateTenantRequest::default()
        };
        let tenant = client.tenants().create_tenant(request).await.unwrap().into_inner().tenant.unwrap();
        let phone = format!("077{number}");
        let (line, _) = client.add_line(&tenant, &phone).await;
        let (call_id, lead_phone) = (format!("call-{number}"), format!("052{number}"));
        let call = RecordCallRequest {
            business_phone: phone.clone(),
            ..missed(&call_id, &lead_phone, before(present(), 60))
        };
        let recorded = client.record(call).await;
        let lead = recorded.lead.unwrap().id;

        let opener = claimed(client, &tenant.id).await;
        let thread = format!("thread-{number}");
        let start = StartConversationRequest {
            tenant_id: tenant.id.clone(),
            lead_id: lead.clone(),
            whatsapp_conversation_id: Some(thread.clone()),
            follow_up_id: opener.follow_up.unwrap().id,
            claim_token: opener.claim_token,
            ..StartConversationRequest::default()
        };
        let started = client.conversations().start_conversation(start).await.unwrap().into_inner();
        let reminder = claimed(client, &tenant.id).await;
        let suppressed_phone = format!("053{number}");
        let suppress = AddSuppressionRequest {
            tenant_id: tenant.id.clone(),
            phone: suppressed_phone.clone(),
            reason: SuppressionReason::Requested.into(),
            ..AddSuppressionRequest::default()
        };
        client.conversations().add_suppression(suppress).await.unwrap();
        Self {
            id: tenant.id,
            name,
            line: line.id,
            line_phone: phone,
            lead,
            lead_phone,
            missed_call: recorded.missed_call.unwrap().id,
            call_id,
            conversation: started.conversation.unwrap().id,
            thread,
            follow_up: reminder.follow_up.unwrap().id,
            claim_token: reminder.claim_token,
            suppressed_phone,
        }
    }

    fn target(&self, row: &Row) -> Target {
        let object = row.object.map_or("", |object| match object.kind {
            Kind::Line => &self.line,
            Kind::Lead => &self.lead,
            Kind::LeadPhone => &self.lead_phone,
            Kind::MissedCall => &self.missed_call,
            Kind::CallId => &self.call_id,
            Kind::Conversation => &self.conversation,
            Kind::Thread => &self.thread,
            Kind::FollowUp => &self.follow_up,
            Kind::SuppressedPhone => &self.suppressed_phone,
        });
        Target {
            tenant_id: self.id.clone(),
            name: self.name.clone(),
            object: object.to_owned(),
            free_phone: format!("076{}", next_number()),
            claim_token: self.claim_token.clone(),
        }
    }
}
