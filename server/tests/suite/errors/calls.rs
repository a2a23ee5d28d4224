//! Bad input to `RecordCall`: every bad field is named, and nothing is written.
#![expect(clippy::unnecessary_wraps, reason = "the values are those of optional fields")]

use leadcapture_proto::v1::{self, IvrStep, RecordCallRequest};
use prost_types::{Duration, ListValue, Struct, Timestamp, Value, value::Kind};
use tonic::Code;

use crate::support::{
    calls::{LINE, before, missed, mobile},
    database::both_engines,
    problem::Problem,
    server::{TestServer, noon, present},
};

/// A change that spoils a request, and the field that is named for it.
type Case = (fn(&mut RecordCallRequest), &'static str);

const fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn custom(key: &str, kind: Kind) -> Option<Struct> {
    Some(Struct { fields: [(key.to_owned(), Value { kind: Some(kind) })].into() })
}

fn step(change: fn(&mut IvrStep)) -> Vec<IvrStep> {
    let mut step = IvrStep::default();
    change(&mut step);
    vec![IvrStep::default(), step]
}

/// Texts: each too long, and each with U+0000.
const TEXTS: &[Case] = &[
    (|call| call.call_id = String::new(), "call_id"),
    (|call| call.call_id = " \t ".to_owned(), "call_id"),
    (|call| call.call_id = "x".repeat(129), "call_id"),
    (|call| call.call_id = "a\0b".to_owned(), "call_id"),
    (|call| call.original_call_id = Some("x".repeat(129)), "original_call_id"),
    (|call| call.original_call_id = Some("a\0".to_owned()), "original_call_id"),
    (|call| call.provider = String::new(), "provider"),
    (|call| call.provider = "x".repeat(33), "provider"),
    (|call| call.provider = "Voicenter".to_owned(), "provider"),
    (|call| call.provider_status = Some("x".repeat(65)), "provider_status"),
    (|call| call.provider_status = Some("a\0b".to_owned()), "provider_status"),
    (|call| call.customer_phone = "5".repeat(65), "customer_phone"),
    (|call| call.customer_phone = "050\u{0}1234567".to_owned(), "customer_phone"),
    (|call| call.business_phone = "7".repeat(65), "business_phone"),
    (|call| call.business_phone = "077\u{0}1234567".to_owned(), "business_phone"),
    (|call| call.queue_name = Some("ת".repeat(201)), "queue_name"),
    (|call| call.queue_name = Some("a\0b".to_owned()), "queue_name"),
    (|call| call.representative_name = Some("ת".repeat(201)), "representative_name"),
    (|call| call.representative_name = Some("a\0b".to_owned()), "representative_name"),
    (|call| call.recording_url = Some("x".repeat(2_049)), "recording_url"),
    (|call| call.recording_url = Some("https://a\0b".to_owned()), "recording_url"),
    (|call| call.ivr_path = step(|step| step.layer_id = Some("x".repeat(201))), "ivr_path[1].layer_id"),
    (|call| call.ivr_path = step(|step| step.layer_id = Some("a\0b".to_owned())), "ivr_path[1].layer_id"),
    (|call| call.ivr_path = step(|step| step.layer_name = "x".repeat(201)), "ivr_path[1].layer_name"),
    (|call| call.ivr_path = step(|step| step.layer_name = "a\0b".to_owned()), "ivr_path[1].layer_name"),
    (|call| call.ivr_path = step(|step| step.digit = "1".repeat(33)), "ivr_path[1].digit"),
    (|call| call.ivr_path = step(|step| step.digit = "1\u{0}2".to_owned()), "ivr_path[1].digit"),
    (|call| call.ivr_path = vec![IvrStep::default(); 101], "ivr_path"),
    (|call| call.tenant_id = "7".to_owned(), "tenant_id"),
    (|call| call.tenant_id = "0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5".to_owned(), "tenant_id"),
];

/// Enum values, times, lengths and JSON.
const VALUES: &[Case] = &[
    (|call| call.direction = 0, "direction"),
    (|call| call.direction = 4, "direction"),
    (|call| call.direction = -1, "direction"),
    (|call| call.outcome = 0, "outcome"),
    (|call| call.outcome = 16, "outcome"),
    (|call| call.called_at = None, "called_at"),
    (|call| call.called_at = Some(Timestamp { seconds: 946_684_799, nanos: 999_999_999 }), "called_at"),
    (|call| call.called_at = Some(Timestamp { seconds: i64::MAX, nanos: 0 }), "called_at"),
    (|call| call.called_at = Some(Timestamp { seconds: 1_770_000_000, nanos: -1 }), "called_at"),
    (|call| call.called_at = Some(Timestamp { seconds: 1_770_000_000, nanos: 1_000_000_000 }), "called_at"),
    (|call| call.duration = seconds(-1), "duration"),
    (|call| call.duration = Some(Duration { seconds: 0, nanos: -1 }), "duration"),
    (|call| call.duration = seconds(7 * 86_400 + 1), "duration"),
    (|call| call.duration = seconds(i64::MAX), "duration"),
    (|call| call.ring_duration = seconds(-1), "ring_duration"),
    (|call| call.ring_duration = seconds(i64::MIN), "ring_duration"),
    (|call| call.custom_data = custom("a\0b", Kind::BoolValue(true)), "custom_data"),
    (|call| call.custom_data = custom("a", Kind::StringValue("b\0".to_owned())), "custom_data"),
    (|call| call.custom_data = custom("a", Kind::NumberValue(f64::NAN)), "custom_data"),
    (|call| call.custom_data = custom("a", Kind::NumberValue(f64::INFINITY)), "custom_data"),
    (|call| call.custom_data = custom("a", Kind::StringValue("x".repeat(65_536))), "custom_data"),
    (
        |call| {
            let text = Value { kind: Some(Kind::StringValue("\0".to_owned())) };
            let list = Kind::ListValue(ListValue { values: vec![text] });
            call.custom_data = custom("a", Kind::StructValue(custom("b", list).unwrap_or_default()));
        },
        "custom_data",
    ),
];

fn spoiled(change: fn(&mut RecordCallRequest)) -> RecordCallRequest {
    let mut call = missed("call-1", &mobile(1), before(present(), 60));
    change(&mut call);
    call
}

both_engines! {
    async fn each_bad_field_of_a_call_is_named_and_nothing_is_written(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        for (index, (change, field)) in TEXTS.iter().chain(VALUES).enumerate() {
            let call = spoiled(*change);
            let problem = Problem::from(server.try_record(call.clone()).await.expect_err(field));
            assert_eq!((problem.kind(), problem.fields.as_slice()), ((Code::InvalidArgument, "INVALID_FIELDS"), [(*field).to_owned()].as_slice()), "case {index}: {problem:?}");
            // A batch says the same of the item, and takes its neighbour.
            let neighbour = RecordCallRequest { validate_only: true, ..missed("call-2", &mobile(2), before(present(), 60)) };
            let call = RecordCallRequest { validate_only: true, ..call };
            let results = server.record_batch(vec![call, neighbour]).await.unwrap();
            let error = results[0].as_ref().unwrap_err();
            assert_eq!((error.code, error.reason.as_str()), (3, "INVALID_FIELDS"));
            let fields: Vec<_> = error.field_violations.iter().map(|violation| violation.field.as_str()).collect();
            assert_eq!(fields, [*field], "case {index}");
            assert_eq!(results[1].as_ref().unwrap().disposition(), v1::CallDisposition::LeadCreated);
        }
        assert!(server.all_missed_calls(&tenant).await.is_empty());
        assert!(server.all_leads(&tenant).await.is_empty());
        assert!(server.unrouted_calls().await.is_empty());
    }

    async fn all_bad_fields_are_named_at_once(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let call = RecordCallRequest {
            call_id: "x".repeat(200),
            provider: "?".to_owned(),
            direction: 9,
            outcome: 99,
            customer_phone: "\0".to_owned(),
            duration: seconds(-5),
            tenant_id: "mine".to_owned(),
            custom_data: custom("\0", Kind::NullValue(0)),
            ivr_path: step(|step| step.digit = "\0".to_owned()),
            ..RecordCallRequest::default()
        };
        let problem = Problem::from(server.try_record(call).await.unwrap_err());
        problem.assert_fields(&[
            "call_id", "called_at", "custom_data", "customer_phone", "direction", "duration", "ivr_path[1].digit", "outcome",
            "provider", "tenant_id",
        ]);
    }

    async fn what_is_just_within_the_limits_is_taken(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let now = leadcapture_server::clock::Clock::now(&clock);
        let mut call = missed(&"x".repeat(128), &mobile(1), now + chrono::TimeDelta::days(1));
        call.provider = "p".repeat(32);
        call.queue_name = Some("ת".repeat(200));
        call.recording_url = Some("x".repeat(2_048));
        call.duration = seconds(7 * 86_400);
        call.ivr_path = vec![IvrStep { digit: "1".repeat(32), ..IvrStep::default() }; 100];
        call.custom_data = custom("a", Kind::StringValue("x".repeat(65_528)));
        let stored = server.record(call.clone()).await.missed_call.unwrap();
        assert_eq!((stored.ivr_path.len(), stored.custom_data.as_ref()), (100, call.custom_data.as_ref()));

        call.called_at = Some(Timestamp { seconds: 946_684_800, nanos: 0 });
        call.call_id = "oldest".to_owned();
        server.record(call.clone()).await;
        call.called_at = Some(Timestamp { seconds: now.timestamp() + 86_400, nanos: 1_000 });
        let problem = Problem::from(server.try_record(call).await.unwrap_err());
        problem.assert_fields(&["called_at"]);
    }

    async fn a_batch_has_limits_as_a_whole(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let call = |index: usize| missed(&format!("call-{index}"), &mobile(1), before(present(), 60));
        let problem = Problem::from(server.record_batch(Vec::new()).await.unwrap_err());
        problem.assert_fields(&["calls"]);
        let problem = Problem::from(server.record_batch((0..1_001).map(call).collect()).await.unwrap_err());
        problem.assert_fields(&["calls"]);
        let mixed = vec![call(1), call(2), RecordCallRequest { validate_only: true, ..call(3) }];
        let problem = Problem::from(server.record_batch(mixed).await.unwrap_err());
        problem.assert_fields(&["calls[2].validate_only"]);
        assert!(server.unrouted_calls().await.is_empty());
    }

    async fn a_call_that_names_a_wrong_tenant_is_refused(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        server.tenant_with_line(LINE).await;
        let other = server.create_tenant("Other").await;
        let call = |tenant_id: &str| {
            RecordCallRequest { tenant_id: tenant_id.to_owned(), ..missed("call-1", &mobile(1), before(present(), 60)) }
        };
        let problem = Problem::from(server.try_record(call(&other.id)).await.unwrap_err());
        problem.assert_fields(&["tenant_id"]);
        let problem = Problem::from(server.try_record(call("0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f")).await.unwrap_err());
        assert_eq!(problem.kind(), (Code::NotFound, "TENANT_NOT_FOUND"));
    }
}
