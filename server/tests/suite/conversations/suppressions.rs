//! Phones that operators forbid and allow again.

use leadcapture_proto::v1::{
    AddSuppressionRequest, ConversationState, ListSuppressionsRequest, RemoveSuppressionRequest, Suppression,
    SuppressionReason,
};
use tonic::Code;

use super::*;
use crate::support::{
    calls::{LINE, mobile_e164, moment},
    database::both_engines,
    leads::read,
    server::{TestServer, noon},
};

const ID: &str = "0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f";

fn add(tenant: &Tenant, phone: &str) -> AddSuppressionRequest {
    AddSuppressionRequest {
        tenant_id: tenant.id.clone(),
        phone: phone.to_owned(),
        reason: SuppressionReason::Complaint.into(),
        ..AddSuppressionRequest::default()
    }
}

async fn added(client: &Client, request: AddSuppressionRequest) -> Suppression {
    client.conversations().add_suppression(request).await.unwrap().into_inner().suppression.unwrap()
}

fn remove(tenant: &Tenant, phone: &str) -> RemoveSuppressionRequest {
    RemoveSuppressionRequest {
        tenant_id: tenant.id.clone(),
        phone: phone.to_owned(),
        ..RemoveSuppressionRequest::default()
    }
}

/// All pages of a list, by phone.
async fn listed(client: &Client, tenant: &Tenant, page_size: i32) -> Vec<Vec<String>> {
    let mut request = ListSuppressionsRequest {
        tenant_id: tenant.id.clone(),
        page_size,
        ..ListSuppressionsRequest::default()
    };
    let mut pages = Vec::new();
    loop {
        let page = client.conversations().list_suppressions(request.clone()).await.unwrap().into_inner();
        pages.push(page.suppressions.into_iter().map(|suppression| suppression.phone).collect());
        if page.next_page_token.is_empty() {
            return pages;
        }
        request.page_token = page.next_page_token;
    }
}

both_engines! {
    async fn a_suppressed_phone_gets_nothing_more(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let (opened, qualifying) = talking(&server, &clock, 1).await;
        let waiting = caller(&server, &clock, 2).await;
        clock.advance(OPENER_AFTER);
        let held = claimed_one(&server, FollowUpKind::Opener).await;
        let spared = caller(&server, &clock, 3).await;

        for number in [1, 2] {
            added(&server, add(&tenant, &mobile(number))).await;
        }
        let rows = follow_ups(&server, &tenant).await;
        assert_eq!(rows.iter().filter(|(_, status)| *status == FollowUpStatus::Cancelled).count(), 3, "{rows:?}");
        // Neither lead nor conversation changes by it.
        assert_eq!(conversation(&server, &qualifying).await, opened);
        assert_eq!(read(&server, &qualifying).await, qualifying);
        assert_eq!(read(&server, &waiting).await, waiting);
        clock.advance(OPENER_AFTER);
        let due = claimed_one(&server, FollowUpKind::Opener).await;
        assert_eq!(due.lead.unwrap().id, spared.id);

        // What was on its way already has arrived; no reminders follow.
        let (started, _) = started(&server, start_claimed(&held)).await.unwrap();
        assert_eq!(started.state(), ConversationState::AwaitingResponse);
        assert_eq!(follow_ups(&server, &tenant).await.len(), rows.len());
    }

    async fn a_phone_keeps_its_first_reason_and_time(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Demo Plumbing").await;
        let first = added(&server, add(&tenant, "052-000-0001")).await;
        assert_eq!((first.tenant_id.as_str(), first.phone.as_str()), (&*tenant.id, &*mobile_e164(1)));
        assert_eq!((first.phone_local.as_str(), first.reason()), ("052-000-0001", SuppressionReason::Complaint));
        assert_eq!(moment(first.suppressed_at), clock.now());
        clock.advance(TimeDelta::hours(1));
        let other = AddSuppressionRequest {
            reason: SuppressionReason::Requested.into(),
            ..add(&tenant, "+972 52 0000001")
        };
        assert_eq!(added(&server, other).await, first);
        assert_eq!(listed(&server, &tenant, 0).await, [[mobile_e164(1)]]);
    }

    async fn an_allowed_phone_gets_openers_again(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        added(&server, add(&tenant, &mobile(1))).await;
        caller(&server, &clock, 1).await;
        clock.advance(OPENER_AFTER);
        assert_eq!(claimed(&server).await, []);

        server.conversations().remove_suppression(remove(&tenant, &mobile(1))).await.unwrap();
        assert_eq!(claimed(&server).await, []);
        let problem = Problem::of(server.conversations().remove_suppression(remove(&tenant, &mobile(1))).await);
        assert_eq!(problem.kind(), (Code::NotFound, "SUPPRESSION_NOT_FOUND"));
        assert_eq!(listed(&server, &tenant, 0).await, [[""; 0]]);

        clock.advance(TimeDelta::hours(1));
        caller(&server, &clock, 1).await;
        clock.advance(OPENER_AFTER);
        claimed_one(&server, FollowUpKind::Opener).await;
    }

    async fn pages_hold_each_phone_once_in_the_order_of_suppression(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Demo Plumbing").await;
        let other = server.create_tenant("Another tenant").await;
        for number in [5, 3, 4, 1, 2] {
            added(&server, add(&tenant, &mobile(number))).await;
            added(&server, add(&other, &mobile(number + 10))).await;
            clock.advance(TimeDelta::seconds(1));
        }
        let pages = listed(&server, &tenant, 2).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(pages.concat(), [5, 3, 4, 1, 2].map(mobile_e164));
        assert_eq!(listed(&server, &other, 500).await, [[5, 3, 4, 1, 2].map(|number| mobile_e164(number + 10))]);

        let first = ListSuppressionsRequest { tenant_id: tenant.id, page_size: 2, ..Default::default() };
        let page = server.conversations().list_suppressions(first).await.unwrap().into_inner();
        let crossed = ListSuppressionsRequest {
            tenant_id: other.id,
            page_size: 2,
            page_token: page.next_page_token,
        };
        Problem::of(server.conversations().list_suppressions(crossed).await).assert_fields(&["page_token"]);
    }

    async fn the_same_request_id_does_nothing_again(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Demo Plumbing").await;
        let request = AddSuppressionRequest { request_id: ID.to_owned(), ..add(&tenant, &mobile(1)) };
        let first = added(&server, request.clone()).await;
        let removal = RemoveSuppressionRequest { request_id: ID.to_owned(), ..remove(&tenant, &mobile(1)) };
        for _ in 0..2 {
            server.conversations().remove_suppression(removal.clone()).await.unwrap();
            assert_eq!(added(&server, request.clone()).await, first);
            assert_eq!(listed(&server, &tenant, 0).await, [[""; 0]]);
        }
        for phone in [mobile(2), String::from("+14155552671")] {
            let changed = AddSuppressionRequest { phone: phone.clone(), ..request.clone() };
            let problem = Problem::of(server.conversations().add_suppression(changed).await);
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "REQUEST_ID_REUSED"));
            let changed = RemoveSuppressionRequest { phone, ..removal.clone() };
            let problem = Problem::of(server.conversations().remove_suppression(changed).await);
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "REQUEST_ID_REUSED"));
        }
    }
}
