//! The whole story: a missed call, the opener, a reminder, the answers one after the other, a qualified lead.

use super::*;
use crate::support::{
    calls::{LINE, mobile_e164, moment},
    database::both_engines,
    leads::{details, read},
    server::{TestServer, noon},
};
use leadcapture_proto::v1::{ConversationState, QualificationField};
use tonic::Code;

/// Asserts that the history tells all that happened, and names nobody.
async fn assert_whole_history(client: &Client, lead: &Lead) {
    let none = LeadStatus::Unspecified;
    let expected = [
        (LeadEventKind::Created, LeadStatus::New),
        (LeadEventKind::ConversationStarted, none),
        (LeadEventKind::StatusChanged, LeadStatus::Qualifying),
        (LeadEventKind::ReminderSent, none),
        (LeadEventKind::ReplyReceived, none),
        (LeadEventKind::ReplyReceived, none),
        (LeadEventKind::ReplyReceived, none),
        (LeadEventKind::ReplyReceived, none),
        (LeadEventKind::StatusChanged, LeadStatus::Qualified),
    ];
    assert_eq!(steps(client, lead).await, expected);
    let events = history(client, lead).await;
    assert_eq!(events[3].reason(), "reminder_1");
    assert_eq!(details(&events[7])["state"], "completed");
    assert!(!format!("{events:?}").contains("Dana"), "the history names no customer");
}

both_engines! {
    async fn a_missed_call_becomes_a_qualified_lead(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let lead = caller(&server, &clock, 1).await;

        // The opener is due two minutes after the call's end, and not a second earlier.
        clock.advance(OPENER_AFTER - TimeDelta::seconds(1));
        assert_eq!(claimed(&server).await, []);
        clock.advance(TimeDelta::seconds(1));
        let claim = claimed_one(&server, FollowUpKind::Opener).await;
        assert_eq!(claimed(&server).await, []);
        assert_eq!((claim.phone.as_str(), claim.phone_local.as_str()), (&*mobile_e164(1), "052-000-0001"));
        assert_eq!((claim.tenant_name.as_str(), claim.time_zone.as_str()), (&*tenant.name, "Asia/Jerusalem"));
        assert_eq!((claim.attempt, &claim.conversation), (1, &None));

        let opened_at = clock.now();
        let request = StartConversationRequest {
            whatsapp_conversation_id: Some("thread-1".to_owned()),
            ..start_claimed(&claim)
        };
        let (opened, qualifying) = started(&server, request).await.unwrap();
        assert_eq!((opened.state(), opened.round), (ConversationState::AwaitingResponse, 1));
        assert_eq!((opened.lead_id.as_str(), moment(opened.opened_at)), (&*lead.id, opened_at));
        assert_eq!(
            opened.missing().collect::<Vec<_>>(),
            [QualificationField::Name, QualificationField::Need, QualificationField::Preference]
        );
        assert_eq!((opened.last_reply_at, opened.completed_at, opened.end_reason), (None, None, 0));
        assert_eq!(qualifying.status(), LeadStatus::Qualifying);
        assert_eq!(moment(qualifying.qualifying_at), opened_at);
        assert_eq!(
            follow_ups(&server, &tenant).await,
            [
                (FollowUpKind::Opener, FollowUpStatus::Done),
                (FollowUpKind::Reminder1, FollowUpStatus::Pending),
                (FollowUpKind::Reminder2, FollowUpStatus::Pending),
            ]
        );

        clock.advance(TimeDelta::hours(2) - TimeDelta::seconds(1));
        assert_eq!(claimed(&server).await, []);
        clock.advance(TimeDelta::seconds(1));
        let claim = claimed_one(&server, FollowUpKind::Reminder1).await;
        assert_eq!(claim.conversation.as_ref(), Some(&opened));
        let (done, reminded) = completed(&server, &claim).await;
        assert_eq!(done.status(), FollowUpStatus::Done);
        assert_eq!(moment(reminded.reminder1_sent_at), opened_at + TimeDelta::hours(2));
        assert_eq!(reminded.reminder2_sent_at, None);
        assert_ne!(reminded.etag, opened.etag);

        // A greeting answers nothing, and says that the customer is there.
        clock.advance(TimeDelta::minutes(5));
        let (greeted, _) = replied(&server, reply(&reminded)).await.unwrap();
        assert_eq!(greeted.state(), ConversationState::AwaitingName);
        assert_eq!(moment(greeted.last_reply_at), clock.now());
        let named = RecordReplyRequest { customer_name: Some(" Dana ".to_owned()), ..reply(&greeted) };
        let (named, lead) = replied(&server, named).await.unwrap();
        assert_eq!(named.state(), ConversationState::AwaitingNeed);
        assert_eq!(lead.customer_name(), "Dana");
        // What is known is not overwritten.
        let needed = RecordReplyRequest {
            customer_name: Some("Somebody else".to_owned()),
            need: Some("A tap".to_owned()),
            ..reply(&named)
        };
        let (needed, lead) = replied(&server, needed).await.unwrap();
        assert_eq!(needed.state(), ConversationState::AwaitingPreference);
        assert_eq!((lead.customer_name(), lead.need(), lead.status()), ("Dana", "A tap", LeadStatus::Qualifying));
        assert_eq!(needed.missing().collect::<Vec<_>>(), [QualificationField::Preference]);

        let last = RecordReplyRequest { contact_preference: Some("After five".to_owned()), ..reply(&needed) };
        let (ended, qualified) = replied(&server, last.clone()).await.unwrap();
        assert_eq!(ended.state(), ConversationState::Completed);
        assert_eq!(ended.end_reason(), ConversationEndReason::AllAnswered);
        assert_eq!(moment(ended.completed_at), clock.now());
        assert_eq!(ended.missing, [0; 0]);
        assert_eq!(qualified.status(), LeadStatus::Qualified);
        assert_eq!(moment(qualified.qualified_at), clock.now());
        assert_eq!(read(&server, &qualified).await, qualified);
        assert_eq!(conversation(&server, &qualified).await, ended);
        assert_eq!(
            follow_ups(&server, &tenant).await,
            [
                (FollowUpKind::Opener, FollowUpStatus::Done),
                (FollowUpKind::Reminder1, FollowUpStatus::Done),
                (FollowUpKind::Reminder2, FollowUpStatus::Cancelled),
            ]
        );

        assert_whole_history(&server, &qualified).await;

        // It is over, and stays as it is.
        let problem = replied(&server, last).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "CONVERSATION_ENDED"));
        assert_eq!(conversation(&server, &qualified).await, ended);
        clock.advance(TimeDelta::days(3));
        assert_eq!(claimed(&server).await, []);
    }

    async fn a_reply_moves_the_reminders(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let (opened, _) = talking(&server, &clock, 1).await;

        clock.advance(TimeDelta::minutes(90));
        replied(&server, reply(&opened)).await.unwrap();
        clock.advance(TimeDelta::hours(2) - TimeDelta::seconds(1));
        assert_eq!(claimed(&server).await, []);
        clock.advance(TimeDelta::seconds(1));
        completed(&server, &claimed_one(&server, FollowUpKind::Reminder1).await).await;
        clock.advance(TimeDelta::hours(22));
        completed(&server, &claimed_one(&server, FollowUpKind::Reminder2).await).await;
        clock.advance(TimeDelta::hours(1));
        replied(&server, reply(&opened)).await.unwrap();
        clock.advance(TimeDelta::days(30));
        assert_eq!(claimed(&server).await, []);
    }

    async fn a_lead_that_is_qualified_already_stays_so(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let (opened, lead) = talking(&server, &clock, 1).await;
        let request = leadcapture_proto::v1::QualifyLeadRequest {
            need: Some("A tap".to_owned()),
            mark_qualified: true,
            ..crate::support::leads::qualify(&lead)
        };
        let (qualified, _) = crate::support::leads::qualified(&server, request).await.unwrap();
        clock.advance(TimeDelta::minutes(1));
        let (ended, lead) = replied(&server, all_answers(&opened)).await.unwrap();
        assert_eq!(ended.end_reason(), ConversationEndReason::AllAnswered);
        assert_eq!((lead.status(), lead.qualified_at), (LeadStatus::Qualified, qualified.qualified_at));
    }

    async fn a_conversation_is_closed_by_hand(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let reasons = [
            ConversationEndReason::AgentTookOver,
            ConversationEndReason::NotInterested,
            ConversationEndReason::Undeliverable,
            ConversationEndReason::Other,
        ];
        for (number, reason) in (1..).zip(reasons) {
            let (opened, qualifying) = talking(&server, &clock, number).await;
            let (ended, lead) = closed(&server, close(&opened, reason)).await.unwrap();
            assert_eq!((ended.state(), ended.end_reason()), (ConversationState::Completed, reason));
            assert_eq!(moment(ended.completed_at), clock.now());
            assert_eq!(lead.status(), qualifying.status());
            let last = history(&server, &lead).await.pop().unwrap();
            assert_eq!(last.kind(), LeadEventKind::ConversationEnded);
            let problem = closed(&server, close(&opened, reason)).await.unwrap_err();
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "CONVERSATION_ENDED"));
        }
        let live = follow_ups(&server, &tenant).await;
        assert_eq!(live.iter().filter(|(_, status)| *status == FollowUpStatus::Cancelled).count(), 8, "{live:?}");
    }
}
