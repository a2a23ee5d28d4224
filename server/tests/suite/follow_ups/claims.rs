//! Handing out: to whom, how many, for how long.

use std::collections::BTreeSet;

use leadcapture_proto::v1::{AddSuppressionRequest, FollowUpStatus, LeadStatus, SuppressionReason};
use sea_orm::{ConnectionTrait as _, DbBackend, Statement, TransactionTrait as _};
use tokio::task::JoinSet;
use tonic::Code;

use super::*;
use crate::support::{
    calls::{LINE, mobile_e164, moment},
    database::{Engine, TestDatabase, both_engines},
    leads::{moved, transition},
    server::{TestServer, noon},
    wait::until,
};

both_engines! {
    async fn what_is_due_goes_out_the_earliest_first_up_to_the_limit(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let mut leads = Vec::new();
        for number in 0..12 {
            leads.push(caller(&server, &clock, number).await.id);
            clock.advance(TimeDelta::seconds(1));
        }
        assert!(claimed(&server, claim_all()).await.is_empty());
        clock.advance(TimeDelta::minutes(3));

        let first = claimed(&server, ClaimFollowUpsRequest::default()).await;
        assert_eq!(first.len(), 10);
        let one = &first[0];
        assert_eq!((one.tenant_name.as_str(), one.time_zone.as_str()), ("Demo Plumbing", "Asia/Jerusalem"));
        assert_eq!((one.phone.clone(), one.phone_local.as_str()), (mobile_e164(0), "052-000-0000"));
        assert_eq!((one.attempt, &one.conversation), (1, &None));
        assert_eq!(one.lead.as_ref().unwrap().id, leads[0]);
        assert_eq!(moment(one.lease_until), clock.now() + TimeDelta::minutes(1));
        assert_eq!((follow_up(one).status(), follow_up(one).lease_until), (FollowUpStatus::Claimed, one.lease_until));

        let rest = claimed(&server, ClaimFollowUpsRequest { limit: 1, ..ClaimFollowUpsRequest::default() }).await;
        assert_eq!(rest.len(), 1);
        let rest = [rest, claimed(&server, claim_all()).await].concat();
        let order: Vec<_> = [first, rest].concat().iter().map(|claim| follow_up(claim).lead_id.clone()).collect();
        assert_eq!(order, leads);
        assert!(claimed(&server, claim_all()).await.is_empty());
    }

    async fn only_what_the_worker_wants_is_handed_out(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let other = server.tenant_with_line("0771234568").await;
        let silent = server.create_tenant("Silent").await;
        talking(&server, &clock, 1).await;
        clock.advance(TimeDelta::hours(2));
        let elsewhere = missed("elsewhere", &mobile(2), clock.now());
        server.record(leadcapture_proto::v1::RecordCallRequest { business_phone: "0771234568".to_owned(), ..elsewhere }).await;
        clock.advance(TimeDelta::minutes(3));

        let of = |tenant: &Tenant| ClaimFollowUpsRequest { tenant_id: tenant.id.clone(), ..claim_all() };
        let only = |kinds: &[FollowUpKind]| ClaimFollowUpsRequest {
            kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
            ..claim_all()
        };
        assert!(claimed(&server, of(&silent)).await.is_empty());
        assert!(claimed(&server, only(&[FollowUpKind::Reminder2])).await.is_empty());
        let reminders = only(&[FollowUpKind::Reminder2, FollowUpKind::Reminder1]);
        let [reminder] = &claimed(&server, ClaimFollowUpsRequest { lease: seconds(5), ..reminders.clone() }).await[..] else {
            panic!("one reminder is due");
        };
        assert_eq!(reminder.conversation.as_ref().unwrap().lead_id, follow_up(reminder).lead_id);
        let [opener] = &claimed(&server, of(&other)).await[..] else { panic!("one opener is due") };
        assert_eq!(follow_up(opener).tenant_id, other.id);
        // The filters hold for what is handed out again, too.
        clock.advance(TimeDelta::seconds(5));
        assert!(claimed(&server, of(&other)).await.is_empty());
        assert!(claimed(&server, only(&[FollowUpKind::Opener])).await.is_empty());
        assert_eq!(claimed(&server, reminders).await[0].attempt, 2);
    }

    async fn an_unfinished_lease_is_handed_out_again(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        caller(&server, &clock, 1).await;
        clock.advance(TimeDelta::minutes(3));
        let lease = ClaimFollowUpsRequest { lease: seconds(5), ..claim_all() };
        let first = claimed(&server, lease).await.remove(0);
        clock.advance(TimeDelta::milliseconds(4_999));
        assert!(claimed(&server, claim_all()).await.is_empty());
        clock.advance(TimeDelta::milliseconds(1));
        let second = claimed_one(&server).await;
        assert_eq!(follow_up(&second).id, follow_up(&first).id);
        assert_eq!((first.attempt, second.attempt, follow_up(&second).attempts), (1, 2, 2));
        assert_ne!(first.claim_token, second.claim_token);

        let expired = (Code::FailedPrecondition, "CLAIM_EXPIRED");
        assert_eq!(started(&server, start(&first)).await.unwrap_err().kind(), expired);
        assert_eq!(failed(&server, fail(&first)).await.unwrap_err().kind(), expired);
        started(&server, start(&second)).await.unwrap();
        assert_eq!(failed(&server, fail(&second)).await.unwrap_err().kind(), expired);
        clock.advance(TimeDelta::minutes(2));
        assert!(claimed(&server, claim_all()).await.is_empty());
    }

    async fn what_must_not_be_sent_any_more_is_never_handed_out(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let lost = caller(&server, &clock, 1).await;
        caller(&server, &clock, 2).await;
        clock.advance(TimeDelta::minutes(3));
        let claims = claimed(&server, ClaimFollowUpsRequest { lease: seconds(5), ..claim_all() }).await;
        assert_eq!(claims.len(), 2);
        moved(&server, transition(&lost, LeadStatus::Lost)).await.unwrap();
        let suppression = AddSuppressionRequest {
            tenant_id: tenant.id.clone(),
            phone: mobile(2),
            reason: SuppressionReason::Requested.into(),
            ..AddSuppressionRequest::default()
        };
        server.conversations().add_suppression(suppression).await.unwrap();
        clock.advance(TimeDelta::minutes(3));
        assert!(claimed(&server, claim_all()).await.is_empty());
        for follow_up in listed(&server, list(&tenant)).await {
            assert_eq!((follow_up.status(), follow_up.attempts), (FollowUpStatus::Cancelled, 1));
            assert_eq!(follow_up.lease_until, None);
            assert!(follow_up.completed_at.is_some());
        }
    }

    async fn claims_at_once_never_meet(db: TestDatabase) {
        let clock = noon();
        let mut servers = vec![TestServer::start_at(&db, &clock).await];
        if db.engine() == Engine::Postgres {
            servers.push(TestServer::start_at(&db, &clock).await);
        }
        servers[0].tenant_with_line(LINE).await;
        for number in 0..60 {
            caller(&servers[0], &clock, number).await;
        }
        clock.advance(TimeDelta::minutes(3));
        let mut workers = JoinSet::new();
        for worker in 0..8 {
            let client = Client::clone(&servers[worker % servers.len()]);
            workers.spawn(async move {
                let mut ids = Vec::new();
                loop {
                    let claims = claimed(&client, ClaimFollowUpsRequest { limit: 7, ..claim_all() }).await;
                    if claims.is_empty() {
                        return ids;
                    }
                    ids.extend(claims.iter().map(|claim| follow_up(claim).id.clone()));
                }
            });
        }
        let mut ids = workers.join_all().await.concat();
        // A worker may stop while another still holds the last ones locked, but those are handed out to that one.
        ids.extend(claimed(&servers[0], claim_all()).await.iter().map(|claim| follow_up(claim).id.clone()));
        assert_eq!(ids.len(), 60);
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 60);
    }
}

/// On SQLite, claims and reports wait for each other anyhow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_waits_for_the_claim_that_is_taking_its_follow_up_over() {
    let db = TestDatabase::new(Engine::Postgres).await;
    let clock = noon();
    let server = TestServer::start_at(&db, &clock).await;
    server.tenant_with_line(LINE).await;
    caller(&server, &clock, 1).await;
    clock.advance(TimeDelta::minutes(3));
    let claim = claimed_one(&server).await;

    // What a claim does after the lease ended, stopped before its commit.
    let connection = db.connect().await;
    let taking_over = connection.begin().await.unwrap();
    let sql = format!(
        "UPDATE follow_ups SET claim_token = gen_random_uuid() WHERE id = '{}'",
        follow_up(&claim).id
    );
    taking_over.execute_unprepared(&sql).await.unwrap();
    let (client, request) = (Client::clone(&server), start(&claim));
    let report = tokio::spawn(async move { started(&client, request).await });
    let waits =
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("the report to wait", async || {
        connection.query_one_raw(Statement::from_string(DbBackend::Postgres, waits)).await.unwrap()
    })
    .await;
    taking_over.commit().await.unwrap();
    let problem = report.await.unwrap().unwrap_err();
    assert_eq!(problem.kind(), (Code::FailedPrecondition, "CLAIM_EXPIRED"));
}
