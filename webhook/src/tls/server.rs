//! TLS of a listener.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, server::WebPkiClientVerifier, version},
};
use tokio_util::sync::CancellationToken;

use super::{TlsError, pem, provider};
use crate::reload::Reloading;

/// A connection after the handshake.
pub use tokio_rustls::server::TlsStream;

/// The files of a listener, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those of the authorities between it and a root.
    pub cert: PathBuf,
    /// Its private key (PKCS #8, PKCS #1 or SEC1), not encrypted.
    pub key: PathBuf,
    /// The authorities whose certificates clients must show. `None` asks clients for no certificate.
    pub client_ca: Option<PathBuf>,
}

/// TLS for the connections of a listener. Clones share it.
#[derive(Clone, Debug)]
pub struct ServerTls {
    config: Reloading<ServerConfig>,
}

impl ServerTls {
    /// TLS with these files, for a listener that speaks `protocols` (ALPN names such as `http/1.1` or `h2`).
    ///
    /// # Errors
    /// A file cannot be read or holds no PEM, or the key is not that of the certificate.
    pub fn load(files: TlsFiles, protocols: &'static [&'static str]) -> Result<Self, TlsError> {
        let paths = [Some(&files.cert), Some(&files.key), files.client_ca.as_ref()];
        let paths = paths.into_iter().flatten().cloned().collect();
        let build = move |contents: &[Vec<u8>]| server_config(&files, contents, protocols);
        Ok(Self { config: Reloading::load("TLS certificate", paths, build).map_err(TlsError)? })
    }

    /// Looks at the files every so often until `stop`. New connections get the new certificate; those that are open keep the one
    /// that they began with.
    pub async fn keep_fresh(self, every: Duration, stop: CancellationToken) {
        self.config.keep_fresh(every, stop).await;
    }

    /// The handshake with a client that has just connected.
    ///
    /// # Errors
    /// The client does not finish it within the time, or refuses or is refused.
    pub async fn accept<S>(&self, stream: S, within: Duration) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = TlsAcceptor::from(self.config.current()).accept(stream);
        timeout(within, handshake).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

fn server_config(files: &TlsFiles, contents: &[Vec<u8>], protocols: &[&str]) -> Result<ServerConfig, String> {
    let content = |index: usize| contents.get(index).map_or(&[][..], Vec::as_slice);
    let certificates = pem::certificates(&files.cert, content(0))?;
    let key = pem::private_key(&files.key, content(1))?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| error.to_string())?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(pem::authorities(file, content(2))?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(|error| format!("{}: {error}", file.display()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(certificates, key).map_err(|error| {
        format!("{} and {}: cannot be used together: {error}", files.cert.display(), files.key.display())
    })?;
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(config)
}
