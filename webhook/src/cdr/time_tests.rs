//! Tables for the time rules. Jerusalem is UTC+2 in winter and UTC+3 in summer.

use super::*;

fn utc(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// What Voicenter sends for a wall-clock time: the epoch of that time taken as UTC.
fn epoch(local: &str) -> i64 {
    utc(&format!("{local}Z")).timestamp()
}

/// One record: basis, call id, `time`, seconds of duration, arrival, and the start it must give.
type Row = (TimeBasis, &'static str, i64, i64, &'static str, &'static str);

fn check(rows: &[Row]) {
    for (basis, call_id, time, seconds, arrival, expected) in rows {
        let rules = TimeRules { basis: *basis, ..TimeRules::default() };
        let evidence = Evidence {
            call_id,
            duration: TimeDelta::seconds(*seconds),
            arrival: utc(&format!("{arrival}Z")),
        };
        let found = rules.read(*time, evidence).unwrap();
        assert_eq!(found, utc(&format!("{expected}Z")), "{basis:?} {call_id} {time} {seconds} {arrival}");
    }
}

#[test]
fn the_published_examples() {
    check(&[
        (TimeBasis::Auto, "20200721121327", 1_595_333_610, 0, "2026-01-01T00:00:00", "2020-07-21T09:13:30"),
        (TimeBasis::Account, "", 1_595_333_610, 0, "2026-01-01T00:00:00", "2020-07-21T09:13:30"),
        (TimeBasis::Utc, "20200721121327", 1_595_333_610, 0, "2026-01-01T00:00:00", "2020-07-21T12:13:30"),
    ]);
    assert_eq!(read_date("2024-06-10T09:04:58Z"), Some(utc("2024-06-10T09:04:58Z")));
}

#[test]
fn an_id_with_a_date_decides_however_late_the_record_is() {
    let unix = utc("2026-01-27T11:10:00Z").timestamp();
    let local = epoch("2026-01-27T13:10:00");
    check(&[
        (TimeBasis::Auto, "202601271310000b2d8", local, 0, "2026-03-01T00:00:00", "2026-01-27T11:10:00"),
        (TimeBasis::Auto, "202601271310000b2d8", unix, 0, "2026-03-01T00:00:00", "2026-01-27T11:10:00"),
        // The id wins over an arrival that would suit the other reading.
        (TimeBasis::Auto, "202601271310000b2d8", local, 0, "2026-01-27T13:10:30", "2026-01-27T11:10:00"),
        // Id and start on either side of the full hour.
        (
            TimeBasis::Auto,
            "2026012712595801",
            epoch("2026-01-27T13:00:03"),
            0,
            "2026-03-01T00:00:00",
            "2026-01-27T11:00:03",
        ),
        // The id in summer, three hours ahead.
        (
            TimeBasis::Auto,
            "20260727131000",
            epoch("2026-07-27T13:10:00"),
            0,
            "2026-08-01T00:00:00",
            "2026-07-27T10:10:00",
        ),
    ]);
}

#[test]
fn without_a_date_in_the_id_the_arrival_decides() {
    let start = "2026-01-27T11:00:00";
    let unix = epoch(start);
    let local = epoch("2026-01-27T13:00:00");
    for id in ["", "abc", "1769511600.1234", "2026992799xx", "20260127", "עברית בשם"] {
        check(&[
            (TimeBasis::Auto, id, unix, 60, "2026-01-27T11:01:05", start),
            (TimeBasis::Auto, id, unix, 60, "2026-01-27T11:16:00", start),
            (TimeBasis::Auto, id, unix, 60, "2026-01-27T11:00:00", start),
            (TimeBasis::Auto, id, unix, 7_200, "2026-01-27T13:00:10", start),
            (TimeBasis::Auto, id, local, 60, "2026-01-27T11:01:05", start),
            (TimeBasis::Auto, id, local, 60, "2026-01-27T11:20:00", start),
            // Too late, or too early, for plain Unix time.
            (TimeBasis::Auto, id, unix, 60, "2026-01-27T11:16:01", "2026-01-27T09:00:00"),
            (TimeBasis::Auto, id, unix, 60, "2026-01-27T10:59:59", "2026-01-27T09:00:00"),
        ]);
    }
}

#[test]
fn an_id_that_fits_neither_reading_does_not_decide() {
    let unix = epoch("2026-01-27T11:00:00");
    check(&[
        (TimeBasis::Auto, "2026012502", unix, 0, "2026-01-27T11:00:05", "2026-01-27T11:00:00"),
        (TimeBasis::Auto, "2026012502", unix, 0, "2026-02-01T00:00:00", "2026-01-27T09:00:00"),
    ]);
}

// On 2026-10-25 at 02:00 summer time (23:00 UTC) the clocks go back to 01:00.
#[test]
fn in_the_repeated_hour_the_reading_closest_before_the_arrival_is_taken() {
    let local = epoch("2026-10-25T01:30:00");
    let (first, second) = ("2026-10-24T22:30:00", "2026-10-24T23:30:00");
    for basis in [TimeBasis::Account, TimeBasis::Auto] {
        check(&[
            (basis, "20261025013000", local, 30, "2026-10-24T22:30:40", first),
            (basis, "20261025013000", local, 30, "2026-10-24T23:29:00", first),
            (basis, "20261025013000", local, 30, "2026-10-24T23:30:40", second),
            (basis, "20261025013000", local, 30, "2026-10-26T00:00:00", second),
            // A call cannot be reported before it ended, so a long one began in the first of the two hours.
            (basis, "20261025013000", local, 3_900, "2026-10-24T23:35:10", first),
            // Nothing is over yet: the earlier reading is the less wrong one.
            (basis, "20261025013000", local, 0, "2026-10-24T20:00:00", first),
        ]);
    }
    check(&[
        (
            TimeBasis::Account,
            "",
            epoch("2026-10-25T00:59:59"),
            0,
            "2026-10-26T00:00:00",
            "2026-10-24T21:59:59",
        ),
        (
            TimeBasis::Account,
            "",
            epoch("2026-10-25T02:00:00"),
            0,
            "2026-10-26T00:00:00",
            "2026-10-25T00:00:00",
        ),
        // Plain Unix time is never ambiguous.
        (TimeBasis::Utc, "", epoch("2026-10-24T22:30:00"), 0, "2026-10-26T00:00:00", first),
        (TimeBasis::Auto, "", epoch(first), 30, "2026-10-24T22:31:00", first),
    ]);
}

// On 2026-03-27 at 02:00 winter time (00:00 UTC) the clocks go on to 03:00.
#[test]
fn a_skipped_local_time_is_counted_on_from_before_the_change() {
    check(&[
        (
            TimeBasis::Account,
            "",
            epoch("2026-03-27T01:59:59"),
            0,
            "2026-03-28T00:00:00",
            "2026-03-26T23:59:59",
        ),
        (
            TimeBasis::Account,
            "",
            epoch("2026-03-27T02:00:00"),
            0,
            "2026-03-28T00:00:00",
            "2026-03-27T00:00:00",
        ),
        (
            TimeBasis::Account,
            "",
            epoch("2026-03-27T02:30:00"),
            0,
            "2026-03-28T00:00:00",
            "2026-03-27T00:30:00",
        ),
        (
            TimeBasis::Account,
            "",
            epoch("2026-03-27T03:00:00"),
            0,
            "2026-03-28T00:00:00",
            "2026-03-27T00:00:00",
        ),
    ]);
    // Samoa skipped the whole of 2011-12-30.
    let rules = TimeRules { account_zone: Tz::Pacific__Apia, basis: TimeBasis::Account };
    let evidence =
        Evidence { call_id: "", duration: TimeDelta::zero(), arrival: utc("2026-01-01T00:00:00Z") };
    assert_eq!(rules.read(epoch("2011-12-30T12:00:00"), evidence), Some(utc("2011-12-30T22:00:00Z")));
}

#[test]
fn a_zone_without_an_offset_has_one_reading() {
    let rules = TimeRules { account_zone: Tz::UTC, basis: TimeBasis::Auto };
    let evidence =
        Evidence { call_id: "", duration: TimeDelta::zero(), arrival: utc("2026-01-01T00:00:00Z") };
    assert_eq!(rules.read(0, evidence), Some(utc("1970-01-01T00:00:00Z")));
}

#[test]
fn times_out_of_range_are_refused_without_a_panic() {
    let evidence =
        Evidence { call_id: "2026012713", duration: TimeDelta::zero(), arrival: utc("2026-01-01T00:00:00Z") };
    for basis in [TimeBasis::Auto, TimeBasis::Account, TimeBasis::Utc] {
        let rules = TimeRules { basis, ..TimeRules::default() };
        for epoch in [i64::MIN, i64::MAX, -62_135_596_800, 253_402_300_800, 1_769_520_010_000_000] {
            assert_eq!(rules.read(epoch, evidence), None, "{basis:?} {epoch}");
        }
    }
}

#[test]
fn dates_of_the_call_log_are_utc() {
    let expected = Some(utc("2024-06-10T09:04:58Z"));
    for date in [
        "2024-06-10T09:04:58Z",
        "2024-06-10T09:04:58",
        "2024-06-10 09:04:58",
        " 2024-06-10T09:04:58.123Z ",
        "2024-06-10T12:04:58+03:00",
    ] {
        assert_eq!(read_date(date), expected, "{date}");
    }
    for date in ["", "today", "10/06/2024", "2024-06-10T25:00:00Z", "+262000-01-01T00:00:00Z"] {
        assert_eq!(read_date(date), None, "{date}");
    }
}
