//! Requests that are refused, each with what is wrong, and without any effect.

use tonic::Code;

use super::*;
use crate::support::{
    calls::LINE,
    database::both_engines,
    server::{TestServer, noon},
};

const UNKNOWN: &str = "0198c0de-0000-7000-8000-000000000000";

async fn refused(client: &Client, request: ClaimFollowUpsRequest) -> Problem {
    Problem::of(client.conversations().claim_follow_ups(request).await)
}

both_engines! {
    async fn claims_out_of_range_hand_out_nothing(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        caller(&server, &clock, 1).await;
        clock.advance(TimeDelta::minutes(3));
        for (limit, lease, wait) in [(-1, 4, -1), (101, 3_601, 61), (i32::MIN, -5, i64::MAX), (i32::MAX, i64::MAX, i64::MIN)] {
            let request = ClaimFollowUpsRequest {
                tenant_id: "one".to_owned(),
                kinds: vec![1, 0, 4],
                limit,
                lease: seconds(lease),
                wait: seconds(wait),
            };
            refused(&server, request).await.assert_fields(&["tenant_id", "kinds[1]", "kinds[2]", "limit", "lease", "wait"]);
        }
        let nearly = Some(prost_types::Duration { seconds: 4, nanos: 999_999_999 });
        refused(&server, ClaimFollowUpsRequest { lease: nearly, ..claim_all() }).await.assert_fields(&["lease"]);
        let more = Some(prost_types::Duration { seconds: 60, nanos: 1 });
        refused(&server, ClaimFollowUpsRequest { wait: more, ..claim_all() }).await.assert_fields(&["wait"]);
        let unknown = ClaimFollowUpsRequest { tenant_id: UNKNOWN.to_owned(), ..claim_all() };
        assert_eq!(refused(&server, unknown).await.kind(), (Code::NotFound, "TENANT_NOT_FOUND"));
        assert_eq!(claimed_one(&server).await.attempt, 1);
    }

    async fn the_ends_of_the_ranges_are_inside(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        for (number, limit, lease) in [(1, 1, 5), (2, 100, 3_600)] {
            caller(&server, &clock, number).await;
            clock.advance(TimeDelta::minutes(3));
            let request = ClaimFollowUpsRequest { limit, lease: seconds(lease), wait: seconds(60), ..claim_all() };
            let claim = claimed(&server, request).await.remove(0);
            started(&server, start(&claim)).await.unwrap();
        }
    }

    async fn reports_on_what_the_worker_does_not_hold_change_nothing(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let other = server.create_tenant("Other").await;
        let talks = talking(&server, &clock, 1).await;
        let reminder = reminder_after(&server, &clock, 2, FollowUpKind::Reminder1).await;
        let (held, talk) = (listed(&server, list(&tenant)).await, conversation(&server, &talks).await);

        let forged = ClaimedFollowUp { claim_token: UNKNOWN.to_owned(), ..reminder.clone() };
        let elsewhere = FollowUp { tenant_id: other.id.clone(), ..follow_up(&reminder).clone() };
        let elsewhere = ClaimedFollowUp { follow_up: Some(elsewhere), ..reminder.clone() };
        let unknown = FollowUp { id: UNKNOWN.to_owned(), ..follow_up(&reminder).clone() };
        let unknown = ClaimedFollowUp { follow_up: Some(unknown), ..reminder.clone() };
        for (claim, kind) in [
            (&forged, (Code::FailedPrecondition, "CLAIM_EXPIRED")),
            (&elsewhere, (Code::NotFound, "FOLLOW_UP_NOT_FOUND")),
            (&unknown, (Code::NotFound, "FOLLOW_UP_NOT_FOUND")),
        ] {
            assert_eq!(completed(&server, claim).await.unwrap_err().kind(), kind);
            assert_eq!(failed(&server, fail(claim)).await.unwrap_err().kind(), kind);
        }
        // A reminder is no opener.
        started(&server, start(&reminder)).await.unwrap_err().assert_fields(&["follow_up_id"]);
        assert_eq!(listed(&server, list(&tenant)).await, held);
        assert_eq!(conversation(&server, &talks).await, talk);
        completed(&server, &reminder).await.unwrap();
    }

    async fn an_opener_is_not_completed_but_started(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        caller(&server, &clock, 1).await;
        clock.advance(TimeDelta::seconds(1));
        let other = caller(&server, &clock, 2).await;
        clock.advance(TimeDelta::minutes(3));
        let claims = claimed(&server, claim_all()).await;
        let held = listed(&server, list(&tenant)).await;
        completed(&server, &claims[0]).await.unwrap_err().assert_fields(&["follow_up_id"]);
        let of_another = StartConversationRequest { lead_id: other.id, ..start(&claims[0]) };
        started(&server, of_another).await.unwrap_err().assert_fields(&["follow_up_id"]);
        let forged = StartConversationRequest { claim_token: UNKNOWN.to_owned(), ..start(&claims[0]) };
        assert_eq!(started(&server, forged).await.unwrap_err().kind(), (Code::FailedPrecondition, "CLAIM_EXPIRED"));
        let half = StartConversationRequest { claim_token: String::new(), ..start(&claims[0]) };
        started(&server, half).await.unwrap_err().assert_fields(&["claim_token"]);
        assert_eq!(listed(&server, list(&tenant)).await, held);
    }

    async fn every_bad_field_of_a_report_is_named(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let request = CompleteFollowUpRequest { request_id: "one".to_owned(), ..CompleteFollowUpRequest::default() };
        Problem::of(server.conversations().complete_follow_up(request).await)
            .assert_fields(&["tenant_id", "follow_up_id", "claim_token", "request_id"]);
        caller(&server, &clock, 1).await;
        clock.advance(TimeDelta::minutes(3));
        let claim = claimed_one(&server).await;
        for (error, retry_after) in [(String::new(), -1), ("x".repeat(1_001), 86_401), ("a\u{0}b".to_owned(), i64::MAX)] {
            let request = FailFollowUpRequest { error, retry_after: seconds(retry_after), ..fail(&claim) };
            failed(&server, request).await.unwrap_err().assert_fields(&["error", "retry_after"]);
        }
        let most = FailFollowUpRequest { error: "x".repeat(1_000), retry_after: seconds(86_400), ..fail(&claim) };
        assert_eq!(failed(&server, most).await.unwrap().attempts, 1);
    }
}
