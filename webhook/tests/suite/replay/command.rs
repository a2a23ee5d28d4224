//! The command itself: its answers, its errors, its exit code.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use super::{Files, numbered, stand_in::StandIn};
use crate::adapter::record;

async fn command(server: &str, args: &[&str], stdin: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadcapture-webhook"));
    command.env_clear().env("LEADCAPTURE_SERVER", server).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let stdin = stdin.to_owned();
    let run = move || {
        let mut child = command.spawn().unwrap();
        // It may have ended before it reads.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        child.wait_with_output().unwrap()
    };
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(run).await.unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[tokio::test]
async fn tells_what_it_did_and_fails_if_anything_failed() {
    let (stand_in, server) = StandIn::start().await;
    let files = Files::new();
    let good = files.lines("good.jsonl", [numbered("1"), numbered("2")]);
    let good = good.to_str().unwrap();
    let answer = command(&server, &["replay", good], "").await;
    let expected = "2 bodies: 2 calls recorded, 0 not\n  LEAD_CREATED              2\n";
    assert_eq!(answer, (0, expected.to_owned(), String::new()));
    assert_eq!(stand_in.calls().len(), 2);

    let bad = record(&json!({"time": null, "caller": "0529990011"})).to_string();
    let (code, out, err) = command(&server, &["replay", good, "-"], &bad).await;
    assert_eq!((code, err.as_str()), (1, "leadcapture-webhook: 1 record was not taken\n"));
    assert!(out.contains("not recorded:\n  stdin:1: time: is missing\n"), "{out}");

    let (code, out, _) = command(&server, &["replay", "--json", "--validate-only", good, "-"], &bad).await;
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 1);
    assert_eq!(
        answer,
        json!({
            "validate_only": true, "bodies": 3, "recorded": 2, "failed": 1, "in_future": 0,
            "dispositions": {"LEAD_CREATED": 2},
            "calls": [
                {"file": good, "line": 1, "record": null, "call_id": "1", "disposition": "LEAD_CREATED"},
                {"file": good, "line": 2, "record": null, "call_id": "2", "disposition": "LEAD_CREATED"},
            ],
            "failures": [
                {"file": "stdin", "line": 1, "record": null, "call_id": null, "reason": "time: is missing"},
            ],
        })
    );
    let (_, out, _) = command(&server, &["replay", "--validate-only", good], "").await;
    assert!(out.starts_with(&format!("{good}:1: 1 LEAD_CREATED\n{good}:2: 2 LEAD_CREATED\n")), "{out}");
    assert!(out.contains("2 bodies: 2 calls would be recorded, 0 not"), "{out}");
}

#[tokio::test]
async fn says_what_it_cannot_do() {
    let files = Files::new();
    let good = files.lines("good.jsonl", [numbered("1")]);
    let good = good.to_str().unwrap();
    for (args, expected) in [
        (&["replay", "/nowhere.json"][..], "leadcapture-webhook: /nowhere.json: No such file"),
        (&["replay", good, "/"], "leadcapture-webhook: /: is a folder; name the files in it"),
        (
            &["replay", "--retry-for", "1ms", good],
            "leadcapture-webhook: the server cannot take the calls: tcp connect error",
        ),
        (&["replay", "-"], "leadcapture-webhook: 1 record was not taken"),
        (&["replay", "--server", "nowhere", good], "leadcapture-webhook: server: must be"),
        (
            &["replay", "--batch", "1001", good],
            "error: invalid value '1001' for '--batch <NUMBER>': must be 1 to 1000",
        ),
        (
            &["replay", "--arrived-at", "noon", good],
            "error: invalid value 'noon' for '--arrived-at <TIME>': must be a time",
        ),
        (&["replay"], "error: the following required arguments were not provided"),
        (&["--listen", "127.0.0.1:0", "replay", good], "error: the subcommand 'replay' cannot be used with"),
    ] {
        let (code, _, err) = command("http://127.0.0.1:1", args, "").await;
        assert!(code != 0 && err.starts_with(expected), "{args:?}: {err}");
    }
}
