//! Long polling, with the machine's clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use leadcapture_proto::v1::{
    CallDisposition, TenantPolicy, UpdateTenantRequest, conversation_service_server::ConversationService as _,
};
use leadcapture_server::{
    auth::Session,
    clock::SystemClock,
    domain::access::Principal,
    grpc::Api,
    metrics::Metrics,
    storage::{RecordingQueue, Storage},
};
use prost_types::FieldMask;
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_util::task::TaskTracker;

use super::*;
use crate::support::{
    calls::{LINE, before, moment},
    database::both_engines,
    process::start_process,
    race::servers,
    server::{TestServer, environment, present, settings},
};

fn wait(for_seconds: i64) -> ClaimFollowUpsRequest {
    ClaimFollowUpsRequest { wait: seconds(for_seconds), ..claim_all() }
}

/// A tenant whose openers are due so many seconds after the call.
async fn hasty_tenant(client: &Client, delay: i64) -> Tenant {
    let tenant = client.tenant_with_line(LINE).await;
    let request = UpdateTenantRequest {
        tenant_id: tenant.id.clone(),
        policy: Some(TenantPolicy { opener_delay: seconds(delay), ..TenantPolicy::default() }),
        update_mask: Some(FieldMask { paths: vec!["policy.opener_delay".to_owned()] }),
        ..UpdateTenantRequest::default()
    };
    client.tenants().update_tenant(request).await.unwrap();
    tenant
}

/// A claim that the server is working on.
async fn waiting(client: &Client, request: ClaimFollowUpsRequest) -> JoinHandle<Vec<ClaimedFollowUp>> {
    let client = client.clone();
    let (begun, begins) = oneshot::channel();
    let claim = tokio::spawn(async move {
        // A server takes the requests of a connection in their order: once it answers the second, it has the first.
        let healthy = async {
            client.health("").await;
            begun.send(()).unwrap();
        };
        tokio::join!(claimed(&client, request), healthy).0
    });
    begins.await.unwrap();
    claim
}

both_engines! {
    async fn a_wait_ends_when_something_becomes_due(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        hasty_tenant(&server, 2).await;
        server.record(missed("soon", &mobile(1), before(present(), 20))).await;
        let claims = claimed(&server, wait(50)).await;
        let answered_at = present();
        assert_eq!(claims.len(), 1);
        let due_at = moment(follow_up(&claims[0]).due_at);
        assert!(due_at <= answered_at && answered_at - due_at < TimeDelta::seconds(10), "{due_at} {answered_at}");
    }

    async fn a_wait_ends_when_another_server_records_what_is_due(db: TestDatabase) {
        let servers = servers(&db).await;
        hasty_tenant(&servers[0], 0).await;
        let begun = Instant::now();
        let claim = waiting(&servers[0], wait(50)).await;
        let recorded = servers.last().unwrap().record(missed("now", &mobile(1), before(present(), 60))).await;
        assert_eq!(recorded.disposition(), CallDisposition::LeadCreated);
        let claims = claim.await.unwrap();
        assert_eq!(claims[0].lead.as_ref().unwrap().id, recorded.lead.unwrap().id);
        assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    }

    async fn a_wait_ends_when_a_lease_does(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        hasty_tenant(&server, 0).await;
        server.record(missed("now", &mobile(1), before(present(), 60))).await;
        let held = claimed(&server, ClaimFollowUpsRequest { lease: seconds(5), ..claim_all() }).await;
        let again = claimed(&server, wait(50)).await;
        assert!(present() >= moment(held[0].lease_until));
        assert_eq!((follow_up(&again[0]).id.as_str(), again[0].attempt), (follow_up(&held[0]).id.as_str(), 2));
    }

    async fn a_wait_for_nothing_ends_with_its_time_and_looks_seldom(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = hasty_tenant(&server, 0).await;
        server.record(missed("now", &mobile(1), before(present(), 60))).await;
        // Held by somebody, so that there is something to look for.
        assert_eq!(claimed(&server, claim_all()).await.len(), 1);
        server.stop().await;

        let settings = settings(&db);
        let mut storage = Storage::connect(&settings.database, environment(SystemClock)).await.unwrap();
        let statements = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&statements);
        storage.observe_statements(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let queue = RecordingQueue::start(&storage, settings.recording, &TaskTracker::new());
        let api = Api::new(storage.clone(), queue, Metrics::new());
        let begun = Instant::now();
        let request = ClaimFollowUpsRequest { tenant_id: tenant.id, ..wait(2) };
        let mut request = tonic::Request::new(request);
        request.extensions_mut().insert(Session::unguarded(Principal::anonymous()));
        let answer = api.claim_follow_ups(request).await.unwrap().into_inner();
        let (elapsed, statements) = (begun.elapsed(), statements.load(Ordering::Relaxed));
        assert!(answer.follow_ups.is_empty());
        assert!((Duration::from_secs(2)..Duration::from_secs(10)).contains(&elapsed), "{elapsed:?}");
        // Five looks of a handful of statements each.
        assert!((4..=40).contains(&statements), "{statements}");
    }

    async fn a_waiting_claim_does_not_keep_a_server_from_ending(db: TestDatabase) {
        let mut server = start_process(&db).await;
        hasty_tenant(&server, 0).await;
        let claim = waiting(&server, wait(60)).await;
        let begun = Instant::now();
        server.terminate();
        assert!(server.exited().await.success(), "{:?}", server.log());
        assert_eq!(claim.await.unwrap(), []);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
