//! Nothing is handed out in closed hours, and no lease outlasts the open ones.

use chrono::{Datelike as _, Days, NaiveDate, NaiveTime, Weekday};
use chrono_tz::Asia::Jerusalem;
use proptest::prelude::*;

use super::*;
use crate::domain::send_windows::{MINUTES_PER_DAY, SendWindow, SendWindows};

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

const fn window(day: Weekday, opens_at: u16, closes_at: u16) -> SendWindow {
    SendWindow { day, opens_at, closes_at }
}

fn with(windows: Vec<SendWindow>, skipped_dates: Vec<NaiveDate>) -> Case {
    let mut case = Case::opener();
    case.tenant.policy.send_windows = SendWindows { windows, skipped_dates };
    case
}

#[test]
fn a_lease_ends_with_the_hours() {
    let case = with(vec![window(Weekday::Mon, 9 * 60, 12 * 60 + 1)], vec![]);
    assert_eq!(case.judge(TimeDelta::minutes(5), noon()), handed_out());
    assert_eq!(
        case.judge(TimeDelta::seconds(5), noon()),
        Verdict::HandOut { lease_until: noon() + TimeDelta::seconds(5) }
    );
}

#[test]
fn closed_hours_move_it_to_the_next_opening() {
    // Closing time itself is outside.
    let case = with(vec![window(Weekday::Mon, 9 * 60, 12 * 60)], vec![]);
    assert_eq!(case.at_noon(), Verdict::Postpone { due_at: utc("2026-03-09T07:00:00Z") });
    // The Monday after is skipped, and the one after that is in summer time.
    let case = with(
        vec![window(Weekday::Mon, 9 * 60, 12 * 60)],
        [9, 16, 23].map(|day| NaiveDate::from_ymd_opt(2026, 3, day).unwrap()).to_vec(),
    );
    assert_eq!(case.at_noon(), Verdict::Postpone { due_at: utc("2026-03-30T06:00:00Z") });
}

#[test]
fn windows_that_never_open_again_are_looked_at_again_tomorrow() {
    let skipped = (0..=370).map(|day| noon().date_naive() + Days::new(day)).collect();
    assert_eq!(with(vec![], skipped).at_noon(), Verdict::Postpone { due_at: noon() + TimeDelta::days(1) });
}

#[test]
fn midnight_cuts_no_lease_where_the_hours_go_on() {
    let late = utc("2026-03-02T21:59:58Z");
    let lease_until = late + TimeDelta::minutes(1);
    let whole = with(vec![], vec![]);
    assert_eq!(whole.judge(TimeDelta::minutes(1), late), Verdict::HandOut { lease_until });
    let two = [window(Weekday::Mon, 9 * 60, MINUTES_PER_DAY), window(Weekday::Tue, 0, 60)];
    assert_eq!(
        with(two.to_vec(), vec![]).judge(TimeDelta::minutes(1), late),
        Verdict::HandOut { lease_until }
    );
    let skipped = with(vec![], vec![NaiveDate::from_ymd_opt(2026, 3, 3).unwrap()]);
    let lease_until = late + TimeDelta::seconds(2);
    assert_eq!(skipped.judge(TimeDelta::minutes(1), late), Verdict::HandOut { lease_until });
}

#[test]
fn an_hour_that_comes_twice_is_open_within_the_hours_only() {
    // On 2026-10-25 at 02:00 the clocks in Jerusalem go back to 01:00.
    let sunday = |opens, closes| with(vec![window(Weekday::Sun, opens, closes)], vec![]);
    let lease = TimeDelta::hours(1);
    let first_half_past_one = utc("2026-10-24T22:30:00Z");
    let second_half_past_one = first_half_past_one + TimeDelta::hours(1);
    // Hours that end in the repeated one end the first time.
    let until_half_past = sunday(0, 90);
    assert_eq!(
        until_half_past.judge(lease, utc("2026-10-24T22:00:00Z")),
        Verdict::HandOut { lease_until: first_half_past_one }
    );
    assert!(matches!(until_half_past.judge(lease, utc("2026-10-24T22:45:00Z")), Verdict::Postpone { .. }));
    // Hours that begin in it begin the second time.
    assert_eq!(
        sunday(90, 180).judge(lease, first_half_past_one),
        Verdict::Postpone { due_at: second_half_past_one }
    );
    // Hours that lie in it are open once.
    assert_eq!(
        sunday(90, 105).judge(lease, first_half_past_one),
        Verdict::Postpone { due_at: second_half_past_one }
    );
    assert_eq!(
        sunday(90, 105).judge(lease, second_half_past_one),
        Verdict::HandOut { lease_until: second_half_past_one + TimeDelta::minutes(15) }
    );
}

/// Whether the wall clock in Jerusalem shows open hours, found without any arithmetic on zones.
fn is_open(windows: &SendWindows, at: DateTime<Utc>) -> bool {
    let local = at.with_timezone(&Jerusalem).naive_local();
    let second = local.signed_duration_since(local.date().and_time(NaiveTime::MIN)).num_seconds();
    let inside = |w: &SendWindow| {
        w.day == local.weekday()
            && i64::from(w.opens_at) * 60 <= second
            && second < i64::from(w.closes_at) * 60
    };
    !windows.skipped_dates.contains(&local.date())
        && (windows.windows.is_empty() || windows.windows.iter().any(inside))
}

/// Seconds from 2026 to 2028; one in two is near a change of the clocks in Jerusalem.
fn moments() -> impl Strategy<Value = DateTime<Utc>> {
    let changes =
        ["2026-03-27T00:00:00Z", "2026-10-24T23:00:00Z", "2027-03-26T00:00:00Z", "2027-10-30T23:00:00Z"];
    let near = (prop::sample::select(changes.to_vec()), -5 * 3_600_i64..5 * 3_600)
        .prop_map(|(change, offset)| utc(change) + TimeDelta::seconds(offset));
    let any =
        (0_i64..2 * 365 * 86_400).prop_map(|offset| utc("2026-01-01T00:00:00Z") + TimeDelta::seconds(offset));
    prop_oneof![near, any]
}

/// Weekly hours; one in two is in the first hours of a day, where the clocks change.
fn windows() -> impl Strategy<Value = SendWindow> {
    let hours = prop_oneof![(0_u16..200, 1_u16..120), (0_u16..1_439, 1_u16..1_440)];
    let day = prop_oneof![Just(4_u8), Just(5), Just(6), 0_u8..7];
    (day, hours).prop_map(|(day, (opens, length))| {
        window(Weekday::try_from(day).unwrap(), opens, (opens + length).min(MINUTES_PER_DAY))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_goes_out_in_closed_hours_and_no_lease_outlasts_the_open_ones(
        at in moments(),
        weekly in prop::collection::vec(windows(), 0..6),
        skipped in prop::collection::vec(-2_i64..9, 0..5),
        lease_seconds in 5_i64..=3_600,
    ) {
        let lease = TimeDelta::seconds(lease_seconds);
        let today = at.with_timezone(&Jerusalem).date_naive();
        let skipped = skipped.into_iter().map(|days| today + TimeDelta::days(days)).collect();
        let case = with(weekly, skipped);
        let windows = &case.tenant.policy.send_windows;
        match case.judge(lease, at) {
            Verdict::HandOut { lease_until } => {
                prop_assert!(lease_until > at && lease_until <= at + lease);
                // Every ten seconds of the lease, and its last.
                for second in (0..(lease_until - at).num_seconds()).step_by(10) {
                    prop_assert!(is_open(windows, at + TimeDelta::seconds(second)), "{second}");
                }
                prop_assert!(is_open(windows, lease_until - TimeDelta::microseconds(1)));
            }
            Verdict::Postpone { due_at } => {
                prop_assert!(due_at > at);
                prop_assert!(is_open(windows, due_at));
                let then = case.judge(lease, due_at);
                prop_assert!(matches!(then, Verdict::HandOut { .. }), "{:?}", then);
            }
            Verdict::Cancel => prop_assert!(false, "nothing cancels it"),
        }
    }
}
