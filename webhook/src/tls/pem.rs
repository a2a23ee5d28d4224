//! Certificates and keys in PEM.

use std::path::Path;

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// All certificates of a file, in its order; at least one.
pub(super) fn certificates(file: &Path, content: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let broken = |_| format!("{}: holds a certificate that is no PEM", file.display());
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(content).collect::<Result<_, _>>().map_err(broken)?;
    if certificates.is_empty() {
        return Err(format!("{}: holds no certificate in PEM", file.display()));
    }
    Ok(certificates)
}

/// The first private key of a file.
pub(super) fn private_key(file: &Path, content: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(content)
        .map_err(|_| format!("{}: holds no private key in PEM; an encrypted one is not read", file.display()))
}

/// The authorities of a file.
pub(super) fn authorities(file: &Path, content: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = certificates(file, content)?;
    // A system's bundle may hold old certificates that cannot be read; one that can is enough.
    let (taken, _) = roots.add_parsable_certificates(certificates);
    if taken == 0 {
        return Err(format!("{}: holds no certificate of an authority that can be read", file.display()));
    }
    Ok(roots)
}
