//! When a tenant's messages may be sent: weekly local hours, less skipped dates, in the tenant's zone.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::policy::MAX_CLOSED_DAYS;

/// Minutes in a day; the latest closing time, "24:00".
pub const MINUTES_PER_DAY: u16 = 24 * 60;

/// Local hours on one day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendWindow {
    /// The day of the week.
    pub day: Weekday,
    /// Minutes after local midnight at which the window opens.
    pub opens_at: u16,
    /// Minutes after local midnight at which it closes; at most [`MINUTES_PER_DAY`].
    pub closes_at: u16,
}

/// Weekly windows and dates to skip. No windows means open at all hours of every date that is not skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SendWindows {
    /// The weekly hours.
    pub windows: Vec<SendWindow>,
    /// Dates without any window, for example holidays.
    pub skipped_dates: Vec<NaiveDate>,
}

impl SendWindows {
    /// What is wrong: a path below `send_windows` and a description.
    #[must_use]
    pub fn problems(&self, zone: Tz, now: DateTime<Utc>) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        for (index, window) in self.windows.iter().enumerate() {
            if window.closes_at > MINUTES_PER_DAY {
                problems.push((format!(".windows[{index}].closes_at"), "must be at most 24:00".to_owned()));
            }
            if window.opens_at >= window.closes_at {
                let text = "must be earlier than closes_at; split a window that crosses midnight".to_owned();
                problems.push((format!(".windows[{index}].opens_at"), text));
            }
        }
        if problems.is_empty() && self.next_open(now, zone).is_none() {
            let text = format!("never open within {MAX_CLOSED_DAYS} days; add a window or skip fewer dates");
            problems.push((String::new(), text));
        }
        problems
    }

    /// The first moment from `at` on that lies inside a window; `None` when there is none within [`MAX_CLOSED_DAYS`].
    #[must_use]
    pub fn next_open(&self, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let first_date = at.with_timezone(&zone).date_naive();
        (0..=MAX_CLOSED_DAYS.unsigned_abs()).find_map(|offset| {
            let date = first_date.checked_add_days(Days::new(offset))?;
            self.openings(date, zone).filter(|(_, closes)| *closes > at).map(|(opens, _)| opens.max(at)).min()
        })
    }

    /// When the hours that hold `at` end; `None` when `at` is outside, or they go on for more than a day. Windows that touch or overlap, as
    /// at midnight, count as one.
    #[must_use]
    pub fn closes_after(&self, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let date = at.with_timezone(&zone).date_naive();
        let mut openings: Vec<_> = (0..=2)
            .filter_map(|offset| date.checked_add_days(Days::new(offset)))
            .flat_map(|date| self.openings(date, zone))
            .collect();
        openings.sort_unstable();
        let closes = openings.into_iter().fold(at, |end, (opens, closes)| {
            // A window that begins where another ends continues it.
            if opens <= end { end.max(closes) } else { end }
        });
        (at < closes && closes - at <= TimeDelta::days(1)).then_some(closes)
    }

    fn openings(&self, date: NaiveDate, zone: Tz) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> {
        const ALL_DAY: (u16, u16) = (0, MINUTES_PER_DAY);
        let skipped = self.skipped_dates.contains(&date);
        let always = self.windows.is_empty().then_some(ALL_DAY);
        let weekly =
            self.windows.iter().filter(move |w| w.day == date.weekday()).map(|w| (w.opens_at, w.closes_at));
        always
            .into_iter()
            .chain(weekly)
            .filter(move |_| !skipped)
            .filter_map(move |(opens, closes)| moments(date, opens, closes, zone))
            .filter(|(opens, closes)| opens < closes)
    }
}

/// The moments of a window's local hours. Where a clock change repeats one of its ends, the part is taken that lies inside the hours from
/// its first to its last moment: it opens the second time, and closes the first time unless it opened later.
fn moments(date: NaiveDate, opens: u16, closes: u16, zone: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let (_, opens) = local_minute(date, opens, zone)?;
    let (first, second) = local_minute(date, closes, zone)?;
    Some((opens, if opens < first { first } else { second }))
}

/// The first and the last moment of a local wall-clock minute: two where a clock change repeats it, else the same. One that a clock
/// change skips is the moment of the change.
fn local_minute(date: NaiveDate, minute: u16, zone: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let midnight = date.and_time(NaiveTime::MIN);
    let local = midnight.checked_add_signed(TimeDelta::minutes(i64::from(minute)))?;
    match zone.from_local_datetime(&local) {
        chrono::LocalResult::Single(moment) => Some((moment.to_utc(), moment.to_utc())),
        chrono::LocalResult::Ambiguous(earlier, later) => Some((earlier.to_utc(), later.to_utc())),
        chrono::LocalResult::None => {
            // Clock changes skip at most a few hours: the first local minute that exists again is the change itself.
            (1..=180)
                .find_map(|step| zone.from_local_datetime(&(local + TimeDelta::minutes(step))).earliest())
                .map(|moment| (moment.to_utc(), moment.to_utc()))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Jerusalem;
    use proptest::prelude::*;

    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn window(day: Weekday, opens_at: u16, closes_at: u16) -> SendWindow {
        SendWindow { day, opens_at, closes_at }
    }

    #[test]
    fn without_windows_every_moment_is_open() {
        let now = utc("2026-01-27T12:00:00Z");
        assert_eq!(SendWindows::default().next_open(now, Jerusalem), Some(now));
    }

    #[test]
    fn a_closed_moment_moves_to_the_next_opening() {
        let windows =
            SendWindows { windows: vec![window(Weekday::Sun, 9 * 60, 18 * 60)], skipped_dates: vec![] };
        // A Friday; the next Sunday 09:00 in winter time is 07:00 UTC.
        assert_eq!(
            windows.next_open(utc("2026-01-30T12:00:00Z"), Jerusalem),
            Some(utc("2026-02-01T07:00:00Z"))
        );
        assert_eq!(
            windows.closes_after(utc("2026-02-01T08:00:00Z"), Jerusalem),
            Some(utc("2026-02-01T16:00:00Z"))
        );
        assert_eq!(windows.closes_after(utc("2026-02-01T16:00:00Z"), Jerusalem), None);
    }

    #[test]
    fn skipped_dates_and_bad_windows_are_found() {
        let now = utc("2026-01-27T12:00:00Z");
        let skipped_dates = (0..=370).map(|d| now.date_naive() + Days::new(d)).collect();
        let never = SendWindows { windows: vec![], skipped_dates };
        assert_eq!(never.problems(Jerusalem, now).len(), 1);
        let backwards = SendWindows { windows: vec![window(Weekday::Mon, 600, 600)], skipped_dates: vec![] };
        assert_eq!(backwards.problems(Jerusalem, now)[0].0, ".windows[0].opens_at");
    }

    proptest! {
        /// The moment handed out is inside a window, in local hours, also in the nights of a clock change.
        #[test]
        fn next_open_is_inside_a_window(
            offset in 0_i64..2 * 366 * 24 * 60,
            windows in proptest::collection::vec((0_u8..7, 0_u16..1439, 1_u16..1440), 1..5),
        ) {
            let windows: Vec<_> = windows
                .into_iter()
                .map(|(day, opens, length)| {
                    window(Weekday::try_from(day).unwrap(), opens, (opens + length).min(MINUTES_PER_DAY))
                })
                .collect();
            let at = utc("2026-01-01T00:00:00Z") + TimeDelta::minutes(offset);
            let open = SendWindows { windows: windows.clone(), skipped_dates: vec![] }.next_open(at, Jerusalem).unwrap();
            prop_assert!(open >= at);
            let local = open.with_timezone(&Jerusalem).naive_local();
            let minute = local.signed_duration_since(local.date().and_time(NaiveTime::MIN)).num_minutes();
            let inside = windows.iter().any(|w| {
                w.day == local.weekday() && i64::from(w.opens_at) <= minute && minute < i64::from(w.closes_at)
            });
            prop_assert!(inside);
        }
    }
}
