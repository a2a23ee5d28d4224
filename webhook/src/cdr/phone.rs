//! Telephone numbers as the exchange writes them. What a number means is the server's to decide; here only its shape counts.

/// The fewest digits of a number with an area code.
const MIN_DIGITS: usize = 7;
/// The most digits of a number with an international prefix.
const MAX_DIGITS: usize = 17;

/// Whether a value is a telephone number by its shape, and not an extension, a SIP name or a word such as `anonymous`.
#[must_use]
pub fn looks_like_phone(value: &str) -> bool {
    let mut digits = 0;
    for c in value.chars() {
        match c {
            '0'..='9' => digits += 1,
            '+' if digits == 0 => {}
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => {}
            _ => return false,
        }
    }
    (MIN_DIGITS..=MAX_DIGITS).contains(&digits)
}

/// Whether two values are the same number apart from punctuation and the prefix for Israel.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    significant(one) == significant(other)
}

fn significant(value: &str) -> String {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let national = digits.strip_prefix("00").unwrap_or(&digits);
    let national = national.strip_prefix("972").unwrap_or(national);
    national.trim_start_matches('0').to_owned()
}

/// A number for the log: its last two digits only, and nothing at all of what is not a number.
#[must_use]
pub fn mask(value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    if !looks_like_phone(value) {
        return "***".to_owned();
    }
    let digits: Vec<char> = value.chars().filter(char::is_ascii_digit).collect();
    let shown: String = digits[digits.len() - 2..].iter().collect();
    format!("***{shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_numbers_from_names() {
        for phone in [
            "0501234567",
            "972501234567",
            "+972-50-123-4567",
            "(03) 123.4567",
            "\u{200f}0501234567",
            "1-700-123-456",
        ] {
            assert!(looks_like_phone(phone), "{phone}");
        }
        for other in
            ["", "SIP7", "107", "anonymous", "Restricted", "*2407", "050123456x", "12345678901234567890"]
        {
            assert!(!looks_like_phone(other), "{other}");
        }
    }

    #[test]
    fn compares_numbers_across_spellings() {
        assert!(is_same("077-123-4567", "+972771234567"));
        assert!(is_same("00972771234567", "0771234567"));
        assert!(!is_same("0771234567", "0771234568"));
    }

    #[test]
    fn masks_all_but_two_digits() {
        assert_eq!(mask("+972-50-123-4567"), "***67");
        assert_eq!(mask("anonymous"), "***");
        assert_eq!(mask(""), "");
    }
}
