//! Secrets in the path: who is let in, and what strangers learn.

use std::{fs, path::PathBuf};

use leadcapture_webhook::{
    DoorSettings, Settings, SettingsError, check_door, config::SecretsSource, secrets::Secrets, tls::TlsFiles,
};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    adapter::{Adapter, Answer, PATH, record},
    raw::raw_to_the_end,
    remote::Remote,
    wait::until,
};

const ONE: &str = "first-secret-0123456789";
const TWO: &str = "second_secret_0123456789";
const THREE: &str = "third-secret-0123456789";
const TENANT: &str = "0190b6c0-7a5e-7c3d-9f00-000000000001";

fn given(text: &str) -> DoorSettings {
    let secrets = SecretsSource::Given(Secrets::parse(text).unwrap());
    DoorSettings { secrets: Some(secrets), ..DoorSettings::default() }
}

/// Looks at its file often, so that tests need not wait long.
fn in_file(file: PathBuf) -> DoorSettings {
    let reload_interval = std::time::Duration::from_millis(5);
    DoorSettings { secrets: Some(SecretsSource::File(file)), reload_interval, ..DoorSettings::default() }
}

async fn start(remote: &Remote, door: DoorSettings) -> Adapter {
    Adapter::with(Settings { server: remote.url(), door, ..Settings::default() }).await
}

async fn post(adapter: &Adapter, secret: &str) -> Answer {
    adapter.send(Method::POST, &format!("{PATH}/{secret}"), record(&json!({})).to_string()).await
}

#[tokio::test]
async fn each_secret_lets_in_and_names_its_tenant() {
    let remote = Remote::start().await;
    let adapter = start(&remote, given(&format!("{ONE}\n{TWO} {TENANT}"))).await;
    post(&adapter, ONE).await.assert_ok();
    post(&adapter, TWO).await.assert_ok();
    let recorded = remote.recorded_now();
    let tenants: Vec<_> = recorded.iter().map(|call| call.tenant_id.as_str()).collect();
    assert_eq!(tenants, ["", TENANT]);

    // Every call of a body, in every format.
    let bodies = json!([record(&json!({"ivruniqueid": "1"})), record(&json!({"ivruniqueid": "2"}))]);
    let path = format!("{PATH}/{TWO}?any=query");
    adapter.send(Method::POST, &path, bodies.to_string()).await.assert_ok();
    let form = "ivruniqueid=3&time=1769519400&status=BUSY&did=0771234567&caller=0501234567";
    let form_type = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(adapter.request(Method::POST, &path, &form_type, form).await.status, 200);
    assert!(remote.recorded_now()[2..].iter().all(|call| call.tenant_id == TENANT));
    assert_eq!(remote.recorded_now().len(), 5);

    for method in [Method::GET, Method::PUT] {
        let answer = adapter.send(method, &format!("{PATH}/{ONE}"), "").await;
        assert_eq!((answer.status, answer.allow.as_deref()), (405, Some("POST")));
    }
    assert_eq!(adapter.send(Method::GET, "/healthz", "").await.status, 200);
}

#[tokio::test]
async fn a_wrong_secret_is_a_path_where_nothing_is() {
    let remote = Remote::start().await;
    let adapter = start(&remote, given(&format!("{ONE}\n{TWO} {TENANT}"))).await;
    let ask = async |method: &str, path: &str, content_type: &str| {
        let body = record(&json!({})).to_string();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {content_type}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = raw_to_the_end(adapter.address, request).await;
        let without_date = answer.lines().filter(|line| !line.starts_with("date: "));
        without_date.collect::<Vec<_>>().join("\n")
    };
    for content_type in ["application/json", "text/xml"] {
        let nothing = ask("POST", "/no/such/path", content_type).await;
        assert!(nothing.starts_with("HTTP/1.1 404 ") && nothing.contains("there is nothing"), "{nothing}");
        for path in [
            PATH.to_owned(),
            format!("{PATH}/"),
            format!("{PATH}/wrong"),
            format!("{PATH}/{THREE}"),
            format!("{PATH}/{}", ONE.to_uppercase()),
            format!("{PATH}/{}", &ONE[..ONE.len() - 1]),
            format!("{PATH}/{ONE}x"),
            format!("{PATH}/{ONE}/"),
            format!("{PATH}/%66{}", &ONE[1..]),
            format!("{PATH}//{ONE}"),
            format!("/{PATH}/{ONE}"),
            format!("/webhooks/voicenter/{ONE}"),
            format!("/{ONE}"),
            format!("/healthz/{ONE}"),
            format!("{PATH}?secret={ONE}"),
        ] {
            assert_eq!(ask("POST", &path, content_type).await, nothing, "{path}");
        }
        let got = ask("GET", &format!("{PATH}/{THREE}"), content_type).await;
        assert_eq!(got, nothing);
        assert_eq!(ask("DELETE", PATH, content_type).await, nothing);
    }
    assert_eq!(remote.recorded_now(), []);
}

#[tokio::test]
async fn secrets_are_changed_without_a_restart() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("secrets");
    fs::write(&file, ONE).unwrap();
    let remote = Remote::start().await;
    let adapter = start(&remote, in_file(file.clone())).await;
    post(&adapter, ONE).await.assert_ok();
    assert_eq!(post(&adapter, TWO).await.status, 404);

    // Both at first, until the sender has the new address.
    fs::write(&file, format!("{TWO} {TENANT}\n{ONE}\n")).unwrap();
    until("the new secret", async || (post(&adapter, TWO).await.status == 200).then_some(())).await;
    post(&adapter, ONE).await.assert_ok();
    // A list that cannot be used, and no list at all, change nothing.
    fs::write(&file, format!("{THREE}\nshort")).unwrap();
    fs::remove_file(&file).unwrap();
    fs::write(&file, "# nothing yet").unwrap();
    for secret in [ONE, TWO] {
        post(&adapter, secret).await.assert_ok();
    }
    assert_eq!(post(&adapter, THREE).await.status, 404);

    fs::write(&file, format!("{TWO}\n{THREE}")).unwrap();
    until("the third secret", async || (post(&adapter, THREE).await.status == 200).then_some(())).await;
    assert_eq!(post(&adapter, ONE).await.status, 404);
    post(&adapter, TWO).await.assert_ok();
    assert_eq!(remote.recorded_now().last().unwrap().tenant_id, "");
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_at_the_start() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name);
    let file = |name: &str, text: &str| {
        fs::write(path(name), text).unwrap();
        path(name)
    };
    let local = "127.0.0.1:8080".parse().unwrap();
    let far = "192.0.2.1:8080".parse().unwrap();
    let tls = |cert: PathBuf, key: PathBuf| TlsFiles { cert, key, client_ca: None };
    let with_tls = |files| DoorSettings { tls: Some(files), ..DoorSettings::default() };

    let good = in_file(file("good", ONE));
    assert_eq!(check_door(local, &good), Ok(()));
    assert_eq!(check_door(far, &good), Err(SettingsError::Plaintext(far)));
    assert_eq!(check_door(far, &DoorSettings { insecure: true, ..good }), Ok(()));
    assert_eq!(check_door(far, &DoorSettings::default()), Err(SettingsError::NotLoopback(far)));
    for (door, expected) in [
        (in_file(path("missing")), "secrets: PATH/missing: No such file"),
        (in_file(file("empty", "")), "secrets: PATH/empty: holds no secret; "),
        (
            in_file(file("short", &format!("{ONE}\n1234"))),
            "secrets: PATH/short: line 2: the secret is shorter",
        ),
        (with_tls(tls(path("no"), path("no"))), "tls: PATH/no: No such file"),
        (with_tls(tls(path("good"), path("good"))), "tls: PATH/good: holds no certificate in PEM"),
    ] {
        let error = check_door(local, &door).unwrap_err().to_string();
        let error = error.replace(folder.path().to_str().unwrap(), "PATH");
        assert!(error.starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn too_many_records_at_a_time_are_asked_to_come_again() {
    let remote = Remote::start_held().await;
    let door = DoorSettings { max_in_flight: 2, ..DoorSettings::default() };
    let settings = Settings { server: remote.url(), door, ..Settings::default() };
    let adapter = Adapter::with(settings).await;
    let first = tokio::spawn(
        reqwest::Client::new().post(adapter.url(PATH)).body(record(&json!({})).to_string()).send(),
    );
    remote.begun(1).await;
    // A sender that hangs up leaves its record in flight.
    tokio::select! {
        answer = adapter.post(record(&json!({})).to_string()) => panic!("answered too early: {answer:?}"),
        () = remote.begun(2) => {}
    }
    for _ in 0..2 {
        let answer = adapter.post(record(&json!({})).to_string()).await;
        assert_eq!(answer.retry_after.as_deref(), Some("5"));
        assert_eq!(answer.parts(), (503, 2, "too many records at the same time; send it again".to_owned()));
    }
    assert_eq!(adapter.send(Method::GET, "/healthz", "").await.status, 200);
    remote.release();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    remote.recorded(2).await;
    until("room for another", async || {
        (adapter.post(record(&json!({})).to_string()).await.status == 200).then_some(())
    })
    .await;
}
