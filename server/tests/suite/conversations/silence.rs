//! The other story: two reminders, silence, and perhaps a late reply.

use leadcapture_proto::v1::ConversationState;

use super::*;
use crate::support::{
    calls::{LINE, moment},
    database::both_engines,
    leads::read,
    server::{TestServer, noon},
};

/// A conversation whose second reminder was sent just now.
async fn reminded_twice(client: &Client, clock: &ManualClock, number: u32) -> (Conversation, Lead) {
    let (_, lead) = talking(client, clock, number).await;
    clock.advance(TimeDelta::hours(2));
    completed(client, &claimed_one(client, FollowUpKind::Reminder1).await).await;
    clock.advance(TimeDelta::hours(22));
    let (_, conversation) = completed(client, &claimed_one(client, FollowUpKind::Reminder2).await).await;
    (conversation, lead)
}

/// A conversation that was given up just now.
async fn silent(
    client: &Client,
    storage: &Storage,
    clock: &ManualClock,
    number: u32,
) -> (Conversation, Lead) {
    let (_, lead) = reminded_twice(client, clock, number).await;
    clock.advance(TimeDelta::hours(24));
    assert_eq!(storage.give_up_silent().await.unwrap(), 1);
    (conversation(client, &lead).await, read(client, &lead).await)
}

both_engines! {
    async fn silence_after_two_reminders_is_the_end(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let storage = sweeper(&db, &clock).await;
        let (reminded, lead) = reminded_twice(&server, &clock, 1).await;
        assert_eq!(moment(reminded.reminder1_sent_at), moment(reminded.opened_at) + TimeDelta::hours(2));
        assert_eq!(moment(reminded.reminder2_sent_at), moment(reminded.opened_at) + TimeDelta::hours(24));

        clock.advance(TimeDelta::hours(24) - TimeDelta::microseconds(1));
        assert_eq!(storage.give_up_silent().await.unwrap(), 0);
        assert_eq!(conversation(&server, &lead).await, reminded);
        clock.advance(TimeDelta::microseconds(1));
        assert_eq!(storage.give_up_silent().await.unwrap(), 1);
        assert_eq!(storage.give_up_silent().await.unwrap(), 0);

        let silent = conversation(&server, &lead).await;
        assert_eq!(silent.state(), ConversationState::Unresponsive);
        assert_eq!((silent.completed_at, silent.end_reason), (None, 0));
        let given_up = read(&server, &lead).await;
        assert_eq!(given_up.status(), LeadStatus::Unresponsive);
        assert_eq!(moment(given_up.unresponsive_at), clock.now());
        let last = history(&server, &lead).await.pop().unwrap();
        assert_eq!((last.kind(), last.from_status(), last.to_status()),
            (LeadEventKind::StatusChanged, LeadStatus::Qualifying, LeadStatus::Unresponsive));
    }

    async fn the_last_reply_counts_too(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let storage = sweeper(&db, &clock).await;
        let (reminded, lead) = reminded_twice(&server, &clock, 1).await;
        clock.advance(TimeDelta::hours(20));
        let (replied, _) = replied(&server, reply(&reminded)).await.unwrap();
        clock.advance(TimeDelta::hours(24) - TimeDelta::microseconds(1));
        assert_eq!(storage.give_up_silent().await.unwrap(), 0);
        assert_eq!(conversation(&server, &lead).await, replied);
        clock.advance(TimeDelta::microseconds(1));
        assert_eq!(storage.give_up_silent().await.unwrap(), 1);
    }

    async fn a_late_reply_is_taken_without_new_reminders(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let storage = sweeper(&db, &clock).await;
        let (silent, _) = silent(&server, &storage, &clock, 1).await;

        clock.advance(TimeDelta::days(3));
        let late = RecordReplyRequest { need: Some("A tap".to_owned()), ..reply(&silent) };
        let (back, lead) = replied(&server, late).await.unwrap();
        assert_eq!((back.state(), back.round), (ConversationState::AwaitingName, silent.round));
        assert_eq!((back.reminder1_sent_at, back.reminder2_sent_at),
            (silent.reminder1_sent_at, silent.reminder2_sent_at));
        assert_eq!(lead.status(), LeadStatus::Qualifying);
        assert_eq!(moment(lead.qualifying_at), clock.now());

        clock.advance(TimeDelta::hours(24));
        assert_eq!(claimed(&server).await, []);
        assert_eq!(storage.give_up_silent().await.unwrap(), 1);
        assert_eq!(conversation(&server, &lead).await.state(), ConversationState::Unresponsive);
    }

    async fn a_late_reply_that_answers_all_qualifies(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let storage = sweeper(&db, &clock).await;
        let (silent, lead) = silent(&server, &storage, &clock, 1).await;
        let known = steps(&server, &lead).await.len();

        clock.advance(TimeDelta::hours(1));
        let (ended, lead) = replied(&server, all_answers(&silent)).await.unwrap();
        assert_eq!((ended.state(), ended.end_reason()),
            (ConversationState::Completed, ConversationEndReason::AllAnswered));
        assert_eq!(lead.status(), LeadStatus::Qualified);
        assert_eq!(
            steps(&server, &lead).await.split_off(known),
            [
                (LeadEventKind::ReplyReceived, LeadStatus::Unspecified),
                (LeadEventKind::StatusChanged, LeadStatus::Qualifying),
                (LeadEventKind::StatusChanged, LeadStatus::Qualified),
            ]
        );
        clock.advance(TimeDelta::days(30));
        assert_eq!(claimed(&server).await, []);
        assert_eq!(storage.give_up_silent().await.unwrap(), 0);
    }

    async fn a_silent_conversation_can_be_closed(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let storage = sweeper(&db, &clock).await;
        let (silent, _) = silent(&server, &storage, &clock, 1).await;
        let (ended, lead) = closed(&server, close(&silent, ConversationEndReason::Other)).await.unwrap();
        assert_eq!(ended.state(), ConversationState::Completed);
        assert_eq!(lead.status(), LeadStatus::Unresponsive);
    }
}
