//! What can be set, with its defaults.

use std::{fmt, net::SocketAddr, time::Duration};

use crate::cdr::TimeRules;

/// How the adapter behaves. Where it listens is not part of it: that is the listener given to [`crate::serve`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of the leadcapture server. Default `http://127.0.0.1:50051`.
    pub server: String,
    /// The token that the server asks for. Default none, for a server that is still open.
    pub token: Option<Token>,
    /// How Voicenter's times are read. Default `Asia/Jerusalem`, judged record by record.
    pub time: TimeRules,
    /// The largest body, in bytes. Default 4 MiB.
    pub body_limit: usize,
    /// How long a body may take to arrive. Default 10 s.
    pub body_timeout: Duration,
    /// How long recording one call may take at the server, connecting included. Default 5 s.
    pub request_timeout: Duration,
    /// How long requests in flight may go on after a shutdown began. Default 15 s.
    pub shutdown_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: "http://127.0.0.1:50051".to_owned(),
            token: None,
            time: TimeRules::default(),
            body_limit: 4 * 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(15),
        }
    }
}

/// A bearer token. Never shown, not even by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token in this text, white space around it aside; `None` where there is none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The token itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The server's address.
    #[error("server: {0}")]
    Server(String),
    /// The token.
    #[error("token: holds characters that cannot stand in a header")]
    Token,
    /// The address to listen on.
    #[error(
        "listen: {0} can be reached from other machines, but the webhook has no secret and takes records from anybody; \
         listen on 127.0.0.1 and put a proxy in front that keeps strangers out"
    )]
    NotLoopback(SocketAddr),
}

/// Refuses an address that other machines can reach: without a secret in its path the webhook believes every sender.
///
/// # Errors
/// The address is not a loopback address.
pub fn require_loopback(address: SocketAddr) -> Result<(), SettingsError> {
    if address.ip().to_canonical().is_loopback() { Ok(()) } else { Err(SettingsError::NotLoopback(address)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_taken() {
        for good in ["127.0.0.1:8080", "127.8.8.8:1", "[::1]:8080", "[::ffff:127.0.0.1]:8080"] {
            assert_eq!(require_loopback(good.parse().unwrap()), Ok(()), "{good}");
        }
        for bad in ["0.0.0.0:8080", "[::]:8080", "192.168.1.5:8080", "[::ffff:10.0.0.1]:8080"] {
            let error = require_loopback(bad.parse().unwrap()).unwrap_err();
            assert!(error.to_string().starts_with(&format!("listen: {bad} ")), "{error}");
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let settings = Settings { token: Token::new(" secret\n"), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("secret"));
        assert_eq!(settings.token.unwrap().reveal(), "secret");
        assert_eq!(Token::new(" "), None);
    }
}
