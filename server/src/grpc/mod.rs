//! The gRPC edge: handlers parse a request, call storage and encode what it answers. No query and no rule stands here.

mod access;
mod call;
mod caller;
mod conversation;
mod conversation_encode;
mod conversation_parse;
mod encode;
mod guard;
mod lead;
mod lead_encode;
mod limits;
mod missed_call;
mod once;
mod page;
mod parse;
mod policy;
mod privacy;
mod refusal;
mod status;
mod tenant;
mod trace;

use std::sync::Arc;

use axum::middleware;
use leadcapture_proto::v1::{
    conversation_service_server::ConversationServiceServer, lead_service_server::LeadServiceServer,
    missed_call_service_server::MissedCallServiceServer, tenant_service_server::TenantServiceServer,
};
use tokio_util::sync::CancellationToken;
use tonic::service::{Routes, RoutesBuilder};

pub use self::{
    access::{ROLES, Reflection},
    caller::ACTOR_METADATA,
    guard::GuardLayer,
    limits::Limits,
};
use self::{
    limits::{Gate, within_limits},
    parse::Fields,
};
use crate::{
    domain::{access::TenantScope, error::Error, phone::Region},
    metrics::Metrics,
    storage::{RecordingQueue, Storage},
};

/// What every service works with.
#[derive(Clone, Debug)]
pub struct Api {
    storage: Storage,
    recordings: RecordingQueue,
    metrics: Metrics,
    /// Ends the waiting of long polls.
    stop: CancellationToken,
}

impl Api {
    /// The services over a database and its recording queue.
    #[must_use]
    pub fn new(storage: Storage, recordings: RecordingQueue, metrics: Metrics) -> Self {
        Self { storage, recordings, metrics, stop: CancellationToken::new() }
    }

    /// The same services; requests that wait for something to become due answer when `stop` is cancelled.
    #[must_use]
    pub fn stopped_by(self, stop: CancellationToken) -> Self {
        Self { stop, ..self }
    }

    /// The region of a tenant. With bad fields already noted the request fails anyhow, and where the tenant cannot be found any will do.
    async fn region_of(&self, tenant: TenantScope, fields: &Fields) -> Result<Region, Error> {
        match self.storage.tenant(tenant).await {
            Ok(tenant) => Ok(tenant.region),
            Err(_) if fields.any_bad() => Ok(self.storage.region()),
            Err(error) => Err(error),
        }
    }
}

/// The names of the services, as health and reflection know them.
pub const SERVICE_NAMES: &[&str] = &[
    leadcapture_proto::v1::tenant_service_server::SERVICE_NAME,
    leadcapture_proto::v1::missed_call_service_server::SERVICE_NAME,
    leadcapture_proto::v1::lead_service_server::SERVICE_NAME,
    leadcapture_proto::v1::conversation_service_server::SERVICE_NAME,
];

/// The names under which health is asked for: the services, and the server as a whole, which has no name.
pub fn health_names() -> impl Iterator<Item = &'static str> {
    SERVICE_NAMES.iter().copied().chain([""])
}

/// The method that a request path names, if it belongs to one of the services. The name itself may still be the caller's invention.
pub(crate) fn method_of(path: &str) -> Option<&str> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    SERVICE_NAMES.contains(&service).then_some(method)
}

/// The four services, each refusing what is beyond the limits, and the answer to methods that none of them has.
#[must_use]
pub fn routes(api: &Api, limits: &Limits) -> Routes {
    let largest = limits.message_bytes;
    let mut routes = RoutesBuilder::default();
    routes
        .add_service(TenantServiceServer::new(api.clone()).max_decoding_message_size(largest))
        .add_service(MissedCallServiceServer::new(api.clone()).max_decoding_message_size(largest))
        .add_service(LeadServiceServer::new(api.clone()).max_decoding_message_size(largest))
        .add_service(ConversationServiceServer::new(api.clone()).max_decoding_message_size(largest));
    let explain = move |response| std::future::ready(refusal::explain(response, largest));
    let services = routes.routes().into_axum_router();
    Routes::from(
        services
            .layer(middleware::map_response(explain))
            .layer(middleware::from_fn_with_state(Arc::new(Gate::new(limits)), within_limits))
            .layer(middleware::from_fn(trace::continue_callers_trace)),
    )
}
