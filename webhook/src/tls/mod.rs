//! TLS by certificates in files: for a listener, whose files may be replaced while it runs, and for the connection to a server.
//!
//! rustls with ring; TLS 1.2 and 1.3.

mod client;
mod pem;
mod server;

pub use client::ClientTlsFiles;
pub use server::{ServerTls, TlsFiles, TlsStream};

use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

/// Files that cannot be used for TLS: a sentence that names the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(pub String);

/// Named rather than left to the process: what other crates turn on cannot change it.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
