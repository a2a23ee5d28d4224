//! Bad input to the requests about leads: every bad field is named, and nothing is written.

use leadcapture_proto::v1::{
    CaptureLeadRequest, CreateTenantRequest, FindLeadByPhoneRequest, LeadSource, ListLeadsRequest,
};
use prost_types::Timestamp;

use crate::support::{
    calls::{LINE, LINE_E164, mobile},
    database::both_engines,
    problem::Problem,
    server::TestServer,
};

/// A change that spoils a request, and the field that is named for it.
type Case<R> = (fn(&mut R), &'static str);

const CAPTURES: &[Case<CaptureLeadRequest>] = &[
    (|lead| lead.tenant_id = String::new(), "tenant_id"),
    (|lead| lead.tenant_id = "x".to_owned(), "tenant_id"),
    (|lead| lead.source = 0, "source"),
    (|lead| lead.source = LeadSource::MissedCall.into(), "source"),
    (|lead| lead.source = 4, "source"),
    (|lead| lead.customer_phone = String::new(), "customer_phone"),
    (|lead| lead.customer_phone = "  ".to_owned(), "customer_phone"),
    (|lead| lead.customer_phone = "anonymous".to_owned(), "customer_phone"),
    (|lead| lead.customer_phone = "Dana".to_owned(), "customer_phone"),
    (|lead| lead.customer_phone = "*2345".to_owned(), "customer_phone"),
    (|lead| lead.customer_phone = "1234".to_owned(), "customer_phone"),
    (|lead| lead.customer_phone = "052-123".to_owned(), "customer_phone"),
    (|lead| lead.customer_phone = "+999 1234567".to_owned(), "customer_phone"),
    (|lead| lead.customer_phone = "0521234567\0".to_owned(), "customer_phone"),
    (|lead| lead.customer_phone = "5".repeat(10_000), "customer_phone"),
    (|lead| lead.customer_phone = LINE.to_owned(), "customer_phone"),
    (|lead| lead.customer_phone = LINE_E164.to_owned(), "customer_phone"),
    (|lead| lead.customer_name = Some("ד".repeat(201)), "customer_name"),
    (|lead| lead.customer_name = Some("Dana\0".to_owned()), "customer_name"),
    (|lead| lead.customer_name = Some("Da\u{1b}na".to_owned()), "customer_name"),
    (|lead| lead.need = Some("x".repeat(2_001)), "need"),
    (|lead| lead.need = Some("a\0b".to_owned()), "need"),
    (|lead| lead.contact_preference = Some("x".repeat(501)), "contact_preference"),
    (|lead| lead.contact_preference = Some("a\u{7f}b".to_owned()), "contact_preference"),
    (|lead| lead.note = Some("x".repeat(4_001)), "note"),
    (|lead| lead.note = Some("a\u{85}b".to_owned()), "note"),
    (|lead| lead.request_id = "1".to_owned(), "request_id"),
    (|lead| lead.request_id = "0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5g".to_owned(), "request_id"),
];

const LISTS: &[Case<ListLeadsRequest>] = &[
    (|list| list.tenant_id = "x".to_owned(), "tenant_id"),
    (|list| list.statuses = vec![1, 0], "statuses[1]"),
    (|list| list.statuses = vec![8], "statuses[0]"),
    (|list| list.sources = vec![2, 3, -1], "sources[2]"),
    (|list| list.customer_phone = "Dana".to_owned(), "customer_phone"),
    (|list| list.captured_from = Some(Timestamp { seconds: 0, nanos: -1 }), "captured_from"),
    (|list| list.captured_until = Some(Timestamp { seconds: i64::MIN, nanos: 0 }), "captured_until"),
    (
        |list| {
            list.captured_from = Some(Timestamp { seconds: 10, nanos: 0 });
            list.captured_until = Some(Timestamp { seconds: 10, nanos: 0 });
        },
        "captured_until",
    ),
    (|list| list.page_size = -1, "page_size"),
    (|list| list.page_token = "?".to_owned(), "page_token"),
];

both_engines! {
    async fn each_bad_field_of_a_capture_is_named_and_nothing_is_written(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        for (index, (change, field)) in CAPTURES.iter().enumerate() {
            let mut request = CaptureLeadRequest {
                tenant_id: tenant.id.clone(),
                source: LeadSource::Manual.into(),
                customer_phone: mobile(1),
                ..CaptureLeadRequest::default()
            };
            change(&mut request);
            let problem = Problem::of(server.leads().capture_lead(request).await);
            assert_eq!((problem.reason.as_str(), problem.fields.as_slice()), ("INVALID_FIELDS", [(*field).to_owned()].as_slice()), "case {index}");
        }
        assert!(server.all_leads(&tenant).await.is_empty());
    }

    async fn all_bad_fields_of_a_capture_are_named_at_once(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let request = CaptureLeadRequest {
            source: 77,
            customer_phone: "none".to_owned(),
            customer_name: Some("\0".to_owned()),
            need: Some("x".repeat(2_001)),
            request_id: "-".to_owned(),
            ..CaptureLeadRequest::default()
        };
        let problem = Problem::of(server.leads().capture_lead(request).await);
        problem.assert_fields(&["customer_name", "customer_phone", "need", "request_id", "source", "tenant_id"]);
    }

    async fn a_phone_is_read_as_in_the_tenants_country_beside_other_bad_fields(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let request = CreateTenantRequest { name: "London Locks".to_owned(), region: "GB".to_owned(), ..Default::default() };
        let tenant = server.tenants().create_tenant(request).await.unwrap().into_inner().tenant.unwrap();
        let request = CaptureLeadRequest {
            tenant_id: tenant.id,
            source: 77,
            customer_phone: "020 7946 0001".to_owned(),
            ..CaptureLeadRequest::default()
        };
        Problem::of(server.leads().capture_lead(request).await).assert_fields(&["source"]);
    }

    async fn texts_are_counted_in_characters_and_trimmed(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let request = CaptureLeadRequest {
            tenant_id: tenant.id.clone(),
            source: LeadSource::Website.into(),
            customer_phone: mobile(1),
            customer_name: Some(format!("  {} ", "ד".repeat(200))),
            need: Some("🚰".repeat(2_000)),
            contact_preference: Some(" \n ".to_owned()),
            note: Some(format!("first line\n\t{}", "א".repeat(3_988))),
            ..CaptureLeadRequest::default()
        };
        let lead = server.leads().capture_lead(request.clone()).await.unwrap().into_inner().lead.unwrap();
        assert_eq!(lead.customer_name, Some("ד".repeat(200)));
        assert_eq!((lead.need, lead.note), (request.need, request.note));
        assert_eq!(lead.contact_preference, None);
    }

    async fn each_bad_field_of_a_list_of_leads_is_named(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        for (index, (change, field)) in LISTS.iter().enumerate() {
            let mut request = ListLeadsRequest { tenant_id: tenant.id.clone(), ..ListLeadsRequest::default() };
            change(&mut request);
            let problem = Problem::of(server.leads().list_leads(request).await);
            assert_eq!((problem.reason.as_str(), problem.fields.as_slice()), ("INVALID_FIELDS", [(*field).to_owned()].as_slice()), "case {index}");
        }
    }

    async fn a_lead_is_looked_for_by_a_telephone_number_only(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        for phone in ["", "Dana", "*2345", "12"] {
            let request = FindLeadByPhoneRequest { tenant_id: tenant.id.clone(), phone: phone.to_owned() };
            Problem::of(server.leads().find_lead_by_phone(request).await).assert_fields(&["phone"]);
        }
    }
}
