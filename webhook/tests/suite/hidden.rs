//! Nothing of a record shows in what the types show of themselves.

use std::fmt::Debug;

use chrono::DateTime;
use leadcapture_webhook::{
    cdr::{
        self, Format, TimeRules, custom_data, parties,
        record::{Field, Record},
    },
    forward::reading::Reading,
    spool::{Delivery, Exported, State, Stored},
};
use serde_json::{Value, json};

use crate::adapter::record;

/// What must not be seen: the values, the names of fields that are none of Voicenter's, and parts of both.
const SECRETS: &[&str] =
    &["555", "0142", "Zippora", "boiler", "Confidential", "recordings.example", "secret_field"];

fn assert_hidden(value: &impl Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}

fn body() -> Value {
    record(&json!({
        "ivruniqueid": "call-1", "caller": "0525550142", "did": "0771555014", "representative_name": "Zippora",
        "recordurl": "https://recordings.example/1", "CustomData": {"need": "a boiler"}, "secret_field": "Confidential",
    }))
}

fn delivery(format: Format, body: Vec<u8>) -> Delivery {
    Delivery {
        body,
        format,
        arrived_at: DateTime::from_timestamp(1_770_000_000, 0).unwrap(),
        time: TimeRules::default(),
        tenant_id: None,
        traceparent: None,
    }
}

#[test]
fn no_type_shows_what_a_record_holds() {
    let body = body();
    let delivery = delivery(Format::Json, body.to_string().into_bytes());
    assert_hidden(&delivery);
    let calls = cdr::read(delivery.format, &delivery.body, delivery.time, delivery.arrived_at).unwrap();
    let call = calls[0].as_ref().unwrap();
    assert!(call.request.customer_phone.ends_with("0142"));
    assert_hidden(&calls);
    assert_hidden(&Reading::of(&delivery));
    let stored = Stored {
        id: 1,
        state: State::Dead,
        since: delivery.arrived_at,
        attempts: 0,
        next_attempt_at: delivery.arrived_at,
        problem: "ivruniqueid: is missing".to_owned(),
        delivery,
    };
    assert_hidden(&stored);
    assert_hidden(&Exported::from(stored));
    let record = Record::from(body.as_object().unwrap());
    assert_hidden(&record);
    assert_hidden(&record.fields().collect::<Vec<Field<'_>>>());
    let found = parties::parties(&record, leadcapture_proto::v1::CallDirection::Incoming);
    assert_eq!(found.customer.value, "0525550142");
    assert_hidden(&found);
    assert_hidden(&custom_data::read([&json!({"need": "a boiler"})], []));
}

/// A problem names fields and rules, never the values: it is logged, kept and answered.
#[test]
fn no_problem_repeats_a_value() {
    let strange = json!({
        "ivruniqueid": ["Zippora"], "time": "0525550142", "Date": "Confidential", "duration": "Zippora",
        "status": {"need": "a boiler"}, "isAnswer": "0525550142", "caller": "0525550142",
    });
    let broken = [
        (Format::Json, strange.to_string()),
        (Format::Json, "{\"caller\": \"0525550142\", Zippora".to_owned()),
        (Format::Json, "\"Zippora\"".to_owned()),
        (Format::Json, "[\"Zippora\", 5550142]".to_owned()),
        (Format::Form, "caller=0525550142&time=Zippora&duration=a+boiler".to_owned()),
        (Format::Xml, "<cdr><caller>0525550142</caller><Zippora></cdr>".to_owned()),
        (Format::Xml, "<cdr><caller>&Zippora;</caller></cdr>".to_owned()),
    ];
    for (format, body) in broken {
        let delivery = delivery(format, body.clone().into_bytes());
        let problem = Reading::of(&delivery).problem();
        let problem = problem.unwrap_or_else(|| panic!("{body} can be read"));
        for secret in SECRETS {
            assert!(!problem.contains(secret), "{secret} in {problem}");
        }
    }
}
