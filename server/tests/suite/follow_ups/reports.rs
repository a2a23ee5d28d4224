//! What workers report: sent, late, too late, not sent.

use leadcapture_proto::v1::{FollowUpStatus, LeadEvent, LeadEventKind, LeadStatus, StartConversationRequest};
use leadcapture_server::storage::{DatabaseSettings, Storage};
use tonic::Code;

use super::*;
use crate::support::{
    calls::{LINE, moment},
    database::{TestDatabase, both_engines},
    leads::{history, moved, read, transition},
    server::{TestServer, environment, noon, settings},
};

async fn reminders_sent(client: &Client, lead: &Lead) -> usize {
    let is_reminder = |event: &&LeadEvent| event.kind() == LeadEventKind::ReminderSent;
    history(client, lead).await.iter().filter(is_reminder).count()
}

/// A server that gives up after so many attempts.
async fn server_with_attempts(db: &TestDatabase, clock: &ManualClock, attempts: i32) -> TestServer {
    let settings = settings(db);
    let database = DatabaseSettings { follow_up_attempts: attempts, ..settings.database.clone() };
    TestServer::start_with(leadcapture_server::config::Settings { database, ..settings }, clock.clone()).await
}

both_engines! {
    async fn a_late_report_counts_until_somebody_else_has_the_follow_up(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = talking(&server, &clock, 1).await;
        let first = reminder_after(&server, &clock, 2, FollowUpKind::Reminder1).await;
        clock.advance(TimeDelta::minutes(5));
        let sent_at = clock.now();
        let (done, conversation) = completed(&server, &first).await.unwrap();
        assert_eq!((done.status(), done.lease_until), (FollowUpStatus::Done, None));
        assert_eq!((moment(done.completed_at), moment(conversation.reminder1_sent_at)), (sent_at, sent_at));

        clock.advance(TimeDelta::minutes(1));
        assert_eq!(completed(&server, &first).await.unwrap(), (done, conversation));
        assert_eq!(reminders_sent(&server, &lead).await, 1);

        let second = reminder_after(&server, &clock, 22, FollowUpKind::Reminder2).await;
        clock.advance(TimeDelta::minutes(1));
        let again = claimed_one(&server).await;
        let problem = completed(&server, &second).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "CLAIM_EXPIRED"));
        let (_, conversation) = completed(&server, &again).await.unwrap();
        assert_eq!(moment(conversation.reminder2_sent_at), clock.now());
        assert_eq!(reminders_sent(&server, &lead).await, 2);
    }

    async fn a_reminder_that_was_sent_is_recorded_though_it_was_cancelled(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = talking(&server, &clock, 1).await;
        let reminder = reminder_after(&server, &clock, 2, FollowUpKind::Reminder1).await;
        moved(&server, transition(&lead, LeadStatus::Lost)).await.unwrap();
        let (cancelled, conversation) = completed(&server, &reminder).await.unwrap();
        assert_eq!(cancelled.status(), FollowUpStatus::Cancelled);
        assert_eq!(moment(conversation.reminder1_sent_at), clock.now());
        assert_eq!(reminders_sent(&server, &lead).await, 1);
        assert_eq!(read(&server, &lead).await.status(), LeadStatus::Lost);
        completed(&server, &reminder).await.unwrap();
        assert_eq!(reminders_sent(&server, &lead).await, 1);
    }

    async fn a_reminder_of_an_earlier_round_says_nothing_of_the_next(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = talking(&server, &clock, 1).await;
        let reminder = reminder_after(&server, &clock, 2, FollowUpKind::Reminder1).await;
        moved(&server, transition(&lead, LeadStatus::Lost)).await.unwrap();
        clock.advance(TimeDelta::seconds(1));
        moved(&server, transition(&lead, LeadStatus::New)).await.unwrap();
        clock.advance(TimeDelta::seconds(1));
        let again = StartConversationRequest {
            tenant_id: lead.tenant_id.clone(),
            lead_id: lead.id.clone(),
            ..StartConversationRequest::default()
        };
        assert_eq!(started(&server, again).await.unwrap().round, 2);
        let (cancelled, conversation) = completed(&server, &reminder).await.unwrap();
        assert_eq!((cancelled.status(), cancelled.round), (FollowUpStatus::Cancelled, 1));
        assert_eq!((conversation.round, conversation.reminder1_sent_at), (2, None));
        // The round has both its reminders.
        clock.advance(TimeDelta::hours(2));
        assert_eq!(follow_up(&claimed_one(&server).await).round, 2);
    }

    async fn a_failure_waits_as_long_as_the_worker_says(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        caller(&server, &clock, 1).await;
        clock.advance(TimeDelta::minutes(3));
        let claim = claimed_one(&server).await;
        let waiting = failed(&server, FailFollowUpRequest { retry_after: seconds(90), ..fail(&claim) }).await.unwrap();
        assert_eq!((waiting.status(), waiting.attempts), (FollowUpStatus::Pending, 1));
        assert_eq!(moment(waiting.due_at), clock.now() + TimeDelta::seconds(90));
        assert_eq!(waiting.last_error.as_deref(), Some("the gateway is away"));
        let expired = (Code::FailedPrecondition, "CLAIM_EXPIRED");
        assert_eq!(failed(&server, fail(&claim)).await.unwrap_err().kind(), expired);
        assert_eq!(started(&server, start(&claim)).await.unwrap_err().kind(), expired);
        clock.advance(TimeDelta::seconds(89));
        assert!(claimed(&server, claim_all()).await.is_empty());
        clock.advance(TimeDelta::seconds(1));
        let claim = claimed_one(&server).await;
        assert_eq!(claim.attempt, 2);
        failed(&server, FailFollowUpRequest { retry_after: seconds(0), ..fail(&claim) }).await.unwrap();
        assert_eq!(claimed_one(&server).await.attempt, 3);
    }

    async fn a_failure_waits_longer_each_time_and_the_last_is_final(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        caller(&server, &clock, 1).await;
        clock.advance(TimeDelta::minutes(3));
        for pause in [30, 60, 120, 240] {
            let waiting = failed(&server, fail(&claimed_one(&server).await)).await.unwrap();
            assert_eq!(moment(waiting.due_at), clock.now() + TimeDelta::seconds(pause));
            clock.advance(TimeDelta::seconds(pause));
        }
        let given_up = failed(&server, fail(&claimed_one(&server).await)).await.unwrap();
        assert_eq!((given_up.status(), given_up.attempts), (FollowUpStatus::Failed, 5));
        assert_eq!(moment(given_up.completed_at), clock.now());
        let of_failed = ListFollowUpsRequest { statuses: vec![FollowUpStatus::Failed.into()], ..list(&tenant) };
        assert_eq!(listed(&server, of_failed).await, [given_up]);
        clock.advance(TimeDelta::hours(30));
        assert!(claimed(&server, claim_all()).await.is_empty());
    }

    async fn a_second_reminder_that_failed_ends_in_silence_all_the_same(db: TestDatabase) {
        let clock = noon();
        let server = server_with_attempts(&db, &clock, 1).await;
        server.tenant_with_line(LINE).await;
        let lead = talking(&server, &clock, 1).await;
        let first = reminder_after(&server, &clock, 2, FollowUpKind::Reminder1).await;
        assert_eq!(failed(&server, fail(&first)).await.unwrap().status(), FollowUpStatus::Failed);
        let second = reminder_after(&server, &clock, 22, FollowUpKind::Reminder2).await;
        assert_eq!(failed(&server, fail(&second)).await.unwrap().status(), FollowUpStatus::Failed);

        let storage = Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap();
        clock.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
        assert_eq!(storage.give_up_silent().await.unwrap(), 0);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(storage.give_up_silent().await.unwrap(), 1);
        assert_eq!(read(&server, &lead).await.status(), LeadStatus::Unresponsive);
        let conversation = conversation(&server, &lead).await;
        assert_eq!((conversation.reminder1_sent_at, conversation.reminder2_sent_at), (None, None));
    }
}
