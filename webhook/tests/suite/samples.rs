//! Records in the vendor's shapes and the requests they must become. The forms and XML bodies among the samples are not read yet.

use leadcapture_proto::v1::{CallDirection, CallOutcome, IvrStep, RecordCallRequest};
use prost_types::{Duration, Struct, Timestamp, value::Kind};
use serde_json::{Value, json};

use crate::{
    adapter::{Adapter, record},
    remote::Remote,
};

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../samples/", $name))
    };
}

/// What an incoming call gives at least: ids, both phones, and the start in UTC.
fn base(call_id: &str, customer: &str, start: &str, duration: i64) -> RecordCallRequest {
    let start = chrono::DateTime::parse_from_rfc3339(start).unwrap().timestamp();
    RecordCallRequest {
        call_id: call_id.to_owned(),
        provider: "voicenter".to_owned(),
        direction: CallDirection::Incoming.into(),
        customer_phone: customer.to_owned(),
        business_phone: "0771234567".to_owned(),
        called_at: Some(Timestamp { seconds: start, nanos: 0 }),
        duration: Some(seconds(duration)),
        ..RecordCallRequest::default()
    }
}

fn seconds(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
}

#[expect(clippy::unnecessary_wraps, reason = "the request's optional texts are options")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn step(id: &str, name: &str, number: i32, digit: &str, order: i32) -> IvrStep {
    IvrStep {
        layer_id: some(id),
        layer_name: name.to_owned(),
        layer_number: number,
        digit: digit.to_owned(),
        order,
    }
}

fn texts(fields: &[(&str, &str)]) -> Struct {
    let text = |value: &str| prost_types::Value { kind: Some(Kind::StringValue(value.to_owned())) };
    Struct { fields: fields.iter().map(|(key, value)| ((*key).to_owned(), text(value))).collect() }
}

/// The samples in the order of their `time`, with what they must become. 13:00 in Jerusalem is 11:00 UTC on that day.
fn samples() -> Vec<(&'static str, RecordCallRequest)> {
    vec![
        (
            sample!("queue-abandoned.json"),
            RecordCallRequest {
                outcome: CallOutcome::Abandoned.into(),
                provider_status: some("ABANDONE"),
                ring_duration: Some(seconds(0)),
                queue_name: some("מכירות"),
                ivr_path: vec![step("5101", "תפריט ראשי", 0, "2", 1), step("5102", "מכירות", 2, "0", 2)],
                custom_data: Some(texts(&[("utm_source", "google"), ("gclid", "abc-123")])),
                ..base("202601271300100a1c7", "0501234567", "2026-01-27T11:00:10Z", 37)
            },
        ),
        (
            sample!("incoming-noanswer-capitalised.json"),
            RecordCallRequest {
                outcome: CallOutcome::NoAnswer.into(),
                provider_status: some("NOANSWER"),
                business_phone: "077-123-4567".to_owned(),
                ..base("202601271310000b2d8", "972521234567", "2026-01-27T11:10:00Z", 0)
            },
        ),
        (
            sample!("incoming-answered.json"),
            RecordCallRequest {
                outcome: CallOutcome::Answered.into(),
                provider_status: some("ANSWER"),
                ring_duration: Some(seconds(6)),
                representative_name: some("דנה"),
                recording_url: some("https://recordings.example/202601271320100c3e9.mp3"),
                ..base("202601271320100c3e9", "0501234567", "2026-01-27T11:20:10Z", 95)
            },
        ),
        (
            sample!("outgoing-noanswer.json"),
            RecordCallRequest {
                direction: CallDirection::Outgoing.into(),
                outcome: CallOutcome::NoAnswer.into(),
                provider_status: some("NOANSWER"),
                ring_duration: Some(seconds(25)),
                representative_name: some("דנה"),
                ..base("202601271330100d4fa", "0529876543", "2026-01-27T11:30:10Z", 25)
            },
        ),
        (
            sample!("outgoing-answered-callback.json"),
            RecordCallRequest {
                direction: CallDirection::Outgoing.into(),
                outcome: CallOutcome::Answered.into(),
                provider_status: some("ANSWER"),
                ring_duration: Some(seconds(9)),
                representative_name: some("דנה"),
                recording_url: some("https://recordings.example/202601271340100e50b.mp3"),
                ..base("202601271340100e50b", "972521234567", "2026-01-27T11:40:10Z", 61)
            },
        ),
        (
            sample!("withheld-number.json"),
            RecordCallRequest {
                outcome: CallOutcome::Cancelled.into(),
                provider_status: some("CANCEL"),
                ..base("202601271350100f61c", "anonymous", "2026-01-27T11:50:10Z", 12)
            },
        ),
    ]
}

#[tokio::test]
async fn every_json_sample_becomes_its_request() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for (index, (body, expected)) in samples().into_iter().enumerate() {
        adapter.post(body).await.assert_ok();
        // The answer comes after the recording.
        assert_eq!(remote.recorded_now()[index], expected);
    }
}

#[tokio::test]
async fn every_wrapping_of_a_record_is_the_same_record() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for (body, expected) in samples() {
        let array = format!("[{body}]");
        for wrapped in [Value::from(body).to_string(), Value::from(array.as_str()).to_string(), array] {
            adapter.post(wrapped).await.assert_ok();
            assert_eq!(remote.recorded_now().last(), Some(&expected));
        }
    }
}

#[tokio::test]
async fn both_spellings_are_the_same_record() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let push = json!({
        "ivruniqueid": "20260127131000b2d8", "caller": "0521234567", "target": "SIP7", "did": "0771234567",
        "time": 1_769_519_400, "duration": 20, "dialtime": 9, "status": "NOANSWER", "type": "Incoming Call",
        "queuename": "Sales", "record": "https://recordings.example/1.mp3", "representative_name": "Dana",
        "CustomData": {"utm_source": "google"},
    });
    let capitalised = json!({
        "CallID": "20260127131000b2d8", "CallerNumber": "0521234567", "TargetNumber": "SIP7", "DID": "0771234567",
        "Date": "2026-01-27T11:10:00Z", "Duration": "20", "RingTime": "9", "DialStatus": "NOANSWER", "CdrType": 1,
        "QueueName": "Sales", "RecordURL": "https://recordings.example/1.mp3", "RepresentativeName": "Dana",
        "CUSTOM_DATA": "{\"utm_source\":\"google\"}",
    });
    let shouted: Value =
        push.as_object().unwrap().iter().map(|(name, value)| (name.to_uppercase(), value.clone())).collect();
    for body in [&push, &capitalised, &shouted] {
        adapter.post(body.to_string()).await.assert_ok();
    }
    let recorded = remote.recorded(3).await;
    assert_eq!(recorded[0], recorded[1]);
    assert_eq!(recorded[0], recorded[2]);
}

#[tokio::test]
async fn plain_unix_time_is_recognised_by_its_arrival() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    // 12:29 UTC, a minute before the test's present.
    adapter.post(record(&json!({"ivruniqueid": "abc", "time": 1_769_516_940})).to_string()).await.assert_ok();
    assert_eq!(remote.recorded_now()[0].called_at, Some(Timestamp { seconds: 1_769_516_940, nanos: 0 }));
}
