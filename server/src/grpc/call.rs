//! A reported call, from request to validated record.

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1;
use serde_json::Value;

use super::{encode::struct_json, parse::Fields};
use crate::domain::{
    call::{CallDirection, CallOutcome, CallRecord, IvrStep},
    error::Error,
    personal::Personal,
};

const MAX_CALL_ID: usize = 128;
const MAX_PROVIDER: usize = 32;
const MAX_PROVIDER_STATUS: usize = 64;
const MAX_RAW_PHONE: usize = 64;
const MAX_NAME: usize = 200;
const MAX_URL: usize = 2_048;
const MAX_IVR_STEPS: usize = 100;
const MAX_IVR_DIGIT: usize = 32;
const MAX_CUSTOM_DATA_BYTES: usize = 64 * 1024;
/// 2000-01-01T00:00:00Z; no exchange that pushes records is older.
const EARLIEST_CALL: i64 = 946_684_800;
/// How far ahead of the server's clock a call may begin: enough for a clock in the wrong zone.
const LATEST_CALL: TimeDelta = TimeDelta::days(1);
const DURATION_RANGE: (TimeDelta, TimeDelta) = (TimeDelta::zero(), TimeDelta::days(7));

/// Validates a reported call that arrived at `now`.
pub(super) fn parse(request: v1::RecordCallRequest, now: DateTime<Utc>) -> Result<CallRecord, Error> {
    let mut fields = Fields::default();
    let called_at = fields.time("called_at", request.called_at);
    match called_at {
        Some(at) if at.timestamp() < EARLIEST_CALL => {
            fields.bad("called_at", "is before 2000-01-01; give the time in seconds since 1970-01-01 UTC");
        }
        Some(at) if at > now + LATEST_CALL => {
            fields.bad("called_at", "is more than a day ahead; check the unit and the time zone");
        }
        None if request.called_at.is_none() => fields.bad("called_at", "is required"),
        _ => {}
    }
    let provider = fields.text("provider", &request.provider, MAX_PROVIDER);
    if !provider.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')) {
        fields.bad("provider", "may hold only a to z, 0 to 9, _ and -");
    }
    let direction = direction(&mut fields, request.direction);
    let outcome = fields.call_outcome("outcome", request.outcome);
    let duration = fields.duration("duration", request.duration, DURATION_RANGE);
    let ring_duration = fields.duration("ring_duration", request.ring_duration, DURATION_RANGE);
    let mut optional = |field, value: Option<&str>, max| fields.optional_text(field, value, max);
    let record = CallRecord {
        original_call_id: optional("original_call_id", request.original_call_id.as_deref(), MAX_CALL_ID),
        provider_status: optional("provider_status", request.provider_status.as_deref(), MAX_PROVIDER_STATUS),
        customer_raw: optional("customer_phone", Some(&request.customer_phone), MAX_RAW_PHONE)
            .unwrap_or_default()
            .into(),
        business_raw: optional("business_phone", Some(&request.business_phone), MAX_RAW_PHONE)
            .unwrap_or_default()
            .into(),
        queue_name: optional("queue_name", request.queue_name.as_deref(), MAX_NAME),
        representative_name: optional(
            "representative_name",
            request.representative_name.as_deref(),
            MAX_NAME,
        )
        .map(Personal::new),
        recording_url: optional("recording_url", request.recording_url.as_deref(), MAX_URL)
            .map(Personal::new),
        call_id: fields.text("call_id", &request.call_id, MAX_CALL_ID),
        ivr_path: ivr_path(&mut fields, &request.ivr_path),
        custom_data: custom_data(&mut fields, request.custom_data).map(Personal::new),
        tenant_id: fields.optional_id("tenant_id", &request.tenant_id),
        provider,
        // Stand-ins where the field was bad or absent; they go no further than the check below.
        direction: direction.unwrap_or(CallDirection::Internal),
        outcome: outcome.unwrap_or(CallOutcome::Other),
        called_at: called_at.unwrap_or(now),
        duration_ms: duration.map_or(0, |duration| duration.num_milliseconds()),
        ring_duration_ms: ring_duration.map(|duration| duration.num_milliseconds()),
    };
    fields.check()?;
    Ok(record)
}

fn direction(fields: &mut Fields, value: i32) -> Option<CallDirection> {
    match v1::CallDirection::try_from(value) {
        Ok(v1::CallDirection::Incoming) => Some(CallDirection::Incoming),
        Ok(v1::CallDirection::Outgoing) => Some(CallDirection::Outgoing),
        Ok(v1::CallDirection::Internal) => Some(CallDirection::Internal),
        Ok(v1::CallDirection::Unspecified) | Err(_) => {
            fields.unknown_value("direction", value, "CallDirection");
            None
        }
    }
}

fn ivr_path(fields: &mut Fields, steps: &[v1::IvrStep]) -> Vec<IvrStep> {
    if steps.len() > MAX_IVR_STEPS {
        fields.bad("ivr_path", format!("has more than {MAX_IVR_STEPS} steps"));
        return Vec::new();
    }
    let mut parsed = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let mut text = |name: &str, value: Option<&str>, max| {
            fields.optional_text(&format!("ivr_path[{index}].{name}"), value, max).unwrap_or_default()
        };
        parsed.push(IvrStep {
            layer_id: text("layer_id", step.layer_id.as_deref(), MAX_NAME),
            layer_name: text("layer_name", Some(&step.layer_name), MAX_NAME),
            layer_number: step.layer_number,
            digit: text("digit", Some(&step.digit), MAX_IVR_DIGIT).into(),
            order: step.order,
        });
    }
    parsed
}

fn custom_data(fields: &mut Fields, data: Option<prost_types::Struct>) -> Option<Value> {
    let data = data.filter(|data| !data.fields.is_empty())?;
    let Some(value) = struct_json(data) else {
        fields.bad("custom_data", "holds a number that is not finite; leave it out");
        return None;
    };
    if holds_nul(&value) {
        fields.bad("custom_data", "holds the character U+0000; remove it");
        return None;
    }
    if value.to_string().len() > MAX_CUSTOM_DATA_BYTES {
        fields.bad("custom_data", format!("is longer than {MAX_CUSTOM_DATA_BYTES} bytes as JSON; send less"));
        return None;
    }
    Some(value)
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
