//! An authority of the test's own, and certificates from it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use leadcapture_webhook::tls::{ClientTlsFiles, TlsFiles};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;

/// The name by which the tests reach their servers.
pub(crate) const HERE: &str = "127.0.0.1";

/// An authority, with a folder for its files.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

/// Whether a certificate is still good.
#[derive(Clone, Copy)]
pub(crate) enum Validity {
    Now,
    Expired,
}

/// A certificate and its key.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), folder }
    }

    /// The file with the authority's own certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for `name`, for servers and clients, in files called `file`.
    pub(crate) fn issue(&self, file: &str, name: &str, validity: Validity) -> Pair {
        let (params, key) = request(name, validity);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.write(file, &certificate.pem(), &key)
    }

    /// A certificate that nobody but itself vouches for.
    pub(crate) fn self_signed(&self, file: &str) -> Pair {
        let (params, key) = request(HERE, Validity::Now);
        let certificate = params.self_signed(&key).unwrap();
        self.write(file, &certificate.pem(), &key)
    }

    fn write(&self, file: &str, certificate: &str, key: &KeyPair) -> Pair {
        let path = |ending: &str| self.folder.path().join(format!("{file}.{ending}"));
        let pair = Pair { cert: path("pem"), key: path("key") };
        fs::write(&pair.cert, certificate).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        pair
    }

    /// For a client that trusts this authority.
    pub(crate) fn trusted(&self, identity: Option<&Pair>) -> ClientTlsFiles {
        let identity = identity.map(|pair| (pair.cert.clone(), pair.key.clone()));
        ClientTlsFiles { ca: self.ca(), identity }
    }
}

impl Pair {
    /// For a server with this certificate.
    pub(crate) fn served(&self, client_ca: Option<&Path>) -> TlsFiles {
        let client_ca = client_ca.map(Path::to_owned);
        TlsFiles { cert: self.cert.clone(), key: self.key.clone(), client_ca }
    }
}

fn request(name: &str, validity: Validity) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    if matches!(validity, Validity::Expired) {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    (params, KeyPair::generate().unwrap())
}
