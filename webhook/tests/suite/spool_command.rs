//! `leadcapture-webhook spool`, beside a running adapter.

use std::{path::Path, process::Output};

use leadcapture_webhook::{
    Settings,
    spool::{Delivery, Exported, State},
};
use serde_json::{Value, json};
use tonic::Status;

use crate::{
    adapter::{Adapter, record},
    binary::program,
    remote::Remote,
};

fn run(spool: &Path, arguments: &[&str]) -> Output {
    program().env("LEADCAPTURE_WEBHOOK_SPOOL", spool).arg("spool").args(arguments).output().unwrap()
}

fn text(spool: &Path, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = run(spool, arguments);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn lines(spool: &Path, arguments: &[&str]) -> Vec<Value> {
    text(spool, arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn error(spool: &Path, arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = run(spool, arguments);
    assert!(!status.success());
    String::from_utf8(stderr).unwrap()
}

/// An adapter with two dead letters: a body that is no JSON, and a call that its server refuses.
async fn with_dead_letters(remote: &Remote) -> (Adapter, String) {
    remote.refuse("call-1", Status::invalid_argument("is odd"));
    let adapter = Adapter::with(Settings { server: remote.url(), ..Settings::default() }).await;
    let body = record(&json!({"ivruniqueid": "call-1", "caller": "0529990011"})).to_string();
    assert_eq!(adapter.post("{").await.parts().1, 1);
    assert_eq!(adapter.post(body.clone()).await.parts().1, 1);
    (adapter, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shows_what_is_kept_without_whole_numbers() {
    let remote = Remote::start().await;
    let (adapter, body) = with_dead_letters(&remote).await;
    let spool = adapter.spool_path();

    let status = &lines(spool, &["status", "--json"])[0];
    assert_eq!(status["waiting"]["deliveries"], 0);
    assert_eq!(status["dead"]["deliveries"], 2);
    assert!(text(spool, &["status"]).contains("dead     2 deliveries"));

    let list = text(spool, &["list"]);
    assert_eq!(list.lines().count(), 2);
    assert!(list.contains("call-1 ***11: body: is odd"), "{list}");
    assert!(list.contains("no readable call: body: ends in the middle"), "{list}");
    assert_eq!(lines(spool, &["list", "--state", "waiting", "--json"]), Vec::<Value>::new());
    let page = lines(spool, &["list", "--json", "--after", "1", "--limit", "5"]);
    assert_eq!((page.len(), &page[0]["delivery"]), (1, &json!(2)));
    assert_eq!(page[0]["calls"][0]["customer_phone"], "***11");

    let shown = text(spool, &["show", "2"]);
    assert!(shown.contains("INCOMING NO_ANSWER") && shown.contains("customer ***11"), "{shown}");
    for masked in [list, shown, text(spool, &["show", "2", "--json"])] {
        assert!(!masked.contains("9990011"), "{masked}");
    }
    assert!(text(spool, &["list", "--reveal"]).contains("0529990011"));
    assert!(text(spool, &["show", "2", "--reveal"]).contains(&body));
    assert_eq!(lines(spool, &["show", "2", "--reveal", "--json"])[0]["body"], body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_retried_by_the_running_adapter() {
    let remote = Remote::start().await;
    let (adapter, _) = with_dead_letters(&remote).await;
    let spool = adapter.spool_path();
    assert_eq!(text(spool, &["retry", "2"]), "waiting to be forwarded again: 1\n");
    adapter.forwarded().await;
    assert_eq!(adapter.spooled().dead.deliveries, 2, "it is still refused");

    remote.accept("call-1");
    assert_eq!(lines(spool, &["retry", "--all", "--json"]), [json!({"retried": 2})]);
    adapter.forwarded().await;
    assert_eq!(remote.recorded_now()[0].call_id, "call-1");
    let dead = adapter.spool().list(Some(State::Dead), 0, 10).unwrap();
    assert_eq!((dead.len(), dead[0].id), (1, 1), "what cannot be read is dead again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exported_deliveries_are_whole() {
    let remote = Remote::start().await;
    let (adapter, body) = with_dead_letters(&remote).await;
    let spool = adapter.spool_path();
    let export = |arguments: &[&str]| -> Vec<Exported> {
        let lines = text(spool, arguments);
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let exported = export(&["export"]);
    assert_eq!(exported.len(), 2);
    assert_eq!(export(&["export", "2"]), exported[1..]);
    assert_eq!(export(&["export", "--state", "waiting"]), []);
    let again = Delivery::try_from(exported[1].clone()).unwrap();
    assert_eq!(again.body, body.into_bytes());
    assert_eq!(again.calls().unwrap()[0].as_ref().unwrap().request.call_id, "call-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn says_what_is_wrong() {
    let remote = Remote::start().await;
    let (adapter, _) = with_dead_letters(&remote).await;
    let spool = adapter.spool_path();
    for (arguments, expected) in [
        (&["show", "9"][..], "there is no delivery 9 in the spool"),
        (&["export", "9"], "there is no delivery 9 in the spool"),
        (&["retry", "1", "8", "9"], "there is no dead letter 8, 9"),
        (&["retry"], "required arguments were not provided"),
        (&["list", "--state", "lost"], "invalid value 'lost'"),
        (&["show", "x"], "invalid value 'x'"),
    ] {
        let error = error(spool, arguments);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
    let missing = spool.with_file_name("missing.db");
    let error = error(&missing, &["status"]);
    assert!(error.contains("missing.db") && error.contains("--spool"), "{error}");
    assert!(!missing.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spool_is_found_by_flag_environment_or_file() {
    let remote = Remote::start().await;
    let (adapter, _) = with_dead_letters(&remote).await;
    let spool = adapter.spool_path();
    let own = spool.with_file_name("adapter.toml");
    std::fs::write(&own, format!("server = 'http://127.0.0.1:1'\nspool = '{}'\n", spool.display())).unwrap();
    let servers = spool.with_file_name("server.toml");
    std::fs::write(&servers, format!("region = 'IL'\n[webhook]\nspool = '{}'\n", spool.display())).unwrap();
    let flat = spool.with_file_name("flat.toml");
    std::fs::write(&flat, format!("webhook_spool = '{}'\n[webhook]\nspool = 'x'\n", spool.display()))
        .unwrap();
    let nowhere = spool.with_file_name("nowhere.db");
    for config in [own, servers, flat] {
        let mut command = program();
        command.env_remove("LEADCAPTURE_WEBHOOK_SPOOL").args(["spool", "status", "--config"]).arg(config);
        let output = command.output().unwrap();
        assert!(output.status.success() && output.stdout.starts_with(b"waiting  0"), "{output:?}");
    }
    assert!(text(&nowhere, &["status", "--spool", spool.to_str().unwrap()]).contains("2 deliveries"));
}
