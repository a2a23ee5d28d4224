//! TLS at the door and to the server, with certificates of every kind.

pub(crate) mod certificates;
mod outgoing;

use std::{fs, io, net::SocketAddr, sync::Arc, time::Duration};

use leadcapture_webhook::{DoorSettings, Settings, check_door, tls::TlsFiles};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
        version::{TLS12, TLS13},
    },
};

use crate::{
    adapter::{Adapter, PATH, record},
    remote::Remote,
    wait::until,
};
use certificates::{Authority, HERE, Pair, Validity};

/// A sender over TLS.
struct Sender {
    connector: TlsConnector,
    address: SocketAddr,
}

impl Sender {
    fn new(address: SocketAddr, trusted: &Authority, identity: Option<&Pair>) -> Self {
        Self::of_version(address, trusted, identity, &TLS13)
    }

    fn of_version(
        address: SocketAddr,
        trusted: &Authority,
        identity: Option<&Pair>,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(trusted.ca()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some(pair) => {
                let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
                config
                    .with_client_auth_cert(vec![CertificateDer::from_pem_file(&pair.cert).unwrap()], key)
                    .unwrap()
            }
        };
        Self { connector: TlsConnector::from(Arc::new(config)), address }
    }

    async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        self.connector.connect(ServerName::try_from(HERE).unwrap(), stream).await
    }

    /// Posts a record; the status line of the answer.
    async fn post(&self) -> io::Result<String> {
        let body = record(&json!({})).to_string();
        let mut stream = self.connect().await?;
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8(answer).unwrap();
        Ok(answer.lines().next().unwrap_or_default().to_owned())
    }

    async fn posts(&self) {
        assert_eq!(self.post().await.unwrap(), "HTTP/1.1 200 OK");
    }

    async fn fails(&self, expected: &str) {
        let error = self.post().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

async fn start(remote: &Remote, files: TlsFiles) -> Adapter {
    let reload_interval = Duration::from_millis(5);
    let door = DoorSettings { tls: Some(files), reload_interval, ..DoorSettings::default() };
    Adapter::with(Settings { server: remote.url(), door, ..Settings::default() }).await
}

#[tokio::test]
async fn records_come_over_tls_1_3_and_1_2() {
    let (remote, authority) = (Remote::start().await, Authority::new());
    let good = authority.issue("good", HERE, Validity::Now);
    let adapter = start(&remote, good.served(None)).await;
    for version in [&TLS13, &TLS12] {
        Sender::of_version(adapter.address, &authority, None, version).posts().await;
    }
    assert_eq!(remote.recorded_now().len(), 2);
}

#[tokio::test]
async fn certificates_that_are_not_right_are_seen_by_the_sender() {
    let (remote, authority) = (Remote::start().await, Authority::new());
    let strangers = Authority::new();
    for (pair, expected) in [
        (authority.self_signed("self"), "UnknownIssuer"),
        (strangers.issue("stranger", HERE, Validity::Now), "BadSignature"),
        (authority.issue("expired", HERE, Validity::Expired), "expired"),
        (authority.issue("other", "other.example", Validity::Now), "not valid for name"),
    ] {
        let adapter = start(&remote, pair.served(None)).await;
        Sender::new(adapter.address, &authority, None).fails(expected).await;
    }
    assert_eq!(remote.recorded_now(), []);
}

#[tokio::test]
async fn files_that_do_not_go_together_are_refused_at_the_start() {
    let authority = Authority::new();
    let (one, two) =
        (authority.issue("one", HERE, Validity::Now), authority.issue("two", HERE, Validity::Now));
    let file = |name: &str, text: &str| {
        let path = authority.ca().with_file_name(name);
        fs::write(&path, text).unwrap();
        path
    };
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    for (files, expected) in [
        (TlsFiles { key: two.key, ..one.served(None) }, "one.pem and PATH/two.key: cannot be used together"),
        (TlsFiles { key: one.cert.clone(), ..one.served(None) }, "one.pem: holds no private key in PEM"),
        (TlsFiles { cert: one.key.clone(), ..one.served(None) }, "one.key: holds no certificate in PEM"),
        (TlsFiles { key: file("locked.key", encrypted), ..one.served(None) }, "an encrypted one is not read"),
        (one.served(Some(&one.key)), "one.key: holds no certificate in PEM"),
        (
            TlsFiles { cert: file("broken.pem", broken), ..one.served(None) },
            "broken.pem: holds a certificate that is no PEM",
        ),
    ] {
        let door = DoorSettings { tls: Some(files), ..DoorSettings::default() };
        let error = check_door("127.0.0.1:0".parse().unwrap(), &door).unwrap_err().to_string();
        let error = error.replace(authority.ca().parent().unwrap().to_str().unwrap(), "PATH");
        assert!(error.starts_with("tls: PATH/") && error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_used_without_a_restart() {
    let (remote, authority) = (Remote::start().await, Authority::new());
    let pair = authority.issue("rotated", HERE, Validity::Now);
    let adapter = start(&remote, pair.served(None)).await;
    let sender = Sender::new(adapter.address, &authority, None);
    let shown = async || {
        let stream = sender.connect().await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].as_ref().to_vec()
    };
    let first = shown().await;
    // A half-written certificate stops nobody, nor does one without its key.
    fs::write(&pair.cert, "-----BEGIN CERTIFICATE-----\nMIIB").unwrap();
    sender.posts().await;
    let next = authority.issue("next", HERE, Validity::Now);
    fs::copy(&next.cert, &pair.cert).unwrap();
    sender.posts().await;
    assert_eq!(shown().await, first);
    fs::copy(&next.key, &pair.key).unwrap();
    let expected = CertificateDer::from_pem_file(&next.cert).unwrap();
    until("the new certificate", async || (shown().await == expected.as_ref()).then_some(())).await;
    sender.posts().await;
}

#[tokio::test]
async fn senders_show_a_certificate_where_one_is_asked_for() {
    let (remote, authority, strangers) = (Remote::start().await, Authority::new(), Authority::new());
    let server = authority.issue("server", HERE, Validity::Now);
    let client = authority.issue("client", "sender.example", Validity::Now);
    let client_ca = authority.ca().with_file_name("clients.pem");
    fs::copy(authority.ca(), &client_ca).unwrap();
    let adapter = start(&remote, server.served(Some(&client_ca))).await;
    let sender = |identity| Sender::new(adapter.address, &authority, identity);
    sender(Some(&client)).posts().await;
    sender(None).fails("CertificateRequired").await;
    let stranger = strangers.issue("stranger", "sender.example", Validity::Now);
    assert!(sender(Some(&stranger)).post().await.is_err());
    let expired = authority.issue("expired", "sender.example", Validity::Expired);
    sender(Some(&expired)).fails("CertificateExpired").await;
    assert_eq!(remote.recorded_now().len(), 1);

    // Other authorities, without a restart.
    fs::copy(strangers.ca(), &client_ca).unwrap();
    until("the new authority", async || sender(Some(&stranger)).post().await.ok()).await;
    assert!(sender(Some(&client)).post().await.is_err());
}

#[tokio::test]
async fn who_does_not_finish_the_handshake_is_given_up() {
    let (remote, authority) = (Remote::start().await, Authority::new());
    let pair = authority.issue("server", HERE, Validity::Now);
    let door = DoorSettings {
        tls: Some(pair.served(None)),
        header_timeout: Duration::from_millis(200),
        max_connections: 4,
        ..DoorSettings::default()
    };
    let settings = Settings { server: remote.url(), door, ..Settings::default() };
    let adapter = Adapter::with(settings).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(adapter.address).await.unwrap());
    }
    let mut plain = TcpStream::connect(adapter.address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    Sender::new(adapter.address, &authority, None).posts().await;
    for stream in silent.iter_mut().chain([&mut plain]) {
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        assert!(!answer.starts_with(b"HTTP"));
    }
}
