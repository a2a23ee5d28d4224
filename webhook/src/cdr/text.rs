//! Texts made fit for the server: no control characters, within its limits.

/// The most characters of a call id, of the call itself or of the one it is a transfer of.
pub const MAX_CALL_ID: usize = 128;
/// The most characters of a queue's or a representative's name, or a menu's name.
pub const MAX_NAME: usize = 200;
/// The most characters of the provider's word for how a call ended.
pub const MAX_STATUS: usize = 64;
/// The most characters of a telephone number as received.
pub const MAX_PHONE: usize = 64;
/// The most characters of a recording's address; a longer one is useless when cut, so it is dropped.
pub const MAX_URL: usize = 2_048;

/// The text with U+FFFD in place of control characters other than tab and line breaks.
///
/// The server refuses them (PostgreSQL cannot store U+0000), and the sender cannot mend its record.
#[must_use]
pub fn clean(value: &str) -> String {
    let replaced = |c: char| if c.is_control() && !matches!(c, '\t' | '\n' | '\r') { '\u{fffd}' } else { c };
    value.chars().map(replaced).collect()
}

/// Whether the text has more than `max` characters.
#[must_use]
pub fn is_longer(value: &str, max: usize) -> bool {
    // Bytes bound characters from above, so most texts are never counted.
    value.len() > max && value.chars().count() > max
}

/// The first `max` characters.
#[must_use]
pub fn truncate(mut value: String, max: usize) -> String {
    if let Some((end, _)) = value.char_indices().nth(max) {
        value.truncate(end);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_control_characters_and_keeps_line_breaks() {
        assert_eq!(clean("a\0b\nc\u{7f}"), "a\u{fffd}b\nc\u{fffd}");
        assert_eq!(clean("דנה"), "דנה");
    }

    #[test]
    fn counts_characters_not_bytes() {
        assert_eq!(truncate("דנה כהן".to_owned(), 3), "דנה");
        assert_eq!(truncate("ab".to_owned(), 2), "ab");
        assert!(!is_longer("דנה", 3));
        assert!(is_longer("דנה", 2));
    }
}
