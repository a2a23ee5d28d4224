//! What can go wrong, in words for the person at the terminal.

/// A failure that ends the program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// An address in the environment is not a URL.
    #[error("{variable} is not an address like http://127.0.0.1:50051: {value}")]
    BadAddress {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// The token in the environment can be none.
    #[error(
        "LEADCAPTURE_TOKEN holds characters that no token has; give it as `leadcapture token create` showed it"
    )]
    BadToken,
    /// Nothing answers where the server should be.
    #[error(
        "No leadcapture server answers at {0}. Start it with `make run` in another terminal and try again."
    )]
    ServerAway(String),
    /// Nothing answers where the webhook should be.
    #[error("No webhook answers at {0}. Start it with `make run` in another terminal and try again.")]
    WebhookAway(String),
    /// The server refused a request.
    #[error("{method} was refused: {} ({:?})", .status.message(), .status.code())]
    Refused {
        /// The RPC.
        method: &'static str,
        /// What the server said. Boxed because a status is large.
        status: Box<tonic::Status>,
    },
    /// The webhook did not accept a record.
    #[error("The webhook did not accept the record of \"{what}\": {answer}")]
    NotAccepted {
        /// What the record was about.
        what: &'static str,
        /// HTTP status and body of its answer.
        answer: String,
    },
}

impl Error {
    /// Turns a refused RPC into an error that names it.
    pub(crate) fn refused(method: &'static str) -> impl Fn(tonic::Status) -> Self {
        move |status| Self::Refused { method, status: Box::new(status) }
    }
}
