//! Limits of text that callers give, and what a text may not contain.

/// The most characters of a customer's name.
pub const MAX_NAME: usize = 200;
/// The most characters of a need.
pub const MAX_NEED: usize = 2_000;
/// The most characters of a contact preference.
pub const MAX_PREFERENCE: usize = 500;
/// The most characters of a note.
pub const MAX_NOTE: usize = 4_000;
/// The most characters of a tenant's name or a line's label.
pub const MAX_LABEL: usize = 200;

/// What is wrong with a text, as a sentence for the caller; `None` where nothing is.
///
/// A control character other than tab and line breaks is refused: U+0000 cannot be stored in PostgreSQL, and the others are
/// never meant in a name or a note.
#[must_use]
pub fn problem(value: &str, max_chars: usize) -> Option<String> {
    if let Some(bad) = value.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Some(format!("contains the control character U+{:04X}; remove it", u32::from(bad)));
    }
    // Bytes bound characters from above, so most texts are never counted.
    if value.len() > max_chars && value.chars().count() > max_chars {
        return Some(format!("is longer than {max_chars} characters; shorten it"));
    }
    None
}

/// The text without surrounding white space; `None` where nothing is left.
#[must_use]
pub fn non_empty(value: &str) -> Option<String> {
    let trimmed = value.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_ordinary_text_and_counts_characters_not_bytes() {
        assert_eq!(problem("דנה כהן\n2nd line", 20), None);
        assert_eq!(problem(&"א".repeat(200), 200), None);
        assert!(problem(&"א".repeat(201), 200).is_some_and(|text| text.contains("200")));
    }

    #[test]
    fn names_the_control_character() {
        assert!(problem("a\0b", 10).is_some_and(|text| text.contains("U+0000")));
        assert!(problem("a\u{7f}b", 10).is_some_and(|text| text.contains("U+007F")));
    }
}
