//! A record as a request to the server.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1::RecordCallRequest;
use prost_types::{Duration, Timestamp};

use super::{
    custom_data,
    error::{Malformed, Problem},
    extras, ivr, kind, names, parties,
    record::Record,
    status, text,
    time::{self, Evidence, TimeRules},
};

/// The name under which the server knows this exchange.
pub const PROVIDER: &str = "voicenter";
/// Stands in [`Call::reduced`] for fields that have no published name; their own may be anything.
const OTHER_FIELDS: &str = "other fields";
/// The longest call and the longest ringing that the server takes: 7 days in seconds.
const MAX_SECONDS: i64 = 7 * 24 * 60 * 60;

/// A call to be recorded.
#[derive(Clone, PartialEq)]
pub struct Call {
    /// The request.
    pub request: RecordCallRequest,
    /// When the call ended.
    pub ended_at: DateTime<Utc>,
    /// Optional fields whose value the server would not take, as Voicenter names them; they were left out or cut short.
    pub reduced: Vec<String>,
    /// The sender's names of the request's fields, for [`Call::vendor_field`].
    sent_names: Vec<(&'static str, String)>,
}

/// Of the request the id alone.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("call_id", &self.request.call_id)
            .field("ended_at", &self.ended_at)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// Voicenter's name for a field of the request, given by its path: the name that was sent, else the published one.
    #[must_use]
    pub fn vendor_field(&self, path: &str) -> String {
        let field = path.split(['.', '[']).next().unwrap_or(path);
        let sent = self.sent_names.iter().find(|(name, _)| *name == field);
        sent.map_or_else(|| field.to_owned(), |(_, sent)| sent.clone())
    }

    /// Whether the call ends after `now`, further than clocks differ.
    #[must_use]
    pub fn ends_after(&self, now: DateTime<Utc>) -> bool {
        self.ended_at > now + time::CLOCK_SKEW
    }
}

/// The call of a record.
///
/// What the call is (id, start, length, ending) must be readable. What merely describes it is left out or cut short where the
/// server would refuse it, for the sender cannot mend its record and the call matters more.
///
/// # Errors
/// Every problem with what must be readable.
pub fn read(record: &Record, rules: TimeRules, arrival: DateTime<Utc>) -> Result<Call, Malformed> {
    let mut problems = Vec::new();
    let mut keep = |problem| problems.push(problem);

    let call_id = call_id(record).map_err(&mut keep).unwrap_or_default();
    let duration = duration(record).map_err(&mut keep).unwrap_or_default();
    let evidence = Evidence { call_id: &call_id, duration: TimeDelta::seconds(duration), arrival };
    let start = start(record, rules, evidence).map_err(&mut keep).ok();
    let ending = status::ending(record).map_err(&mut keep).ok();
    let (Some(start), Some(ending), []) = (start, ending, problems.as_slice()) else {
        return Err(Malformed(problems));
    };

    let mut details = Details { record, reduced: Vec::new() };
    let direction = kind::direction(record);
    let parties = parties::parties(record, direction);
    let (customer_phone, business_phone) = (parties.customer.value, parties.business.value);
    let request = RecordCallRequest {
        call_id,
        original_call_id: details.whole(names::ORIGINAL_CALL_ID, text::MAX_CALL_ID),
        provider: PROVIDER.to_owned(),
        direction: direction.into(),
        outcome: ending.outcome.into(),
        provider_status: Some(ending.provider_status).filter(|status| !status.is_empty()),
        custom_data: details.custom_data([&customer_phone, &business_phone]),
        customer_phone,
        business_phone,
        called_at: Some(Timestamp { seconds: start.timestamp(), nanos: 0 }),
        duration: Some(Duration { seconds: duration, nanos: 0 }),
        ring_duration: details.ring().map(|seconds| Duration { seconds, nanos: 0 }),
        queue_name: details.cut(names::QUEUE, text::MAX_NAME),
        representative_name: details.cut(names::REPRESENTATIVE, text::MAX_NAME),
        recording_url: details.whole(names::RECORDING, text::MAX_URL),
        ivr_path: details.ivr(),
        tenant_id: String::new(),
        validate_only: false,
    };
    let mut sent_names: Vec<(&'static str, String)> =
        NAMES.iter().map(|(field, names)| (*field, sent_name(record, names))).collect();
    sent_names.push(("customer_phone", parties.customer.field));
    sent_names.push(("business_phone", parties.business.field));
    let ended_at = start + TimeDelta::seconds(duration);
    Ok(Call { request, ended_at, reduced: details.reduced, sent_names })
}

/// The request's fields and Voicenter's names for them; the two phones depend on the direction.
const NAMES: &[(&str, &[&str])] = &[
    ("call_id", names::CALL_ID),
    ("original_call_id", names::ORIGINAL_CALL_ID),
    ("direction", names::DIRECTION),
    ("outcome", names::STATUS),
    ("provider_status", names::STATUS),
    ("called_at", names::TIME),
    ("duration", names::DURATION),
    ("ring_duration", names::RING),
    ("queue_name", names::QUEUE),
    ("representative_name", names::REPRESENTATIVE),
    ("recording_url", names::RECORDING),
    ("ivr_path", names::IVR),
    ("custom_data", names::CUSTOM_DATA),
];

fn sent_name(record: &Record, names: &[&str]) -> String {
    record.find(names).map_or(names[0], |field| field.name).to_owned()
}

fn call_id(record: &Record) -> Result<String, Problem> {
    let field = record.find(names::CALL_ID).ok_or_else(|| Problem::new(names::CALL_ID[0], "is missing"))?;
    let id = field.text().ok_or_else(|| Problem::new(field.name, "must be a text"))?;
    // Two ids with different bytes in this place would become one call.
    if field.value.as_str().is_some_and(|sent| sent.contains('\u{fffd}')) {
        return Err(Problem::new(field.name, "holds characters that are not UTF-8"));
    }
    if text::is_longer(&id, text::MAX_CALL_ID) {
        return Err(Problem::new(field.name, format!("is longer than {} characters", text::MAX_CALL_ID)));
    }
    Ok(id)
}

fn duration(record: &Record) -> Result<i64, Problem> {
    let Some(field) = record.find(names::DURATION) else { return Ok(0) };
    let seconds = field.integer()?;
    if !(0..=MAX_SECONDS).contains(&seconds) {
        return Err(Problem::new(field.name, format!("must be 0 to {MAX_SECONDS} seconds")));
    }
    Ok(seconds)
}

/// A date of the Call Log is always UTC, so it wins over an epoch that must be interpreted.
fn start(record: &Record, rules: TimeRules, evidence: Evidence<'_>) -> Result<DateTime<Utc>, Problem> {
    let date = record.find(names::DATE);
    if let Some(start) = date.and_then(|field| time::read_date(&field.text()?)) {
        return Ok(start);
    }
    let Some(field) = record.find(names::TIME) else {
        return Err(match date {
            Some(date) => Problem::new(date.name, "must be a date and time in ISO 8601"),
            None => Problem::new(names::TIME[0], "is missing"),
        });
    };
    let epoch = field.integer().map_err(|_| Problem::new(field.name, "must be epoch seconds"))?;
    rules
        .read(epoch, evidence)
        .ok_or_else(|| Problem::new(field.name, "is no time between the years 1 and 9999"))
}

/// Reads what describes a call, and notes what had to be left out or cut short.
struct Details<'a> {
    record: &'a Record,
    reduced: Vec<String>,
}

impl Details<'_> {
    fn cut(&mut self, names: &[&str], max: usize) -> Option<String> {
        let value = self.record.text(names)?;
        if text::is_longer(&value, max) {
            self.note(names);
        }
        Some(text::truncate(value, max))
    }

    /// A value that is useless when cut short.
    fn whole(&mut self, names: &[&str], max: usize) -> Option<String> {
        let value = self.record.text(names)?;
        if text::is_longer(&value, max) {
            self.note(names);
            return None;
        }
        Some(value)
    }

    fn ring(&mut self) -> Option<i64> {
        let seconds = self.record.find(names::RING)?.integer();
        let seconds = seconds.ok().filter(|seconds| (0..=MAX_SECONDS).contains(seconds));
        if seconds.is_none() {
            self.note(names::RING);
        }
        seconds
    }

    fn ivr(&mut self) -> Vec<leadcapture_proto::v1::IvrStep> {
        let Some(field) = self.record.find(names::IVR) else { return Vec::new() };
        ivr::steps(field.value).unwrap_or_else(|| {
            self.note(names::IVR);
            Vec::new()
        })
    }

    fn custom_data(&mut self, phones: [&str; 2]) -> Option<prost_types::Struct> {
        let data = names::CUSTOM_DATA.iter().filter_map(|name| self.record.find(&[name]));
        let found = custom_data::read(data.map(|field| field.value), extras::extras(self.record, phones));
        if found.dropped > 0 {
            self.note(names::CUSTOM_DATA);
        }
        if found.dropped_extras > 0 {
            self.reduced.push(OTHER_FIELDS.to_owned());
        }
        found.data
    }

    fn note(&mut self, names: &[&str]) {
        self.reduced.push(sent_name(self.record, names));
    }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
