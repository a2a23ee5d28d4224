//! Two tenants, each with one of everything, and a way to send any request.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
};

use leadcapture_proto::v1::{CallError, RecordCallRequest};
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

/// The answer to a request: only whether it failed, and how.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<(), Failure>>>>;

/// Sends a request about a target.
pub(super) type Send = fn(Client, Target) -> Answer;

/// Forgets what a good answer says.
pub(super) fn outcome<T>(result: Result<Response<T>, Status>) -> Result<(), Failure> {
    result.map(drop).map_err(Failure::from)
}

/// Two tenants.
pub(super) struct World {
    client: Client,
    own: Tenant,
    foreign: Tenant,
}

/// A tenant and the names of what it has.
struct Tenant {
    id: String,
    name: String,
    line: String,
    lead: String,
    lead_phone: String,
    missed_call: String,
    call_id: String,
}

impl World {
    /// Two new tenants, with numbers that no other world has.
    pub(super) async fn new(client: &Client) -> Self {
        Self { client: client.clone(), own: Tenant::new(client).await, foreign: Tenant::new(client).await }
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
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

impl Tenant {
    async fn new(client: &Client) -> Self {
        let number = next_number();
        let name = format!("Tenant {number}");
        let tenant = client.create_tenant(&name).await;
        let phone = format!("077{number}");
        let (line, _) = client.add_line(&tenant, &phone).await;
        let (call_id, lead_phone) = (format!("call-{number}"), format!("052{number}"));
        let call = RecordCallRequest {
            business_phone: phone,
            ..missed(&call_id, &lead_phone, before(present(), 60))
        };
        let recorded = client.record(call).await;
        Self {
            id: tenant.id,
            name,
            line: line.id,
            lead: recorded.lead.unwrap().id,
            lead_phone,
            missed_call: recorded.missed_call.unwrap().id,
            call_id,
        }
    }

    fn target(&self, row: &Row) -> Target {
        let object = row.object.map_or("", |object| match object.kind {
            Kind::Line => &self.line,
            Kind::Lead => &self.lead,
            Kind::LeadPhone => &self.lead_phone,
            Kind::MissedCall => &self.missed_call,
            Kind::CallId => &self.call_id,
        });
        Target {
            tenant_id: self.id.clone(),
            name: self.name.clone(),
            object: object.to_owned(),
            free_phone: format!("076{}", next_number()),
        }
    }
}
