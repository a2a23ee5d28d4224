//! What the sender is answered, in the form that Voicenter expects and in the format of the request.

use axum::{
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use quick_xml::escape::escape;
use serde_json::json;

use super::{body::named_format, encoding};
use crate::cdr::Format;

/// Voicenter's code for a record that cannot be read.
const PARSE_ERROR: u8 = 1;
/// Voicenter's code for a record that cannot be taken now.
const APPLICATION_ERROR: u8 = 2;
/// The most characters of a description.
const MAX_DESCRIPTION: usize = 1_000;
/// After how many seconds what could not be taken is worth sending again.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Every record of the body is recorded, or safe on the adapter's disk.
    Recorded,
    /// A record can never be recorded; why, in the sender's names. It is a dead letter, so that the sender need not repeat it.
    Malformed(String),
    /// The body did not arrive in time or not whole.
    Incomplete(&'static str),
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// The body's compression is broken; what is wrong with it. Perhaps it arrives whole when it is sent again.
    Undecodable(String),
    /// The body is compressed in a way that is not taken.
    UnknownEncoding,
    /// Nothing is wrong with the records, but they can neither be recorded nor kept now.
    Unavailable,
    /// There are too many requests in flight to look at this one.
    Overloaded,
    /// There is nothing at this path.
    NotFound,
    /// The path does not take this method.
    WrongMethod,
}

impl Reply {
    /// The answer in this format.
    #[must_use]
    pub fn in_format(&self, format: Format) -> Response {
        let mut response = (
            self.status(),
            [(CONTENT_TYPE, HeaderValue::from_static(content_type(format)))],
            self.text(format),
        )
            .into_response();
        let header = match self {
            Self::UnknownEncoding => Some((ACCEPT_ENCODING, HeaderValue::from_static(encoding::ACCEPTED))),
            Self::Unavailable | Self::Overloaded => Some((RETRY_AFTER, RETRY_SECONDS)),
            _ => None,
        };
        response.headers_mut().extend(header);
        response
    }

    /// The body of the answer in this format.
    #[must_use]
    pub fn text(&self, format: Format) -> String {
        let (err, errdesc) = (self.err(), self.description());
        match format {
            Format::Json => json!({"Err": err, "Errdesc": errdesc}).to_string(),
            Format::Form => form_urlencoded::Serializer::new(String::new())
                .append_pair("Err", &err.to_string())
                .append_pair("Errdesc", &errdesc)
                .finish(),
            // A fault would be XML-RPC's own way to tell of an error, but Voicenter looks for its two fields.
            Format::Xml => format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><methodResponse><params><param><value><struct>\
                 <member><name>Err</name><value><int>{err}</int></value></member>\
                 <member><name>Errdesc</name><value><string>{}</string></value></member>\
                 </struct></value></param></params></methodResponse>",
                escape(errdesc.as_str())
            ),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Recorded | Self::Malformed(_) => StatusCode::OK,
            Self::Undecodable(_) => StatusCode::BAD_REQUEST,
            Self::Incomplete(_) => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnknownEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unavailable | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    fn err(&self) -> u8 {
        match self {
            Self::Recorded => 0,
            Self::Unavailable | Self::Overloaded => APPLICATION_ERROR,
            _ => PARSE_ERROR,
        }
    }

    fn description(&self) -> String {
        let description = match self {
            Self::Recorded => "OK".to_owned(),
            Self::Malformed(problem) | Self::Undecodable(problem) => problem.clone(),
            Self::Incomplete(problem) => (*problem).to_owned(),
            Self::TooLarge(limit) => format!("body: is larger than {limit} bytes"),
            Self::UnknownEncoding => encoding::NotTaken.to_string(),
            Self::Unavailable => "cannot record the call now; send it again".to_owned(),
            Self::Overloaded => "too many records at the same time; send it again".to_owned(),
            Self::NotFound => "there is nothing at this path".to_owned(),
            Self::WrongMethod => "this path does not take this method".to_owned(),
        };
        // What a server says may hold anything; control characters and these two cannot stand in XML.
        let fit = |c: char| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c };
        description.chars().take(MAX_DESCRIPTION).map(fit).collect()
    }
}

fn content_type(format: Format) -> &'static str {
    match format {
        Format::Json => "application/json",
        Format::Form => "application/x-www-form-urlencoded",
        Format::Xml => "text/xml; charset=utf-8",
    }
}

/// Where the body was not looked at, the format is that of the request's content type: see [`in_senders_format`].
impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = self.in_format(Format::default());
        response.extensions_mut().insert(self);
        response
    }
}

/// Puts replies that were given without a format into the one that the request's content type names.
pub(super) async fn in_senders_format(request: Request, next: Next) -> Response {
    let format = named_format(request.headers());
    let mut response = next.run(request).await;
    if let Some(reply) = response.extensions_mut().remove::<Reply>()
        && format != Format::default()
    {
        let (written, body) = reply.in_format(format).into_parts();
        // Other headers, such as Allow, stay.
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().extend(written.headers);
        *response.body_mut() = body;
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_in_every_format() {
        for (reply, format, expected) in [
            (Reply::Recorded, Format::Json, r#"{"Err":0,"Errdesc":"OK"}"#),
            (Reply::Recorded, Format::Form, "Err=0&Errdesc=OK"),
            (Reply::Unavailable, Format::Form, "Err=2&Errdesc=cannot+record+the+call+now%3B+send+it+again"),
            (Reply::Malformed("a \"b\"".to_owned()), Format::Json, r#"{"Err":1,"Errdesc":"a \"b\""}"#),
        ] {
            assert_eq!(reply.text(format), expected);
        }
        let xml = Reply::Malformed("a < b & \"c\"".to_owned()).text(Format::Xml);
        assert!(xml.contains("<name>Err</name><value><int>1</int></value>"), "{xml}");
        assert!(xml.contains("<string>a &lt; b &amp; &quot;c&quot;</string>"), "{xml}");
    }

    #[test]
    fn descriptions_are_short_and_hold_no_control_characters() {
        let reply = Reply::Malformed(format!("a\r\n\0\u{ffff}{}", "ש".repeat(2_000)));
        for format in [Format::Json, Format::Form, Format::Xml] {
            assert!(!reply.text(format).contains(|c: char| c.is_control() || c == '\u{ffff}'));
        }
        assert_eq!(reply.description().chars().count(), 1_000);
    }
}
