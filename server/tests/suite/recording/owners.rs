//! Numbers that change their owner: a call belongs to whoever had the number when it began.

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    BusinessLine, CallDisposition, DeleteTenantRequest, MissedCall, RemoveBusinessLineRequest, Tenant,
};
use leadcapture_server::{clock::Clock as _, storage::Storage};

use crate::support::{
    calls::{LINE, missed, mobile},
    client::Client,
    database::both_engines,
    server::{TestServer, environment, noon, settings},
};

async fn release(client: &Client, line: &BusinessLine) {
    let request = RemoveBusinessLineRequest {
        tenant_id: line.tenant_id.clone(),
        business_line_id: line.id.clone(),
        ..RemoveBusinessLineRequest::default()
    };
    client.tenants().remove_business_line(request).await.unwrap();
}

async fn delete(client: &Client, tenant: &Tenant) {
    let request = DeleteTenantRequest {
        tenant_id: tenant.id.clone(),
        name: tenant.name.clone(),
        ..DeleteTenantRequest::default()
    };
    client.tenants().delete_tenant(request).await.unwrap();
}

async fn call_ids(client: &Client, tenant: &Tenant) -> Vec<String> {
    let mut ids: Vec<_> =
        client.all_missed_calls(tenant).await.into_iter().map(|MissedCall { call_id, .. }| call_id).collect();
    ids.sort_unstable();
    ids
}

both_engines! {
    async fn calls_from_before_the_release_stay_with_the_old_owner(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let old = server.create_tenant("Old owner").await;
        let (line, _) = server.add_line(&old, LINE).await;
        let began = clock.now();
        server.record(missed("1 old", &mobile(1), began)).await;
        clock.advance(TimeDelta::minutes(10));
        release(&server, &line).await;
        let released = clock.now();
        clock.advance(TimeDelta::minutes(10));

        // Nobody's, from the very moment of the release on.
        let free = missed("2 free", &mobile(2), released);
        assert_eq!(server.disposition(free).await, CallDisposition::Unrouted);
        let late = missed("3 late", &mobile(3), released - TimeDelta::microseconds(1));
        assert_eq!(server.disposition(late).await, CallDisposition::LeadCreated);

        let new = server.create_tenant("New owner").await;
        assert_eq!(server.add_line(&new, LINE).await.1, 1);
        for (id, called_at) in [("4 old", began), ("5 new", released), ("6 new", clock.now())] {
            server.record(missed(id, &mobile(4), called_at)).await;
        }
        assert_eq!(call_ids(&server, &old).await, ["1 old", "3 late", "4 old"]);
        assert_eq!(call_ids(&server, &new).await, ["2 free", "5 new", "6 new"]);
        assert_eq!(server.all_leads(&new).await.len(), 2);
    }

    async fn calls_of_a_deleted_tenant_never_reach_the_next_owner(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let old = server.tenant_with_line(LINE).await;
        let began = clock.now();
        server.record(missed("1", &mobile(1), began)).await;
        clock.advance(TimeDelta::minutes(10));
        delete(&server, &old).await;
        let deleted = clock.now();

        let waiting = missed("2", &mobile(2), deleted - TimeDelta::microseconds(1));
        assert_eq!(server.disposition(waiting).await, CallDisposition::Unrouted);
        let new = server.create_tenant("New owner").await;
        assert_eq!(server.add_line(&new, LINE).await.1, 0);
        for id in ["1", "2", "3"] {
            assert_eq!(server.disposition(missed(id, &mobile(1), began)).await, CallDisposition::Unrouted, "{id}");
        }
        let storage = Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap();
        assert_eq!(storage.replay_unrouted(None).await.unwrap(), 0);
        assert_eq!(call_ids(&server, &new).await, [""; 0]);
        assert_eq!(server.all_leads(&new).await, []);
        assert_eq!(server.disposition(missed("4", &mobile(1), deleted)).await, CallDisposition::LeadCreated);
    }

    async fn a_number_released_before_its_owner_is_deleted_is_free_since_the_release(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let old = server.create_tenant("Old owner").await;
        let (line, _) = server.add_line(&old, LINE).await;
        let began = clock.now();
        clock.advance(TimeDelta::minutes(10));
        release(&server, &line).await;
        let released = clock.now();
        clock.advance(TimeDelta::minutes(10));
        delete(&server, &old).await;
        let new = server.create_tenant("New owner").await;
        server.add_line(&new, LINE).await;
        assert_eq!(server.disposition(missed("1", &mobile(1), began)).await, CallDisposition::Unrouted);
        assert_eq!(server.disposition(missed("2", &mobile(1), released)).await, CallDisposition::LeadCreated);
    }

    async fn a_number_that_comes_back_has_its_own_calls_again(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let first = server.create_tenant("First").await;
        let second = server.create_tenant("Second").await;
        let mut began = Vec::new();
        for tenant in [&first, &second, &first] {
            let (line, _) = server.add_line(tenant, LINE).await;
            began.push(clock.now());
            clock.advance(TimeDelta::minutes(10));
            release(&server, &line).await;
        }
        // All three records come at the end, to a number that is nobody's now.
        for (id, called_at) in ["1", "2", "3"].into_iter().zip(began) {
            assert_ne!(server.disposition(missed(id, &mobile(1), called_at)).await, CallDisposition::Unrouted);
        }
        assert_eq!(call_ids(&server, &first).await, ["1", "3"]);
        assert_eq!(call_ids(&server, &second).await, ["2"]);
    }
}
