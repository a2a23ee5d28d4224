//! TLS of the connection to a gRPC server.

use std::path::PathBuf;

use tokio_rustls::rustls::ClientConfig;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::{TlsError, pem, provider};
use crate::reload::read_file;

/// The files of a client, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTlsFiles {
    /// The authorities that the server's certificate must come from.
    pub ca: PathBuf,
    /// The client's own certificate, and its private key, for a server that asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl ClientTlsFiles {
    /// The configuration of a channel with these files.
    ///
    /// # Errors
    /// A file cannot be read or holds no PEM, or the key is not that of the certificate.
    pub fn config(&self) -> Result<ClientTlsConfig, TlsError> {
        let contents = self.paths().iter().map(|path| read_file(path)).collect::<Result<Vec<_>, _>>();
        contents.and_then(|contents| self.config_of(&contents)).map_err(TlsError)
    }

    /// The files, in the order in which [`Self::config_of`] takes what they hold.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let identity = self.identity.iter().flat_map(|(cert, key)| [cert, key]);
        std::iter::once(&self.ca).chain(identity).cloned().collect()
    }

    /// The configuration of a channel with what the files hold.
    pub(crate) fn config_of(&self, contents: &[Vec<u8>]) -> Result<ClientTlsConfig, String> {
        let content = |index: usize| contents.get(index).map_or(&[][..], Vec::as_slice);
        let ca = content(0);
        // tonic's own error for files that do not fit says nothing of them, so they are tried here first.
        let tried = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(pem::authorities(&self.ca, ca)?);
        let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
        let Some((cert_file, key_file)) = &self.identity else { return Ok(config) };
        let (cert, key) = (content(1), content(2));
        tried
            .with_client_auth_cert(pem::certificates(cert_file, cert)?, pem::private_key(key_file, key)?)
            .map_err(|error| {
                format!(
                    "{} and {}: cannot be used together: {error}",
                    cert_file.display(),
                    key_file.display()
                )
            })?;
        Ok(config.identity(Identity::from_pem(cert, key)))
    }
}
