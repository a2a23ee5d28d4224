//! A database with thousands of rows of several tenants, and the services in front of it.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use leadcapture_proto::v1::{
    FindLeadByPhoneRequest, Lead, RecordCallRequest, Tenant,
    conversation_service_client::ConversationServiceClient, lead_service_client::LeadServiceClient,
    missed_call_service_client::MissedCallServiceClient, tenant_service_client::TenantServiceClient,
};
use leadcapture_server::{
    auth::Session,
    clock::{Clock as _, ManualClock},
    domain::{access::Principal, erasure::ErasureKey},
    grpc::{self, Api},
    metrics::Metrics,
    storage::{
        RecordingQueue, Storage,
        entities::{business_line, tenant},
    },
};
use sea_orm::{EntityTrait as _, Set, Statement};
use tokio_util::task::TaskTracker;
use tonic::{
    Request, Status,
    service::{Routes, interceptor::InterceptedService},
};
use uuid::Uuid;

use crate::support::{
    calls::{LINE, before, missed, mobile},
    database::TestDatabase,
    server::{TestServer, environment, noon, settings},
};

/// A number that nobody owns, and how many calls wait for it.
pub(super) const UNROUTED: &str = "+97239999999";
pub(super) const UNROUTED_CALLS: u32 = 400;

/// Calls of each of the tenants.
const CALLS: u32 = 1_000;

/// The services over a full database. The statements that they send are kept in `sent`.
pub(super) struct Filled {
    pub(super) clock: ManualClock,
    pub(super) now: DateTime<Utc>,
    pub(super) storage: Storage,
    /// A tenant with a thousand customers, and the lead of the customer that called most.
    pub(super) tenant: Tenant,
    pub(super) lead: Lead,
    pub(super) sent: Arc<Mutex<Vec<Statement>>>,
    services: Routes,
}

impl Filled {
    pub(super) async fn new(db: &TestDatabase) -> Self {
        let clock = noon();
        let server = TestServer::start_at(db, &clock).await;
        let mut tenants = Vec::new();
        let lines = [LINE, "0762222222", "0763333333", "0764444444"];
        for line in lines {
            tenants.push(server.tenant_with_line(line).await);
            fill_tenant(&server, line, clock.now()).await;
        }
        let unrouted = |number| RecordCallRequest {
            business_phone: if number < UNROUTED_CALLS {
                UNROUTED.to_owned()
            } else {
                format!("02{:07}", 2_000_000 + number)
            },
            ..missed(&format!("unrouted-{number}"), &mobile(number), before(clock.now(), i64::from(number)))
        };
        for chunk in [0..1_000, 1_000..2_000] {
            server.record_batch(chunk.map(unrouted).collect()).await.unwrap();
        }
        more_tenants_and_lines(db, &tenants).await;

        let tenant = tenants.swap_remove(0);
        let request = FindLeadByPhoneRequest { tenant_id: tenant.id.clone(), phone: mobile(0) };
        let lead = server.leads().find_lead_by_phone(request).await.unwrap().into_inner().lead.unwrap();
        server.stop().await;

        let settings = settings(db);
        let sent = Arc::new(Mutex::new(Vec::new()));
        let storage = Storage::connect(&settings.database, environment(clock.clone())).await.unwrap();
        let mut storage = storage.with_erasure_key(ErasureKey::new([7; 32]));
        let log = Arc::clone(&sent);
        storage.observe_statements(move |info| log.lock().unwrap().push(info.statement.clone()));
        let queue = RecordingQueue::start(&storage, settings.recording, &TaskTracker::new());
        let api = Api::new(storage.clone(), queue, Metrics::new());
        let services = grpc::routes(&api, &settings.limits);
        Self { now: clock.now(), clock, storage, tenant, lead, sent, services }
    }

    pub(super) fn tenants(&self) -> TenantServiceClient<Admitted> {
        TenantServiceClient::with_interceptor(self.services.clone(), admit as fn(_) -> _)
    }

    pub(super) fn missed_calls(&self) -> MissedCallServiceClient<Admitted> {
        MissedCallServiceClient::with_interceptor(self.services.clone(), admit as fn(_) -> _)
    }

    pub(super) fn conversations(&self) -> ConversationServiceClient<Admitted> {
        ConversationServiceClient::with_interceptor(self.services.clone(), admit as fn(_) -> _)
    }

    pub(super) fn leads(&self) -> LeadServiceClient<Admitted> {
        LeadServiceClient::with_interceptor(self.services.clone(), admit as fn(_) -> _)
    }
}

/// The services without the layer that finds out who calls; see [`admit`].
type Admitted = InterceptedService<Routes, fn(Request<()>) -> Result<Request<()>, Status>>;

/// Puts a session on a request, as the layer in front of a server does.
#[expect(clippy::unnecessary_wraps, reason = "the signature of interceptors")]
fn admit(mut request: Request<()>) -> Result<Request<()>, Status> {
    request.extensions_mut().insert(Session::unguarded(Principal::anonymous()));
    Ok(request)
}

/// A thousand calls, most from customers of their own and some from the first of them; some are returned.
async fn fill_tenant(server: &TestServer, line: &str, now: DateTime<Utc>) {
    let calls = (0..CALLS).map(|number| RecordCallRequest {
        business_phone: line.to_owned(),
        ..missed(
            &format!("call-{number}"),
            &mobile(number.saturating_sub(20)),
            before(now, i64::from(2 * CALLS - number)),
        )
    });
    server.record_batch(calls.collect()).await.unwrap();
}

/// Thousands of tenants, and of lines of the first ones.
async fn more_tenants_and_lines(db: &TestDatabase, tenants: &[Tenant]) {
    const MORE: u32 = 2_000;
    let connection = db.connect().await;
    let owners: Vec<Uuid> = tenants.iter().map(|tenant| tenant.id.parse().unwrap()).collect();
    let tenant = tenant::Entity::find_by_id(owners[0]).one(&connection).await.unwrap().unwrap();
    let line = business_line::Entity::find().one(&connection).await.unwrap().unwrap();
    let id = |number: u32| Uuid::from_u128(u128::from(number));
    let tenants =
        (0..MORE).map(|number| tenant::ActiveModel { id: Set(id(number)), ..tenant.clone().into() });
    let tenants: Vec<_> = tenants.collect();
    let lines = (0..MORE).map(|number| business_line::ActiveModel {
        id: Set(id(number)),
        tenant_id: Set(owners[number as usize % owners.len()]),
        phone: Set(format!("+9725{:08}", 90_000_000 + number).into()),
        released_at: Set((number % 8 > 5).then_some(line.created_at)),
        ..line.clone().into()
    });
    let lines: Vec<_> = lines.collect();
    for chunk in tenants.chunks(500) {
        tenant::Entity::insert_many(chunk.to_vec()).exec_without_returning(&connection).await.unwrap();
    }
    for chunk in lines.chunks(500) {
        business_line::Entity::insert_many(chunk.to_vec()).exec_without_returning(&connection).await.unwrap();
    }
}
