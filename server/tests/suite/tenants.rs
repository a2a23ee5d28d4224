//! `TenantService`: tenants and their lines.
#![expect(clippy::unnecessary_wraps, reason = "the values are those of optional fields")]

mod deletion;
mod lines;
mod request_ids;

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    CallOutcome, CreateTenantRequest, GetTenantRequest, ListTenantsRequest, SendWindow, SendWindows, Tenant,
    TenantPolicy, UpdateTenantRequest, Weekday,
};
use leadcapture_server::clock::Clock as _;
use prost_types::{Duration, FieldMask};
use tonic::Code;

use crate::support::{
    calls::moment,
    client::Client,
    database::both_engines,
    problem::Problem,
    server::{TestServer, noon},
};

async fn get(client: &Client, tenant: &Tenant) -> Tenant {
    let request = GetTenantRequest { tenant_id: tenant.id.clone() };
    client.tenants().get_tenant(request).await.unwrap().into_inner().tenant.unwrap()
}

async fn updated(client: &Client, request: UpdateTenantRequest) -> Tenant {
    client.tenants().update_tenant(request).await.unwrap().into_inner().tenant.unwrap()
}

fn update(tenant: &Tenant) -> UpdateTenantRequest {
    UpdateTenantRequest { tenant_id: tenant.id.clone(), ..UpdateTenantRequest::default() }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

const fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

/// A policy in which nothing is the default.
fn unusual_policy() -> TenantPolicy {
    let window = SendWindow {
        day: Weekday::Sunday.into(),
        opens_at: "09:30".to_owned(),
        closes_at: "24:00".to_owned(),
    };
    TenantPolicy {
        missed_outcomes: vec![CallOutcome::NoAnswer.into(), CallOutcome::Voicemail.into()],
        opener_delay: seconds(0),
        reminder_1_delay: seconds(60),
        reminder_2_delay: seconds(60),
        unresponsive_delay: seconds(30 * 86_400),
        lost_reopen_window: seconds(3_650 * 86_400),
        returning_customer_window: seconds(1),
        stale_call_after: seconds(3_600),
        opener_to_non_mobile: true,
        send_windows: Some(SendWindows {
            windows: vec![window],
            skipped_dates: vec!["2026-04-02".to_owned()],
        }),
    }
}

both_engines! {
    async fn a_new_tenant_has_the_defaults_and_can_be_read_back(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("  אינסטלציה  ").await;
        assert_eq!((tenant.name.as_str(), tenant.region.as_str(), tenant.time_zone.as_str()), ("אינסטלציה", "IL", "Asia/Jerusalem"));
        assert_eq!((moment(tenant.created_at), moment(tenant.updated_at)), (clock.now(), clock.now()));
        let policy = tenant.policy.clone().unwrap();
        let missed = [
            CallOutcome::NoAnswer,
            CallOutcome::Cancelled,
            CallOutcome::Busy,
            CallOutcome::Abandoned,
            CallOutcome::QueueTimeout,
            CallOutcome::QueueFull,
            CallOutcome::QueueEmpty,
        ];
        assert_eq!(policy.missed_outcomes().collect::<Vec<_>>(), missed);
        let delays = [
            policy.opener_delay, policy.reminder_1_delay, policy.reminder_2_delay, policy.unresponsive_delay,
            policy.lost_reopen_window, policy.returning_customer_window, policy.stale_call_after,
        ];
        let days = 30 * 86_400;
        assert_eq!(delays, [120, 7_200, 86_400, 86_400, days, days, 7_200].map(seconds));
        assert_eq!((policy.opener_to_non_mobile, policy.send_windows), (false, Some(SendWindows::default())));
        assert_eq!(get(&server, &tenant).await, tenant);
    }

    async fn a_tenant_may_have_all_its_own(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let request = CreateTenantRequest {
            name: "Plumber".to_owned(),
            region: "GB".to_owned(),
            time_zone: "Europe/London".to_owned(),
            policy: Some(unusual_policy()),
            request_id: String::new(),
        };
        let tenant = server.tenants().create_tenant(request).await.unwrap().into_inner().tenant.unwrap();
        assert_eq!((tenant.region.as_str(), tenant.time_zone.as_str()), ("GB", "Europe/London"));
        assert_eq!(tenant.policy, Some(unusual_policy()));
        assert_eq!(get(&server, &tenant).await, tenant);
        // Its national formats are those of its region.
        let (line, _) = server.add_line(&tenant, "020 7946 0018").await;
        assert_eq!((line.phone.as_str(), line.phone_local.as_str()), ("+442079460018", "020 7946 0018"));
    }

    async fn tenants_are_listed_oldest_first_page_by_page(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let mut expected = Vec::new();
        for number in 0..7 {
            // Two at each moment.
            clock.advance(TimeDelta::seconds(number % 2));
            expected.push(server.create_tenant("Same name").await.id);
        }
        let mut request = ListTenantsRequest { page_size: 3, ..ListTenantsRequest::default() };
        let mut found = Vec::new();
        loop {
            let page = server.tenants().list_tenants(request.clone()).await.unwrap().into_inner();
            found.extend(page.tenants.into_iter().map(|tenant| (moment(tenant.created_at), tenant.id)));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert!(found.is_sorted(), "{found:?}");
        let mut found: Vec<_> = found.into_iter().map(|(_, id)| id).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    async fn an_update_changes_what_the_mask_names(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let default = tenant.policy.clone().unwrap();

        // Without a mask: what is set.
        let renamed = updated(&server, UpdateTenantRequest { name: Some("Renamed".to_owned()), ..update(&tenant) }).await;
        assert_eq!(renamed.name, "Renamed");
        assert_eq!((&renamed.policy, &renamed.time_zone), (&tenant.policy, &tenant.time_zone));

        // One field of the policy; the others of the message do not count.
        let policy = Some(unusual_policy());
        let request = UpdateTenantRequest {
            policy: policy.clone(),
            name: Some("Not in the mask".to_owned()),
            update_mask: mask(&["policy.opener_delay", "policy.missed_outcomes"]),
            ..update(&tenant)
        };
        let changed = updated(&server, request).await;
        let expected = TenantPolicy {
            opener_delay: seconds(0),
            missed_outcomes: unusual_policy().missed_outcomes,
            ..default.clone()
        };
        assert_eq!((changed.name.as_str(), changed.policy.as_ref()), ("Renamed", Some(&expected)));

        // A field in the mask that is absent goes back to its default.
        let request = UpdateTenantRequest { update_mask: mask(&["policy.opener_delay"]), ..update(&tenant) };
        let expected = TenantPolicy { opener_delay: default.opener_delay, ..expected };
        assert_eq!(updated(&server, request).await.policy, Some(expected));

        // All of it, by mask and without one; then all of it back.
        let request = UpdateTenantRequest { policy: policy.clone(), update_mask: mask(&["policy"]), ..update(&tenant) };
        assert_eq!(updated(&server, request).await.policy, policy);
        let partial = Some(TenantPolicy { opener_to_non_mobile: true, ..TenantPolicy::default() });
        let expected = TenantPolicy { opener_to_non_mobile: true, ..default.clone() };
        let request = UpdateTenantRequest { policy: partial, update_mask: mask(&[]), ..update(&tenant) };
        assert_eq!(updated(&server, request).await.policy, Some(expected));
        let request = UpdateTenantRequest { update_mask: mask(&["policy", "time_zone"]), time_zone: Some("UTC".to_owned()), ..update(&tenant) };
        let restored = updated(&server, request).await;
        assert_eq!((restored.policy.as_ref(), restored.time_zone.as_str()), (Some(&default), "UTC"));
        assert_eq!(get(&server, &tenant).await, restored);
    }

    async fn an_etag_guards_an_update(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Shop").await;
        let rename = |name: &str, etag: &str| UpdateTenantRequest {
            name: Some(name.to_owned()),
            etag: etag.to_owned(),
            ..update(&tenant)
        };
        clock.advance(TimeDelta::seconds(1));
        let second = updated(&server, rename("Second", &tenant.etag)).await;
        assert_ne!(second.etag, tenant.etag);
        assert_eq!((moment(second.created_at), moment(second.updated_at)), (moment(tenant.created_at), clock.now()));
        let problem = Problem::of(server.tenants().update_tenant(rename("Third", &tenant.etag)).await);
        assert_eq!(problem.kind(), (Code::Aborted, "ETAG_MISMATCH"));
        assert_eq!(get(&server, &tenant).await, second);
        // What changes nothing is no change.
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(updated(&server, rename("Second", &second.etag)).await, second);
        assert_eq!(updated(&server, update(&tenant)).await, second);
    }

    async fn updates_at_the_same_time_are_never_lost(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..16 {
            let (mut client, tenant) = (server.tenants(), tenant.clone());
            tasks.spawn(async move {
                let request = UpdateTenantRequest { name: Some(format!("Name {number}")), etag: tenant.etag.clone(), ..update(&tenant) };
                client.update_tenant(request).await
            });
        }
        let (won, lost): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        for result in lost {
            assert_eq!(Problem::of(result).kind(), (Code::Aborted, "ETAG_MISMATCH"));
        }
    }
}
