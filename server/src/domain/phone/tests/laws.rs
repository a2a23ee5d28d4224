//! Laws that hold for every number and every text.

use proptest::prelude::*;

use super::{
    super::{ParsedPhone, PhoneNumber, Region, parse_phone, parse_strict},
    IL, assert_reads, number, region,
};

/// The national significant numbers of Israel.
fn israeli() -> impl Strategy<Value = String> {
    prop_oneof!["[57][0-9]{8}", "[23489][0-9]{7}", "1(700|800|801|809)[0-9]{6}"]
}

/// Text made of what telephone numbers are made of, so that it often gets far.
fn almost_a_number() -> impl Strategy<Value = String> {
    prop_oneof![
        "(\\+|00|011)?(972|1|44|49|7|39|970|54|55|36|800)?0?[0-9]{4,13}",
        "(tel:|sip:|\\+|00)?[-0-9 ().*#;@xX+,:\u{200f}\u{5be}٣]{0,24}( ext[ .]?[0-9]{0,8})?",
    ]
}

/// Regions whose plans differ in prefixes and lengths.
fn home() -> impl Strategy<Value = Region> {
    prop::sample::select(vec!["IL", "US", "GB", "DE", "RU", "AR", "BR", "IT", "HU", "PS"]).prop_map(region)
}

/// What may stand between the digits of a number.
fn mark() -> impl Strategy<Value = char> {
    prop::sample::select("-–\u{5be} \t\u{a0}./()\u{200f}\u{202b}".chars().collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn never_panics(raw in prop_oneof![any::<String>(), almost_a_number()]) {
        let _ = parse_phone(&raw, IL);
        let _ = parse_phone(&raw, region("US"));
    }

    #[test]
    fn what_was_read_is_read_again(raw in almost_a_number(), home in home()) {
        if let ParsedPhone::Number(phone) = parse_phone(&raw, home) {
            prop_assert_eq!(PhoneNumber::from_e164(phone.as_e164()), Ok(phone.clone()));
            prop_assert_eq!(parse_strict(phone.as_e164(), home), Ok(phone.clone()));
            prop_assert_eq!(parse_strict(&phone.to_local(home), home), Ok(phone.clone()));
            prop_assert_eq!(parse_strict(&phone.to_local(IL), IL), Ok(phone.clone()));
            prop_assert!(phone.masked().matches('*').count() >= 5);
            let _ = phone.is_mobile();
        }
    }

    #[test]
    fn israeli_numbers_are_the_same_in_every_form(significant in israeli()) {
        let e164 = format!("+972{significant}");
        for form in ["", "0", "972", "+972", "9720", "+9720", "00972", "009720", "tel:+972"] {
            assert_reads(&format!("{form}{significant}"), IL, &e164);
        }
        assert_reads(&number(&e164).to_local(IL), IL, &e164);
        assert_reads(&number(&e164).to_local(region("FR")), region("FR"), &e164);
    }

    #[test]
    fn every_05x_is_a_mobile(rest in "[0-9]{8}") {
        let phone = parse_strict(&format!("05{rest}"), IL);
        prop_assert!(phone.is_ok_and(|phone| phone.is_mobile()));
    }

    #[test]
    fn separators_and_marks_change_nothing(
        significant in israeli(),
        marks in prop::collection::vec((0_usize..32, mark()), 0..20),
    ) {
        let mut raw: Vec<char> = format!("+972{significant}").chars().collect();
        for (at, mark) in marks {
            raw.insert(at.min(raw.len()), mark);
        }
        let raw: String = raw.into_iter().collect();
        assert_reads(&raw, IL, &format!("+972{significant}"));
    }

    #[test]
    fn errors_never_repeat_the_text(raw in "[a-z*#]{0,3}[0-9]{5,24}[a-z*#]{0,3}") {
        if let Err(error) = parse_strict(&raw, IL) {
            prop_assert!(!error.to_string().contains(&raw));
        }
    }
}
