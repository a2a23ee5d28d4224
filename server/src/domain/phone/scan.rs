//! From any text to ASCII digits and whether a `+` stood before them.

use super::NotAPhoneReason;

/// The most digits that are read: a number of 15 digits, an international prefix and a stray national prefix.
const MAX_SCANNED: usize = 20;
/// The most digits of an extension.
const MAX_EXTENSION: usize = 7;
/// Words and signs between a number and its extension.
const EXTENSION_MARKS: [&str; 6] = ["extension", "extn", "ext", "x", "שלוחה", ","];

/// The digits of a text, without any separators.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Whether `+` stood before the digits.
    pub(super) plus: bool,
    /// ASCII digits, at most [`MAX_SCANNED`]. Empty when the text had separators only.
    pub(super) digits: String,
}

/// Reads the digits of a text that may be an address, and drops separators, parameters and an extension.
pub(super) fn scan(raw: &str) -> Result<Scanned, NotAPhoneReason> {
    let (text, parameters) = match user_part(raw).split_once(';') {
        Some((text, parameters)) => (text, parameters),
        None => (user_part(raw), ""),
    };
    let mut scanned = Scanned { plus: false, digits: String::with_capacity(MAX_SCANNED) };
    for (at, c) in text.char_indices() {
        if let Some(digit) = digit(c) {
            if scanned.digits.len() == MAX_SCANNED {
                return Err(NotAPhoneReason::TooLong);
            }
            scanned.digits.push(digit);
        } else if matches!(c, '+' | '＋') && scanned.digits.is_empty() && !scanned.plus {
            scanned.plus = true;
        } else if matches!(c, '*' | '#' | '＊' | '＃') {
            return Err(NotAPhoneReason::ServiceCode);
        } else if !is_separator(c) {
            if scanned.digits.is_empty() || !is_extension(&text[at..]) {
                return Err(NotAPhoneReason::Letters);
            }
            break;
        }
    }
    // A context says of which country or network a local number is; only a number with + needs none.
    if !scanned.plus && parameters.to_ascii_lowercase().contains("phone-context") {
        return Err(NotAPhoneReason::Letters);
    }
    Ok(scanned)
}

/// The part of an address that may be a number: `0501234567` of `sip:0501234567@pbx.example`. Other text stays whole.
pub(super) fn user_part(raw: &str) -> &str {
    let text = raw.trim_matches(is_blank);
    let without = |scheme: &str| {
        let (head, rest) = text.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    if let Some(address) = without("sip:").or_else(|| without("sips:")) {
        return address.split('@').next().unwrap_or(address);
    }
    without("tel:").unwrap_or(text)
}

/// The ASCII form of a decimal digit: ASCII, Arabic-Indic (two sets) or full-width.
fn digit(c: char) -> Option<char> {
    let zero = match c {
        '0'..='9' => return Some(c),
        '\u{660}'..='\u{669}' => 0x660,
        '\u{6F0}'..='\u{6F9}' => 0x6F0,
        '\u{FF10}'..='\u{FF19}' => 0xFF10,
        _ => return None,
    };
    char::from_digit(u32::from(c) - zero, 10)
}

/// White space, or a character that only steers how text is laid out, such as a right-to-left mark.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
        )
}

/// Whether a character may stand between the digits of a number.
fn is_separator(c: char) -> bool {
    is_blank(c)
        || matches!(c, '-' | '.' | '/' | '(' | ')' | '[' | ']')
        // Dashes, with the Hebrew maqaf; then dots, slashes and brackets of other scripts.
        || matches!(
            c,
            '\u{5BE}' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{30FC}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}'
        )
        || matches!(c, '\u{B7}' | '\u{2024}' | '\u{2044}' | '\u{2215}' | '\u{FF08}' | '\u{FF09}' | '\u{FF0E}' | '\u{FF0F}'
            | '\u{FF3B}' | '\u{FF3D}')
}

/// Whether the text is a mark and the digits of an extension, and nothing more.
fn is_extension(text: &str) -> bool {
    let starts = |mark: &&str| text.get(..mark.len()).is_some_and(|head| head.eq_ignore_ascii_case(mark));
    let Some(mark) = EXTENSION_MARKS.into_iter().find(starts) else { return false };
    let number = text[mark.len()..]
        .trim_start_matches(|c| is_blank(c) || matches!(c, '.' | ':' | '=' | ',' | '-'))
        .trim_end_matches(is_blank);
    (1..=MAX_EXTENSION).contains(&number.chars().take(MAX_EXTENSION + 1).count())
        && number.chars().all(|c| digit(c).is_some())
}
