//! The leadcapture server: its address, and how a caller shows who it is.

use tonic::{
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};

use crate::{
    config::{Settings, SettingsError, Token},
    reload::Reloading,
    tls::{ClientTlsFiles, TlsError},
};

/// The server in the settings, with TLS where its address is `https`.
///
/// # Errors
/// It is no web address, or one without the certificates that it needs, or these cannot be read.
pub fn of(settings: &Settings) -> Result<Endpoint, SettingsError> {
    let bad_address =
        |problem: &str| SettingsError::Server(format!("{problem}, for example http://127.0.0.1:50051"));
    let endpoint =
        Endpoint::from_shared(settings.server.clone()).map_err(|_| bad_address("must be a web address"))?;
    if endpoint.uri().host().is_none_or(str::is_empty) {
        return Err(bad_address("must begin with http:// or https:// and a host"));
    }
    match (endpoint.uri().scheme_str(), &settings.server_tls) {
        (Some("http"), None) => Ok(endpoint),
        (Some("http"), Some(_)) => {
            Err(SettingsError::Server("must begin with https:// for server_ca to be of use".to_owned()))
        }
        (Some("https"), Some(files)) => {
            let config = files.config()?;
            endpoint.tls_config(config).map_err(|error| SettingsError::Server(error.to_string()))
        }
        (Some("https"), None) => Err(SettingsError::Server(
            "needs the certificates of its authority in server_ca; for a public one the system's, for example \
             /etc/ssl/certs/ca-certificates.crt"
                .to_owned(),
        )),
        _ => Err(bad_address("must begin with http:// or https:// and a host")),
    }
}

/// A channel to the server in the settings, made again when the certificates change. Must be called within a tokio runtime; connects later.
///
/// # Errors
/// As [`of`].
pub(crate) fn channel(
    settings: &Settings,
    tune: fn(Endpoint, &Settings) -> Endpoint,
) -> Result<Reloading<Channel>, SettingsError> {
    let endpoint = tune(of(settings)?, settings);
    let Some(files) = settings.server_tls.clone() else {
        return Ok(Reloading::fixed(endpoint.connect_lazy()));
    };
    let build = move |contents: &[Vec<u8>]| {
        let endpoint =
            endpoint.clone().tls_config(files.config_of(contents)?).map_err(|error| error.to_string())?;
        Ok(endpoint.connect_lazy())
    };
    let paths = settings.server_tls.iter().flat_map(ClientTlsFiles::paths).collect();
    Ok(Reloading::load("TLS certificates for the server", paths, build).map_err(TlsError)?)
}

/// The token as the value of an `authorization` header.
///
/// # Errors
/// It holds characters that cannot stand in one.
pub fn authorization(token: &Token) -> Result<MetadataValue<Ascii>, SettingsError> {
    let mut value: MetadataValue<Ascii> =
        format!("Bearer {}", token.reveal()).parse().map_err(|_| SettingsError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}
