//! The connection to the server over TLS.

use leadcapture_proto::v1::RecordCallRequest;
use leadcapture_webhook::{
    Settings, SettingsError, endpoint,
    server::{Failure, Server},
    tls::{ClientTlsFiles, ServerTls, TlsFiles},
};
use serde_json::json;

use super::certificates::{Authority, HERE, Validity};
use crate::{
    adapter::{Adapter, record},
    remote::Remote,
};

/// What a record is answered by an adapter with these files, before a server with those.
async fn status(files: TlsFiles, trusted: ClientTlsFiles) -> u16 {
    let remote = Remote::start_tls(ServerTls::load(files, &["h2"]).unwrap()).await;
    let server = remote.url().replace("http://", "https://");
    let adapter = Adapter::with(Settings { server, server_tls: Some(trusted), ..Settings::default() }).await;
    let status = adapter.post(record(&json!({})).to_string()).await.status;
    assert_eq!(remote.recorded_now().len(), usize::from(status == 200));
    status
}

#[tokio::test]
async fn only_a_server_with_the_right_certificate_is_spoken_to() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let trusted = authority.trusted(None);
    for (pair, expected) in [
        (authority.issue("good", HERE, Validity::Now), 200),
        (authority.self_signed("self"), 503),
        (strangers.issue("stranger", HERE, Validity::Now), 503),
        (authority.issue("expired", HERE, Validity::Expired), 503),
        (authority.issue("other", "other.example", Validity::Now), 503),
    ] {
        let name = pair.cert.display().to_string();
        assert_eq!(status(pair.served(None), trusted.clone()).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_server_may_ask_for_a_certificate() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let server = authority.issue("server", HERE, Validity::Now);
    let client = authority.issue("client", "adapter.example", Validity::Now);
    let stranger = strangers.issue("stranger", "adapter.example", Validity::Now);
    for (identity, expected) in [(Some(&client), 200), (None, 503), (Some(&stranger), 503)] {
        let files = server.served(Some(&authority.ca()));
        assert_eq!(status(files, authority.trusted(identity)).await, expected);
    }
}

#[tokio::test]
async fn addresses_and_certificates_must_fit() {
    let authority = Authority::new();
    let good = authority.issue("good", HERE, Validity::Now);
    let other = authority.issue("other", HERE, Validity::Now);
    let mixed = ClientTlsFiles { ca: authority.ca(), identity: Some((good.cert.clone(), other.key)) };
    let missing = ClientTlsFiles { ca: "/nowhere/ca.pem".into(), identity: None };
    let no_ca = ClientTlsFiles { ca: good.key, identity: None };
    for (server, server_tls, expected) in [
        ("https://localhost:1", None, "server: needs the certificates of its authority in server_ca; "),
        (
            "http://localhost:1",
            Some(authority.trusted(None)),
            "server: must begin with https:// for server_ca",
        ),
        ("https://localhost:1", Some(missing), "tls: /nowhere/ca.pem: No such file"),
        ("https://localhost:1", Some(no_ca), "good.key: holds no certificate in PEM"),
        ("https://localhost:1", Some(mixed), "cannot be used together"),
        ("https://", None, "server: must be"),
    ] {
        let settings = Settings { server: server.to_owned(), server_tls, ..Settings::default() };
        let error: SettingsError = endpoint::of(&settings).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn the_log_can_tell_what_is_wrong_with_a_certificate() {
    let authority = Authority::new();
    let expired = authority.issue("expired", HERE, Validity::Expired);
    let remote = Remote::start_tls(ServerTls::load(expired.served(None), &["h2"]).unwrap()).await;
    let server = remote.url().replace("http://", "https://");
    let settings = Settings { server, server_tls: Some(authority.trusted(None)), ..Settings::default() };
    let failure = Server::new(&settings).unwrap().record(RecordCallRequest::default()).await.unwrap_err();
    let Failure::NotNow(status) = failure else { panic!("{failure:?}") };
    assert!(status.message().contains("certificate expired"), "{status:?}");
}
