//! What the sender is answered, in the form that Voicenter expects.

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// Voicenter's code for a record that cannot be read.
const PARSE_ERROR: u8 = 1;
/// Voicenter's code for a record that cannot be taken now.
const APPLICATION_ERROR: u8 = 2;
/// The most characters of a description.
const MAX_DESCRIPTION: usize = 1_000;

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Every record of the body is recorded.
    Recorded,
    /// A record can never be recorded; why, in the sender's names.
    Malformed(String),
    /// The body did not arrive in time or not whole.
    Incomplete(&'static str),
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// Nothing is wrong with the records, but they cannot be recorded now.
    Unavailable,
    /// There is nothing at this path.
    NotFound,
    /// The path does not take this method.
    WrongMethod,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(rename = "Err")]
    err: u8,
    #[serde(rename = "Errdesc")]
    errdesc: &'a str,
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let too_large;
        let (status, err, errdesc) = match &self {
            Self::Recorded => (StatusCode::OK, 0, "OK"),
            Self::Malformed(problem) => (StatusCode::BAD_REQUEST, PARSE_ERROR, shortened(problem)),
            Self::Incomplete(problem) => (StatusCode::REQUEST_TIMEOUT, PARSE_ERROR, *problem),
            Self::TooLarge(limit) => {
                too_large = format!("body: is larger than {limit} bytes");
                (StatusCode::PAYLOAD_TOO_LARGE, PARSE_ERROR, too_large.as_str())
            }
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                APPLICATION_ERROR,
                "cannot record the call now; send it again",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, PARSE_ERROR, "there is nothing at this path"),
            Self::WrongMethod => {
                (StatusCode::METHOD_NOT_ALLOWED, PARSE_ERROR, "this path does not take this method")
            }
        };
        let answer =
            serde_json::to_string(&Answer { err, errdesc }).expect("a number and a text are always JSON");
        (status, [(CONTENT_TYPE, "application/json")], answer).into_response()
    }
}

fn shortened(text: &str) -> &str {
    text.char_indices().nth(MAX_DESCRIPTION).map_or(text, |(end, _)| &text[..end])
}
