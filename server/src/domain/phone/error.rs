//! Why a text is no telephone number. No message ever repeats the text: it may be personal.

use super::{MAX_DIGITS, MIN_DIGITS};

/// Why a text that was given as a number is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotAPhoneReason {
    /// It has letters or signs, as a SIP name does.
    #[error(
        "has letters or signs that no telephone number has; give one number, such as 050-123-4567 or +1 212 555 0123"
    )]
    Letters,
    /// It has `*` or `#`: a star number, a service code or a number of which digits are hidden.
    #[error("has * or #; star numbers and codes cannot be called from abroad, so give the full number")]
    ServiceCode,
    /// It has too few digits: an extension, a short code or a number without its area code.
    #[error("is too short; give the full number with its area code, such as 03-123-4567")]
    TooShort,
    /// It has more digits than any number can have.
    #[error("is too long; give one number of at most 15 digits")]
    TooLong,
    /// It starts with a country code that does not exist.
    #[error(
        "starts with an unknown country code; give + and a country code, such as +972, before the number"
    )]
    UnknownCountryCode,
    /// No number of its country has this start and length.
    #[error(
        "does not have the form of a number in its country; check the digits, and write foreign numbers with + and the country code"
    )]
    WrongShape,
}

impl NotAPhoneReason {
    /// What is wrong with digits that fit no plan, with or without a country code.
    pub(super) fn of_unfit(digits: &str) -> Self {
        match digits.strip_prefix('0').unwrap_or(digits).len() {
            ..MIN_DIGITS => Self::TooShort,
            MIN_DIGITS..=MAX_DIGITS => Self::WrongShape,
            _ => Self::TooLong,
        }
    }
}

/// Why a telephone number could not be taken. The text follows the name of a field: `customer_phone is too short; …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PhoneError {
    /// Nothing was given, or a word that stands for a withheld number.
    #[error("holds no number; give one such as 050-123-4567 or +1 212 555 0123")]
    Withheld,
    /// It is no telephone number.
    #[error(transparent)]
    NotAPhone(#[from] NotAPhoneReason),
    /// A text that should already be in E.164 is not.
    #[error("is not in E.164: + and 8 to 15 digits")]
    NotE164,
}
