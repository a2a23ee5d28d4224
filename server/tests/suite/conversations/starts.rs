//! The report that the opener was sent, when it is late, repeated, or about something else.

use leadcapture_proto::v1::{ConversationState, FailFollowUpRequest, ListMissedCallsRequest};
use tonic::Code;
use uuid::Uuid;

use super::*;
use crate::support::{
    calls::{LINE, answered, called_back, moment},
    database::both_engines,
    leads::{capture, captured, moved, read, transition, walked},
    server::{TestServer, noon},
};

both_engines! {
    async fn a_lead_that_was_closed_meanwhile_gets_a_conversation_that_is_over(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let paths: [(&[LeadStatus], _); 3] = [
            (&[LeadStatus::Contacted], ConversationEndReason::Contacted),
            (&[LeadStatus::Contacted, LeadStatus::Converted], ConversationEndReason::Converted),
            (&[LeadStatus::Lost], ConversationEndReason::Lost),
        ];
        for (number, (path, reason)) in (1..).zip(paths) {
            caller(&server, &clock, number).await;
            clock.advance(OPENER_AFTER);
            let opener = claimed_one(&server, FollowUpKind::Opener).await;
            let lead = walked(&server, opener.lead.clone().unwrap(), path).await;
            clock.advance(TimeDelta::seconds(5));
            let (over, after) = started(&server, start_claimed(&opener)).await.unwrap();
            assert_eq!((over.state(), over.end_reason()), (ConversationState::Completed, reason));
            assert_eq!((moment(over.opened_at), moment(over.completed_at)), (clock.now(), clock.now()));
            assert_eq!(after.status(), lead.status());
            assert_eq!(conversation(&server, &lead).await, over);
            let problem = replied(&server, all_answers(&over)).await.unwrap_err();
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "CONVERSATION_ENDED"));
        }
        assert_eq!(follow_ups(&server, &tenant).await, [(FollowUpKind::Opener, FollowUpStatus::Cancelled); 3]);
    }

    async fn a_second_report_changes_nothing(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        caller(&server, &clock, 1).await;
        clock.advance(OPENER_AFTER);
        let opener = claimed_one(&server, FollowUpKind::Opener).await;
        let first = started(&server, start_claimed(&opener)).await.unwrap();
        let (steps_before, follow_ups_before) =
            (steps(&server, &first.1).await, follow_ups(&server, &tenant).await);
        clock.advance(TimeDelta::minutes(1));
        assert_eq!(started(&server, start_claimed(&opener)).await.unwrap(), first);
        assert_eq!(started(&server, start(&first.1)).await.unwrap(), first);
        replied(&server, opt_out(&first.0)).await.unwrap();
        let ended = conversation(&server, &first.1).await;
        assert_eq!(started(&server, start(&first.1)).await.unwrap().0, ended);
        assert_eq!(steps(&server, &first.1).await.len(), steps_before.len() + 1);
        assert_eq!(follow_ups(&server, &tenant).await.len(), follow_ups_before.len());
    }

    async fn an_opener_that_was_sent_without_a_claim_is_done_all_the_same(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let lead = caller(&server, &clock, 1).await;
        started(&server, start(&lead)).await.unwrap();
        let of = |kind| move |row: &&(FollowUpKind, FollowUpStatus)| row.0 == kind;
        let rows = follow_ups(&server, &tenant).await;
        assert_eq!(rows.len(), 3);
        assert_eq!(rows.iter().find(of(FollowUpKind::Opener)).unwrap().1, FollowUpStatus::Done);
        clock.advance(OPENER_AFTER);
        assert_eq!(claimed(&server).await, []);
    }

    async fn a_claim_that_was_handed_out_again_has_expired(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = caller(&server, &clock, 1).await;
        clock.advance(OPENER_AFTER);
        let stale = claimed_one(&server, FollowUpKind::Opener).await;
        clock.advance(TimeDelta::minutes(1));
        let latest = claimed_one(&server, FollowUpKind::Opener).await;
        assert_eq!(latest.follow_up.as_ref().unwrap().id, stale.follow_up.as_ref().unwrap().id);
        let problem = started(&server, start_claimed(&stale)).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "CLAIM_EXPIRED"));
        assert_eq!(read(&server, &lead).await, lead);
        // Late, but nobody else has it.
        clock.advance(TimeDelta::minutes(10));
        let (opened, _) = started(&server, start_claimed(&latest)).await.unwrap();
        assert_eq!(opened.state(), ConversationState::AwaitingResponse);
    }

    async fn a_claim_that_was_given_back_has_expired(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = caller(&server, &clock, 1).await;
        clock.advance(OPENER_AFTER);
        let opener = claimed_one(&server, FollowUpKind::Opener).await;
        let request = FailFollowUpRequest {
            tenant_id: lead.tenant_id.clone(),
            follow_up_id: opener.follow_up.as_ref().unwrap().id.clone(),
            claim_token: opener.claim_token.clone(),
            error: "The gateway is away".to_owned(),
            ..FailFollowUpRequest::default()
        };
        server.conversations().fail_follow_up(request).await.unwrap();
        let problem = started(&server, start_claimed(&opener)).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "CLAIM_EXPIRED"));
    }

    async fn a_follow_up_of_something_else_is_refused(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = caller(&server, &clock, 1).await;
        clock.advance(OPENER_AFTER);
        let opener = claimed_one(&server, FollowUpKind::Opener).await;
        let other = caller(&server, &clock, 2).await;
        let about = |lead: &Lead| StartConversationRequest {
            tenant_id: lead.tenant_id.clone(),
            lead_id: lead.id.clone(),
            ..start_claimed(&opener)
        };

        let problem = started(&server, about(&other)).await.unwrap_err();
        problem.assert_fields(&["follow_up_id"]);
        let unknown = StartConversationRequest { follow_up_id: Uuid::nil().to_string(), ..start_claimed(&opener) };
        let problem = started(&server, unknown).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::NotFound, "FOLLOW_UP_NOT_FOUND"));

        let foreign = server.create_tenant("Another tenant").await;
        let foreign = captured(&server, capture(&foreign, &mobile(1))).await;
        let problem = started(&server, about(&foreign)).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::NotFound, "FOLLOW_UP_NOT_FOUND"));

        started(&server, start_claimed(&opener)).await.unwrap();
        clock.advance(TimeDelta::hours(2));
        let due = claimed(&server).await;
        let reminder = due.iter().find(|claim| claim.lead.as_ref().unwrap().id == lead.id).unwrap();
        let problem = started(&server, start_claimed(reminder)).await.unwrap_err();
        problem.assert_fields(&["follow_up_id"]);
        assert_eq!(read(&server, &other).await, other);
    }

    async fn who_was_answered_before_the_opener_was_due_gets_none(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let phoned = caller(&server, &clock, 1).await;
        let called = caller(&server, &clock, 2).await;
        clock.advance(TimeDelta::minutes(1));
        server.record(answered("answered", &mobile(1), clock.now())).await;
        server.record(called_back("called back", &mobile(2), clock.now())).await;
        for lead in [&phoned, &called] {
            assert_eq!(read(&server, lead).await.status(), LeadStatus::Contacted);
        }
        clock.advance(TimeDelta::hours(1));
        assert_eq!(claimed(&server).await, []);
        assert_eq!(follow_ups(&server, &tenant).await, [(FollowUpKind::Opener, FollowUpStatus::Cancelled); 2]);
        let request = ListMissedCallsRequest {
            tenant_id: tenant.id.clone(),
            unreturned_only: true,
            ..ListMissedCallsRequest::default()
        };
        let unreturned = server.missed_calls().list_missed_calls(request).await.unwrap().into_inner();
        assert_eq!(unreturned.missed_calls, []);
    }

    async fn an_answered_call_ends_the_conversation(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let (_, lead) = talking(&server, &clock, 1).await;
        clock.advance(TimeDelta::minutes(10));
        server.record(called_back("called back", &mobile(1), clock.now())).await;
        let ended = conversation(&server, &lead).await;
        assert_eq!((ended.state(), ended.end_reason()),
            (ConversationState::Completed, ConversationEndReason::Contacted));
        assert_eq!(moment(ended.completed_at), clock.now());
        let rows = follow_ups(&server, &tenant).await;
        assert_eq!(rows.iter().filter(|(_, status)| *status == FollowUpStatus::Cancelled).count(), 2, "{rows:?}");
        let lead = read(&server, &lead).await;
        moved(&server, transition(&lead, LeadStatus::Converted)).await.unwrap();
        assert_eq!(conversation(&server, &lead).await, ended);
    }
}
