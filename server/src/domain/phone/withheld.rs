//! Words and signs that stand for a number that the caller withheld.

use super::scan::user_part;

/// The words in lower case, without anything but letters and digits.
const WORDS: [&str; 45] = [
    "anonymous",
    "anon",
    "blocked",
    "blockedcall",
    "blockednumber",
    "callerunknown",
    "clir",
    "confidential",
    "hidden",
    "hiddennumber",
    "na",
    "nil",
    "nocaller",
    "nocallerid",
    "nocid",
    "noid",
    "none",
    "nonumber",
    "notavailable",
    "null",
    "numberblocked",
    "numberunavailable",
    "numberwithheld",
    "outofarea",
    "private",
    "privatecaller",
    "privatenumber",
    "restricted",
    "restrictednumber",
    "unavailable",
    "undefined",
    "unidentified",
    "unknown",
    "unknowncaller",
    "unknownnumber",
    "withheld",
    "withheldnumber",
    "חסוי",
    "חסויה",
    "מספרחסוי",
    "שיחהחסויה",
    "לאידוע",
    "לאמזוהה",
    "מספרלאמזוהה",
    "ללאזיהוי",
];
/// The most letters and digits that are compared.
const MAX_WORD: usize = 20;

/// Whether a text that is no number stands for a withheld one: a known word in any case and punctuation
/// (`<Unknown>`, `No Caller ID`, `anonymous@anonymous.invalid`), or signs that cover digits up (`*****`, `xxxxxxx`, `?`).
pub(super) fn is_withheld(raw: &str) -> bool {
    let user = user_part(raw);
    let user = user.split('@').next().unwrap_or(user);
    let word: String =
        user.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(MAX_WORD).collect();
    // Without letters and digits, nothing can name a number.
    word.is_empty()
        || WORDS.contains(&word.as_str())
        || (word.len() >= 3 && word.bytes().all(|byte| byte == b'x'))
}
