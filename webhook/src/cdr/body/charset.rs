//! Bytes to text. Voicenter sends UTF-8; a body in another charset is read where it says so.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

/// The text of these bytes: UTF-8 where they are UTF-8 whatever was declared, else as a byte order mark or the declared charset
/// says, else UTF-8 with U+FFFD in place of what is none.
pub(super) fn text<'a>(bytes: &'a [u8], declared: Option<&'static Encoding>) -> Cow<'a, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).into(),
        Err(_) => declared.unwrap_or(UTF_8).decode(bytes).0,
    }
}

/// The charset that a content type names, where it is known.
pub(super) fn of_content_type(content_type: &str) -> Option<&'static Encoding> {
    let charset = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    Encoding::for_label(charset?.as_bytes())
}

/// The charset in the first line of an XML document.
///
/// # Errors
/// It is none that is known.
pub(super) fn of_xml(document: &[u8]) -> Result<Option<&'static Encoding>, UnknownCharset> {
    const LONGEST_DECLARATION: usize = 256;
    let start = &document[..document.len().min(LONGEST_DECLARATION)];
    let start = String::from_utf8_lossy(start);
    let Some((declaration, _)) = start.split_once("?>") else { return Ok(None) };
    let Some((_, rest)) = declaration.split_once("encoding") else { return Ok(None) };
    let quoted = rest.trim_start().strip_prefix('=').unwrap_or_default().trim_start();
    let Some(quote @ ('"' | '\'')) = quoted.chars().next() else { return Ok(None) };
    let label = quoted[1..].split(quote).next().unwrap_or_default();
    Encoding::for_label(label.as_bytes()).map(Some).ok_or(UnknownCharset)
}

/// A charset by a name that nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownCharset;

#[cfg(test)]
mod tests {
    use encoding_rs::{ISO_8859_8, WINDOWS_1255};

    use super::*;

    #[test]
    fn utf8_wins_over_what_is_declared() {
        assert_eq!(text("דנה".as_bytes(), Some(WINDOWS_1255)), "דנה");
        assert_eq!(text("\u{feff}a".as_bytes(), None), "a");
        assert_eq!(text(b"\xe3\xf0\xe4", Some(WINDOWS_1255)), "דנה");
        assert_eq!(text(b"\xe3\xf0\xe4", Some(ISO_8859_8)), "דנה");
        assert_eq!(text(b"a\xe3b", None), "a\u{fffd}b");
        assert_eq!(text(b"\xff\xfea\0\xd3\x05", None), "aד");
    }

    #[test]
    fn reads_declarations() {
        assert_eq!(of_content_type("text/xml; q=1; Charset=\"windows-1255\""), Some(WINDOWS_1255));
        assert_eq!(of_content_type("text/xml; charset=klingon"), None);
        assert_eq!(of_content_type("text/xml"), None);
        for (document, expected) in [
            ("<?xml version=\"1.0\" encoding=\"ISO-8859-8\"?><a/>", Ok(Some(ISO_8859_8))),
            ("<?xml version='1.0' encoding = 'windows-1255' ?><a/>", Ok(Some(WINDOWS_1255))),
            ("<?xml version='1.0' encoding='klingon'?><a/>", Err(UnknownCharset)),
            ("<?xml version='1.0'?><a encoding='klingon'/>", Ok(None)),
            ("<?xml encoding", Ok(None)),
            ("<?xml encoding=?>", Ok(None)),
            ("<a/>", Ok(None)),
        ] {
            assert_eq!(of_xml(document.as_bytes()), expected, "{document}");
        }
    }
}
