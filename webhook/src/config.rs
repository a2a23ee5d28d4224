//! What can be set, with its defaults.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use crate::{
    cdr::TimeRules,
    secrets::Secrets,
    tls::{ClientTlsFiles, TlsError, TlsFiles},
};

/// How the adapter behaves. Where it listens is not part of it: that is the listener given to [`crate::serve`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of the leadcapture server. Default `http://127.0.0.1:50051`.
    pub server: String,
    /// The token that the server asks for. Default none, for a server that is still open.
    pub token: Option<Token>,
    /// TLS of the connection to the server. Default none; needed for an `https` address, and of no use for another.
    pub server_tls: Option<ClientTlsFiles>,
    /// Who is let in, and how many at a time.
    pub door: DoorSettings,
    /// How Voicenter's times are read. Default `Asia/Jerusalem`, judged record by record.
    pub time: TimeRules,
    /// The largest body, in bytes. Default 4 MiB.
    pub body_limit: usize,
    /// How long a body may take to arrive. Default 10 s.
    pub body_timeout: Duration,
    /// How long a new record waits for the server before it goes to the spool. Default 2 s.
    pub patience: Duration,
    /// The most new records that wait for the server at the same time; more go to the spool. Default 32.
    pub server_calls: usize,
    /// How records are forwarded from the spool.
    pub forward: ForwardSettings,
    /// What is kept on the adapter's own disk.
    pub spool: SpoolSettings,
    /// How long requests in flight may go on after a shutdown began. Default 15 s.
    pub shutdown_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: "http://127.0.0.1:50051".to_owned(),
            token: None,
            server_tls: None,
            door: DoorSettings::default(),
            time: TimeRules::default(),
            body_limit: 4 * 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(2),
            server_calls: 32,
            forward: ForwardSettings::default(),
            spool: SpoolSettings::default(),
            shutdown_timeout: Duration::from_secs(15),
        }
    }
}

/// Who is let in over HTTP, and how many at a time.
#[derive(Clone, Debug)]
pub struct DoorSettings {
    /// The secrets, one of which the path must end with. Default none: then only loopback is served.
    pub secrets: Option<SecretsSource>,
    /// TLS of the listener. Default none.
    pub tls: Option<TlsFiles>,
    /// Whether an address that other machines can reach may be served without TLS. Default no. Never means without secrets.
    pub insecure: bool,
    /// How often the files of secrets and certificates are looked at for changes. Default 5 s.
    pub reload_interval: Duration,
    /// How long the head of a request may take to arrive, a TLS handshake to end, or a part of an answer to be taken; also how
    /// long a connection is kept open without a request. Default 10 s.
    pub header_timeout: Duration,
    /// The largest head of a request in bytes. Default 16 KiB.
    pub header_limit: usize,
    /// The most header fields of a request. Default 64.
    pub header_count: usize,
    /// The most connections at a time; more wait. Default 768, which leaves room under the usual limit of 1,024 open files.
    pub max_connections: usize,
    /// The most requests at a time that are being received or recorded; more are answered 503. Default 512.
    pub max_in_flight: usize,
}

impl Default for DoorSettings {
    fn default() -> Self {
        Self {
            secrets: None,
            tls: None,
            insecure: false,
            reload_interval: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            header_limit: 16 * 1024,
            header_count: 64,
            max_connections: 768,
            max_in_flight: 512,
        }
    }
}

/// How records are forwarded from the spool to the server.
#[derive(Clone, Debug)]
pub struct ForwardSettings {
    /// How long the server may take to record a batch, connecting included. Default 10 s.
    pub timeout: Duration,
    /// The most calls of a batch. Default 100; the server takes no more than 1,000.
    pub calls: usize,
    /// The most bytes of a batch, unless a single call is larger. Default 4 MiB; must be less than the server's largest message.
    pub bytes: usize,
    /// The first wait after a failure; it doubles with each further one. Default 100 ms.
    pub retry_min: Duration,
    /// The longest wait between attempts while the server is away. Default 5 s.
    pub retry_max: Duration,
    /// The longest wait between attempts with a record that fails by itself while others are recorded. Default 5 min.
    pub put_off_max: Duration,
    /// How often the spool is looked at for what other processes put into it, for its metrics, and for what has outlived its
    /// time. Default 1 s.
    pub interval: Duration,
}

impl Default for ForwardSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            calls: 100,
            bytes: 4 * 1024 * 1024,
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(5),
            put_off_max: Duration::from_mins(5),
            interval: Duration::from_secs(1),
        }
    }
}

/// Where secrets come from.
#[derive(Clone, Debug)]
pub enum SecretsSource {
    /// A file, as [`Secrets::parse`] reads it; read again when it changes.
    File(PathBuf),
    /// These.
    Given(Secrets),
}

/// What is kept on the adapter's own disk.
#[derive(Clone, Debug)]
pub struct SpoolSettings {
    /// The file. Default `leadcapture-webhook-spool.db` in the working directory.
    pub path: PathBuf,
    /// The most bytes that it may hold, waiting records and dead letters together. Default 1 GiB.
    pub limit: u64,
    /// How long keeping a record may take before it is refused. Default 5 s.
    pub timeout: Duration,
    /// For how many days a record waits before it becomes a dead letter. Default 30.
    pub wait_days: u32,
    /// For how many days a dead letter is kept. Default 30.
    pub dead_letter_days: u32,
}

/// The spool of an adapter that is told no other.
pub const DEFAULT_SPOOL: &str = "leadcapture-webhook-spool.db";

impl Default for SpoolSettings {
    fn default() -> Self {
        Self {
            path: DEFAULT_SPOOL.into(),
            limit: 1024 * 1024 * 1024,
            timeout: Duration::from_secs(5),
            wait_days: 30,
            dead_letter_days: 30,
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
    /// Others can reach the address to listen on, and there is no secret.
    #[error(
        "listen: {0} can be reached from other machines, but the webhook has no secret and takes records from anybody; \
         set secrets_file (`leadcapture-webhook secret` makes a secret), or listen on 127.0.0.1"
    )]
    NotLoopback(SocketAddr),
    /// Others can reach the address to listen on, and there is no TLS.
    #[error(
        "listen: {0} can be reached from other machines, and without TLS all in between can read the secret and the records; \
         set tls_cert and tls_key, or insecure if something in front of it does the encrypting"
    )]
    Plaintext(SocketAddr),
    /// The secrets.
    #[error("secrets: {0}")]
    Secrets(String),
    /// The certificates of the listener, or those for the server.
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
}

/// Refuses an address that is more open than the rest allows. Loopback is always served; other machines need a secret, and TLS
/// unless it is said aloud that there is none.
///
/// # Errors
/// What is missing.
pub fn check_exposure(address: SocketAddr, door: &DoorSettings) -> Result<(), SettingsError> {
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    if door.secrets.is_none() {
        return Err(SettingsError::NotLoopback(address));
    }
    if door.tls.is_none() && !door.insecure {
        return Err(SettingsError::Plaintext(address));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_reach_needs_a_secret_and_tls_or_a_word() {
        let secrets = Some(SecretsSource::File("secrets".into()));
        let tls = Some(TlsFiles { cert: "cert".into(), key: "key".into(), client_ca: None });
        let open = DoorSettings::default();
        let secret = DoorSettings { secrets: secrets.clone(), ..DoorSettings::default() };
        for good in ["127.0.0.1:8080", "127.8.8.8:1", "[::1]:8080", "[::ffff:127.0.0.1]:8080"] {
            assert_eq!(check_exposure(good.parse().unwrap(), &open), Ok(()), "{good}");
            assert_eq!(check_exposure(good.parse().unwrap(), &secret), Ok(()), "{good}");
        }
        for far in ["0.0.0.0:8080", "[::]:8080", "192.168.1.5:8080", "[::ffff:10.0.0.1]:8080"] {
            let address = far.parse().unwrap();
            for (insecure, tls) in [(false, None), (true, None), (true, tls.clone())] {
                let door = DoorSettings { tls, insecure, ..open.clone() };
                assert_eq!(check_exposure(address, &door), Err(SettingsError::NotLoopback(address)));
            }
            assert_eq!(check_exposure(address, &secret), Err(SettingsError::Plaintext(address)));
            let error = check_exposure(address, &secret).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("listen: {far} ")) && error.contains("or insecure if"),
                "{error}"
            );
            for (insecure, tls) in [(true, None), (false, tls.clone())] {
                let door = DoorSettings { tls, insecure, ..secret.clone() };
                assert_eq!(check_exposure(address, &door), Ok(()), "{far}");
            }
        }
    }

    #[test]
    fn a_token_is_never_shown() {
        let settings = Settings { token: Token::new(" lc_4711\n"), ..Settings::default() };
        assert!(!format!("{settings:?}").contains("4711"));
        assert_eq!(settings.token.unwrap().reveal(), "lc_4711");
        assert_eq!(Token::new(" "), None);
    }
}
