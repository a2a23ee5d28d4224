//! Domain types to messages: tenants, lines, calls and the small ones that all share.

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1;
use prost_types::{Duration, Struct, Timestamp, value::Kind};
use serde_json::{Map, Number, Value};

use super::policy;
use crate::domain::{
    call::{CallDirection, CallOutcome, Disposition, IvrStep, MissedCall},
    personal::revealed,
    phone::Region,
    tenant::{BusinessLine, Tenant},
};
use crate::storage::UnroutedCall;

/// A point in time.
pub(super) fn time(value: DateTime<Utc>) -> Timestamp {
    // Sub-second nanoseconds are below 10^9 but in a leap second, which chrono shows as more; the second itself is then enough.
    let nanos = i32::try_from(value.timestamp_subsec_nanos())
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)
        .unwrap_or(0);
    Timestamp { seconds: value.timestamp(), nanos }
}

/// A length of time.
pub(super) fn duration(value: TimeDelta) -> Duration {
    Duration { seconds: value.num_seconds(), nanos: value.subsec_nanos() }
}

/// A length of time in milliseconds.
pub(super) fn millis(value: i64) -> Duration {
    duration(TimeDelta::milliseconds(value))
}

/// A JSON object as a `google.protobuf.Struct`; anything else, which is never stored, as an empty one.
pub(super) fn json_struct(value: &Value) -> Struct {
    match value {
        Value::Object(map) => {
            Struct { fields: map.iter().map(|(key, value)| (key.clone(), json_value(value))).collect() }
        }
        _ => Struct::default(),
    }
}

fn json_value(value: &Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or_default()),
        Value::String(value) => Kind::StringValue(value.clone()),
        Value::Array(values) => {
            Kind::ListValue(prost_types::ListValue { values: values.iter().map(json_value).collect() })
        }
        Value::Object(_) => Kind::StructValue(json_struct(value)),
    };
    prost_types::Value { kind: Some(kind) }
}

/// A `google.protobuf.Struct` as a JSON object; `None` when a number in it is none that JSON has.
pub(super) fn struct_json(value: Struct) -> Option<Value> {
    let fields: Option<Map<_, _>> =
        value.fields.into_iter().map(|(key, value)| Some((key, value_json(value)?))).collect();
    fields.map(Value::Object)
}

fn value_json(value: prost_types::Value) -> Option<Value> {
    Some(match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(value)) => Value::Number(number(value)?),
        Some(Kind::StringValue(value)) => Value::String(value),
        Some(Kind::ListValue(list)) => {
            Value::Array(list.values.into_iter().map(value_json).collect::<Option<_>>()?)
        }
        Some(Kind::StructValue(value)) => struct_json(value)?,
    })
}

/// A whole number stays one: 7, not 7.0.
fn number(value: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53, so exact")]
    if value.fract() == 0.0 && value.abs() < EXACT {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// A tenant.
pub(super) fn tenant(tenant: &Tenant) -> v1::Tenant {
    v1::Tenant {
        id: tenant.id.to_string(),
        name: tenant.name.clone(),
        region: tenant.region.code().to_owned(),
        time_zone: tenant.time_zone.name().to_owned(),
        policy: Some(policy::encode(&tenant.policy)),
        etag: tenant.version.to_string(),
        created_at: Some(time(tenant.created_at)),
        updated_at: Some(time(tenant.updated_at)),
    }
}

/// A business line.
pub(super) fn business_line(line: &BusinessLine, region: Region) -> v1::BusinessLine {
    v1::BusinessLine {
        id: line.id.to_string(),
        tenant_id: line.tenant_id.to_string(),
        phone: line.phone.as_e164().to_owned(),
        phone_local: line.phone.to_local(region),
        label: line.label.clone(),
        calls_since: line.calls_since.map(time),
        released_at: line.released_at.map(time),
        created_at: Some(time(line.created_at)),
    }
}

/// A missed call.
pub(super) fn missed_call(call: &MissedCall, region: Region) -> v1::MissedCall {
    v1::MissedCall {
        id: call.id.to_string(),
        tenant_id: call.key.tenant_id.to_string(),
        provider: call.key.provider.clone(),
        call_id: call.key.call_id.clone(),
        original_call_id: call.original_call_id.clone(),
        caller_phone: call.caller_phone.as_ref().map(|phone| phone.as_e164().to_owned()),
        caller_phone_local: call
            .caller_phone
            .as_ref()
            .map(|phone| phone.to_local(region))
            .unwrap_or_default(),
        caller_raw: call.caller_raw.reveal().clone(),
        business_phone: call.business_phone.as_e164().to_owned(),
        outcome: outcome(call.outcome).into(),
        provider_status: call.provider_status.clone(),
        called_at: Some(time(call.called_at)),
        ended_at: Some(time(call.ended_at)),
        received_at: Some(time(call.received_at)),
        processed_at: Some(time(call.processed_at)),
        duration: Some(millis(call.duration_ms)),
        ring_duration: call.ring_duration_ms.map(millis),
        queue_name: call.queue_name.clone(),
        representative_name: revealed(call.representative_name.as_ref()),
        ivr_path: call.ivr_path.iter().map(ivr_step).collect(),
        recording_url: revealed(call.recording_url.as_ref()),
        custom_data: call.custom_data.as_ref().map(|data| json_struct(data.reveal())),
        lead_id: call.lead_id.map(|id| id.to_string()),
        disposition: disposition(call.disposition).into(),
        returned_at: call.returned_at.map(time),
        returned_by_call_id: call.returned_by_call_id.clone(),
    }
}

/// A missed call to a caller that may know its ids only.
pub(super) fn missed_call_ids(call: &MissedCall) -> v1::MissedCall {
    v1::MissedCall {
        id: call.id.to_string(),
        tenant_id: call.key.tenant_id.to_string(),
        provider: call.key.provider.clone(),
        call_id: call.key.call_id.clone(),
        lead_id: call.lead_id.map(|id| id.to_string()),
        ..v1::MissedCall::default()
    }
}

fn ivr_step(step: &IvrStep) -> v1::IvrStep {
    v1::IvrStep {
        layer_id: (!step.layer_id.is_empty()).then(|| step.layer_id.clone()),
        layer_name: step.layer_name.clone(),
        layer_number: step.layer_number,
        digit: step.digit.reveal().clone(),
        order: step.order,
    }
}

/// An unrouted call.
pub(super) fn unrouted_call(call: &UnroutedCall) -> v1::UnroutedCall {
    v1::UnroutedCall {
        id: call.id.to_string(),
        provider: call.record.provider.clone(),
        call_id: call.record.call_id.clone(),
        business_phone: call.business_phone.reveal().clone(),
        customer_phone: call.customer_phone.as_ref().map(|phone| phone.as_e164().to_owned()),
        called_at: Some(time(call.record.called_at)),
        received_at: Some(time(call.received_at)),
        direction: direction(call.record.direction).into(),
        outcome: outcome(call.record.outcome).into(),
    }
}

const fn direction(value: CallDirection) -> v1::CallDirection {
    match value {
        CallDirection::Incoming => v1::CallDirection::Incoming,
        CallDirection::Outgoing => v1::CallDirection::Outgoing,
        CallDirection::Internal => v1::CallDirection::Internal,
    }
}

/// How a call ended.
pub(super) const fn outcome(value: CallOutcome) -> v1::CallOutcome {
    match value {
        CallOutcome::Answered => v1::CallOutcome::Answered,
        CallOutcome::NoAnswer => v1::CallOutcome::NoAnswer,
        CallOutcome::Cancelled => v1::CallOutcome::Cancelled,
        CallOutcome::Busy => v1::CallOutcome::Busy,
        CallOutcome::Abandoned => v1::CallOutcome::Abandoned,
        CallOutcome::QueueTimeout => v1::CallOutcome::QueueTimeout,
        CallOutcome::QueueFull => v1::CallOutcome::QueueFull,
        CallOutcome::QueueEmpty => v1::CallOutcome::QueueEmpty,
        CallOutcome::Congestion => v1::CallOutcome::Congestion,
        CallOutcome::Voicemail => v1::CallOutcome::Voicemail,
        CallOutcome::VoiceEnd => v1::CallOutcome::VoiceEnd,
        CallOutcome::NotCalled => v1::CallOutcome::NotCalled,
        CallOutcome::Failed => v1::CallOutcome::Failed,
        CallOutcome::QueueExit => v1::CallOutcome::QueueExit,
        CallOutcome::Other => v1::CallOutcome::Other,
    }
}

/// What a call did.
pub(super) const fn disposition(value: Disposition) -> v1::CallDisposition {
    match value {
        Disposition::Ignored => v1::CallDisposition::Ignored,
        Disposition::Unrouted => v1::CallDisposition::Unrouted,
        Disposition::Duplicate => v1::CallDisposition::Duplicate,
        Disposition::NoCallerId => v1::CallDisposition::NoCallerId,
        Disposition::Returned => v1::CallDisposition::Returned,
        Disposition::Answered => v1::CallDisposition::Answered,
        Disposition::AlreadyReturned => v1::CallDisposition::AlreadyReturned,
        Disposition::Suppressed => v1::CallDisposition::Suppressed,
        Disposition::Attached => v1::CallDisposition::Attached,
        Disposition::LeadReopened => v1::CallDisposition::LeadReopened,
        Disposition::ExistingCustomer => v1::CallDisposition::ExistingCustomer,
        Disposition::LeadCreated => v1::CallDisposition::LeadCreated,
    }
}
