//! Deleting a tenant: the guards, and that nothing of it is left.

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    CallDisposition, CaptureLeadRequest, DeleteTenantRequest, GetTenantRequest, LeadSource,
    RemoveBusinessLineRequest, Tenant,
};
use leadcapture_server::clock::Clock as _;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use tonic::Code;

use crate::support::{
    calls::{LINE, before, missed, mobile, moment},
    client::Client,
    database::both_engines,
    problem::Problem,
    server::{TestServer, noon},
};

fn delete(tenant: &Tenant) -> DeleteTenantRequest {
    DeleteTenantRequest {
        tenant_id: tenant.id.clone(),
        name: tenant.name.clone(),
        ..DeleteTenantRequest::default()
    }
}

/// A tenant with a line, a former line, a call, a lead, an opener, history and a stored response.
async fn furnished(client: &Client, line: &str, called_at: chrono::DateTime<chrono::Utc>) -> Tenant {
    let tenant = client.tenant_with_line(line).await;
    let (former, _) = client.add_line(&tenant, &line.replace("077", "076")).await;
    let request = RemoveBusinessLineRequest {
        tenant_id: tenant.id.clone(),
        business_line_id: former.id,
        ..Default::default()
    };
    client.tenants().remove_business_line(request).await.unwrap();
    let mut call = missed("call-1", &mobile(1), called_at);
    call.business_phone = line.to_owned();
    assert_eq!(client.disposition(call).await, CallDisposition::LeadCreated);
    let request = CaptureLeadRequest {
        tenant_id: tenant.id.clone(),
        source: LeadSource::Manual.into(),
        customer_phone: mobile(2),
        // Any id that no other tenant's request has.
        request_id: tenant.id.clone(),
        ..Default::default()
    };
    client.leads().capture_lead(request).await.unwrap();
    tenant
}

/// How many rows each table with a tenant has.
async fn rows(db: &DatabaseConnection) -> Vec<(&'static str, i64)> {
    let tables = [
        "tenants",
        "business_lines",
        "customers",
        "leads",
        "lead_conversations",
        "missed_calls",
        "lead_events",
        "follow_ups",
        "idempotency_records",
        "api_tokens",
    ];
    let mut counts = Vec::new();
    for table in tables {
        let count = Statement::from_string(
            db.get_database_backend(),
            format!("SELECT count(*) AS number FROM {table}"),
        );
        let row = db.query_one_raw(count).await.unwrap().unwrap();
        counts.push((table, row.try_get("", "number").unwrap()));
    }
    counts
}

both_engines! {
    async fn the_name_and_the_etag_guard_a_deletion(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        for name in ["shop", "Shop ", "Sho", "Shop2"] {
            let request = DeleteTenantRequest { name: name.to_owned(), ..delete(&tenant) };
            let problem = Problem::of(server.tenants().delete_tenant(request).await);
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "TENANT_NAME_MISMATCH"), "{name}");
        }
        let request = DeleteTenantRequest { etag: "2".to_owned(), ..delete(&tenant) };
        let problem = Problem::of(server.tenants().delete_tenant(request).await);
        assert_eq!(problem.kind(), (Code::Aborted, "ETAG_MISMATCH"));

        let request = DeleteTenantRequest { etag: tenant.etag.clone(), ..delete(&tenant) };
        server.tenants().delete_tenant(request.clone()).await.unwrap();
        for problem in [
            Problem::of(server.tenants().delete_tenant(request).await),
            Problem::of(server.tenants().get_tenant(GetTenantRequest { tenant_id: tenant.id }).await),
        ] {
            assert_eq!(problem.kind(), (Code::NotFound, "TENANT_NOT_FOUND"));
        }
    }

    async fn nothing_of_a_deleted_tenant_is_left_and_nothing_of_another_is_touched(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let connection = db.connect().await;
        let called_at = before(clock.now(), 60);
        furnished(&server, "0772222222", called_at).await;
        let kept = rows(&connection).await;
        let tenant = furnished(&server, LINE, called_at).await;
        let both = rows(&connection).await;
        for ((table, kept), (_, both)) in kept.iter().zip(&both) {
            assert_eq!(*both, 2 * kept, "{table}");
        }
        server.tenants().delete_tenant(delete(&tenant)).await.unwrap();
        assert_eq!(rows(&connection).await, kept);
    }

    async fn the_numbers_of_a_deleted_tenant_are_free_from_then_on(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = furnished(&server, LINE, before(clock.now(), 60)).await;
        clock.advance(TimeDelta::hours(1));
        let deleted_at = clock.now();
        server.tenants().delete_tenant(delete(&tenant)).await.unwrap();

        clock.advance(TimeDelta::hours(1));
        let heir = server.create_tenant("Heir").await;
        let (line, _) = server.add_line(&heir, LINE).await;
        assert_eq!(moment(line.calls_since), deleted_at);
        let old = missed("old", &mobile(3), before(deleted_at, 1));
        assert_eq!(server.disposition(old).await, CallDisposition::Unrouted);
        let new = missed("new", &mobile(3), deleted_at);
        assert_eq!(server.record(new).await.missed_call.unwrap().tenant_id, heir.id);
        // The line that was removed before the deletion is free since its removal.
        let (line, _) = server.add_line(&heir, &LINE.replace("077", "076")).await;
        assert_eq!(moment(line.calls_since), deleted_at - TimeDelta::hours(1));
    }

    async fn the_tables_that_are_looked_at_are_all_that_belong_to_tenants(db: TestDatabase) {
        // A table that comes later must be thought of here, or be known to belong to no tenant.
        let connection = db.connect().await;
        let others = ["released_numbers", "unrouted_calls", "access_latch", "erasure_key", "seaql_migrations"];
        let looked_at: Vec<_> = rows(&connection).await.into_iter().map(|(table, _)| table).collect();
        let query = match connection.get_database_backend() {
            sea_orm::DbBackend::Postgres => "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
            _ => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        };
        let query = Statement::from_string(connection.get_database_backend(), query);
        for row in connection.query_all_raw(query).await.unwrap() {
            let table: String = row.try_get("", "name").unwrap();
            assert!(looked_at.contains(&&*table) || others.contains(&&*table), "{table}");
        }
    }
}
