//! Bad input to the requests about tenants and lines: every bad field is named, and nothing is written.
#![expect(clippy::unnecessary_wraps, reason = "the values are those of optional fields")]

use chrono::Days;
use leadcapture_proto::v1::{
    AddBusinessLineRequest, CallOutcome, CreateTenantRequest, DeleteTenantRequest, GetTenantRequest,
    ListTenantsRequest, RemoveBusinessLineRequest, SendWindow, SendWindows, TenantPolicy,
    UpdateTenantRequest, Weekday,
};
use prost_types::{Duration, FieldMask};
use tonic::Code;

use crate::support::{
    database::both_engines,
    problem::Problem,
    server::{TestServer, present},
};

/// A change that spoils a request, and the field that is named for it.
type Case<R> = (fn(&mut R), &'static str);

const DAY: i64 = 86_400;

fn policy(change: fn(&mut TenantPolicy)) -> Option<TenantPolicy> {
    let mut policy = TenantPolicy::default();
    change(&mut policy);
    Some(policy)
}

const fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

/// A policy with a good window and one more.
fn window(day: i32, opens_at: &str, closes_at: &str) -> Option<TenantPolicy> {
    let good = SendWindow {
        day: Weekday::Monday.into(),
        opens_at: "00:00".to_owned(),
        closes_at: "24:00".to_owned(),
    };
    let window = SendWindow { day, opens_at: opens_at.to_owned(), closes_at: closes_at.to_owned() };
    let send_windows = Some(SendWindows { windows: vec![good, window], skipped_dates: Vec::new() });
    Some(TenantPolicy { send_windows, ..TenantPolicy::default() })
}

fn skipped(dates: impl IntoIterator<Item = String>) -> Option<TenantPolicy> {
    let send_windows = Some(SendWindows { windows: Vec::new(), skipped_dates: dates.into_iter().collect() });
    Some(TenantPolicy { send_windows, ..TenantPolicy::default() })
}

const TENANTS: &[Case<CreateTenantRequest>] = &[
    (|tenant| tenant.name = String::new(), "name"),
    (|tenant| tenant.name = " \t ".to_owned(), "name"),
    (|tenant| tenant.name = "ש".repeat(201), "name"),
    (|tenant| tenant.name = "a\0b".to_owned(), "name"),
    (|tenant| tenant.name = "a\nb".to_owned(), "name"),
    (|tenant| tenant.region = "XX".to_owned(), "region"),
    (|tenant| tenant.region = "ISR".to_owned(), "region"),
    (|tenant| tenant.time_zone = "Mars/Phobos".to_owned(), "time_zone"),
    (|tenant| tenant.time_zone = "+02:00".to_owned(), "time_zone"),
    (|tenant| tenant.request_id = "x".to_owned(), "request_id"),
];

const POLICIES: &[Case<CreateTenantRequest>] = &[
    (|tenant| tenant.policy = policy(|p| p.opener_delay = seconds(-1)), "policy.opener_delay"),
    (|tenant| tenant.policy = policy(|p| p.opener_delay = seconds(30 * DAY + 1)), "policy.opener_delay"),
    (|tenant| tenant.policy = policy(|p| p.opener_delay = seconds(i64::MAX)), "policy.opener_delay"),
    (
        |tenant| {
            tenant.policy = policy(|p| p.opener_delay = Some(Duration { seconds: 1, nanos: 500_000_000 }));
        },
        "policy.opener_delay",
    ),
    (|tenant| tenant.policy = policy(|p| p.reminder_1_delay = seconds(31 * DAY)), "policy.reminder_1_delay"),
    (
        |tenant| tenant.policy = policy(|p| p.reminder_1_delay = seconds(25 * 3_600)),
        "policy.reminder_2_delay",
    ),
    (|tenant| tenant.policy = policy(|p| p.reminder_2_delay = seconds(0)), "policy.reminder_2_delay"),
    (|tenant| tenant.policy = policy(|p| p.unresponsive_delay = seconds(-1)), "policy.unresponsive_delay"),
    (
        |tenant| tenant.policy = policy(|p| p.lost_reopen_window = seconds(3_651 * DAY)),
        "policy.lost_reopen_window",
    ),
    (
        |tenant| tenant.policy = policy(|p| p.returning_customer_window = seconds(-1)),
        "policy.returning_customer_window",
    ),
    (|tenant| tenant.policy = policy(|p| p.stale_call_after = seconds(31 * DAY)), "policy.stale_call_after"),
    (
        |tenant| {
            let outcomes = vec![CallOutcome::Busy.into(), CallOutcome::Answered.into()];
            tenant.policy = Some(TenantPolicy { missed_outcomes: outcomes, ..TenantPolicy::default() });
        },
        "policy.missed_outcomes[1]",
    ),
    (|tenant| tenant.policy = policy(|p| p.missed_outcomes = vec![2, 0]), "policy.missed_outcomes[1]"),
    (|tenant| tenant.policy = policy(|p| p.missed_outcomes = vec![99]), "policy.missed_outcomes[0]"),
    (|tenant| tenant.policy = window(0, "09:00", "10:00"), "policy.send_windows.windows[1].day"),
    (|tenant| tenant.policy = window(8, "09:00", "10:00"), "policy.send_windows.windows[1].day"),
    (|tenant| tenant.policy = window(1, "", "10:00"), "policy.send_windows.windows[1].opens_at"),
    (|tenant| tenant.policy = window(1, "9:00", "10:00"), "policy.send_windows.windows[1].opens_at"),
    (|tenant| tenant.policy = window(1, "+9:00", "10:00"), "policy.send_windows.windows[1].opens_at"),
    (|tenant| tenant.policy = window(1, "09:60", "10:00"), "policy.send_windows.windows[1].opens_at"),
    (|tenant| tenant.policy = window(1, "24:00", "24:00"), "policy.send_windows.windows[1].opens_at"),
    (|tenant| tenant.policy = window(1, "22:00", "06:00"), "policy.send_windows.windows[1].opens_at"),
    (|tenant| tenant.policy = window(1, "09:00", "24:01"), "policy.send_windows.windows[1].closes_at"),
    (|tenant| tenant.policy = window(1, "09:00", "25:00"), "policy.send_windows.windows[1].closes_at"),
    (
        |tenant| {
            tenant.policy = window(1, "09:00", "10:00");
            let windows = &mut tenant.policy.as_mut().unwrap().send_windows.as_mut().unwrap().windows;
            *windows = vec![windows[0].clone(); 51];
        },
        "policy.send_windows.windows",
    ),
    (|tenant| tenant.policy = skipped(["2026-02-30".to_owned()]), "policy.send_windows.skipped_dates[0]"),
    (|tenant| tenant.policy = skipped(["2026-1-5".to_owned()]), "policy.send_windows.skipped_dates[0]"),
    (
        |tenant| tenant.policy = skipped(vec!["2026-01-05".to_owned(); 1_001]),
        "policy.send_windows.skipped_dates",
    ),
    (
        |tenant| {
            let today = present().date_naive();
            // From the day before, as the tenant's zone may be a day behind.
            tenant.policy = skipped((0..370).map(|day| (today + Days::new(day) - Days::new(1)).to_string()));
        },
        "policy.send_windows",
    ),
];

both_engines! {
    async fn each_bad_field_of_a_tenant_is_named_and_nothing_is_written(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        for (index, (change, field)) in TENANTS.iter().chain(POLICIES).enumerate() {
            let mut request = CreateTenantRequest { name: "Shop".to_owned(), ..CreateTenantRequest::default() };
            change(&mut request);
            let problem = Problem::of(server.tenants().create_tenant(request).await);
            assert_eq!((problem.reason.as_str(), problem.fields.as_slice()), ("INVALID_FIELDS", [(*field).to_owned()].as_slice()), "case {index}");
        }
        let tenants = server.tenants().list_tenants(ListTenantsRequest::default()).await.unwrap().into_inner().tenants;
        assert!(tenants.is_empty());
    }

    async fn all_bad_fields_of_a_tenant_are_named_at_once(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let mut policy = window(0, "x", "y").unwrap();
        policy.opener_delay = seconds(-1);
        policy.missed_outcomes = vec![1, 77];
        let request = CreateTenantRequest {
            name: "\0".to_owned(),
            region: "XX".to_owned(),
            time_zone: "Nowhere".to_owned(),
            request_id: "x".to_owned(),
            policy: Some(policy),
        };
        Problem::of(server.tenants().create_tenant(request).await).assert_fields(&[
            "name",
            "policy.missed_outcomes[0]",
            "policy.missed_outcomes[1]",
            "policy.opener_delay",
            "policy.send_windows.windows[1].closes_at",
            "policy.send_windows.windows[1].day",
            "policy.send_windows.windows[1].opens_at",
            "region",
            "request_id",
            "time_zone",
        ]);
    }

    async fn a_bad_update_changes_nothing(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let cases: &[Case<UpdateTenantRequest>] = &[
            (|update| update.tenant_id = String::new(), "tenant_id"),
            (|update| update.name = Some(" ".to_owned()), "name"),
            (|update| update.time_zone = Some(String::new()), "time_zone"),
            (|update| update.etag = "one".to_owned(), "etag"),
            (|update| update.etag = "0".to_owned(), "etag"),
            (|update| update.etag = "-1".to_owned(), "etag"),
            (|update| update.request_id = "x".to_owned(), "request_id"),
            (|update| update.update_mask = mask(&["name", "id"]), "update_mask.paths[1]"),
            (|update| update.update_mask = mask(&["policy.nothing"]), "update_mask.paths[0]"),
            (|update| update.update_mask = mask(&["region"]), "update_mask.paths[0]"),
            (|update| update.update_mask = mask(&["time_zone"]), "time_zone"),
            (|update| update.policy = policy(|policy| policy.opener_delay = seconds(-1)), "policy.opener_delay"),
            // Valid by itself, but longer than the second reminder's delay that is stored.
            (
                |update| {
                    update.policy = policy(|policy| policy.reminder_1_delay = seconds(25 * 3_600));
                    update.update_mask = mask(&["policy.reminder_1_delay"]);
                },
                "policy.reminder_2_delay",
            ),
        ];
        for (index, (change, field)) in cases.iter().enumerate() {
            let mut request = UpdateTenantRequest {
                tenant_id: tenant.id.clone(),
                name: Some("Renamed".to_owned()),
                ..UpdateTenantRequest::default()
            };
            change(&mut request);
            let problem = Problem::of(server.tenants().update_tenant(request).await);
            assert_eq!((problem.reason.as_str(), problem.fields.as_slice()), ("INVALID_FIELDS", [(*field).to_owned()].as_slice()), "case {index}");
        }
        let request = UpdateTenantRequest {
            tenant_id: tenant.id.clone(),
            name: Some("Renamed".to_owned()),
            etag: "999".to_owned(),
            ..UpdateTenantRequest::default()
        };
        let problem = Problem::of(server.tenants().update_tenant(request).await);
        assert_eq!(problem.kind(), (Code::Aborted, "ETAG_MISMATCH"));
        let request = GetTenantRequest { tenant_id: tenant.id.clone() };
        assert_eq!(server.tenants().get_tenant(request).await.unwrap().into_inner().tenant, Some(tenant));
    }

    async fn bad_lines_and_deletions_are_refused(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant_id = server.create_tenant("Shop").await.id;
        for (phone, label, field) in [
            ("", "", "phone"),
            ("*2345", "", "phone"),
            ("1234", "", "phone"),
            ("reception", "", "phone"),
            ("0771234567", "a\nb", "label"),
            ("0771234567", "a\0b", "label"),
            ("0771234567", &*"x".repeat(201), "label"),
        ] {
            let request = AddBusinessLineRequest {
                tenant_id: tenant_id.clone(),
                phone: phone.to_owned(),
                label: label.to_owned(),
                request_id: String::new(),
            };
            Problem::of(server.tenants().add_business_line(request).await).assert_fields(&[field]);
        }
        let request = RemoveBusinessLineRequest { tenant_id: "1".to_owned(), request_id: "2".to_owned(), ..Default::default() };
        let problem = Problem::of(server.tenants().remove_business_line(request).await);
        problem.assert_fields(&["business_line_id", "request_id", "tenant_id"]);
        let request = DeleteTenantRequest { etag: "x".to_owned(), request_id: "x".to_owned(), ..Default::default() };
        let problem = Problem::of(server.tenants().delete_tenant(request).await);
        problem.assert_fields(&["etag", "name", "request_id", "tenant_id"]);
    }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}
