//! When a call began: the rules by which Voicenter's `time` is read.
//!
//! `time` is documented as an epoch in the account's own zone: the local wall-clock time, counted as if it were UTC. Other accounts
//! seem to send plain Unix time. Read wrongly, a call is hours off, so each record is judged on its own evidence.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Timelike as _, Utc};
use chrono_tz::Tz;
use serde::Deserialize;

/// How long before its record's arrival a call may have ended for plain Unix time to be believed.
const PUSHED_WITHIN: TimeDelta = TimeDelta::minutes(15);
/// How far the exchange's clock may run ahead of ours.
pub const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(1);
/// How far a call's start may lie outside the hour in its id: an id is given a moment before or after.
const ID_SLACK: TimeDelta = TimeDelta::minutes(10);

/// Which reading of `time` to take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeBasis {
    /// Decide for each record: by the date in its id, else by its arrival.
    #[default]
    Auto,
    /// Always the account's local time.
    Account,
    /// Always plain Unix time.
    Utc,
}

impl TimeBasis {
    /// `auto`, `account` or `utc`: the name by which it is configured and kept.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Account => "account",
            Self::Utc => "utc",
        }
    }
}

/// The two settings by which `time` is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRules {
    /// The zone of the Voicenter account.
    pub account_zone: Tz,
    /// Which reading to take.
    pub basis: TimeBasis,
}

impl Default for TimeRules {
    fn default() -> Self {
        Self { account_zone: Tz::Asia__Jerusalem, basis: TimeBasis::Auto }
    }
}

/// What else a record says that helps to read its `time`.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The call's id, which may begin with the local date and hour.
    pub call_id: &'a str,
    /// How long the call lasted.
    pub duration: TimeDelta,
    /// When the record arrived.
    pub arrival: DateTime<Utc>,
}

impl TimeRules {
    /// The start of a call whose `time` is `epoch` seconds; `None` where that is no time between the years 1 and 9999.
    #[must_use]
    pub fn read(self, epoch: i64, evidence: Evidence<'_>) -> Option<DateTime<Utc>> {
        let utc = in_range(DateTime::from_timestamp(epoch, 0)?)?;
        match self.basis {
            TimeBasis::Utc => Some(utc),
            TimeBasis::Account => self.account(utc.naive_utc(), evidence),
            TimeBasis::Auto => {
                let account = self.account(utc.naive_utc(), evidence)?;
                Some(self.choose(account, utc, evidence))
            }
        }
    }

    fn choose(self, account: DateTime<Utc>, utc: DateTime<Utc>, evidence: Evidence<'_>) -> DateTime<Utc> {
        if let Some(hour) = hour_in_id(evidence.call_id) {
            match (self.agrees(account, hour), self.agrees(utc, hour)) {
                (true, false) => return account,
                (false, true) => return utc,
                _ => {}
            }
        }
        let age = evidence.arrival - utc - evidence.duration;
        if (-CLOCK_SKEW..=PUSHED_WITHIN).contains(&age) { utc } else { account }
    }

    /// The instant at which the clocks of the account showed `local`.
    fn account(self, local: NaiveDateTime, evidence: Evidence<'_>) -> Option<DateTime<Utc>> {
        match self.account_zone.from_local_datetime(&local) {
            LocalResult::Single(at) => Some(at.to_utc()),
            LocalResult::Ambiguous(one, other) => {
                let (first, second) = (one.min(other).to_utc(), one.max(other).to_utc());
                let second_is_over = second + evidence.duration <= evidence.arrival + CLOCK_SKEW;
                Some(if second_is_over { second } else { first })
            }
            LocalResult::None => self.skipped(local),
        }
    }

    /// A local time that a clock change skipped, counted on from before the change.
    fn skipped(self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        // No zone has ever skipped more than a day.
        (1..=25).map(TimeDelta::hours).find_map(|back| {
            let before = self.account_zone.from_local_datetime(&(local - back)).single()?;
            Some(before.to_utc() + back)
        })
    }

    fn agrees(self, start: DateTime<Utc>, hour: NaiveDateTime) -> bool {
        let local = start.with_timezone(&self.account_zone).naive_local();
        (hour - ID_SLACK..hour + TimeDelta::hours(1) + ID_SLACK).contains(&local)
    }
}

/// The hour with which a call id of the form `YYYYMMDDHH…` begins.
fn hour_in_id(call_id: &str) -> Option<NaiveDateTime> {
    let prefix = call_id.get(..10)?;
    if !prefix.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| prefix[from..to].parse::<u32>().ok();
    let year: i32 = prefix[..4].parse().ok()?;
    // Ids that begin with another number seldom look like a date of the present age.
    if !(2000..2100).contains(&year) {
        return None;
    }
    NaiveDate::from_ymd_opt(year, number(4, 6)?, number(6, 8)?)?.and_hms_opt(number(8, 10)?, 0, 0)
}

/// The start of a call by the Call Log's `Date`: ISO 8601, UTC where it names no offset; `None` where it is no date.
#[must_use]
pub fn read_date(date: &str) -> Option<DateTime<Utc>> {
    let date = date.trim();
    let at = DateTime::parse_from_rfc3339(date).map(|at| at.to_utc()).or_else(|_| {
        let naive = date.trim_end_matches(['Z', 'z']);
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y%m%dT%H:%M:%S"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(naive, format).ok())
            .map(|naive| naive.and_utc())
            .ok_or(())
    });
    // A leap second would be two seconds in one to the server.
    in_range(at.ok()?)?.with_nanosecond(0)
}

/// Within what a protobuf timestamp holds, with room for offsets and durations.
fn in_range(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    const FIRST: i64 = -62_135_000_000;
    const LAST: i64 = 253_402_000_000;
    (FIRST..LAST).contains(&at.timestamp()).then_some(at)
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
