//! What a tenant may configure, with the defaults and ranges of each setting.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{call::CallOutcome, send_windows::SendWindows};

/// Outcomes of an incoming call that count as missed unless the tenant says otherwise.
pub const DEFAULT_MISSED_OUTCOMES: &[CallOutcome] = &[
    CallOutcome::NoAnswer,
    CallOutcome::Cancelled,
    CallOutcome::Busy,
    CallOutcome::Abandoned,
    CallOutcome::QueueTimeout,
    CallOutcome::QueueFull,
    CallOutcome::QueueEmpty,
];

/// The shortest and longest delay before a message or a change of state.
pub const DELAY_RANGE: (TimeDelta, TimeDelta) = (TimeDelta::zero(), TimeDelta::days(30));
/// The shortest and longest window for a returning caller.
pub const WINDOW_RANGE: (TimeDelta, TimeDelta) = (TimeDelta::zero(), TimeDelta::days(3_650));
/// How far ahead the send windows must open.
pub const MAX_CLOSED_DAYS: i64 = 366;

/// A tenant's settings. Stored as JSON, durations in whole seconds; a setting that is missing there has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantPolicy {
    /// Outcomes of an incoming call that count as missed.
    pub missed_outcomes: Vec<CallOutcome>,
    /// From the end of a missed call to its opener. Default 2 minutes.
    #[serde(with = "seconds")]
    pub opener_delay: TimeDelta,
    /// From the opener to the first reminder. Default 2 hours.
    #[serde(with = "seconds")]
    pub reminder_1_delay: TimeDelta,
    /// From the opener to the second reminder. Default 24 hours.
    #[serde(with = "seconds")]
    pub reminder_2_delay: TimeDelta,
    /// From the second reminder to giving up. Default 24 hours.
    #[serde(with = "seconds")]
    pub unresponsive_delay: TimeDelta,
    /// For how long after its loss a lead is reopened by a new call. Default 30 days.
    #[serde(with = "seconds")]
    pub lost_reopen_window: TimeDelta,
    /// For how long after its conversion a caller counts as an existing customer. Default 30 days.
    #[serde(with = "seconds")]
    pub returning_customer_window: TimeDelta,
    /// A call older than this on arrival sends no message. Default 2 hours.
    #[serde(with = "seconds")]
    pub stale_call_after: TimeDelta,
    /// Whether openers go to phones that are not mobiles too.
    pub opener_to_non_mobile: bool,
    /// When messages may be sent. Default: always.
    pub send_windows: SendWindows,
}

impl Default for TenantPolicy {
    fn default() -> Self {
        Self {
            missed_outcomes: DEFAULT_MISSED_OUTCOMES.to_vec(),
            opener_delay: TimeDelta::minutes(2),
            reminder_1_delay: TimeDelta::hours(2),
            reminder_2_delay: TimeDelta::hours(24),
            unresponsive_delay: TimeDelta::hours(24),
            lost_reopen_window: TimeDelta::days(30),
            returning_customer_window: TimeDelta::days(30),
            stale_call_after: TimeDelta::hours(2),
            opener_to_non_mobile: false,
            send_windows: SendWindows::default(),
        }
    }
}

impl TenantPolicy {
    /// What is wrong with the policy: field and description, for every field that is.
    #[must_use]
    pub fn problems(&self, time_zone: Tz, now: DateTime<Utc>) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if self.missed_outcomes.is_empty() {
            problems.push(("missed_outcomes".to_owned(), "is empty; name at least one outcome".to_owned()));
        }
        if let Some(index) = self.missed_outcomes.iter().position(|o| *o == CallOutcome::Answered) {
            let text = "an answered call is never missed; leave ANSWERED out".to_owned();
            problems.push((format!("missed_outcomes[{index}]"), text));
        }
        for (field, value, (least, most)) in [
            ("opener_delay", self.opener_delay, DELAY_RANGE),
            ("reminder_1_delay", self.reminder_1_delay, DELAY_RANGE),
            ("reminder_2_delay", self.reminder_2_delay, DELAY_RANGE),
            ("unresponsive_delay", self.unresponsive_delay, DELAY_RANGE),
            ("lost_reopen_window", self.lost_reopen_window, WINDOW_RANGE),
            ("returning_customer_window", self.returning_customer_window, WINDOW_RANGE),
            ("stale_call_after", self.stale_call_after, DELAY_RANGE),
        ] {
            if value < least || value > most {
                let text = format!("must be from {} s to {} s", least.num_seconds(), most.num_seconds());
                problems.push((field.to_owned(), text));
            } else if value.subsec_nanos() != 0 {
                problems.push((field.to_owned(), "must be whole seconds".to_owned()));
            }
        }
        if self.reminder_2_delay < self.reminder_1_delay {
            let text = "must not be shorter than reminder_1_delay; both count from the opener".to_owned();
            problems.push(("reminder_2_delay".to_owned(), text));
        }
        for (field, text) in self.send_windows.problems(time_zone, now) {
            problems.push((format!("send_windows{field}"), text));
        }
        problems
    }

    /// Whether an incoming call that ended so counts as missed.
    #[must_use]
    pub fn is_missed(&self, outcome: CallOutcome) -> bool {
        self.missed_outcomes.contains(&outcome)
    }
}

/// Durations as whole seconds in JSON.
mod seconds {
    use chrono::TimeDelta;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(value: &TimeDelta, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(value.num_seconds())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeDelta, D::Error> {
        let seconds = i64::deserialize(deserializer)?;
        TimeDelta::try_seconds(seconds).ok_or_else(|| D::Error::custom("a duration out of range"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(policy: &TenantPolicy) -> Vec<String> {
        let now = DateTime::from_timestamp(1_770_000_000, 0).unwrap();
        policy.problems(chrono_tz::Asia::Jerusalem, now).into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn the_default_is_valid_and_survives_storage() {
        let policy = TenantPolicy::default();
        assert!(problems(&policy).is_empty());
        let stored = serde_json::to_value(&policy).unwrap();
        assert_eq!(stored["opener_delay"], 120);
        assert_eq!(serde_json::from_value::<TenantPolicy>(stored).unwrap(), policy);
        assert_eq!(serde_json::from_value::<TenantPolicy>(serde_json::json!({})).unwrap(), policy);
    }

    #[test]
    fn every_bad_field_is_named() {
        let policy = TenantPolicy {
            missed_outcomes: vec![CallOutcome::Busy, CallOutcome::Answered],
            opener_delay: TimeDelta::seconds(-1),
            reminder_1_delay: TimeDelta::milliseconds(1_500),
            reminder_2_delay: TimeDelta::zero(),
            lost_reopen_window: TimeDelta::days(4_000),
            ..TenantPolicy::default()
        };
        assert_eq!(
            problems(&policy),
            [
                "missed_outcomes[1]",
                "opener_delay",
                "reminder_1_delay",
                "lost_reopen_window",
                "reminder_2_delay"
            ]
        );
    }
}
