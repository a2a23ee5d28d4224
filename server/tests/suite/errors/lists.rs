//! Page sizes and page tokens, the same for every list.

use std::collections::BTreeSet;

use leadcapture_proto::v1::{
    LeadSource, LeadStatus, ListBusinessLinesRequest, ListLeadsRequest, ListMissedCallsRequest,
    ListTenantsRequest, ListUnroutedCallsRequest, RecordCallRequest,
};

use prost_types::{Struct, Timestamp, Value, value::Kind};
use tonic::Code;

use crate::support::{
    calls::{LINE, before, missed, mobile},
    database::both_engines,
    problem::Problem,
    server::{TestServer, present},
};

/// Checks what every list does with size and token. `$filter` changes the filter of the request.
macro_rules! check_list {
    ($server:expr, $client:ident . $method:ident -> $items:ident, $request:expr, $foreign:expr, $filter:expr) => {{
        let base = $request;
        let mut client = $server.$client();
        let mut page = async |change: &dyn Fn(&mut _)| {
            let mut request = base.clone();
            change(&mut request);
            client.$method(request).await.map(|page| page.into_inner())
        };
        let problem = Problem::from(page(&|request| request.page_size = -1).await.unwrap_err());
        problem.assert_fields(&["page_size"]);
        let all = page(&|request| request.page_size = i32::MAX).await.unwrap();
        assert!(all.$items.len() >= 2 && all.next_page_token.is_empty(), stringify!($method));
        let first = page(&|request| request.page_size = 1).await.unwrap();
        assert_eq!(first.$items, all.$items[..1], stringify!($method));

        let token = first.next_page_token;
        // The size may change from page to page.
        let second =
            page(&|request| (request.page_size, request.page_token) = (500, token.clone())).await.unwrap();
        assert_eq!(second.$items, all.$items[1..], stringify!($method));

        let (shorter, longer) = (token[1..].to_owned(), format!("{token}AAAA"));
        let foreign: &str = $foreign;
        for bad in ["x", "!", "====", &shorter, &longer, &token.to_lowercase(), foreign] {
            let problem =
                Problem::from(page(&|request| request.page_token = bad.to_owned()).await.unwrap_err());
            problem.assert_fields(&["page_token"]);
        }
        let filter: Option<&dyn Fn(&mut _)> = $filter;
        if let Some(filter) = filter {
            let filtered = page(&|request| {
                request.page_token.clone_from(&token);
                filter(request);
            })
            .await;
            Problem::from(filtered.unwrap_err()).assert_fields(&["page_token"]);
        }
        // Size and token are told together.
        let both = page(&|request| (request.page_size, request.page_token) = (-1, "x".to_owned())).await;
        Problem::from(both.unwrap_err()).assert_fields(&["page_size", "page_token"]);
        token
    }};
}

both_engines! {
    async fn every_list_checks_size_and_token(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("First").await;
        server.create_tenant("Second").await;
        for line in ["0771234567", "0771234568"] {
            server.add_line(&tenant, line).await;
        }
        for number in 1..=3 {
            server.record(missed(&format!("call-{number}"), &mobile(number), before(present(), 60))).await;
            let mut unrouted = missed(&format!("call-{number}"), &mobile(number), before(present(), 60));
            unrouted.business_phone = "03-1234567".to_owned();
            server.record(unrouted).await;
        }
        let tenant_id = tenant.id;

        let request = ListTenantsRequest::default();
        let tenants = check_list!(server, tenants.list_tenants -> tenants, request, "AA", None);
        let request = ListBusinessLinesRequest { tenant_id: tenant_id.clone(), ..Default::default() };
        let lines = check_list!(server, tenants.list_business_lines -> business_lines, request, &tenants, Some(&|request: &mut ListBusinessLinesRequest| {
            request.include_released = true;
        }));
        let request = ListLeadsRequest { tenant_id: tenant_id.clone(), ..Default::default() };
        let leads = check_list!(server, leads.list_leads -> leads, request, &lines, Some(&|request: &mut ListLeadsRequest| request.statuses = vec![1]));
        let request = ListMissedCallsRequest { tenant_id, ..Default::default() };
        let calls = check_list!(server, missed_calls.list_missed_calls -> missed_calls, request, &leads, Some(&|request: &mut ListMissedCallsRequest| {
            request.unreturned_only = true;
        }));
        let request = ListUnroutedCallsRequest::default();
        check_list!(server, missed_calls.list_unrouted_calls -> unrouted_calls, request, &calls, Some(&|request: &mut ListUnroutedCallsRequest| {
            request.business_phone = "03-1234567".to_owned();
        }));
    }

    async fn a_page_is_no_larger_than_clients_take(db: TestDatabase) {
        const CALLS: usize = 120;
        let server = TestServer::start(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let text = Value { kind: Some(Kind::StringValue("x".repeat(60_000))) };
        let custom_data = Some(Struct { fields: [("text".to_owned(), text)].into() });
        let calls = (0..CALLS).map(|number| {
            let call = missed(&format!("call-{number}"), &mobile(1), before(present(), 60));
            RecordCallRequest { custom_data: custom_data.clone(), ..call }
        });
        let calls: Vec<_> = calls.collect();
        for some in calls.chunks(CALLS / 3) {
            assert!(server.record_batch(some.to_vec()).await.unwrap().iter().all(Result::is_ok));
        }
        let (mut listed, mut sizes, mut page_token) = (BTreeSet::new(), Vec::new(), String::new());
        loop {
            let request = ListMissedCallsRequest {
                tenant_id: tenant.id.clone(),
                page_size: 500,
                page_token,
                ..Default::default()
            };
            let page = server.missed_calls().list_missed_calls(request).await.unwrap().into_inner();
            sizes.push(page.missed_calls.len());
            listed.extend(page.missed_calls.into_iter().map(|call| call.call_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(listed.len(), CALLS);
        assert_eq!(sizes, [52, 52, 16], "3 MiB of a little more than 60,000 bytes each");
    }

    async fn a_filter_may_repeat_itself(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        server.record(missed("1", &mobile(1), present())).await;
        // More values than either engine takes parameters for.
        let request = ListLeadsRequest {
            tenant_id: tenant.id,
            statuses: vec![LeadStatus::New.into(); 70_000],
            sources: vec![LeadSource::MissedCall.into(); 70_000],
            ..Default::default()
        };
        assert_eq!(server.leads().list_leads(request).await.unwrap().into_inner().leads.len(), 1);
    }

    async fn more_bad_fields_than_a_status_carries_do_not_break_the_connection(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        for bad in [2, 1_000, 70_000] {
            let request = ListLeadsRequest { tenant_id: "x".to_owned(), statuses: vec![0; bad], ..Default::default() };
            let problem = Problem::of(server.leads().list_leads(request).await);
            assert_eq!(problem.kind(), (Code::InvalidArgument, "INVALID_FIELDS"));
            assert!(problem.fields.contains(&"tenant_id".to_owned()) && problem.fields.contains(&"statuses[0]".to_owned()));
            assert_eq!(problem.fields.len() == bad + 1, bad == 2);
            assert_eq!(problem.message.ends_with("; and more"), bad > 2, "{}", problem.message);
        }
    }

    async fn times_that_no_timestamp_can_hold_are_refused(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant_id = server.create_tenant("First").await.id;
        // google.protobuf.Timestamp ends with the years 1 and 9999, PostgreSQL's with 4713 BC.
        for seconds in [-62_135_596_801, 253_402_300_800, -200_000_000_000, -8_000_000_000_000, i64::MIN, i64::MAX] {
            let time = Some(Timestamp { seconds, nanos: 0 });
            let leads = ListLeadsRequest {
                tenant_id: tenant_id.clone(),
                captured_from: time,
                captured_until: time,
                ..Default::default()
            };
            Problem::of(server.leads().list_leads(leads).await).assert_fields(&["captured_from", "captured_until"]);
            let calls = ListMissedCallsRequest {
                tenant_id: tenant_id.clone(),
                called_from: time,
                called_until: time,
                ..Default::default()
            };
            Problem::of(server.missed_calls().list_missed_calls(calls).await).assert_fields(&["called_from", "called_until"]);
        }
        let request = ListLeadsRequest {
            tenant_id,
            captured_from: Some(Timestamp { seconds: -62_135_596_800, nanos: 0 }),
            captured_until: Some(Timestamp { seconds: 253_402_300_799, nanos: 999_999_999 }),
            ..Default::default()
        };
        assert_eq!(server.leads().list_leads(request).await.unwrap().into_inner().leads, []);
    }

    async fn a_page_has_50_items_by_default_and_500_at_most(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let calls = (0..501).map(|number| missed(&format!("call-{number}"), &mobile(number), before(present(), 60)));
        server.record_batch(calls.collect()).await.unwrap();
        for (page_size, expected) in [(0, 50), (1, 1), (500, 500), (501, 500), (i32::MAX, 500)] {
            let request = ListUnroutedCallsRequest { page_size, ..Default::default() };
            let page = server.missed_calls().list_unrouted_calls(request).await.unwrap().into_inner();
            assert_eq!((page.unrouted_calls.len(), page.next_page_token.is_empty()), (expected, false), "page_size {page_size}");
        }
    }
}
