//! What the gRPC library refuses before a handler sees it, told with the same details as every other error.

use axum::response::Response;
use tonic::{Code, Status};

use crate::domain::error::Error;

/// The most fields of the path to what could not be decoded; deep nesting would fill the response with it.
const MAX_PATH: usize = 5;

/// Gives reason and details to a refusal that has none; leaves every other response as it is.
pub(super) fn explain(mut response: Response, max_message_bytes: usize) -> Response {
    let Some(status) = Status::from_header_map(response.headers()) else { return response };
    // An error of a handler always has details.
    if !status.details().is_empty() {
        return response;
    }
    let error = match status.code() {
        // The library blames itself for a message that it cannot decode, so that a caller would try again.
        Code::Internal => undecodable(status.message()),
        Code::OutOfRange => Error::MessageTooLarge { limit: max_message_bytes },
        Code::Unimplemented if status.message().is_empty() => Error::UnknownMethod,
        Code::Unimplemented => Error::UnsupportedEncoding(status.message().to_owned()),
        _ => return response,
    };
    // The other headers stay: they may name the encodings that are accepted. The text of an error fits every header.
    drop(Status::from(error).add_header(response.headers_mut()));
    response
}

/// The error of a message that cannot be decoded, with the field where that is known.
///
/// The decoder's text has the path, innermost first: `Struct.fields: RecordCallRequest.custom_data: recursion limit reached`.
fn undecodable(message: &str) -> Error {
    let mut rest = message.strip_prefix("failed to decode Protobuf message: ").unwrap_or(message);
    let mut path = Vec::new();
    while let Some((place, after)) = rest.split_once(": ")
        && let Some((kind, field)) = place.split_once('.')
        && kind.chars().chain(field.chars()).all(|c| c.is_ascii_alphanumeric() || c == '_')
    {
        path.push(field);
        rest = after;
    }
    path.reverse();
    path.truncate(MAX_PATH);
    Error::MalformedMessage { field: path.join("."), problem: rest.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_found_in_the_text_of_the_decoder() {
        for (text, field, problem) in [
            (
                "failed to decode Protobuf message: Struct.fields: RecordCallRequest.custom_data: recursion limit reached",
                "custom_data.fields",
                "recursion limit reached",
            ),
            ("failed to decode Protobuf message: buffer underflow", "", "buffer underflow"),
            ("failed to decode Protobuf message: invalid tag value: 0", "", "invalid tag value: 0"),
            ("Missing request message.", "", "Missing request message."),
        ] {
            let Error::MalformedMessage { field: found, problem: rest } = undecodable(text) else {
                panic!("{text}")
            };
            assert_eq!((found.as_str(), rest.as_str()), (field, problem));
        }
    }
}
