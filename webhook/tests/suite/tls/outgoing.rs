//! The connection to the server over TLS.

use std::time::Duration;

use leadcapture_proto::v1::RecordCallRequest;
use leadcapture_webhook::{
    Settings, SettingsError, endpoint,
    server::Server,
    tls::{ClientTlsFiles, ServerTls, TlsFiles},
};
use serde_json::json;

use super::certificates::{Authority, HERE, Validity};
use crate::{
    adapter::{Adapter, record},
    remote::Remote,
};

/// Whether an adapter with these files records at a server with those.
async fn is_recorded(files: TlsFiles, trusted: ClientTlsFiles) -> bool {
    let remote = Remote::start_tls(ServerTls::load(files, &["h2"]).unwrap()).await;
    let server = remote.url().replace("http://", "https://");
    let adapter = Adapter::with(Settings { server, server_tls: Some(trusted), ..Settings::default() }).await;
    adapter.post(record(&json!({})).to_string()).await.assert_ok();
    let recorded = remote.recorded_now().len() == 1;
    // What the server does not get is kept.
    assert_eq!(adapter.spooled().waiting.deliveries, u64::from(!recorded));
    recorded
}

#[tokio::test]
async fn only_a_server_with_the_right_certificate_is_spoken_to() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let trusted = authority.trusted(None);
    for (pair, expected) in [
        (authority.issue("good", HERE, Validity::Now), true),
        (authority.self_signed("self"), false),
        (strangers.issue("stranger", HERE, Validity::Now), false),
        (authority.issue("expired", HERE, Validity::Expired), false),
        (authority.issue("other", "other.example", Validity::Now), false),
    ] {
        let name = pair.cert.display().to_string();
        assert_eq!(is_recorded(pair.served(None), trusted.clone()).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_server_may_ask_for_a_certificate() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let server = authority.issue("server", HERE, Validity::Now);
    let client = authority.issue("client", "adapter.example", Validity::Now);
    let stranger = strangers.issue("stranger", "adapter.example", Validity::Now);
    for (identity, expected) in [(Some(&client), true), (None, false), (Some(&stranger), false)] {
        let files = server.served(Some(&authority.ca()));
        assert_eq!(is_recorded(files, authority.trusted(identity)).await, expected);
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
    let calls = vec![RecordCallRequest::default()];
    let status =
        Server::new(&settings, None).unwrap().record(calls, Duration::from_secs(30)).await.unwrap_err();
    assert!(status.message().contains("certificate expired"), "{status:?}");
}
