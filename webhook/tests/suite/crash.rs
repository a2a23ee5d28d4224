//! A killed adapter: whatever was acknowledged is still there.

use std::process::Command;

use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    adapter::{record, until},
    binary::{Running, program},
    remote::Remote,
};

const ROUNDS: usize = 10;
const SENDERS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_right_after_the_answer_loses_nothing() {
    let folder = tempfile::TempDir::new().unwrap();
    let spool = folder.path().join("spool.db");
    let adapter = |server: &str| -> Command {
        let mut command = program();
        command.env("LEADCAPTURE_WEBHOOK_SPOOL", &spool).args(["--server", server]);
        command
    };
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let (mut running, line) = Running::start(&mut adapter("http://127.0.0.1:1"));
        let url = format!("http://{}/webhooks/voicenter/cdr", line["address"].as_str().unwrap());
        let mut senders = JoinSet::new();
        for sender in 0..SENDERS {
            let url = url.clone();
            senders.spawn(async move {
                let id = format!("{round}-{sender}");
                let body = record(&json!({"ivruniqueid": id})).to_string();
                let answer = reqwest::Client::new().post(url).body(body).send().await.ok()?;
                let status = answer.status().as_u16();
                // Only a whole answer counts.
                let text = answer.text().await.ok()?;
                assert_eq!((status, text.as_str()), (200, r#"{"Err":0,"Errdesc":"OK"}"#));
                Some(id)
            });
        }
        // Killed with the first answer, while the other records are on their way.
        acknowledged.extend(senders.join_next().await.unwrap().unwrap());
        running.0.kill().unwrap();
        running.0.wait().unwrap();
        acknowledged.extend(senders.join_all().await.into_iter().flatten());
    }
    assert!(acknowledged.len() >= ROUNDS, "{acknowledged:?}");

    let remote = Remote::start().await;
    let (_running, _) = Running::start(&mut adapter(&remote.url()));
    until("every acknowledged record to be forwarded", async || {
        let recorded = remote.recorded_now();
        acknowledged.iter().all(|id| recorded.iter().any(|call| call.call_id == *id)).then_some(())
    })
    .await;
}
