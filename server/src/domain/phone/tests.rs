//! Tables of numbers as they arrive.

mod laws;

use super::{
    NotAPhoneReason::{Letters, ServiceCode, TooLong, TooShort, UnknownCountryCode, WrongShape},
    ParsedPhone, PhoneError, PhoneNumber, Region, parse_phone, parse_strict,
};

const IL: Region = Region::ISRAEL;

fn region(code: &str) -> Region {
    code.parse().unwrap()
}

fn number(e164: &str) -> PhoneNumber {
    PhoneNumber::from_e164(e164).unwrap()
}

fn assert_reads(raw: &str, region: Region, e164: &str) {
    assert_eq!(parse_strict(raw, region).as_ref().map(PhoneNumber::as_e164), Ok(e164), "{raw:?} in {region}");
}

#[test]
fn reads_every_way_to_write_an_israeli_number() {
    let mobile = [
        "0501234567",
        "501234567",
        "972501234567",
        "+972501234567",
        "+972-50-123-4567",
        "+9720501234567",
        "9720501234567",
        "+972 (0)50-123-4567",
        "00972501234567",
        "009720501234567",
        "+00972501234567",
        "+0501234567",
        " 050-1234567 ",
        "050.123.4567",
        "050/1234567",
        "(050) 123-4567",
        "[050] 1234567",
        "050\u{a0}123\u{a0}4567",
        "050\u{2011}123\u{2013}4567",
        "050\u{5be}1234567",
        "\u{200f}050-1234567\u{200e}",
        "\u{202a}+972 50-123-4567\u{202c}",
        "\u{feff}0501234567",
        "０５０１２３４５６７",
        "＋９７２５０１２３４５６７",
        "٠٥٠١٢٣٤٥٦٧",
        "۰۵۰۱۲۳۴۵۶۷",
        "tel:+972-50-123-4567",
        "TEL:0501234567",
        "sip:0501234567@pbx.example",
        "sips:+972501234567@pbx.example:5061;transport=tls",
        "sip:0501234567;user=phone@pbx.example",
        "tel:+972501234567;phone-context=+972",
        "tel:+972501234567;ext=5",
        "050-1234567 ext. 5",
        "0501234567x12",
        "0501234567 Extension: 1007",
        "0501234567,,5",
        "050-1234567 שלוחה 5",
    ];
    for raw in mobile {
        assert_reads(raw, IL, "+972501234567");
    }
}

#[test]
fn reads_every_israeli_shape_whether_or_not_its_range_is_allocated() {
    let table = [
        ("050-123-4567", "+972501234567", "050-123-4567", true),
        ("0521111111", "+972521111111", "052-111-1111", true),
        ("0541000000", "+972541000000", "054-100-0000", true),
        ("0500000000", "+972500000000", "050-000-0000", true),
        ("0599123456", "+972599123456", "059-912-3456", true),
        ("021234567", "+97221234567", "02-123-4567", false),
        ("03-1234567", "+97231234567", "03-123-4567", false),
        ("04 123 4567", "+97241234567", "04-123-4567", false),
        ("081234567", "+97281234567", "08-123-4567", false),
        ("09-000-0000", "+97290000000", "09-000-0000", false),
        ("31234567", "+97231234567", "03-123-4567", false),
        ("97250123", "+97297250123", "09-725-0123", false),
        ("077-123-4567", "+972771234567", "077-123-4567", false),
        ("0721234567", "+972721234567", "072-123-4567", false),
        ("1-700-123-456", "+9721700123456", "1-700-123-456", false),
        ("1800123456", "+9721800123456", "1-800-123-456", false),
        ("1-801-123456", "+9721801123456", "1-801-123-456", false),
        ("1-809-123-456", "+9721809123456", "1-809-123-456", false),
        ("+972 1700 123456", "+9721700123456", "1-700-123-456", false),
    ];
    for (raw, e164, local, mobile) in table {
        assert_reads(raw, IL, e164);
        assert_eq!(number(e164).to_local(IL), local);
        assert_eq!(number(e164).is_mobile(), mobile, "{e164}");
    }
}

#[test]
fn refuses_what_is_no_number_and_says_why() {
    let table = [
        ("SIP7", Letters),
        ("dana", Letters),
        ("050-CALL-NOW", Letters),
        ("0501234567@pbx.example", Letters),
        ("sip:dana@pbx.example", Letters),
        ("050:1234567", Letters),
        ("050+1234567", Letters),
        ("++972501234567", Letters),
        ("050\u{0}1234567", Letters),
        ("0501234567 ext", Letters),
        ("0501234567 ext 12345678", Letters),
        ("0501234567, 0521234567", Letters),
        ("tel:1234567;phone-context=+9723", Letters),
        ("private line 5", Letters),
        ("*2700", ServiceCode),
        ("#31#0501234567", ServiceCode),
        ("05012345**", ServiceCode),
        ("7", TooShort),
        ("100", TooShort),
        ("1007", TooShort),
        ("1234567", TooShort),
        ("03-123456", TooShort),
        ("+97250123", TooShort),
        ("050123456", WrongShape),
        ("05012345678", WrongShape),
        ("+9725012345678", WrongShape),
        ("00501234567", WrongShape),
        ("0612345678", WrongShape),
        ("01-1234567", WrongShape),
        ("1-599-123-456", WrongShape),
        ("1-900-123-456", WrongShape),
        ("1-700-12345", WrongShape),
        ("050-1234567/052-1234567", TooLong),
        ("999999999999999999999999999999", TooLong),
        ("+999 12345678", UnknownCountryCode),
        ("+210 12345678", UnknownCountryCode),
        ("+1 212 555 01234", WrongShape),
        ("+33 6 12 34 56 7", WrongShape),
    ];
    for (raw, reason) in table {
        assert_eq!(parse_phone(raw, IL), ParsedPhone::NotAPhone(reason), "{raw:?}");
        assert_eq!(parse_strict(raw, IL), Err(PhoneError::NotAPhone(reason)), "{raw:?}");
    }
}

#[test]
fn knows_a_withheld_number() {
    let table = [
        "",
        "  ",
        "\u{200f}",
        "-",
        "+",
        "?",
        "0",
        "0000000000",
        "anonymous",
        "Anonymous",
        "ANONYMOUS",
        "Restricted",
        "unknown",
        "<unknown>",
        "UnKnown Caller",
        "private",
        "PRIVATE NUMBER",
        "unavailable",
        "withheld",
        "Number Withheld",
        "blocked",
        "no caller id",
        "No-Caller-ID",
        "N/A",
        "null",
        "*****",
        "*",
        "xxxxxxxxxx",
        "XXX-XXXXXXX",
        "sip:anonymous@anonymous.invalid",
        "anonymous@anonymous.invalid",
        "חסוי",
        "\u{200f}מספר חסוי",
    ];
    for raw in table {
        assert_eq!(parse_phone(raw, IL), ParsedPhone::Withheld, "{raw:?}");
        assert_eq!(parse_strict(raw, region("US")), Err(PhoneError::Withheld), "{raw:?}");
    }
}

#[test]
fn reads_foreign_numbers_from_israel() {
    let table = [
        ("+1 212 555 0123", "+12125550123", "+1 212-555-0123", true),
        ("0012125550123", "+12125550123", "+1 212-555-0123", true),
        ("12125550123", "+12125550123", "+1 212-555-0123", true),
        ("+1 (1) 212 555 0123", "+12125550123", "+1 212-555-0123", true),
        ("+1 800 555 0123", "+18005550123", "+1 800-555-0123", false),
        ("+44 (0)7911 123456", "+447911123456", "+44 7911 123456", true),
        ("+44 20 7946 0958", "+442079460958", "+44 20 7946 0958", false),
        ("+33 (0)6 12 34 56 78", "+33612345678", "+33 6 12 34 56 78", true),
        ("+33142685300", "+33142685300", "+33 1 42 68 53 00", false),
        ("+49 (0)151 12345678", "+4915112345678", "+49 1511 2345678", true),
        ("+49 30 123456", "+4930123456", "+49 30 123456", false),
        ("+7 916 123-45-67", "+79161234567", "+7 916 123-45-67", true),
        ("+7 8 916 123-45-67", "+79161234567", "+7 916 123-45-67", true),
        ("+7 800 555-35-35", "+78005553535", "+7 800 555-35-35", false),
        ("+39 06 698 12345", "+390669812345", "+39 06 6981 2345", false),
        ("+962 7 9012 3456", "+962790123456", "+962 7 9012 3456", true),
        ("+970 599 123 456", "+970599123456", "+970 599 123 456", true),
        ("+970 (0)2 234 5678", "+97022345678", "+970 2 234 5678", false),
        ("+800 1234 5678", "+80012345678", "+800 1234 5678", false),
    ];
    for (raw, e164, local, mobile) in table {
        assert_reads(raw, IL, e164);
        assert_eq!(number(e164).to_local(IL), local);
        assert_eq!(number(e164).is_mobile(), mobile, "{e164}");
    }
}

#[test]
fn reads_the_local_numbers_of_other_regions() {
    let table = [
        ("US", "212 555 0123", "+12125550123", "(212) 555-0123"),
        ("US", "1-212-555-0123", "+12125550123", "(212) 555-0123"),
        ("US", "011 972 50 123 4567", "+972501234567", "+972 50-123-4567"),
        ("US", "972 501 2345", "+19725012345", "(972) 501-2345"),
        ("GB", "07911 123456", "+447911123456", "07911 123456"),
        ("GB", "447911123456", "+447911123456", "07911 123456"),
        ("FR", "06 12 34 56 78", "+33612345678", "06 12 34 56 78"),
        ("DE", "030 123456", "+4930123456", "030 123456"),
        ("RU", "8 (916) 123-45-67", "+79161234567", "8 (916) 123-45-67"),
        ("RU", "8005553535", "+78005553535", "8 (800) 555-35-35"),
        ("IT", "06 6981 2345", "+390669812345", "06 6981 2345"),
        ("JO", "07 9012 3456", "+962790123456", "07 9012 3456"),
        ("PS", "0599 123 456", "+970599123456", "0599 123 456"),
        ("GB", "972501234567", "+972501234567", "+972 50-123-4567"),
    ];
    for (code, raw, e164, local) in table {
        assert_reads(raw, region(code), e164);
        assert_eq!(number(e164).to_local(region(code)), local);
    }
}

#[test]
fn every_example_of_the_library_survives_every_form() {
    let mut seen = 0;
    for code in 1..1000_u16 {
        for plan in phonenumber::metadata::DATABASE.by_code(&code).unwrap_or_default() {
            let kinds = plan.descriptors();
            let kinds =
                [kinds.fixed_line(), kinds.mobile(), kinds.toll_free(), kinds.voip(), kinds.shared_cost()];
            for (kind, example) in
                kinds.into_iter().enumerate().filter_map(|(kind, found)| Some((kind, found?.example()?)))
            {
                let text = format!("+{code}{example}");
                // Israel is judged by shape; numbers of fewer than 8 digits are not kept.
                if code == 972 || text.len() < 9 {
                    continue;
                }
                assert_reads(&text, IL, &text);
                let phone = number(&text);
                assert_reads(&phone.to_local(IL), IL, &text);
                assert!(kind != 1 || phone.is_mobile(), "{text}");
                if let Ok(home) = plan.id().parse::<Region>() {
                    assert_reads(&phone.to_local(home), home, &text);
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 500, "only {seen} examples");
}

#[test]
fn trusts_only_e164() {
    assert_eq!(number("+972501234567").as_e164(), "+972501234567");
    for text in [
        "",
        "+",
        "0501234567",
        "972501234567",
        "+1234567",
        "+1234567890123456",
        "+0972501234",
        "+97250 1234567",
    ] {
        assert_eq!(PhoneNumber::from_e164(text), Err(PhoneError::NotE164), "{text:?}");
    }
}

#[test]
fn a_stored_number_of_no_shape_is_shown_as_it_is() {
    assert_eq!(number("+9725012345").to_local(IL), "+9725012345");
    assert_eq!(number("+99912345678").to_local(IL), "+99912345678");
    assert!(!number("+9725012345").is_mobile());
}

#[test]
fn hides_the_middle_of_a_number() {
    assert_eq!(number("+972501234567").masked(), "+97250*****67");
    assert_eq!(number("+97231234567").masked(), "+9723*****67");
    assert_eq!(number("+12345678").masked(), "+1*****78");
    assert_eq!(format!("{:?}", parse_phone("0501234567", IL)), "Number(+97250*****67)");
}

#[test]
fn reads_regions() {
    assert_eq!("IL".parse(), Ok(IL));
    assert_eq!(region(" us ").code(), "US");
    assert_eq!(region("XK").to_string(), "XK");
    for text in ["", "I", "ISR", "UK", "ZZ", "001", "א"] {
        assert!(text.parse::<Region>().is_err(), "{text:?}");
    }
}
