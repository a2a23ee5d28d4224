//! Telephone numbers: one form, E.164, for every way in which a number arrives.
//!
//! A caller has called, so a number is judged by the shape of its numbering plan and not by the ranges that a library knows
//! as allocated. Israel's shapes are written out in `israel`; of other countries the `phonenumber` crate supplies the calling
//! codes, the possible lengths and the formats. Its parser is not used: it strips digits that belong to the number from some
//! countries' numbers, and it has panicked on odd input.
//!
//! A number is personal data: the `Debug` and the `Display` of a [`PhoneNumber`] are masked.

mod display;
mod error;
mod foreign;
mod israel;
mod parse;
mod region;
mod scan;
#[cfg(test)]
mod tests;
mod withheld;

use std::fmt;

pub use self::{
    error::{NotAPhoneReason, PhoneError},
    parse::{ParsedPhone, parse_phone, parse_strict},
    region::{Region, UnknownRegion},
};

/// The fewest digits of a number in E.164, with its country code.
const MIN_DIGITS: usize = 8;
/// The most digits of a number in E.164, with its country code.
const MAX_DIGITS: usize = 15;

/// A telephone number in E.164: `+` and 8 to 15 digits, of which the first is not 0.
///
/// Numbers are ordered as their text is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(Box<str>);

impl PhoneNumber {
    /// A number that is already in E.164, such as one that was stored.
    ///
    /// Only the form is checked, not the numbering plan: a plan may have changed since the number was stored.
    ///
    /// # Errors
    ///
    /// [`PhoneError::NotE164`] when the text is not `+` and 8 to 15 digits.
    pub fn from_e164(text: &str) -> Result<Self, PhoneError> {
        let digits = text.strip_prefix('+').ok_or(PhoneError::NotE164)?;
        let fits = (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if fits { Ok(Self(text.into())) } else { Err(PhoneError::NotE164) }
    }

    /// A number from its country code and its national significant number, both ASCII digits.
    fn from_parts(country_code: impl fmt::Display, significant: &str) -> Result<Self, NotAPhoneReason> {
        let text = format!("+{country_code}{significant}");
        match text.len() - 1 {
            ..MIN_DIGITS => Err(NotAPhoneReason::TooShort),
            MIN_DIGITS..=MAX_DIGITS => Ok(Self(text.into())),
            _ => Err(NotAPhoneReason::TooLong),
        }
    }

    /// The number in E.164, such as `+972501234567`.
    #[must_use]
    pub fn as_e164(&self) -> &str {
        &self.0
    }

    /// The number for the eyes of people in a region: `050-123-4567` in its own country, `+972 50-123-4567` elsewhere.
    ///
    /// Read with [`parse_phone`] and the same region, the text is the same number again. A number that no format fits stays
    /// as it is in E.164.
    #[must_use]
    pub fn to_local(&self, region: Region) -> String {
        display::to_local(self, region)
    }

    /// Whether text messages can be expected to reach the number.
    ///
    /// In Israel that is 05X and 7 digits. Elsewhere the `phonenumber` crate's ranges decide; where a country's mobile and
    /// fixed numbers look alike, as in the USA, the answer is yes.
    #[must_use]
    pub fn is_mobile(&self) -> bool {
        match self.israeli_significant() {
            Some(significant) => israel::Kind::of(significant) == Some(israel::Kind::Mobile),
            None => foreign::is_mobile(self.digits()),
        }
    }

    /// The number with its middle hidden, for logs: `+97250*****67`. At least 5 digits are hidden.
    #[must_use]
    pub fn masked(&self) -> String {
        const SHOWN_HEAD: usize = 6;
        const SHOWN_TAIL: usize = 2;
        const LEAST_HIDDEN: usize = 5;
        let tail = self.0.len() - SHOWN_TAIL;
        let head = SHOWN_HEAD.min(tail - LEAST_HIDDEN);
        format!("{}{}{}", &self.0[..head], "*".repeat(tail - head), &self.0[tail..])
    }

    /// The digits of the number, with the country code.
    fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The national significant number where the country is Israel.
    fn israeli_significant(&self) -> Option<&str> {
        self.digits().strip_prefix(israel::COUNTRY_CODE)
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}
