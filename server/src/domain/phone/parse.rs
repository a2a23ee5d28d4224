//! From any text to a number.
//!
//! | given | read as |
//! |---|---|
//! | `+` and digits, or the region's international prefix (`00`) and digits | country code and number; a stray national prefix (`+972 (0)50…`) is dropped |
//! | digits in a shape of the region, with or without the leading 0 | a number of the region |
//! | `972` and an Israeli shape | an Israeli number |
//! | at least 11 digits that the plan of their country code knows | a foreign number without `+`, as telephone exchanges send it |
//! | `tel:` and `sip:` addresses | their user part; parameters such as `;ext=5` are dropped |
//! | an extension at the end (`ext. 5`, `x5`, `,5`, `שלוחה 5`) | dropped: the number is who to call back, the extension is not |
//! | `+0…` | the same without `+`: no country code starts with 0 |

use super::{NotAPhoneReason, PhoneError, PhoneNumber, Region, foreign, israel, scan, withheld};

/// What a text that should hold a telephone number turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsedPhone {
    /// A telephone number.
    Number(PhoneNumber),
    /// Nothing, or a word or sign that stands for a number that was withheld.
    Withheld,
    /// Something else, such as an extension, a SIP name or a star number.
    NotAPhone(NotAPhoneReason),
}

/// Reads a number as it was received, with the region's local forms.
#[must_use]
pub fn parse_phone(raw: &str, region: Region) -> ParsedPhone {
    match parse_strict(raw, region) {
        Ok(phone) => ParsedPhone::Number(phone),
        Err(PhoneError::NotAPhone(reason)) => ParsedPhone::NotAPhone(reason),
        Err(PhoneError::Withheld | PhoneError::NotE164) => ParsedPhone::Withheld,
    }
}

/// Reads a number that someone was asked for, with the region's local forms.
///
/// # Errors
///
/// Says what is wrong and how to mend it; the message never contains the text.
pub fn parse_strict(raw: &str, region: Region) -> Result<PhoneNumber, PhoneError> {
    let scanned = match scan::scan(raw) {
        Ok(scanned) => scanned,
        Err(_) if withheld::is_withheld(raw) => return Err(PhoneError::Withheld),
        Err(reason) => return Err(reason.into()),
    };
    // Some exchanges send zeros, or nothing but punctuation, for a withheld number.
    if scanned.digits.bytes().all(|digit| digit == b'0') {
        return Err(PhoneError::Withheld);
    }
    Ok(number(&scanned, region)?)
}

/// The number that digits stand for.
fn number(scanned: &scan::Scanned, region: Region) -> Result<PhoneNumber, NotAPhoneReason> {
    let digits = scanned.digits.as_str();
    if scanned.plus {
        match digits.strip_prefix("00") {
            Some(rest) => return foreign::parse_international(rest),
            None if !digits.starts_with('0') => return foreign::parse_international(digits),
            None => {}
        }
    }
    if region != Region::ISRAEL {
        return foreign::parse_dialled(digits, region);
    }
    if let Some(rest) = digits.strip_prefix("00") {
        return foreign::parse_international(rest);
    }
    israel::parse_dialled(digits)
        .or_else(|| foreign::parse_bare(digits))
        .ok_or_else(|| NotAPhoneReason::of_unfit(digits.strip_prefix(israel::COUNTRY_CODE).unwrap_or(digits)))
}
