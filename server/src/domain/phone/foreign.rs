//! Numbers outside Israel: a known country code and a length that is possible there, from the `phonenumber` crate's metadata.
//!
//! The library's patterns take locks and compile lazily, so nothing here is called for a number in an Israeli shape.

use std::sync::LazyLock;

use phonenumber::metadata::{DATABASE, Descriptor, Metadata};

use super::{NotAPhoneReason, PhoneNumber, Region, israel};

/// The fewest digits by which a foreign number is recognised without `+` or an international prefix.
///
/// With fewer, a mistyped local number would too easily become a foreign one.
const MIN_BARE_DIGITS: usize = 11;

/// For each country code, a set of the lengths that its national significant numbers can have: bit n stands for n digits.
static LENGTHS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    (0..1000_u16)
        .map(|code| plans(code).into_iter().map(possible_lengths).fold(0, |all, more| all | more))
        .collect()
});

/// The numbering plans that share a country code; the one of the main country comes first.
fn plans(code: u16) -> Vec<&'static Metadata> {
    DATABASE.by_code(&code).unwrap_or_default()
}

/// The lengths of every kind of number of a plan. The library leaves its own summary of them empty.
fn possible_lengths(plan: &Metadata) -> u32 {
    let kinds = plan.descriptors();
    [
        Some(kinds.general()),
        kinds.fixed_line(),
        kinds.mobile(),
        kinds.toll_free(),
        kinds.premium_rate(),
        kinds.shared_cost(),
        kinds.personal_number(),
        kinds.voip(),
        kinds.pager(),
        kinds.uan(),
        kinds.voicemail(),
    ]
    .into_iter()
    .flatten()
    .flat_map(Descriptor::possible_length)
    .fold(0, |all, length| all | 1_u32.checked_shl(u32::from(*length)).unwrap_or(0))
}

/// Whether a country code has national significant numbers of this many digits.
fn is_possible(code: u16, significant: &str) -> bool {
    let length = u32::try_from(significant.len()).unwrap_or(u32::MAX);
    let lengths = LENGTHS.get(usize::from(code)).copied().unwrap_or(0);
    lengths.checked_shr(length).unwrap_or(0) & 1 == 1
}

/// Splits digits into the country code and the rest. No code is the start of another.
fn split_code(digits: &str) -> Option<(u16, &str)> {
    (1..=3).find_map(|length| {
        let (head, rest) = digits.split_at_checked(length)?;
        let code = head.parse().ok()?;
        let known =
            !head.starts_with('0') && LENGTHS.get(usize::from(code)).is_some_and(|lengths| *lengths != 0);
        known.then_some((code, rest))
    })
}

/// Whether the library's loose pattern of a plan knows the number.
fn is_familiar(plan: &Metadata, significant: &str) -> bool {
    let pattern = plan.descriptors().general().national_number();
    is_possible(plan.country_code(), significant)
        && pattern
            .find(significant)
            .is_some_and(|found| found.start() == 0 && found.end() == significant.len())
}

/// The national significant number of digits that may have the national prefix (often 0) before them.
///
/// A number that starts like the prefix is believed only where the plan's pattern knows it: Russian 800 numbers start with
/// the national prefix 8, and the prefix 0 is often left in behind a country code.
fn significant<'a>(plan: &Metadata, digits: &'a str) -> Option<&'a str> {
    if is_familiar(plan, digits) {
        return Some(digits);
    }
    let prefix = plan.national_prefix().unwrap_or_default();
    let starts_with_prefix = |digits: &str| !prefix.is_empty() && digits.starts_with(prefix);
    let stripped = if starts_with_prefix(digits) { &digits[prefix.len()..] } else { digits };
    let fits = is_familiar(plan, stripped)
        || (is_possible(plan.country_code(), stripped) && !starts_with_prefix(stripped));
    fits.then_some(stripped)
}

/// Reads digits that start with a country code.
pub(super) fn parse_international(digits: &str) -> Result<PhoneNumber, NotAPhoneReason> {
    if let Some(rest) = digits.strip_prefix(israel::COUNTRY_CODE) {
        return israel::parse(rest).ok_or_else(|| NotAPhoneReason::of_unfit(rest));
    }
    let (code, rest) = split_code(digits).ok_or(NotAPhoneReason::UnknownCountryCode)?;
    let plan = plans(code).into_iter().next().ok_or(NotAPhoneReason::UnknownCountryCode)?;
    let significant = significant(plan, rest).ok_or_else(|| NotAPhoneReason::of_unfit(digits))?;
    PhoneNumber::from_parts(code, significant)
}

/// Reads digits that start with a country code, although nothing says so: they must be long and known to the plan.
pub(super) fn parse_bare(digits: &str) -> Option<PhoneNumber> {
    if digits.len() < MIN_BARE_DIGITS || digits.starts_with(israel::COUNTRY_CODE) {
        return None;
    }
    let (code, rest) = split_code(digits)?;
    plans(code).into_iter().next().filter(|plan| is_familiar(plan, rest))?;
    PhoneNumber::from_parts(code, rest).ok()
}

/// Reads digits as they are dialled in a region other than Israel.
pub(super) fn parse_dialled(digits: &str, region: Region) -> Result<PhoneNumber, NotAPhoneReason> {
    let plan = region.metadata();
    let prefix = plan.international_prefix().and_then(|pattern| pattern.find(digits));
    if let Some(prefix) = prefix.filter(|found| found.start() == 0) {
        return parse_international(&digits[prefix.end()..]);
    }
    if let Some(significant) = significant(plan, digits) {
        return PhoneNumber::from_parts(plan.country_code(), significant);
    }
    let with_code = digits.strip_prefix(plan.country_code().to_string().as_str());
    if let Some(significant) = with_code.and_then(|rest| significant(plan, rest)) {
        return PhoneNumber::from_parts(plan.country_code(), significant);
    }
    israel::parse(digits.strip_prefix(israel::COUNTRY_CODE).unwrap_or_default())
        .or_else(|| parse_bare(digits))
        .ok_or_else(|| NotAPhoneReason::of_unfit(digits))
}

/// The plans that a number in E.164 without `+` may belong to, its country code, and its significant number.
pub(super) fn split(digits: &str) -> Option<(Vec<&'static Metadata>, u16, &str)> {
    let (code, significant) = split_code(digits)?;
    Some((plans(code), code, significant))
}

/// Whether some plan of the number's country code has it among the mobile numbers.
pub(super) fn is_mobile(digits: &str) -> bool {
    split(digits).is_some_and(|(plans, _, significant)| {
        plans
            .into_iter()
            .filter_map(|plan| plan.descriptors().mobile())
            .any(|mobile| mobile.is_match(significant))
    })
}
