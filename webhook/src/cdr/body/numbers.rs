//! A look at JSON before it is parsed: how much it holds, and numbers that a double cannot hold, which become texts so that no
//! digit is lost.

use std::borrow::Cow;

/// Whether the JSON text holds more than `max` values, names of fields counted too.
pub(super) fn holds_more_values(json: &str, max: usize) -> bool {
    let bytes = json.as_bytes();
    let mut values = 1;
    let mut at = 0;
    while at < bytes.len() && values <= max {
        match bytes[at] {
            b'"' => at = end_of_text(bytes, at),
            byte => {
                values += usize::from(matches!(byte, b',' | b':' | b'[' | b'{'));
                at += 1;
            }
        }
    }
    values > max
}

/// The JSON text with every number that a double cannot hold (an integer beyond 2^53, a number beyond its range) in quotes.
///
/// Voicenter sends ids as numbers too; two ids that differ in their last digits must stay two.
pub(super) fn keep_exact(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut quoted = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_text(bytes, at),
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(bytes, at);
                if is_inexact(&json[at..end]) {
                    quoted.push_str(&json[copied..at]);
                    quoted.push('"');
                    quoted.push_str(&json[at..end]);
                    quoted.push('"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    quoted.push_str(&json[copied..]);
    Cow::Owned(quoted)
}

/// The place after the text that begins at `start`.
fn end_of_text(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn end_of_number(bytes: &[u8], start: usize) -> usize {
    let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    bytes[start..].iter().position(|b| !is_part(b)).map_or(bytes.len(), |length| start + length)
}

fn is_inexact(number: &str) -> bool {
    const EXACT: u128 = 1 << 53;
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.")) {
        return false;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        return digits.len() > 15 && digits.parse::<u128>().map_or(true, |value| value > EXACT);
    }
    number.parse::<f64>().is_ok_and(f64::is_infinite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_stands_outside_of_texts() {
        for (json, values) in [("5", 1), ("[]", 2), (r#"{"a":1,"b":"x,[y\",z"}"#, 5), ("[[[", 4)] {
            assert!(!holds_more_values(json, values) && holds_more_values(json, values - 1), "{json}");
        }
    }

    #[test]
    fn quotes_only_what_a_double_cannot_hold() {
        for (json, expected) in [
            (r#"{"a":1,"b":-2.5e3}"#, r#"{"a":1,"b":-2.5e3}"#),
            (r#"{"a":9007199254740992}"#, r#"{"a":9007199254740992}"#),
            (r#"{"a":9007199254740993}"#, r#"{"a":"9007199254740993"}"#),
            ("[-12345678901234567890, 1e999]", r#"["-12345678901234567890", "1e999"]"#),
            (
                r#"{"a":"9007199254740993 \" 9007199254740993"}"#,
                r#"{"a":"9007199254740993 \" 9007199254740993"}"#,
            ),
            ("00000000000000000001", "00000000000000000001"),
            (r#""open 99999999999999999999"#, r#""open 99999999999999999999"#),
            (r#""\"#, r#""\"#),
        ] {
            assert_eq!(keep_exact(json), expected);
        }
    }
}
