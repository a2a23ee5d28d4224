//! `request_id`: a repeated mutation answers the same and does nothing again.

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    AddBusinessLineRequest, CaptureLeadRequest, CreateTenantRequest, DeleteTenantRequest, LeadSource,
    ListBusinessLinesRequest, ListTenantsRequest, RemoveBusinessLineRequest, UpdateTenantRequest,
};
use leadcapture_server::storage::entities::{
    business_line, idempotency_record, lead, lead_event, released_number, tenant,
};
use sea_orm::{DatabaseConnection, EntityTrait as _, PaginatorTrait as _};
use tokio::task::JoinSet;
use tonic::{Code, Request};

use crate::support::{
    calls::{LINE, mobile},
    database::both_engines,
    problem::Problem,
    server::{TestServer, noon},
};

const ID: &str = "0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f";
/// How many equal requests are sent at once.
const AT_ONCE: usize = 12;

/// Sends a request many times at once, and once more after that; answers the one answer that all got. A changed request with
/// the same id is refused.
macro_rules! repeated {
    ($client:expr, $method:ident, $request:expr, |$changed:ident| $change:expr) => {{
        let mut tasks = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (mut client, request) = ($client, $request.clone());
            tasks.spawn(async move { client.$method(request).await });
        }
        let mut answers: Vec<_> =
            tasks.join_all().await.into_iter().map(|answer| answer.unwrap().into_inner()).collect();
        answers.push($client.$method($request.clone()).await.unwrap().into_inner());
        let answer = answers.pop().unwrap();
        assert!(answers.iter().all(|other| *other == answer), "{answers:?}");

        let mut $changed = $request.clone();
        $change;
        let problem = Problem::of($client.$method($changed).await);
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "REQUEST_ID_REUSED"), stringify!($method));
        answer
    }};
}

/// Rows of what the requests below make.
async fn counts(db: &DatabaseConnection) -> [u64; 6] {
    [
        tenant::Entity::find().count(db).await.unwrap(),
        business_line::Entity::find().count(db).await.unwrap(),
        released_number::Entity::find().count(db).await.unwrap(),
        lead::Entity::find().count(db).await.unwrap(),
        lead_event::Entity::find().count(db).await.unwrap(),
        idempotency_record::Entity::find().count(db).await.unwrap(),
    ]
}

both_engines! {
    async fn equal_requests_at_once_have_one_effect_and_one_answer(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let connection = db.connect().await;
        let request_id = ID.to_owned();

        let request = CreateTenantRequest { name: "Shop".to_owned(), request_id: request_id.clone(), ..Default::default() };
        let created = repeated!(server.tenants(), create_tenant, request, |request| request.name.push('!'));
        let shop = created.tenant.unwrap();
        assert_eq!(counts(&connection).await, [1, 0, 0, 0, 0, 1]);

        // The etag would be stale for a second effect.
        let request = UpdateTenantRequest {
            tenant_id: shop.id.clone(),
            name: Some("Renamed".to_owned()),
            etag: shop.etag.clone(),
            request_id: request_id.clone(),
            ..Default::default()
        };
        let updated = repeated!(server.tenants(), update_tenant, request, |request| request.name = None);
        let shop = updated.tenant.unwrap();
        assert_eq!((shop.name.as_str(), counts(&connection).await), ("Renamed", [1, 0, 0, 0, 0, 2]));

        let request = AddBusinessLineRequest {
            tenant_id: shop.id.clone(),
            phone: LINE.to_owned(),
            request_id: request_id.clone(),
            ..Default::default()
        };
        let added = repeated!(server.tenants(), add_business_line, request, |request| request.label.push('x'));
        let line = added.business_line.unwrap();
        assert_eq!(counts(&connection).await, [1, 1, 0, 0, 0, 3]);

        let request = RemoveBusinessLineRequest {
            tenant_id: shop.id.clone(),
            business_line_id: line.id.clone(),
            request_id: request_id.clone(),
        };
        let removed = repeated!(server.tenants(), remove_business_line, request, |request| request.business_line_id = ID.to_owned());
        assert!(removed.business_line.unwrap().released_at.is_some());
        assert_eq!(counts(&connection).await, [1, 1, 1, 0, 0, 4]);

        let request = CaptureLeadRequest {
            tenant_id: shop.id.clone(),
            source: LeadSource::Manual.into(),
            customer_phone: mobile(1),
            request_id: request_id.clone(),
            ..Default::default()
        };
        let captured = repeated!(server.leads(), capture_lead, request, |request| request.need = Some("A tap".to_owned()));
        assert!(captured.created, "the answer of the first, also after the lead was there");
        assert_eq!(counts(&connection).await, [1, 1, 1, 1, 1, 5]);

        // The tenant is gone, and with it the answers that told of it; the answer to its deletion stays.
        let request = DeleteTenantRequest { tenant_id: shop.id, name: shop.name, request_id, ..Default::default() };
        repeated!(server.tenants(), delete_tenant, request, |request| request.name.push('!'));
        assert_eq!(counts(&connection).await[..5], [0, 0, 1, 0, 0]);
        let tenants = server.tenants().list_tenants(ListTenantsRequest::default()).await.unwrap().into_inner();
        assert!(tenants.tenants.is_empty());
    }

    async fn a_repeated_request_is_answered_as_at_first_though_things_have_changed(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let request = AddBusinessLineRequest {
            tenant_id: tenant.id.clone(),
            phone: LINE.to_owned(),
            request_id: ID.to_owned(),
            ..Default::default()
        };
        let added = server.tenants().add_business_line(request.clone()).await.unwrap().into_inner();
        let remove = RemoveBusinessLineRequest {
            tenant_id: tenant.id.clone(),
            business_line_id: added.business_line.clone().unwrap().id,
            ..Default::default()
        };
        server.tenants().remove_business_line(remove).await.unwrap();
        assert_eq!(server.tenants().add_business_line(request).await.unwrap().into_inner(), added);
        let request = ListBusinessLinesRequest { tenant_id: tenant.id, ..Default::default() };
        let lines = server.tenants().list_business_lines(request).await.unwrap().into_inner();
        assert!(lines.business_lines.is_empty(), "the number was not added again");
    }

    async fn ids_of_other_methods_and_callers_do_not_meet_and_failures_are_not_kept(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let connection = db.connect().await;
        let create = |actor: Option<&str>| {
            let mut request = Request::new(CreateTenantRequest {
                name: "Shop".to_owned(),
                request_id: ID.to_owned(),
                ..Default::default()
            });
            if let Some(actor) = actor {
                request.metadata_mut().insert("x-leadcapture-actor", actor.parse().unwrap());
            }
            request
        };
        let first = server.tenants().create_tenant(create(None)).await.unwrap().into_inner();
        let second = server.tenants().create_tenant(create(Some("crm"))).await.unwrap().into_inner();
        assert_ne!(first, second);
        // The id in another form is the same id.
        let mut request = create(Some("crm"));
        request.get_mut().request_id = ID.to_uppercase();
        assert_eq!(server.tenants().create_tenant(request).await.unwrap().into_inner(), second);

        let tenant = first.tenant.unwrap();
        let delete = |name: &str| DeleteTenantRequest {
            tenant_id: tenant.id.clone(),
            name: name.to_owned(),
            request_id: ID.to_owned(),
            ..Default::default()
        };
        let problem = Problem::of(server.tenants().delete_tenant(delete("Wrong")).await);
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "TENANT_NAME_MISMATCH"));
        server.tenants().delete_tenant(delete("Shop")).await.unwrap();
        assert_eq!(counts(&connection).await[0], 1);
    }

    async fn a_request_id_is_forgotten_after_a_day(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let request = CreateTenantRequest { name: "Shop".to_owned(), request_id: ID.to_owned(), ..Default::default() };
        let first = server.tenants().create_tenant(request.clone()).await.unwrap().into_inner();
        clock.advance(TimeDelta::hours(24) - TimeDelta::microseconds(1));
        assert_eq!(server.tenants().create_tenant(request.clone()).await.unwrap().into_inner(), first);
        clock.advance(TimeDelta::microseconds(1));
        // Also one that would have been refused as reused.
        let other = CreateTenantRequest { name: "Other".to_owned(), ..request.clone() };
        let second = server.tenants().create_tenant(other.clone()).await.unwrap().into_inner();
        assert_ne!(second, first);
        assert_eq!(server.tenants().create_tenant(other).await.unwrap().into_inner(), second);
        assert_eq!(Problem::of(server.tenants().create_tenant(request).await).reason, "REQUEST_ID_REUSED");
    }
}
