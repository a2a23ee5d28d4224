//! The shapes of Israel's numbering plan.
//!
//! | national significant number | kind | written |
//! |---|---|---|
//! | 5X and 7 digits | mobile | 050-123-4567 |
//! | 7X and 7 digits | `VoIP` | 077-123-4567 |
//! | 2, 3, 4, 8 or 9 and 7 digits | fixed | 03-123-4567 |
//! | 1700, 1800, 1801 or 1809 and 6 digits | service | 1-700-123-456 |
//!
//! 1801 and 1809 stand beside 1700 and 1800 because businesses are called on them too. Other services (1-599, 1-900) neither
//! call nor are a business's line, and are no numbers here. 059 is taken as it is dialled in Israel; the same subscribers
//! under +970 count as other numbers.

use super::PhoneNumber;

/// The country code of Israel.
pub(super) const COUNTRY_CODE: &str = "972";

/// What a national significant number reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mobile,
    Voip,
    Fixed,
    Service,
}

impl Kind {
    /// The kind of a national significant number, given as ASCII digits; `None` where it has no shape of the plan.
    pub(super) fn of(significant: &str) -> Option<Self> {
        match (significant.as_bytes(), significant.len()) {
            ([b'5', ..], 9) => Some(Self::Mobile),
            ([b'7', ..], 9) => Some(Self::Voip),
            ([b'2' | b'3' | b'4' | b'8' | b'9', ..], 8) => Some(Self::Fixed),
            ([b'1', b'7', b'0', b'0', ..] | [b'1', b'8', b'0', b'0' | b'1' | b'9', ..], 10) => {
                Some(Self::Service)
            }
            _ => None,
        }
    }
}

/// Reads what follows the country code, or a number as dialled in Israel, with or without the leading 0.
pub(super) fn parse(digits: &str) -> Option<PhoneNumber> {
    let significant = digits.strip_prefix('0').unwrap_or(digits);
    Kind::of(significant)?;
    PhoneNumber::from_parts(COUNTRY_CODE, significant).ok()
}

/// Reads a number without `+`, as it is dialled in Israel or with the country code.
pub(super) fn parse_dialled(digits: &str) -> Option<PhoneNumber> {
    parse(digits).or_else(|| parse(digits.strip_prefix(COUNTRY_CODE)?))
}

/// The significant number as written in Israel.
pub(super) fn to_national(significant: &str) -> Option<String> {
    let text = match Kind::of(significant)? {
        Kind::Service => grouped(significant, &[1, 4, 7]),
        Kind::Mobile | Kind::Voip => format!("0{}", grouped(significant, &[2, 5])),
        Kind::Fixed => format!("0{}", grouped(significant, &[1, 4])),
    };
    Some(text)
}

/// The significant number as written abroad, with the country code.
pub(super) fn to_international(significant: &str) -> Option<String> {
    let national = to_national(significant)?;
    Some(format!("+{COUNTRY_CODE} {}", national.strip_prefix('0').unwrap_or(&national)))
}

/// The digits with a dash before each of the places.
fn grouped(digits: &str, places: &[usize]) -> String {
    let mut text = digits.to_owned();
    for place in places.iter().rev() {
        text.insert(*place, '-');
    }
    text
}
