//! Requests to validated values. Every bad field is noted with its path, so that a caller learns of all of them at once.

use std::{collections::BTreeMap, ops::RangeInclusive};

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1;
use prost_types::{Duration, Timestamp};
use uuid::Uuid;

use crate::domain::{
    call::CallOutcome,
    error::{Error, FieldViolation},
    lead::{LeadSource, LeadStatus, LostReason},
    personal::Personal,
    phone::{PhoneNumber, Region, parse_strict},
    text,
};

/// The seconds of a `google.protobuf.Timestamp`: from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const TIMESTAMP_SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// The most bad fields that are noted of one request.
const MAX_VIOLATIONS: usize = 1_000;

/// The bad fields of a request, gathered while it is read.
///
/// A reader of a bad field notes it and answers a stand-in, which never gets further: [`Fields::check`] fails.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<FieldViolation>);

impl Fields {
    /// Notes a bad field; after [`MAX_VIOLATIONS`] of them no more.
    pub(super) fn bad(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if self.0.len() < MAX_VIOLATIONS {
            self.0.push(FieldViolation { field: field.into(), description: description.into() });
        }
    }

    /// The values of a repeated field, sorted and each once: more would say nothing, and a database takes only so many.
    pub(super) fn each<T: Ord>(
        &mut self,
        field: &str,
        values: &[i32],
        mut parse: impl FnMut(&mut Self, &str, i32) -> Option<T>,
    ) -> Vec<T> {
        let mut parsed = BTreeMap::new();
        for (index, value) in values.iter().enumerate() {
            if !parsed.contains_key(value)
                && self.0.len() < MAX_VIOLATIONS
                && let Some(meant) = parse(self, &format!("{field}[{index}]"), *value)
            {
                parsed.insert(*value, meant);
            }
        }
        let mut parsed: Vec<_> = parsed.into_values().collect();
        parsed.sort_unstable();
        parsed
    }

    /// Fails when any field was bad.
    pub(super) fn check(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::InvalidFields(self.0)) }
    }

    /// Whether any field was bad so far.
    pub(super) const fn any_bad(&self) -> bool {
        !self.0.is_empty()
    }

    /// A UUID that must be there.
    pub(super) fn id(&mut self, field: &str, value: &str) -> Uuid {
        self.optional_id(field, value).unwrap_or_else(|| {
            if value.is_empty() {
                self.bad(field, "is required; give a UUID");
            }
            Uuid::nil()
        })
    }

    /// A UUID, absent when empty.
    pub(super) fn optional_id(&mut self, field: &str, value: &str) -> Option<Uuid> {
        if value.is_empty() {
            return None;
        }
        let id = Uuid::try_parse(value).ok();
        if id.is_none() {
            self.bad(field, "is no UUID; give one such as 0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f");
        }
        id
    }

    /// A text that must be there, without surrounding white space.
    pub(super) fn text(&mut self, field: &str, value: &str, max_chars: usize) -> String {
        self.optional_text(field, Some(value), max_chars).unwrap_or_else(|| {
            if value.trim().is_empty() {
                self.bad(field, "is required");
            }
            String::new()
        })
    }

    /// A text, absent when empty.
    pub(super) fn optional_text(
        &mut self,
        field: &str,
        value: Option<&str>,
        max_chars: usize,
    ) -> Option<String> {
        let value = text::non_empty(value?)?;
        if let Some(problem) = text::problem(&value, max_chars) {
            self.bad(field, problem);
            return None;
        }
        Some(value)
    }

    /// A text that tells of a person, absent when empty.
    pub(super) fn personal_text(
        &mut self,
        field: &str,
        value: Option<&str>,
        max_chars: usize,
    ) -> Option<Personal> {
        self.optional_text(field, value, max_chars).map(Personal::new)
    }

    /// A phone that must be there, in any format of the region or E.164.
    pub(super) fn phone(&mut self, field: &str, value: &str, region: Region) -> Option<PhoneNumber> {
        if value.trim().is_empty() {
            self.bad(field, "is required; give a telephone number");
            return None;
        }
        match parse_strict(value, region) {
            Ok(phone) => Some(phone),
            Err(error) => {
                self.bad(field, error.to_string());
                None
            }
        }
    }

    /// A phone to filter by, absent when empty.
    pub(super) fn phone_filter(&mut self, field: &str, value: &str, region: Region) -> Option<PhoneNumber> {
        if value.trim().is_empty() { None } else { self.phone(field, value, region) }
    }

    /// A point in time within the range of the message, truncated to microseconds.
    pub(super) fn time(&mut self, field: &str, value: Option<Timestamp>) -> Option<DateTime<Utc>> {
        let value = value?;
        let time = u32::try_from(value.nanos)
            .ok()
            .filter(|nanos| *nanos < 1_000_000_000 && TIMESTAMP_SECONDS.contains(&value.seconds))
            .and_then(|nanos| DateTime::from_timestamp(value.seconds, nanos));
        if time.is_none() {
            self.bad(
                field,
                "is no valid google.protobuf.Timestamp; give seconds from year 1 to 9999 and nanos below 1,000,000,000",
            );
        }
        time.map(crate::clock::truncate)
    }

    /// The bounds of a range of time, `from` inclusive and `until` exclusive.
    pub(super) fn range(
        &mut self,
        (from_field, from): (&str, Option<Timestamp>),
        (until_field, until): (&str, Option<Timestamp>),
    ) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let (from, until) = (self.time(from_field, from), self.time(until_field, until));
        if let (Some(from), Some(until)) = (from, until)
            && until <= from
        {
            self.bad(until_field, format!("must be later than {from_field}"));
        }
        (from, until)
    }

    /// A length of time within `least` and `most`.
    pub(super) fn duration(
        &mut self,
        field: &str,
        value: Option<Duration>,
        (least, most): (TimeDelta, TimeDelta),
    ) -> Option<TimeDelta> {
        let value = value?;
        let delta = TimeDelta::try_seconds(value.seconds)
            .and_then(|seconds| seconds.checked_add(&TimeDelta::nanoseconds(i64::from(value.nanos))));
        match delta {
            Some(delta) if delta >= least && delta <= most => Some(delta),
            _ => {
                let text = format!("must be from {} s to {} s", least.num_seconds(), most.num_seconds());
                self.bad(field, text);
                None
            }
        }
    }

    /// An etag: the version that a change is based on, absent when empty.
    pub(super) fn etag(&mut self, value: &str) -> Option<i64> {
        if value.is_empty() {
            return None;
        }
        let version = value.parse().ok().filter(|version: &i64| *version > 0 && version.to_string() == value);
        if version.is_none() {
            self.bad(
                "etag",
                "is malformed; send back the etag exactly as it was answered, or leave it empty",
            );
        }
        version
    }

    /// The state of a lead in a filter.
    pub(super) fn lead_status(&mut self, field: &str, value: i32) -> Option<LeadStatus> {
        use v1::LeadStatus as Wire;
        let status = match Wire::try_from(value) {
            Ok(Wire::New) => LeadStatus::New,
            Ok(Wire::Qualifying) => LeadStatus::Qualifying,
            Ok(Wire::Qualified) => LeadStatus::Qualified,
            Ok(Wire::Contacted) => LeadStatus::Contacted,
            Ok(Wire::Converted) => LeadStatus::Converted,
            Ok(Wire::Lost) => LeadStatus::Lost,
            Ok(Wire::Unresponsive) => LeadStatus::Unresponsive,
            Ok(Wire::Unspecified) | Err(_) => {
                self.unknown_value(field, value, "LeadStatus");
                return None;
            }
        };
        Some(status)
    }

    /// Why a lead was lost; absent when unspecified.
    pub(super) fn lost_reason(&mut self, value: i32) -> Option<LostReason> {
        use v1::LostReason as Wire;
        let reason = match Wire::try_from(value) {
            Ok(Wire::Price) => LostReason::Price,
            Ok(Wire::Competitor) => LostReason::Competitor,
            Ok(Wire::NotRelevant) => LostReason::NotRelevant,
            Ok(Wire::NoResponse) => LostReason::NoResponse,
            Ok(Wire::Duplicate) => LostReason::Duplicate,
            Ok(Wire::Spam) => LostReason::Spam,
            Ok(Wire::WrongNumber) => LostReason::WrongNumber,
            Ok(Wire::DoNotContact) => LostReason::DoNotContact,
            Ok(Wire::Other) => LostReason::Other,
            Ok(Wire::Unspecified) => return None,
            Err(_) => {
                self.unknown_value("lost_reason", value, "LostReason");
                return None;
            }
        };
        Some(reason)
    }

    /// The source of a lead.
    pub(super) fn lead_source(&mut self, field: &str, value: i32) -> Option<LeadSource> {
        use v1::LeadSource as Wire;
        match Wire::try_from(value) {
            Ok(Wire::MissedCall) => Some(LeadSource::MissedCall),
            Ok(Wire::Manual) => Some(LeadSource::Manual),
            Ok(Wire::Website) => Some(LeadSource::Website),
            Ok(Wire::Unspecified) | Err(_) => {
                self.unknown_value(field, value, "LeadSource");
                None
            }
        }
    }

    /// How a call ended.
    pub(super) fn call_outcome(&mut self, field: &str, value: i32) -> Option<CallOutcome> {
        use v1::CallOutcome as Wire;
        let outcome = match Wire::try_from(value) {
            Ok(Wire::Answered) => CallOutcome::Answered,
            Ok(Wire::NoAnswer) => CallOutcome::NoAnswer,
            Ok(Wire::Cancelled) => CallOutcome::Cancelled,
            Ok(Wire::Busy) => CallOutcome::Busy,
            Ok(Wire::Abandoned) => CallOutcome::Abandoned,
            Ok(Wire::QueueTimeout) => CallOutcome::QueueTimeout,
            Ok(Wire::QueueFull) => CallOutcome::QueueFull,
            Ok(Wire::QueueEmpty) => CallOutcome::QueueEmpty,
            Ok(Wire::Congestion) => CallOutcome::Congestion,
            Ok(Wire::Voicemail) => CallOutcome::Voicemail,
            Ok(Wire::VoiceEnd) => CallOutcome::VoiceEnd,
            Ok(Wire::NotCalled) => CallOutcome::NotCalled,
            Ok(Wire::Failed) => CallOutcome::Failed,
            Ok(Wire::QueueExit) => CallOutcome::QueueExit,
            Ok(Wire::Other) => CallOutcome::Other,
            Ok(Wire::Unspecified) | Err(_) => {
                self.unknown_value(field, value, "CallOutcome");
                return None;
            }
        };
        Some(outcome)
    }

    /// Notes a value that its enum does not have, or the unspecified one.
    pub(super) fn unknown_value(&mut self, field: &str, value: i32, of: &str) {
        let what =
            if value == 0 { "is required".to_owned() } else { format!("has the unknown value {value}") };
        self.bad(field, format!("{what}; give one of the values of {of}"));
    }
}
