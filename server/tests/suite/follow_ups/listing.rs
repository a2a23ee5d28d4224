//! `ListFollowUps`: filters and pages.

use leadcapture_proto::v1::{FollowUpStatus, LeadStatus};

use super::*;
use crate::support::{
    calls::{LINE, moment, timestamp},
    database::both_engines,
    leads::{moved, transition},
    server::{TestServer, noon},
};

fn kinds_and_statuses(follow_ups: &[FollowUp]) -> Vec<(FollowUpKind, FollowUpStatus)> {
    follow_ups.iter().map(|follow_up| (follow_up.kind(), follow_up.status())).collect()
}

both_engines! {
    async fn all_given_filters_hold(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let other = server.create_tenant("Other").await;
        let talks = talking(&server, &clock, 1).await;
        let waits = caller(&server, &clock, 2).await;
        let lost = caller(&server, &clock, 3).await;
        moved(&server, transition(&lost, LeadStatus::Lost)).await.unwrap();

        let all = listed(&server, list(&tenant)).await;
        assert_eq!(all.len(), 5);
        assert!(all.is_sorted_by_key(|follow_up| (moment(follow_up.due_at), follow_up.id.clone())));
        assert!(listed(&server, list(&other)).await.is_empty());

        let of_lead = |lead: &Lead| ListFollowUpsRequest { lead_id: lead.id.clone(), ..list(&tenant) };
        assert_eq!(
            kinds_and_statuses(&listed(&server, of_lead(&talks)).await),
            [
                (FollowUpKind::Opener, FollowUpStatus::Done),
                (FollowUpKind::Reminder1, FollowUpStatus::Pending),
                (FollowUpKind::Reminder2, FollowUpStatus::Pending),
            ]
        );
        let unknown = ListFollowUpsRequest { lead_id: other.id.clone(), ..list(&tenant) };
        assert!(listed(&server, unknown).await.is_empty());
        let foreign = ListFollowUpsRequest { tenant_id: other.id.clone(), ..of_lead(&talks) };
        assert!(listed(&server, foreign).await.is_empty());

        let statuses = |statuses: &[FollowUpStatus]| statuses.iter().map(|status| (*status).into()).collect();
        let ended = ListFollowUpsRequest {
            statuses: statuses(&[FollowUpStatus::Cancelled, FollowUpStatus::Done]),
            ..list(&tenant)
        };
        assert_eq!(
            kinds_and_statuses(&listed(&server, ended).await),
            [(FollowUpKind::Opener, FollowUpStatus::Done), (FollowUpKind::Opener, FollowUpStatus::Cancelled)]
        );
        let openers = ListFollowUpsRequest {
            kinds: vec![FollowUpKind::Opener.into()],
            statuses: statuses(&[FollowUpStatus::Pending]),
            ..list(&tenant)
        };
        let found = listed(&server, openers).await;
        assert_eq!((found.len(), &found[0].lead_id), (1, &waits.id));

        // From is inside, until is outside.
        let ranged = |from: usize, until: usize| ListFollowUpsRequest {
            due_from: all[from].due_at,
            due_until: all[until].due_at,
            ..list(&tenant)
        };
        assert_eq!(listed(&server, ranged(0, 1)).await, all[..1]);
        assert_eq!(listed(&server, ranged(3, 4)).await, all[3..4]);
        let from = ListFollowUpsRequest { due_from: all[3].due_at, ..list(&tenant) };
        assert_eq!(listed(&server, from).await, all[3..]);
    }

    async fn pages_are_walked_without_a_gap(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        // Threes of the same due time.
        for number in 0..9 {
            caller(&server, &clock, number).await;
            clock.advance(TimeDelta::seconds(i64::from(number % 3 / 2)));
        }
        let all = listed(&server, list(&tenant)).await;
        assert_eq!(all.len(), 9);
        let mut request = ListFollowUpsRequest { page_size: 2, ..list(&tenant) };
        let mut pages = Vec::new();
        loop {
            let page = server.conversations().list_follow_ups(request.clone()).await.unwrap().into_inner();
            pages.push(page.follow_ups);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 2, 2, 1]);
        assert_eq!(pages.concat(), all);

        let other_filter = ListFollowUpsRequest { kinds: vec![FollowUpKind::Opener.into()], ..request };
        Problem::of(server.conversations().list_follow_ups(other_filter).await).assert_fields(&["page_token"]);
    }

    async fn bad_filters_are_all_named(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let request = ListFollowUpsRequest {
            lead_id: "one".to_owned(),
            statuses: vec![1, 0, 99],
            kinds: vec![0, 99],
            page_size: -1,
            page_token: "!".to_owned(),
            due_from: Some(timestamp(clock.now())),
            due_until: Some(timestamp(clock.now())),
            ..list(&tenant)
        };
        Problem::of(server.conversations().list_follow_ups(request).await).assert_fields(&[
            "lead_id", "statuses[1]", "statuses[2]", "kinds[0]", "kinds[1]", "page_size", "page_token", "due_until",
        ]);
    }
}
