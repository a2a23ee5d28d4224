//! How a number is written for people.

use phonenumber::metadata::Format;

use super::{ParsedPhone, PhoneNumber, Region, foreign, israel, parse_phone};

/// See [`PhoneNumber::to_local`].
pub(super) fn to_local(phone: &PhoneNumber, region: Region) -> String {
    let text = match phone.israeli_significant() {
        Some(significant) if region == Region::ISRAEL => israel::to_national(significant),
        Some(significant) => israel::to_international(significant),
        None => foreign_text(phone, region),
    };
    text.unwrap_or_else(|| phone.as_e164().to_owned())
}

/// A foreign number in the library's format of its country, where that reads as the same number again.
fn foreign_text(phone: &PhoneNumber, region: Region) -> Option<String> {
    let (plans, code, significant) = foreign::split(phone.digits())?;
    let plan = *plans.first()?;
    let home = plans.iter().any(|plan| plan.id() == region.code());
    let national = || formatted(plan.formats(), significant, plan.national_prefix());
    let international = || {
        let formats: &[Format] = if plan.international_formats().is_empty() {
            plan.formats()
        } else {
            plan.international_formats()
        };
        Some(format!("+{code} {}", formatted(formats, significant, None)?))
    };
    let reads_back = |text: &String| parse_phone(text, region) == ParsedPhone::Number(phone.clone());
    home.then(national).flatten().filter(reads_back).or_else(|| international().filter(reads_back))
}

/// The significant number in the first format that fits, with the national prefix where one is given and the format wants it.
fn formatted(formats: &[Format], significant: &str, prefix: Option<&str>) -> Option<String> {
    let format = formats.iter().find(|format| fits(format, significant))?;
    let mut template = format.format().to_owned();
    if let (Some(prefix), Some(rule)) = (prefix, format.national_prefix())
        && let Some(at) = template.find('$')
        && let Some(first) = template.get(at..at + 2)
    {
        // The rule, such as `($NP$FG)`, takes the place of the template's first group, such as `$1`.
        let rule = rule.replace("$NP", prefix).replace("$FG", &format!("${{{}}}", &first[1..]));
        template.replace_range(at..at + 2, &rule);
    }
    Some(format.pattern().replace(significant, template.as_str()).into_owned())
}

/// Whether a format is meant for the number.
fn fits(format: &Format, significant: &str) -> bool {
    let leads = format
        .leading_digits()
        .last()
        .is_none_or(|digits| digits.find(significant).is_some_and(|found| found.start() == 0));
    leads
        && format
            .pattern()
            .find(significant)
            .is_some_and(|found| found.start() == 0 && found.end() == significant.len())
}
