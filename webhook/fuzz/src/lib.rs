//! What must hold of every body, whatever its bytes: shared by the fuzz targets and the property tests of the webhook.

use axum::http::{HeaderMap, HeaderValue, header};
use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_webhook::{
    cdr::{self, Call, Format, Malformed, TimeRules},
    http::{encoding::ContentEncoding, reply::Reply},
};
use prost_types::{Value, value::Kind};

/// The largest body that is inflated.
const LIMIT: usize = 64 * 1024;
const MAX_SECONDS: i64 = 7 * 24 * 60 * 60;

/// Reads a body of a known format.
///
/// # Panics
/// Something that must hold does not.
pub fn check(format: Format, body: &[u8]) {
    let read = read(format, body);
    assert_eq!(read, self::read(format, body), "reading twice gives two results");
    match read {
        Ok(calls) => {
            assert!((1..=cdr::body::MAX_RECORDS).contains(&calls.len()));
            for call in calls {
                match call {
                    Ok(call) => check_call(&call),
                    Err(malformed) => check_refusal(&malformed),
                }
            }
        }
        Err(malformed) => check_refusal(&malformed),
    }
}

/// Takes a body in at the door, under headers of its sender's choosing: the encoding and the content type stand before the body,
/// each ended by a line break.
///
/// # Panics
/// Something that must hold does not.
pub fn check_door(input: &[u8]) {
    let mut parts = input.splitn(3, |b| *b == b'\n');
    let (encoding, content_type) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let body = parts.next().unwrap_or_default();
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(encoding) {
        headers.insert(header::CONTENT_ENCODING, value);
    }
    let Ok(encoding) = ContentEncoding::of(&headers) else { return };
    let Ok(bytes) = encoding.decode(body.to_vec(), LIMIT) else { return };
    assert!(encoding.is_identity() || bytes.len() <= LIMIT);
    let content_type = std::str::from_utf8(content_type).ok();
    let format = cdr::format(content_type, &bytes);
    assert_eq!(format.name().parse(), Ok(format));
    let utf8 = cdr::body::to_utf8(content_type, format, bytes);
    assert_eq!(cdr::body::to_utf8(content_type, format, utf8.clone()), utf8, "UTF-8 changes once more");
    check(format, &utf8);
}

fn read(format: Format, body: &[u8]) -> Result<Vec<Result<Call, Malformed>>, Malformed> {
    cdr::read(format, body, TimeRules::default(), arrival())
}

fn arrival() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_769_517_000)
}

/// What is told to the sender fits into one short line, and names at least one field.
fn check_refusal(malformed: &Malformed) {
    assert!(!malformed.0.is_empty());
    assert!(malformed.0.iter().all(|problem| !problem.field.is_empty() && !problem.problem.is_empty()));
    assert!(!malformed.to_string().contains(char::is_control), "{malformed:?}");
    let reply = Reply::Malformed(malformed.to_string());
    for format in [Format::Json, Format::Form, Format::Xml] {
        let text = reply.text(format);
        assert!(text.len() < 16 * 1024 && !text.contains(char::is_control), "{text:?}");
    }
}

/// The limits of the server, which refuses a request beyond them.
fn check_call(call: &Call) {
    let request = &call.request;
    let texts = [
        (Some(&request.call_id), 128),
        (request.original_call_id.as_ref(), 128),
        (Some(&request.provider), 32),
        (request.provider_status.as_ref(), 64),
        (Some(&request.customer_phone), 64),
        (Some(&request.business_phone), 64),
        (request.queue_name.as_ref(), 200),
        (request.representative_name.as_ref(), 200),
        (request.recording_url.as_ref(), 2_048),
    ];
    for (text, max) in texts {
        check_text(text.map(String::as_str), max);
    }
    assert!(!request.call_id.trim().is_empty());
    assert!(request.ivr_path.len() <= 100);
    for step in &request.ivr_path {
        check_text(step.layer_id.as_deref(), 200);
        check_text(Some(&step.layer_name), 200);
        check_text(Some(&step.digit), 32);
        assert!(step.layer_number >= 0 && step.order >= 0);
    }
    for seconds in [request.duration, request.ring_duration].into_iter().flatten() {
        assert!((0..=MAX_SECONDS).contains(&seconds.seconds) && seconds.nanos == 0);
    }
    // Protobuf's years 1 to 9999.
    let called_at = request.called_at.as_ref().map(|at| at.seconds);
    assert!(called_at.is_some_and(|seconds| (-62_135_596_800..253_402_300_800).contains(&seconds)));
    if let Some(data) = &request.custom_data {
        assert!(!data.fields.is_empty());
        let json = json(&Value { kind: Some(Kind::StructValue(data.clone())) }, 0);
        let size = json.to_string().len();
        assert!(size <= 64 * 1024, "custom data of {size} bytes");
    }
}

fn check_text(text: Option<&str>, max: usize) {
    let Some(text) = text else { return };
    assert!(text.chars().count() <= max, "{text:?} is longer than {max}");
    assert!(!text.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r')), "{text:?}");
}

fn json(value: &Value, depth: usize) -> serde_json::Value {
    assert!(depth <= 32, "nested deeper than protobuf readers take");
    match value.kind.as_ref() {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(value)) => (*value).into(),
        Some(Kind::NumberValue(number)) => {
            assert!(number.is_finite());
            (*number).into()
        }
        Some(Kind::StringValue(text)) => {
            assert!(!text.contains('\0'));
            text.clone().into()
        }
        Some(Kind::ListValue(list)) => list.values.iter().map(|item| json(item, depth + 1)).collect(),
        Some(Kind::StructValue(object)) => {
            assert!(object.fields.keys().all(|key| !key.contains('\0')));
            let fields = object.fields.iter().map(|(key, value)| (key.clone(), json(value, depth + 1)));
            serde_json::Value::Object(fields.collect())
        }
    }
}
