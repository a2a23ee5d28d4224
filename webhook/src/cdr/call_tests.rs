//! What a record must hold, what it may, and that nothing makes the reader panic.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cdr::{self, Format};

fn arrival() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-01-27T12:00:00Z").unwrap().to_utc()
}

fn read_body(body: &str) -> Vec<Result<Call, Malformed>> {
    cdr::read(Format::Json, body.as_bytes(), TimeRules::default(), arrival()).unwrap()
}

/// The call of a good record in which `changes` replace or add fields; a null takes a field away.
fn call(changes: &Value) -> Result<Call, Malformed> {
    let mut record = json!({
        "ivruniqueid": "202601271310000b2d8", "time": 1_769_519_400, "duration": 20, "status": "NOANSWER",
        "caller": "0521234567", "did": "0771234567", "type": "Incoming Call",
    });
    record.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    read_body(&record.to_string()).remove(0)
}

#[test]
fn every_malformed_field_is_named_as_it_was_sent() {
    for (changes, expected) in [
        (json!({"ivruniqueid": null}), "ivruniqueid: is missing"),
        (json!({"ivruniqueid": " "}), "ivruniqueid: is missing"),
        (json!({"ivruniqueid": "x".repeat(129)}), "ivruniqueid: is longer than 128 characters"),
        (json!({"ivruniqueid": null, "CALLID": ["x"]}), "CALLID: must be a text"),
        (json!({"time": null}), "time: is missing"),
        (json!({"time": "soon"}), "time: must be epoch seconds"),
        (json!({"time": null, "DateEpoch": {"a": 1}}), "DateEpoch: must be epoch seconds"),
        (json!({"time": i64::MAX}), "time: is no time between the years 1 and 9999"),
        (json!({"time": null, "Date": "today"}), "Date: must be a date and time in ISO 8601"),
        (json!({"duration": "long"}), "duration: must be a whole number"),
        (json!({"duration": null, "DURATION": -1}), "DURATION: must be 0 to 604800 seconds"),
        (json!({"status": null}), "status: is missing, and so is isAnswer"),
        (json!({"status": null, "isAnswer": "perhaps"}), "isAnswer: must be 1 or 0"),
        (json!({"time": [], "status": ""}), "time: is missing; status: is missing, and so is isAnswer"),
    ] {
        assert_eq!(call(&changes).unwrap_err().to_string(), expected, "{changes}");
    }
}

#[test]
fn what_only_describes_a_call_never_refuses_it() {
    let found = call(&json!({
        "queuename": "q".repeat(300), "representative_name": {"first": "Dana"}, "record": "u".repeat(3_000),
        "dialtime": -5, "IVR": "broken", "OriginalIvrUniqueID": "o".repeat(200), "status": "s".repeat(100),
        "caller": "0".repeat(100), "CustomData": "tag", "Unheard": [1, 2], "aiData": {"summary": "x"},
    }))
    .unwrap();
    let request = &found.request;
    assert_eq!(request.queue_name.as_ref().map(String::len), Some(200));
    assert_eq!(request.provider_status.as_ref().map(String::len), Some(64));
    assert_eq!(request.customer_phone.len(), 64);
    assert_eq!(
        (&request.representative_name, &request.recording_url, &request.original_call_id),
        (&None, &None, &None)
    );
    assert_eq!((&request.ring_duration, request.ivr_path.len()), (&None, 0));
    assert!(request.custom_data.is_some());
    assert_eq!(found.reduced, ["OriginalIvrUniqueID", "dialtime", "queuename", "record", "IVR"]);
}

#[test]
fn the_servers_fields_have_their_senders_names() {
    let found =
        call(&json!({"did": null, "DID": "0771234567", "DialStatus": "BUSY", "status": null})).unwrap();
    for (path, expected) in [
        ("business_phone", "DID"),
        ("customer_phone", "caller"),
        ("called_at", "time"),
        ("provider_status", "DialStatus"),
        ("ivr_path[2].layer_name", "IVR"),
        ("custom_data", "CustomData"),
        ("something_new", "something_new"),
    ] {
        assert_eq!(found.vendor_field(path), expected);
    }
}

#[test]
fn a_date_in_utc_wins_over_an_epoch() {
    let found = call(&json!({"Date": "2026-01-27T11:09:00Z"})).unwrap();
    assert_eq!(found.request.called_at, Some(Timestamp { seconds: 1_769_512_140, nanos: 0 }));
    // An unreadable date leaves the epoch: 13:10 in Jerusalem.
    let found = call(&json!({"Date": "27/01/2026"})).unwrap();
    assert_eq!(found.request.called_at, Some(Timestamp { seconds: 1_769_512_200, nanos: 0 }));
}

#[test]
fn notices_a_call_that_ends_in_the_future() {
    assert!(!call(&json!({})).unwrap().ends_after(arrival()));
    let later = call(&json!({"duration": 86_400})).unwrap();
    assert!(later.ends_after(arrival()));
}

#[test]
fn control_characters_are_replaced_everywhere() {
    let found =
        call(&json!({"ivruniqueid": "a\0b", "caller": "05\u{1}0", "CustomData": {"k": ["\0"]}})).unwrap();
    assert_eq!(found.request.call_id, "a\u{fffd}b");
    assert_eq!(found.request.customer_phone, "05\u{fffd}0");
    assert!(!format!("{:?}", found.request).contains("\\0"));
}

#[test]
fn a_good_record_beside_a_bad_one_is_kept() {
    let found = read_body(r#"[{"CallID":"a","time":1769519400,"status":"BUSY"},{"CallID":"b"}]"#);
    assert_eq!(found[0].as_ref().unwrap().request.call_id, "a");
    assert!(found[1].is_err());
}

#[test]
fn bodies_without_a_record_are_refused() {
    for (body, expected) in [
        ("", "body: is empty"),
        (" \u{feff}\0", "body: is empty"),
        ("[]", "body: holds no record"),
        ("[[],[]]", "body: holds no record"),
    ] {
        assert_eq!(
            cdr::read(Format::Json, body.as_bytes(), TimeRules::default(), arrival())
                .unwrap_err()
                .to_string(),
            expected
        );
    }
    let many = format!("[{}]", vec!["{}"; 101].join(","));
    let error = cdr::read(Format::Json, many.as_bytes(), TimeRules::default(), arrival()).unwrap_err();
    assert_eq!(error.to_string(), "body: holds more than 100 records");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[0-9+ -]{0,24}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".*", inner.clone(), 0..6).prop_map(|map| map.into_iter().collect()),
            inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let known: Vec<&str> = NAMES
        .iter()
        .flat_map(|(_, names)| names.iter())
        .chain(
            [
                names::CALLER,
                names::CLIENT,
                names::TARGET,
                names::DID,
                names::DATE,
                names::TYPE,
                names::IS_ANSWER,
            ]
            .concat()
            .iter(),
        )
        .copied()
        .collect();
    prop_oneof![prop::sample::select(known).prop_map(str::to_owned), any::<String>()]
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(body in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = cdr::read(Format::Json, &body, TimeRules::default(), arrival());
    }

    #[test]
    fn any_record_gives_a_request_within_the_limits(
        fields in prop::collection::btree_map(any_name(), any_json(), 0..24),
        good in any::<bool>(),
    ) {
        let mut record: serde_json::Map<String, Value> = fields.into_iter().collect();
        if good {
            record.retain(|name, _| !["duration", "actualcallduration"].contains(&name.to_ascii_lowercase().as_str()));
            record.insert("ivruniqueid".to_owned(), json!("id"));
            record.insert("time".to_owned(), json!(1_769_519_400));
            record.insert("status".to_owned(), json!("BUSY"));
        }
        let found = read_body(&Value::Object(record).to_string()).remove(0);
        prop_assert!(found.is_ok() || !good);
        if let Ok(call) = found {
            let request = call.request;
            prop_assert!(!request.call_id.is_empty() && !text::is_longer(&request.call_id, 128));
            prop_assert!(!text::is_longer(&request.customer_phone, 64) && !text::is_longer(&request.business_phone, 64));
            // As Rust writes it: `\\0`, unless the backslash itself is escaped.
            let shown = format!("{request:?}").replace("\\\\", "");
            prop_assert!(!shown.contains("\\0"), "{}", shown);
        }
    }
}
