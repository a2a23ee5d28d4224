//! What is the same record, and how its time is read.

use prost_types::Timestamp;
use serde_json::{Value, json};

use crate::{
    adapter::{Adapter, record},
    golden::{SAMPLES, file},
    remote::Remote,
};

#[tokio::test]
async fn every_wrapping_of_a_record_is_the_same_record() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for (sample, _) in SAMPLES.iter().filter(|(_, content_type)| *content_type == "application/json") {
        let body = String::from_utf8(file(&format!("samples/{sample}"))).unwrap();
        adapter.post(body.clone()).await.assert_ok();
        let expected = remote.recorded_now().last().cloned();
        let array = format!("[{body}]");
        for wrapped in [Value::from(body).to_string(), Value::from(array.as_str()).to_string(), array] {
            adapter.post(wrapped).await.assert_ok();
            assert_eq!(remote.recorded_now().last().cloned(), expected);
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
