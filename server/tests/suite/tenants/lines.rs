//! Lines: a number has one owner at a time.

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    AddBusinessLineRequest, BusinessLine, CallDisposition, ListBusinessLinesRequest,
    RemoveBusinessLineRequest, Tenant,
};
use leadcapture_server::clock::Clock as _;
use tonic::{Code, Response, Status};

use crate::support::{
    calls::{LINE, LINE_E164, before, missed, mobile, moment},
    client::Client,
    database::both_engines,
    problem::Problem,
    server::{TestServer, noon},
};

async fn add(client: &Client, tenant: &Tenant, phone: &str) -> Result<BusinessLine, Status> {
    let request = AddBusinessLineRequest {
        tenant_id: tenant.id.clone(),
        phone: phone.to_owned(),
        ..Default::default()
    };
    client.tenants().add_business_line(request).await.map(|answer| answer.into_inner().business_line.unwrap())
}

async fn remove(client: &Client, line: &BusinessLine) -> BusinessLine {
    let request = RemoveBusinessLineRequest {
        tenant_id: line.tenant_id.clone(),
        business_line_id: line.id.clone(),
        ..Default::default()
    };
    client.tenants().remove_business_line(request).await.unwrap().into_inner().business_line.unwrap()
}

async fn list(client: &Client, tenant: &Tenant, include_released: bool) -> Vec<BusinessLine> {
    let request =
        ListBusinessLinesRequest { tenant_id: tenant.id.clone(), include_released, ..Default::default() };
    client.tenants().list_business_lines(request).await.map(Response::into_inner).unwrap().business_lines
}

both_engines! {
    async fn a_line_is_added_listed_and_removed(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Shop").await;
        let request = AddBusinessLineRequest {
            tenant_id: tenant.id.clone(),
            phone: "077-123 4567".to_owned(),
            label: " Reception ".to_owned(),
            request_id: String::new(),
        };
        let line = server.tenants().add_business_line(request).await.unwrap().into_inner().business_line.unwrap();
        assert_eq!((line.phone.as_str(), line.phone_local.as_str()), (LINE_E164, "077-123-4567"));
        assert_eq!((line.label.as_deref(), line.calls_since, line.released_at), (Some("Reception"), None, None));
        assert_eq!(moment(line.created_at), clock.now());
        assert_eq!(list(&server, &tenant, false).await, std::slice::from_ref(&line));

        clock.advance(TimeDelta::hours(1));
        let removed = remove(&server, &line).await;
        assert_eq!(moment(removed.released_at), clock.now());
        assert!(list(&server, &tenant, false).await.is_empty());
        assert_eq!(list(&server, &tenant, true).await, std::slice::from_ref(&removed));
        clock.advance(TimeDelta::hours(1));
        assert_eq!(remove(&server, &line).await, removed, "removing it again changes nothing");
    }

    async fn a_number_has_one_owner_at_a_time(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let (tenant, other) = (server.create_tenant("Shop").await, server.create_tenant("Other").await);
        let line = add(&server, &tenant, LINE).await.unwrap();
        for owner in [&tenant, &other] {
            let problem = Problem::from(add(&server, owner, LINE_E164).await.unwrap_err());
            assert_eq!(problem.kind(), (Code::AlreadyExists, "BUSINESS_LINE_TAKEN"));
        }
        // Another tenant's line is as unknown as one that never was.
        let request = RemoveBusinessLineRequest {
            tenant_id: other.id.clone(),
            business_line_id: line.id.clone(),
            ..Default::default()
        };
        let problem = Problem::of(server.tenants().remove_business_line(request).await);
        assert_eq!(problem.kind(), (Code::NotFound, "BUSINESS_LINE_NOT_FOUND"));

        let removed = remove(&server, &line).await;
        clock.advance(TimeDelta::hours(1));
        let moved = add(&server, &other, LINE).await.unwrap();
        assert_eq!(moved.calls_since, removed.released_at);
        // A call from before the removal stays with the old owner, one from after goes to the new.
        let call = missed("before", &mobile(1), before(moment(removed.released_at), 10));
        assert_eq!(server.record(call).await.missed_call.unwrap().tenant_id, tenant.id);
        let call = missed("after", &mobile(1), clock.now());
        assert_eq!(server.record(call).await.missed_call.unwrap().tenant_id, other.id);
    }

    async fn a_line_that_is_added_again_is_a_new_one(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Shop").await;
        let first = remove(&server, &add(&server, &tenant, LINE).await.unwrap()).await;
        clock.advance(TimeDelta::hours(1));
        let call = missed("between", &mobile(1), before(clock.now(), 60));
        assert_eq!(server.disposition(call).await, CallDisposition::Unrouted);
        let (second, replayed) = server.add_line(&tenant, LINE).await;
        assert_eq!(replayed, 1);
        assert_ne!(second.id, first.id);
        assert_eq!(second.calls_since, first.released_at);
        assert_eq!(list(&server, &tenant, false).await, std::slice::from_ref(&second));
        assert_eq!(list(&server, &tenant, true).await, [first, second]);
    }

    async fn many_that_want_a_number_at_once_make_one_owner(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..12 {
            let tenant = server.create_tenant(&format!("Shop {number}")).await;
            let client = Client::clone(&server);
            tasks.spawn(async move { add(&client, &tenant, LINE).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        for result in lost {
            let problem = Problem::from(result.unwrap_err());
            assert_eq!(problem.kind(), (Code::AlreadyExists, "BUSINESS_LINE_TAKEN"));
        }
    }

    async fn lines_are_listed_oldest_first_page_by_page(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let (tenant, other) = (server.create_tenant("Shop").await, server.create_tenant("Other").await);
        add(&server, &other, "0779999999").await.unwrap();
        let mut lines = Vec::new();
        for number in 0..5 {
            clock.advance(TimeDelta::seconds(1));
            lines.push(add(&server, &tenant, &format!("077123456{number}")).await.unwrap());
        }
        lines[2] = remove(&server, &lines[2]).await;
        for (include_released, expected) in [(true, vec![0, 1, 2, 3, 4]), (false, vec![0, 1, 3, 4])] {
            let mut request =
                ListBusinessLinesRequest { tenant_id: tenant.id.clone(), include_released, page_size: 2, ..Default::default() };
            let mut found = Vec::new();
            loop {
                let page = server.tenants().list_business_lines(request.clone()).await.unwrap().into_inner();
                found.extend(page.business_lines);
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
            let expected: Vec<_> = expected.into_iter().map(|index: usize| lines[index].clone()).collect();
            assert_eq!(found, expected);
        }
    }
}
