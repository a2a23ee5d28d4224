//! What can go wrong, in words for the person at the terminal.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A failure that ends the program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// The address is not a URL.
    #[error("LEADCAPTURE_SERVER is not an address like http://127.0.0.1:50051: {0}")]
    BadAddress(String),
    /// The token has characters that cannot be sent.
    #[error("LEADCAPTURE_TOKEN has characters that no token has.")]
    BadToken,
    /// The certificates cannot be used.
    #[error("{0}")]
    Certificates(String),
    /// Nothing answers where the server should be.
    #[error(
        "No leadcapture server answers at {0}. Start it with `make run` in another terminal and try again."
    )]
    ServerAway(String),
    /// Something is there, but does not answer before the deadline.
    #[error("The server at {0} did not answer in time. Try again; if that does not help, look at its log.")]
    TooSlow(String),
    /// The token is missing, wrong or expired.
    #[error("The server at {0} wants a valid token: set LEADCAPTURE_TOKEN.")]
    NoToken(String),
    /// The server refused a request.
    #[error("The server refused a request: {message} ({reason})")]
    Refused {
        /// What the server said, for people.
        message: String,
        /// Why, for programs: `ErrorInfo.reason`, or the status code if the answer has none.
        reason: String,
    },
    /// The server answered something that the tour does not expect.
    #[error("The tour expected {0}.")]
    Unexpected(&'static str),
}

impl Problem {
    /// Tells what a failed call means for the person at the terminal.
    pub(crate) fn new(address: &str, status: &Status) -> Self {
        let address = address.to_owned();
        match (status.code(), reason(status)) {
            (Code::Unavailable, None) => Self::ServerAway(address),
            (Code::DeadlineExceeded, None) => Self::TooSlow(address),
            (Code::Unauthenticated, _) => Self::NoToken(address),
            (code, reason) => Self::Refused {
                message: status.message().to_owned(),
                reason: reason.unwrap_or_else(|| format!("{code:?}")),
            },
        }
    }
}

/// The reason of a failed call; what a program decides by.
pub(crate) fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// The fields that a request was refused for.
pub(crate) fn bad_fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|details| details.field_violations);
    violations.unwrap_or_default().into_iter().map(|violation| violation.field).collect()
}
