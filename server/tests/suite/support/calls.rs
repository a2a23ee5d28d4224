//! Reported calls.

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1::{CallDirection, CallOutcome, RecordCallRequest};
use prost_types::Timestamp;

/// The line of most tests, as a provider writes it.
pub(crate) const LINE: &str = "0771234567";
/// The same line in E.164.
pub(crate) const LINE_E164: &str = "+972771234567";

/// An incoming call to [`LINE`] that nobody answered; 20 seconds long.
pub(crate) fn missed(call_id: &str, customer: &str, called_at: DateTime<Utc>) -> RecordCallRequest {
    RecordCallRequest {
        call_id: call_id.to_owned(),
        provider: "voicenter".to_owned(),
        direction: CallDirection::Incoming.into(),
        outcome: CallOutcome::NoAnswer.into(),
        customer_phone: customer.to_owned(),
        business_phone: LINE.to_owned(),
        called_at: Some(timestamp(called_at)),
        duration: Some(prost_types::Duration { seconds: 20, nanos: 0 }),
        ..RecordCallRequest::default()
    }
}

/// An incoming call to [`LINE`] that was answered; 20 seconds long.
pub(crate) fn answered(call_id: &str, customer: &str, called_at: DateTime<Utc>) -> RecordCallRequest {
    RecordCallRequest { outcome: CallOutcome::Answered.into(), ..missed(call_id, customer, called_at) }
}

/// A call from [`LINE`] to the customer that was answered; 20 seconds long.
pub(crate) fn called_back(call_id: &str, customer: &str, called_at: DateTime<Utc>) -> RecordCallRequest {
    RecordCallRequest { direction: CallDirection::Outgoing.into(), ..answered(call_id, customer, called_at) }
}

/// A mobile phone; another for each number below ten million.
pub(crate) fn mobile(number: u32) -> String {
    format!("052{number:07}")
}

/// The same phone as [`mobile`] in E.164.
pub(crate) fn mobile_e164(number: u32) -> String {
    format!("+97252{number:07}")
}

/// A moment as requests carry it.
pub(crate) fn timestamp(moment: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: moment.timestamp(), nanos: i32::try_from(moment.timestamp_subsec_nanos()).unwrap() }
}

/// A moment as answers carry it.
pub(crate) fn moment(timestamp: Option<Timestamp>) -> DateTime<Utc> {
    let Timestamp { seconds, nanos } = timestamp.unwrap();
    DateTime::from_timestamp(seconds, u32::try_from(nanos).unwrap()).unwrap()
}

/// A while before `moment`, in seconds.
pub(crate) fn before(moment: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    moment - TimeDelta::seconds(seconds)
}
