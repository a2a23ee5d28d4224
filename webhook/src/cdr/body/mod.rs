//! Bodies to records. Each format has its own module; what follows does not know which it was.

mod charset;
mod form;
mod json;
mod numbers;
mod shape;
mod xml;
mod xml_rpc;

pub(super) use json::value;

use super::{error::Problem, format::Format, record::Record};

/// The most records that one body may hold. The vendor sends one; more are recorded all the same.
pub const MAX_RECORDS: usize = 100;

/// The records in a body. One that is no record leaves the others readable.
///
/// # Errors
/// The body cannot be read at all, or holds no record, or more than [`MAX_RECORDS`].
pub fn read(format: Format, body: &[u8]) -> Result<Vec<Result<Record, Problem>>, Problem> {
    let body = trimmed(body);
    let shape = match format {
        Format::Form if !body.is_empty() => form::shape(body)?,
        Format::Json | Format::Form => json::shape(not_empty(charset::text(body, None).trim())?)?,
        Format::Xml => {
            let declared = charset::of_xml(body);
            if declared.is_err() && std::str::from_utf8(body).is_err() {
                return Err(Problem::body("is in a charset that is not known; send UTF-8"));
            }
            let text = charset::text(body, declared.unwrap_or_default());
            xml_rpc::shape(xml::parse(not_empty(text.trim())?)?)
        }
    };
    let records = shape.records()?;
    if records.is_empty() {
        return Err(Problem::body("holds no record"));
    }
    Ok(records)
}

/// The body in UTF-8, where its content type names another charset. A body in UTF-8 is left as it is, whatever was named.
#[must_use]
pub fn to_utf8(content_type: Option<&str>, format: Format, body: Vec<u8>) -> Vec<u8> {
    let Some(declared) = content_type.and_then(charset::of_content_type) else { return body };
    match format {
        Format::Form => form::to_utf8(&body, declared).unwrap_or(body),
        Format::Json | Format::Xml if std::str::from_utf8(&body).is_ok() => body,
        Format::Json | Format::Xml => charset::text(&body, Some(declared)).into_owned().into_bytes(),
    }
}

fn not_empty(text: &str) -> Result<&str, Problem> {
    if text.is_empty() { Err(Problem::body("is empty")) } else { Ok(text) }
}

/// The body without white space and padding around it.
fn trimmed(body: &[u8]) -> &[u8] {
    let is_padding = |b: &u8| b.is_ascii_whitespace() || *b == 0;
    // A text in UTF-16 needs the zeros at its ends.
    if matches!(body, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return body;
    }
    let start = body.iter().position(|b| !is_padding(b)).unwrap_or(body.len());
    let end = body.iter().rposition(|b| !is_padding(b)).map_or(start, |last| last + 1);
    &body[start..end]
}
