//! Which of Voicenter's three formats a body has.

use std::{fmt, str::FromStr};

/// The format of a body and of the reply to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// XML-RPC, or a plain XML record.
    Xml,
}

impl Format {
    /// `json`, `form` or `xml`: the name by which a stored body remembers its format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Form => "form",
            Self::Xml => "xml",
        }
    }

    /// The format that a content type names; `None` for one that names none of the three, as `text/plain`.
    #[must_use]
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" | "text/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::Form),
            "application/xml" | "text/xml" => Some(Self::Xml),
            _ if essence.ends_with("+json") => Some(Self::Json),
            _ if essence.ends_with("+xml") => Some(Self::Xml),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no format's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be json, form or xml")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        match name {
            "json" => Ok(Self::Json),
            "form" => Ok(Self::Form),
            "xml" => Ok(Self::Xml),
            _ => Err(UnknownFormat),
        }
    }
}

/// The format of a body. The body itself decides where it can be of one format only, for content types are often missing or
/// wrong (JSON sent as a form, say); the content type decides the rest.
#[must_use]
pub fn format(content_type: Option<&str>, body: &[u8]) -> Format {
    let named = content_type.and_then(Format::of_content_type);
    // White space, padding and byte order marks; a text in UTF-16 shows its first character too.
    let is_padding = |b: &u8| b.is_ascii_whitespace() || matches!(b, 0 | 0xef | 0xbb | 0xbf | 0xfe | 0xff);
    let Some(start) = body.iter().position(|b| !is_padding(b)) else { return named.unwrap_or_default() };
    match body[start] {
        b'<' => Format::Xml,
        b'{' | b'[' | b'"' => Format::Json,
        _ if named == Some(Format::Form) || looks_like_form(&body[start..]) => Format::Form,
        _ => named.unwrap_or_default(),
    }
}

/// Whether a body begins with a name, as a field of a record has it, and an equals sign.
fn looks_like_form(body: &[u8]) -> bool {
    const LONGEST_NAME: usize = 100;
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'%' | b'+');
    let name = body.iter().take(LONGEST_NAME).take_while(|b| is_name(b)).count();
    name > 0 && body.get(name) == Some(&b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_decides_where_the_content_type_is_missing_or_wrong() {
        let (json, form, xml) =
            (Some("application/json"), Some("application/x-www-form-urlencoded"), Some("text/xml"));
        for (content_type, body, expected) in [
            (json, r#"{"a":1}"#, Format::Json),
            (form, r#"{"a":"b=c&d"}"#, Format::Json),
            (Some("text/plain"), "[{}]", Format::Json),
            (None, "\u{feff} \"{}\"", Format::Json),
            (xml, "{}", Format::Json),
            (form, "caller=050", Format::Form),
            (json, "caller=050", Format::Form),
            (None, "caller=050", Format::Form),
            (xml, "caller=050", Format::Form),
            (form, "%7B%7D", Format::Form),
            (xml, "<a/>", Format::Xml),
            (json, "\u{feff}\n<a/>", Format::Xml),
            (form, "<a/>", Format::Xml),
            (None, "<\0a\0", Format::Xml),
            (json, "5", Format::Json),
            (None, "a > b = c", Format::Json),
            (xml, "not it", Format::Xml),
            (form, "", Format::Form),
            (xml, " ", Format::Xml),
            (None, "", Format::Json),
        ] {
            assert_eq!(format(content_type, body.as_bytes()), expected, "{content_type:?} {body}");
        }
    }

    #[test]
    fn content_types_in_any_writing() {
        for (content_type, expected) in [
            ("Application/JSON; charset=utf-8", Some(Format::Json)),
            ("application/vnd.api+json", Some(Format::Json)),
            ("application/x-www-form-urlencoded;charset=UTF-8", Some(Format::Form)),
            ("text/xml", Some(Format::Xml)),
            ("application/soap+xml", Some(Format::Xml)),
            ("text/plain", None),
            ("", None),
        ] {
            assert_eq!(Format::of_content_type(content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for format in [Format::Json, Format::Form, Format::Xml] {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert_eq!("yaml".parse::<Format>(), Err(UnknownFormat));
    }
}
