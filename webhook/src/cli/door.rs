//! Options of the door and of the way to the server: what goes together, and what comes from the environment alone.

use std::{env, num::NonZeroUsize};

use clap::Parser as _;

use super::{Options, Span};
use crate::{
    config::{DoorSettings, SecretsSource},
    secrets::Secrets,
    tls::{ClientTlsFiles, TlsFiles},
};

/// The variable that holds secrets, as lines of their file or between commas.
pub const SECRETS_VARIABLE: &str = "LEADCAPTURE_WEBHOOK_SECRETS";

impl Options {
    /// The options of the environment alone, for a webhook inside another program.
    ///
    /// # Errors
    /// A variable holds what it may not; the message names its flag.
    pub fn of_environment() -> Result<Self, String> {
        let named = |error: clap::Error| {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            format!("webhook, from the environment: {}", line.trim_start_matches("error: "))
        };
        Self::try_parse_from(["leadcapture-webhook"]).map_err(named)?.with_secrets_of_environment()
    }

    /// The options with the secrets of the environment, if it holds any.
    ///
    /// # Errors
    /// The variable is set, but to no list of secrets. An empty one is no way to say that there are none: it would open the door.
    pub fn with_secrets_of_environment(mut self) -> Result<Self, String> {
        if let Some(text) = env::var_os(SECRETS_VARIABLE) {
            let text = text.into_string().map_err(|_| format!("{SECRETS_VARIABLE}: is not UTF-8 text"))?;
            self.secrets =
                Some(Secrets::parse(&text).map_err(|error| format!("{SECRETS_VARIABLE}: {error}"))?);
        }
        Ok(self)
    }

    pub(super) fn door(&self) -> Result<DoorSettings, String> {
        let default = DoorSettings::default();
        let span = |given: Option<Span>, default| given.map_or(default, |span| span.0);
        let count = |given: Option<NonZeroUsize>, default| given.map_or(default, NonZeroUsize::get);
        let secrets = match (&self.secrets_file, &self.secrets) {
            (Some(_), Some(_)) => {
                return Err(format!("secrets_file and {SECRETS_VARIABLE} are both set; leave one out"));
            }
            (Some(file), None) => Some(SecretsSource::File(file.clone())),
            (None, secrets) => secrets.clone().map(SecretsSource::Given),
        };
        let tls = match (&self.tls_cert, &self.tls_key, &self.tls_client_ca) {
            (Some(cert), Some(key), client_ca) => {
                Some(TlsFiles { cert: cert.clone(), key: key.clone(), client_ca: client_ca.clone() })
            }
            (None, None, None) => None,
            _ => return Err("TLS needs both tls_cert and tls_key".to_owned()),
        };
        Ok(DoorSettings {
            secrets,
            tls,
            insecure: self.insecure.unwrap_or(default.insecure),
            reload_interval: span(self.reload_interval, default.reload_interval),
            header_timeout: span(self.header_timeout, default.header_timeout),
            header_limit: count(self.header_limit, default.header_limit),
            header_count: count(self.header_count, default.header_count),
            max_connections: count(self.max_connections, default.max_connections),
            max_in_flight: count(self.max_in_flight, default.max_in_flight),
        })
    }

    pub(super) fn server_tls(&self) -> Result<Option<ClientTlsFiles>, String> {
        let identity = match (&self.server_cert, &self.server_key) {
            (Some(cert), Some(key)) => Some((cert.clone(), key.clone())),
            (None, None) => None,
            _ => return Err("a certificate for the server needs both server_cert and server_key".to_owned()),
        };
        match (&self.server_ca, identity) {
            (Some(ca), identity) => Ok(Some(ClientTlsFiles { ca: ca.clone(), identity })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err("server_cert is of no use without server_ca".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn settings_that_need_each_other_say_so() {
        let file = |name: &str| Some(PathBuf::from(name));
        let secrets = Secrets::parse("0123456789-0123456789-0123456789").ok();
        for (options, expected) in [
            (Options { tls_cert: file("c"), ..Options::default() }, "TLS needs both tls_cert and tls_key"),
            (
                Options { tls_client_ca: file("c"), ..Options::default() },
                "TLS needs both tls_cert and tls_key",
            ),
            (
                Options { server_ca: file("c"), server_key: file("k"), ..Options::default() },
                "a certificate for the server needs both server_cert and server_key",
            ),
            (
                Options { server_cert: file("c"), server_key: file("k"), ..Options::default() },
                "server_cert is of no use without server_ca",
            ),
            (
                Options { secrets_file: file("s"), secrets, ..Options::default() },
                "secrets_file and LEADCAPTURE_WEBHOOK_SECRETS are both set; leave one out",
            ),
        ] {
            assert_eq!(options.settings().unwrap_err(), expected);
        }
    }
}
