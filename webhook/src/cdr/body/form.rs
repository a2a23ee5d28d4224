//! Form bodies: `name=value&…`, or a single value (or name) that is the JSON text of the record.

use std::borrow::Cow;

use encoding_rs::Encoding;
use percent_encoding::percent_decode;
use serde_json::Value;

use super::{
    super::{error::Problem, record::Record},
    charset, json,
    shape::Shape,
};

/// The most fields of a form.
const MAX_FIELDS: usize = 10_000;

/// The record of a form. Values stay texts: fields that hold JSON (`IVR`, `CUSTOM_DATA`) are read where they are used.
pub(super) fn shape(body: &[u8]) -> Result<Shape, Problem> {
    let pairs: Vec<_> = pairs(body, None).take(MAX_FIELDS + 1).collect();
    if pairs.len() > MAX_FIELDS {
        return Err(Problem::body(format!("holds more than {MAX_FIELDS} fields")));
    }
    if let [(name, value)] = pairs.as_slice() {
        let only = if value.trim().is_empty() { name } else { value };
        if only.trim_start().starts_with(['{', '[']) {
            return json::shape(only.trim());
        }
    }
    let mut record = Record::default();
    for (name, value) in pairs {
        record.insert(&name, Value::String(value.into_owned()));
    }
    Ok(Shape::Record(record))
}

/// The form in UTF-8, where its values are in another charset.
pub(super) fn to_utf8(body: &[u8], declared: &'static Encoding) -> Option<Vec<u8>> {
    let is_utf8 = |part: &[u8]| std::str::from_utf8(&decoded(part)).is_ok();
    if body.split(|b| matches!(b, b'&' | b'=')).all(is_utf8) {
        return None;
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs(body, Some(declared)));
    Some(form.finish().into_bytes())
}

fn pairs(
    body: &[u8],
    declared: Option<&'static Encoding>,
) -> impl Iterator<Item = (Cow<'static, str>, Cow<'static, str>)> {
    let text = move |bytes: &[u8]| Cow::Owned(charset::text(&decoded(bytes), declared).into_owned());
    body.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let mut parts = pair.splitn(2, |b| *b == b'=');
        (text(parts.next().unwrap_or_default()), text(parts.next().unwrap_or_default()))
    })
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = bytes.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decode(&spaced).collect()
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1255;

    use super::*;

    fn record(body: &str) -> Record {
        match shape(body.as_bytes()).unwrap() {
            Shape::Record(record) => record,
            _ => panic!("{body} is no record"),
        }
    }

    #[test]
    fn decodes_names_and_values() {
        let record =
            record("caller=%2B972+50&&quEue%6eame=%D7%9E%D7%9B&did&time=17=6&bad=%zz%d7&=x&IVR=%5B%5D");
        assert_eq!(record.text(&["caller"]).as_deref(), Some("+972 50"));
        assert_eq!(record.text(&["queuename"]).as_deref(), Some("מכ"));
        assert_eq!(record.text(&["did"]), None);
        assert_eq!(record.text(&["time"]).as_deref(), Some("17=6"));
        assert_eq!(record.text(&["bad"]).as_deref(), Some("%zz\u{fffd}"));
        assert_eq!(record.text(&["IVR"]).as_deref(), Some("[]"));
    }

    #[test]
    fn the_first_value_that_is_not_blank_counts() {
        assert_eq!(record("caller=&Caller=050&caller=051").text(&["caller"]).as_deref(), Some("050"));
    }

    #[test]
    fn a_single_value_or_name_may_be_the_json_of_the_record() {
        for body in [
            r#"data={"caller":"050"}"#,
            "cdr=%7B%22caller%22%3A%22050%22%7D",
            "%7B%22caller%22%3A%22050%22%7D",
            "%7B%22caller%22%3A%22050%22%7D=",
        ] {
            assert_eq!(record(body).text(&["caller"]).as_deref(), Some("050"), "{body}");
        }
        assert!(shape(b"data=%7Bbroken").is_err());
        assert_eq!(record("caller={&did=1").text(&["caller"]).as_deref(), Some("{"));
    }

    #[test]
    fn too_many_fields_are_refused() {
        let many = "a=b&".repeat(MAX_FIELDS + 1);
        assert!(
            shape(many.as_bytes())
                .is_err_and(|problem| problem.to_string().contains("more than 10000 fields"))
        );
    }

    #[test]
    fn another_charset_becomes_utf8() {
        assert_eq!(to_utf8(b"a=%E3%F0%E4&b=1", WINDOWS_1255).unwrap(), b"a=%D7%93%D7%A0%D7%94&b=1");
        assert_eq!(to_utf8(b"a=%D7%93&b=1", WINDOWS_1255), None);
    }
}
