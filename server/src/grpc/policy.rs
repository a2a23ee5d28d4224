//! A tenant's policy between message and domain, whole or by single fields of a mask.

use chrono::{NaiveDate, TimeDelta, Weekday};
use leadcapture_proto::v1;

use super::{
    encode::{duration, outcome},
    parse::Fields,
};
use crate::domain::{
    call::CallOutcome,
    policy::{DELAY_RANGE, TenantPolicy, WINDOW_RANGE},
    send_windows::{SendWindow, SendWindows},
};

/// The most weekly windows.
const MAX_WINDOWS: usize = 50;
/// The most skipped dates.
const MAX_SKIPPED_DATES: usize = 1_000;

/// The names of the policy's fields, as in the message.
pub(super) const FIELD_NAMES: &[&str] = &[
    "missed_outcomes",
    "opener_delay",
    "reminder_1_delay",
    "reminder_2_delay",
    "unresponsive_delay",
    "lost_reopen_window",
    "returning_customer_window",
    "stale_call_after",
    "opener_to_non_mobile",
    "send_windows",
];

/// Copies one field, named as in the message, from one policy to another.
pub(super) fn copy_field(name: &str, from: &TenantPolicy, to: &mut TenantPolicy) {
    match name {
        "missed_outcomes" => to.missed_outcomes.clone_from(&from.missed_outcomes),
        "opener_delay" => to.opener_delay = from.opener_delay,
        "reminder_1_delay" => to.reminder_1_delay = from.reminder_1_delay,
        "reminder_2_delay" => to.reminder_2_delay = from.reminder_2_delay,
        "unresponsive_delay" => to.unresponsive_delay = from.unresponsive_delay,
        "lost_reopen_window" => to.lost_reopen_window = from.lost_reopen_window,
        "returning_customer_window" => to.returning_customer_window = from.returning_customer_window,
        "stale_call_after" => to.stale_call_after = from.stale_call_after,
        "opener_to_non_mobile" => to.opener_to_non_mobile = from.opener_to_non_mobile,
        "send_windows" => to.send_windows.clone_from(&from.send_windows),
        _ => {}
    }
}

/// Reads a policy; what is absent has its default.
pub(super) fn parse(fields: &mut Fields, policy: v1::TenantPolicy) -> TenantPolicy {
    let mut parsed = TenantPolicy::default();
    let outcomes = fields.each("policy.missed_outcomes", &policy.missed_outcomes, |fields, field, value| {
        let outcome = fields.call_outcome(field, value)?;
        // Noted here, as the place in the request is lost with the sorting.
        if outcome == CallOutcome::Answered {
            fields.bad(field, "an answered call is never missed; leave ANSWERED out");
            return None;
        }
        Some(outcome)
    });
    if !outcomes.is_empty() {
        parsed.missed_outcomes = outcomes;
    }
    for (name, value, range, target) in [
        ("opener_delay", policy.opener_delay, DELAY_RANGE, &mut parsed.opener_delay),
        ("reminder_1_delay", policy.reminder_1_delay, DELAY_RANGE, &mut parsed.reminder_1_delay),
        ("reminder_2_delay", policy.reminder_2_delay, DELAY_RANGE, &mut parsed.reminder_2_delay),
        ("unresponsive_delay", policy.unresponsive_delay, DELAY_RANGE, &mut parsed.unresponsive_delay),
        ("lost_reopen_window", policy.lost_reopen_window, WINDOW_RANGE, &mut parsed.lost_reopen_window),
        (
            "returning_customer_window",
            policy.returning_customer_window,
            WINDOW_RANGE,
            &mut parsed.returning_customer_window,
        ),
        ("stale_call_after", policy.stale_call_after, DELAY_RANGE, &mut parsed.stale_call_after),
    ] {
        if let Some(value) = fields.duration(&format!("policy.{name}"), value, range) {
            *target = value;
        }
    }
    parsed.opener_to_non_mobile = policy.opener_to_non_mobile;
    parsed.send_windows =
        policy.send_windows.map(|windows| parse_windows(fields, &windows)).unwrap_or_default();
    parsed
}

fn parse_windows(fields: &mut Fields, windows: &v1::SendWindows) -> SendWindows {
    const PATH: &str = "policy.send_windows";
    if windows.windows.len() > MAX_WINDOWS {
        fields.bad(format!("{PATH}.windows"), format!("has more than {MAX_WINDOWS} windows"));
    }
    if windows.skipped_dates.len() > MAX_SKIPPED_DATES {
        fields.bad(format!("{PATH}.skipped_dates"), format!("has more than {MAX_SKIPPED_DATES} dates"));
    }
    let mut parsed = SendWindows::default();
    for (index, window) in windows.windows.iter().enumerate().take(MAX_WINDOWS) {
        let path = format!("{PATH}.windows[{index}]");
        let day = weekday(fields, &format!("{path}.day"), window.day);
        let opens_at = minute(fields, &format!("{path}.opens_at"), &window.opens_at);
        let closes_at = minute(fields, &format!("{path}.closes_at"), &window.closes_at);
        if let (Some(day), Some(opens_at), Some(closes_at)) = (day, opens_at, closes_at) {
            parsed.windows.push(SendWindow { day, opens_at, closes_at });
        }
    }
    for (index, date) in windows.skipped_dates.iter().enumerate().take(MAX_SKIPPED_DATES) {
        match NaiveDate::parse_from_str(date, "%Y-%m-%d") {
            // The parser takes shorter forms and signs too.
            Ok(parsed_date) if parsed_date.to_string() == *date => parsed.skipped_dates.push(parsed_date),
            _ => fields.bad(format!("{PATH}.skipped_dates[{index}]"), "is no date; write YYYY-MM-DD"),
        }
    }
    parsed.skipped_dates.sort_unstable();
    parsed.skipped_dates.dedup();
    parsed
}

fn weekday(fields: &mut Fields, field: &str, value: i32) -> Option<Weekday> {
    match v1::Weekday::try_from(value) {
        Ok(v1::Weekday::Monday) => Some(Weekday::Mon),
        Ok(v1::Weekday::Tuesday) => Some(Weekday::Tue),
        Ok(v1::Weekday::Wednesday) => Some(Weekday::Wed),
        Ok(v1::Weekday::Thursday) => Some(Weekday::Thu),
        Ok(v1::Weekday::Friday) => Some(Weekday::Fri),
        Ok(v1::Weekday::Saturday) => Some(Weekday::Sat),
        Ok(v1::Weekday::Sunday) => Some(Weekday::Sun),
        Ok(v1::Weekday::Unspecified) | Err(_) => {
            fields.unknown_value(field, value, "Weekday");
            None
        }
    }
}

/// Minutes after midnight of a time written `HH:MM`.
fn minute(fields: &mut Fields, field: &str, value: &str) -> Option<u16> {
    let two_digits = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<u16>().ok())
            .flatten()
    };
    let minutes = value.split_once(':').and_then(|(hours, minutes)| {
        let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
        ((hours < 24 && minutes < 60) || (hours == 24 && minutes == 0)).then_some(hours * 60 + minutes)
    });
    if minutes.is_none() {
        fields.bad(field, "is no time of day; write HH:MM from 00:00 to 24:00");
    }
    minutes
}

/// A policy as a message, every field set.
pub(super) fn encode(policy: &TenantPolicy) -> v1::TenantPolicy {
    let delta = |value: TimeDelta| Some(duration(value));
    v1::TenantPolicy {
        missed_outcomes: policy.missed_outcomes.iter().map(|value| outcome(*value).into()).collect(),
        opener_delay: delta(policy.opener_delay),
        reminder_1_delay: delta(policy.reminder_1_delay),
        reminder_2_delay: delta(policy.reminder_2_delay),
        unresponsive_delay: delta(policy.unresponsive_delay),
        lost_reopen_window: delta(policy.lost_reopen_window),
        returning_customer_window: delta(policy.returning_customer_window),
        stale_call_after: delta(policy.stale_call_after),
        opener_to_non_mobile: policy.opener_to_non_mobile,
        send_windows: Some(encode_windows(&policy.send_windows)),
    }
}

fn encode_windows(windows: &SendWindows) -> v1::SendWindows {
    let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    v1::SendWindows {
        windows: windows
            .windows
            .iter()
            .map(|window| v1::SendWindow {
                day: encode_weekday(window.day).into(),
                opens_at: time(window.opens_at),
                closes_at: time(window.closes_at),
            })
            .collect(),
        skipped_dates: windows.skipped_dates.iter().map(ToString::to_string).collect(),
    }
}

const fn encode_weekday(day: Weekday) -> v1::Weekday {
    match day {
        Weekday::Mon => v1::Weekday::Monday,
        Weekday::Tue => v1::Weekday::Tuesday,
        Weekday::Wed => v1::Weekday::Wednesday,
        Weekday::Thu => v1::Weekday::Thursday,
        Weekday::Fri => v1::Weekday::Friday,
        Weekday::Sat => v1::Weekday::Saturday,
        Weekday::Sun => v1::Weekday::Sunday,
    }
}
