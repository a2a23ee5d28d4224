//! Send windows, from `UpdateTenant` to what a worker gets.

use chrono::{DateTime, Utc};
use leadcapture_proto::v1::{
    FollowUpStatus, SendWindow, SendWindows, TenantPolicy, UpdateTenantRequest, Weekday,
};
use prost_types::FieldMask;

use super::*;
use crate::support::{
    calls::{LINE, moment},
    database::both_engines,
    server::{TestServer, noon},
};

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Lets the tenant send only then.
async fn open(client: &Client, tenant: &Tenant, hours: &[(Weekday, &str, &str)], skipped_dates: &[&str]) {
    let windows = hours.iter().map(|(day, opens_at, closes_at)| SendWindow {
        day: (*day).into(),
        opens_at: (*opens_at).to_owned(),
        closes_at: (*closes_at).to_owned(),
    });
    let send_windows = SendWindows {
        windows: windows.collect(),
        skipped_dates: skipped_dates.iter().map(|date| (*date).to_owned()).collect(),
    };
    let request = UpdateTenantRequest {
        tenant_id: tenant.id.clone(),
        policy: Some(TenantPolicy { send_windows: Some(send_windows), ..TenantPolicy::default() }),
        update_mask: Some(FieldMask { paths: vec!["policy.send_windows".to_owned()] }),
        ..UpdateTenantRequest::default()
    };
    client.tenants().update_tenant(request).await.unwrap();
}

async fn only(client: &Client, tenant: &Tenant) -> FollowUp {
    let [one] = <[_; 1]>::try_from(listed(client, list(tenant)).await).unwrap();
    one
}

both_engines! {
    async fn what_is_due_in_closed_hours_moves_to_the_opening(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        caller(&server, &clock, 1).await;
        clock.advance(TimeDelta::minutes(3));
        // It is Monday noon. Tuesday is a holiday.
        let hours = [(Weekday::Tuesday, "08:00", "18:00"), (Weekday::Wednesday, "09:30", "18:00")];
        open(&server, &tenant, &hours, &["2026-03-03"]).await;
        assert!(claimed(&server, claim_all()).await.is_empty());
        let waiting = only(&server, &tenant).await;
        let opening = utc("2026-03-04T07:30:00Z");
        assert_eq!((waiting.status(), waiting.attempts, moment(waiting.due_at)), (FollowUpStatus::Pending, 0, opening));
        clock.advance(opening - clock.now() - TimeDelta::seconds(1));
        assert!(claimed(&server, claim_all()).await.is_empty());
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(claimed_one(&server).await.attempt, 1);
    }

    async fn what_is_scheduled_for_closed_hours_waits_for_the_opening(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        open(&server, &tenant, &[(Weekday::Monday, "12:30", "13:00"), (Weekday::Sunday, "09:00", "24:00")], &[]).await;
        caller(&server, &clock, 1).await;
        assert_eq!(moment(only(&server, &tenant).await.due_at), utc("2026-03-02T10:30:00Z"));
        clock.advance(TimeDelta::minutes(30));
        let opener = claimed_one(&server).await;
        started(&server, start(&opener)).await.unwrap();
        let reminders = ListFollowUpsRequest { statuses: vec![FollowUpStatus::Pending.into()], ..list(&tenant) };
        let due: Vec<_> = listed(&server, reminders).await.iter().map(|reminder| moment(reminder.due_at)).collect();
        assert_eq!(due, [utc("2026-03-08T07:00:00Z"); 2]);
        // Both are due at once: the first goes, and the second keeps its distance.
        clock.advance(due[0] - clock.now());
        let first = claimed_one(&server).await;
        assert_eq!(follow_up(&first).kind(), FollowUpKind::Reminder1);
        completed(&server, &first).await.unwrap();
        assert!(claimed(&server, claim_all()).await.is_empty());
    }

    async fn a_lease_ends_with_the_hours_and_a_late_report_still_counts(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        open(&server, &tenant, &[(Weekday::Monday, "09:00", "12:05")], &[]).await;
        caller(&server, &clock, 1).await;
        clock.advance(TimeDelta::minutes(3));
        let claim = claimed(&server, ClaimFollowUpsRequest { lease: seconds(3_600), ..claim_all() }).await.remove(0);
        assert_eq!(moment(claim.lease_until), utc("2026-03-02T10:05:00Z"));
        clock.advance(TimeDelta::minutes(2));
        assert!(claimed(&server, claim_all()).await.is_empty());
        let waiting = only(&server, &tenant).await;
        assert_eq!((waiting.status(), waiting.lease_until), (FollowUpStatus::Pending, None));
        assert_eq!(moment(waiting.due_at), utc("2026-03-09T07:00:00Z"));
        // Nobody else had it since.
        started(&server, start(&claim)).await.unwrap();
        let done = listed(&server, ListFollowUpsRequest { kinds: vec![FollowUpKind::Opener.into()], ..list(&tenant) });
        assert_eq!(done.await[0].status(), FollowUpStatus::Done);
    }

    async fn a_reminder_that_moved_on_can_still_be_reported(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        talking(&server, &clock, 1).await;
        let reminder = reminder_after(&server, &clock, 2, FollowUpKind::Reminder1).await;
        open(&server, &tenant, &[(Weekday::Sunday, "09:00", "12:00")], &[]).await;
        clock.advance(TimeDelta::minutes(1));
        assert!(claimed(&server, claim_all()).await.is_empty());
        let (done, conversation) = completed(&server, &reminder).await.unwrap();
        assert_eq!((done.status(), done.completed_at), (FollowUpStatus::Done, conversation.reminder1_sent_at));
    }
}
