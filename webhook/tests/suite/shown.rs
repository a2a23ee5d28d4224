//! A request as readable text, for the golden files: one line for each field that is set.

use chrono::DateTime;
use leadcapture_proto::v1::RecordCallRequest;
use prost_types::{Value, value::Kind};

pub(crate) fn shown(request: &RecordCallRequest) -> String {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: &str| lines.push(format!("{name}: {value}\n"));
    line("call_id", &request.call_id);
    line("provider", &request.provider);
    line("direction", request.direction().as_str_name().trim_start_matches("CALL_DIRECTION_"));
    line("outcome", request.outcome().as_str_name().trim_start_matches("CALL_OUTCOME_"));
    line("customer_phone", &request.customer_phone);
    line("business_phone", &request.business_phone);
    let called_at = request.called_at.unwrap();
    let called_at = DateTime::from_timestamp(called_at.seconds, 0).unwrap();
    line("called_at", &called_at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    line("duration", &format!("{} s", request.duration.unwrap().seconds));
    if let Some(ring) = request.ring_duration {
        line("ring_duration", &format!("{} s", ring.seconds));
    }
    for (name, value) in [
        ("original_call_id", &request.original_call_id),
        ("provider_status", &request.provider_status),
        ("queue_name", &request.queue_name),
        ("representative_name", &request.representative_name),
        ("recording_url", &request.recording_url),
    ] {
        if let Some(value) = value {
            line(name, value);
        }
    }
    for step in &request.ivr_path {
        let id = step.layer_id.as_deref().unwrap_or("none");
        let (name, number, digit, order) = (&step.layer_name, step.layer_number, &step.digit, step.order);
        line("ivr_path", &format!("layer {id} {name:?}, number {number}, key {digit:?}, order {order}"));
    }
    for (key, value) in request.custom_data.iter().flat_map(|data| &data.fields) {
        line(&format!("custom_data.{key}"), &json(value));
    }
    lines.concat()
}

fn json(value: &Value) -> String {
    match value.kind.as_ref().unwrap() {
        Kind::NullValue(_) => "null".to_owned(),
        Kind::BoolValue(value) => value.to_string(),
        Kind::NumberValue(number) => number.to_string(),
        Kind::StringValue(text) => format!("{text:?}"),
        Kind::ListValue(list) => format!("[{}]", list.values.iter().map(json).collect::<Vec<_>>().join(", ")),
        Kind::StructValue(object) => {
            let fields: Vec<String> =
                object.fields.iter().map(|(key, value)| format!("{key:?}: {}", json(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}
