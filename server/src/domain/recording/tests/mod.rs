//! Tests of the pure recording decision: the decision table row by row, and laws that hold for all calls.
//!
//! A story happens in minutes after noon, on [`LINE`] of one tenant; a [`world::World`] keeps what was decided.

mod answered;
mod apply;
mod batches;
mod erased;
mod leads;
mod model;
mod openers;
mod people;
mod properties;
mod routing;
mod scripts;
mod stage;
mod table;
mod transfers;
mod windows;
mod world;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{
    call::{CallDirection, CallOutcome, CallRecord},
    phone::{ParsedPhone, PhoneNumber, Region, parse_phone},
};

/// The tenant's line.
const LINE: &str = "03-700-0001";
/// Another line of the same tenant.
const SECOND_LINE: &str = "03-700-0002";
/// A customer's mobile phone.
const MOBILE: &str = "050-123-4567";
/// Another customer's, which sorts after the first.
const OTHER_MOBILE: &str = "054-765-4321";
/// A customer's phone at home.
const LANDLINE: &str = "02-555-1234";

/// How long a missed call rings.
const RING: TimeDelta = TimeDelta::seconds(30);
/// How long an answered call lasts.
const TALK: TimeDelta = TimeDelta::minutes(3);

/// Minutes after noon.
fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_366_400, 0).unwrap() + TimeDelta::minutes(minutes)
}

fn phone(raw: &str) -> PhoneNumber {
    match parse_phone(raw, Region::ISRAEL) {
        ParsedPhone::Number(phone) => phone,
        other => panic!("{raw} is no phone: {other:?}"),
    }
}

/// A call to [`LINE`] that nobody answered.
fn missed(call_id: &str, customer: &str, minute: i64) -> CallRecord {
    CallRecord {
        provider: "exchange".to_owned(),
        call_id: call_id.to_owned(),
        original_call_id: None,
        direction: CallDirection::Incoming,
        outcome: CallOutcome::NoAnswer,
        provider_status: None,
        customer_raw: customer.into(),
        business_raw: LINE.into(),
        called_at: at(minute),
        duration_ms: RING.num_milliseconds(),
        ring_duration_ms: None,
        queue_name: None,
        representative_name: None,
        recording_url: None,
        ivr_path: Vec::new(),
        custom_data: None,
        tenant_id: None,
    }
}

/// A call to [`LINE`] that was answered.
fn answered(call_id: &str, customer: &str, minute: i64) -> CallRecord {
    CallRecord {
        outcome: CallOutcome::Answered,
        duration_ms: TALK.num_milliseconds(),
        ..missed(call_id, customer, minute)
    }
}

/// A call from [`LINE`] that the customer answered.
fn called_back(call_id: &str, customer: &str, minute: i64) -> CallRecord {
    CallRecord { direction: CallDirection::Outgoing, ..answered(call_id, customer, minute) }
}

/// The same call as a leg of a transferred one.
fn leg_of(original: &str, call: CallRecord) -> CallRecord {
    CallRecord { original_call_id: Some(original.to_owned()), ..call }
}
