//! Recorded bodies from files, in front of a server that takes batches.

mod command;
mod stand_in;

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    slice,
    sync::Arc,
    time::{Duration, Instant},
};

use leadcapture_webhook::{
    Settings, Token,
    replay::{Replay, ReplayError, Summary, replay},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::Status;

use crate::{
    adapter::{TestClock, record},
    spool::rate_limited,
};
use stand_in::StandIn;

/// A folder of files to replay.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// JSON lines.
    fn lines(&self, name: &str, lines: impl IntoIterator<Item = Value>) -> PathBuf {
        let lines: Vec<String> = lines.into_iter().map(|line| line.to_string()).collect();
        self.write(name, &lines.join("\n"))
    }
}

fn plan(files: &[PathBuf]) -> Replay {
    Replay {
        files: files.to_vec(),
        arrived_at: None,
        validate_only: false,
        batch: 10,
        concurrency: 3,
        batch_timeout: Duration::from_secs(30),
        retry_for: Duration::from_mins(1),
        progress: false,
    }
}

async fn run(plan: Replay, server: &str) -> (Summary, Result<(), ReplayError>) {
    let settings = Settings { server: server.to_owned(), ..Settings::default() };
    replay(plan, &settings, Arc::new(TestClock::new())).await
}

fn numbered(id: &str) -> Value {
    record(&json!({"ivruniqueid": id}))
}

#[tokio::test]
async fn bodies_of_every_kind_are_sent_and_failures_are_told() {
    let (stand_in, server) = StandIn::start().await;
    let files = Files::new();
    let tenant = "0190b6c0-7a5e-7c3d-9f00-000000000001";
    let sent = [
        files.write("one.json", &serde_json::to_string_pretty(&numbered("json")).unwrap()),
        files.write(
            "form.txt",
            "ivruniqueid=form&time=1769519400&status=BUSY&did=0771234567&caller=0501234567",
        ),
        files.write("xml.xml", &fs::read_to_string("tests/samples/xml-rpc-body.xml").unwrap()),
        files.lines(
            "many.jsonl",
            [
                numbered("line 1"),
                json!({"ivruniqueid": "line 2"}),
                json!([numbered("line 3a"), {"status": "BUSY"}, numbered("line 3c")]),
                json!({
                    "body": numbered("line 4").to_string(), "format": "json", "tenant_id": tenant,
                    "arrived_at": "2026-01-27T13:11:00Z", "state": "dead",
                }),
                json!({"body": "x", "arrived_at": "noon"}),
                numbered("bad one"),
            ],
        ),
    ];
    let (summary, result) = run(plan(&sent), &server).await;
    result.unwrap();
    let calls: HashMap<_, _> =
        stand_in.calls().into_iter().map(|call| (call.call_id.clone(), call)).collect();
    let mut ids: Vec<_> = calls.keys().map(String::as_str).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["2026012714101010083e", "form", "json", "line 1", "line 3a", "line 3c", "line 4"]);
    // Read by the arrival: long after its call the time is the account's, right after it plain Unix time.
    let seconds = |id: &str| calls[id].called_at.unwrap().seconds;
    assert_eq!((seconds("line 1"), seconds("line 4")), (1_769_512_200, 1_769_519_400));
    assert_eq!((calls["line 4"].tenant_id.as_str(), calls["line 1"].tenant_id.as_str()), (tenant, ""));
    assert!(calls.values().all(|call| call.provider == "voicenter" && !call.validate_only));

    assert_eq!((summary.bodies, summary.recorded_count()), (9, 7));
    assert_eq!(summary.dispositions, [("LEAD_CREATED", 7)].into());
    let many = sent[3].display();
    let failures: Vec<_> =
        summary.failures.iter().map(|failure| format!("{}: {}", failure.place, failure.reason)).collect();
    assert_eq!(
        failures,
        [
            format!("{many}:2: time: is missing; status: is missing, and so is isAnswer"),
            format!("{many}:3 record 2: ivruniqueid: is missing; time: is missing"),
            format!("{many}:5: arrived_at: must be a time as in 2026-01-27T11:00:00Z"),
            format!("{many}:6: did: is not a line"),
        ]
    );
}

#[tokio::test]
async fn an_arrival_can_be_given() {
    let (stand_in, server) = StandIn::start().await;
    let files = Files::new();
    let file = files.lines("a.jsonl", [record(&json!({"ivruniqueid": "no date"}))]);
    let mut plan = plan(&[file]);
    plan.arrived_at = Some("2026-01-27T13:11:00Z".parse().unwrap());
    let (summary, result) = run(plan, &server).await;
    result.unwrap();
    assert_eq!(stand_in.calls()[0].called_at.unwrap().seconds, 1_769_519_400);
    // The clock of the test says that this call has not ended yet.
    assert_eq!(summary.in_future, 1);
}

#[tokio::test]
async fn calls_of_one_phone_keep_their_order() {
    let (stand_in, server) = StandIn::start().await;
    let files = Files::new();
    let phones = ["0501234567", "+972501234567", "0521234567", "972-52-123-4567", "0541234567", "anonymous"];
    let lines = (0..600).map(|number| {
        record(&json!({"ivruniqueid": format!("{number}"), "caller": phones[number % phones.len()]}))
    });
    let file = files.lines("a.jsonl", lines);
    let (summary, result) = run(plan(&[file]), &server).await;
    result.unwrap();
    assert_eq!((summary.recorded_count(), stand_in.calls().len()), (600, 600));
    assert!(stand_in.batches().iter().all(|batch| batch.len() <= 10));
    let mut last: HashMap<String, usize> = HashMap::new();
    for call in stand_in.calls() {
        let digits: Vec<char> = call.customer_phone.chars().filter(char::is_ascii_digit).collect();
        let phone: String = digits[digits.len().saturating_sub(9)..].iter().collect();
        let number: usize = call.call_id.parse().unwrap();
        let before = last.insert(phone, number);
        assert!(before.is_none_or(|before| before < number), "{before:?} {number}");
    }
    assert_eq!(last.len(), 4);
}

#[tokio::test]
async fn large_calls_travel_in_small_batches() {
    let (stand_in, server) = StandIn::start().await;
    let files = Files::new();
    let large = "x".repeat(60_000);
    let lines = (0..200)
        .map(|number| record(&json!({"ivruniqueid": format!("{number}"), "CustomData": {"note": large}})));
    let file = files.lines("a.jsonl", lines);
    let (summary, result) = run(Replay { batch: 1_000, concurrency: 1, ..plan(&[file]) }, &server).await;
    result.unwrap();
    assert_eq!(summary.recorded_count(), 200);
    assert!(stand_in.batches().iter().all(|batch| batch.len() <= 70));
}

#[tokio::test]
async fn a_server_that_is_away_for_a_while_is_waited_for() {
    let (stand_in, server) = StandIn::start().await;
    stand_in.fail_with([Status::unavailable("away"), Status::resource_exhausted("full")]);
    let files = Files::new();
    let lines = ["late 1", "2", "late 3", "bad 4"].map(numbered);
    let file = files.lines("a.jsonl", lines);
    let (summary, result) = run(plan(slice::from_ref(&file)), &server).await;
    result.unwrap();
    assert_eq!((summary.recorded_count(), summary.failures.len()), (3, 1));
    let mut ids: Vec<_> = stand_in.calls().into_iter().map(|call| call.call_id).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["2", "late 1", "late 3"]);

    // But not for ever.
    stand_in.fail_with((0..1_000).map(|_| Status::unavailable("away")));
    let impatient = Replay { retry_for: Duration::from_millis(50), ..plan(&[file]) };
    let (summary, result) = run(impatient, &server).await;
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("the server cannot take the calls: away; calls recorded so far"), "{error}");
    assert_eq!(summary.recorded_count(), 0);
}

#[tokio::test]
async fn a_server_that_is_asked_too_often_is_waited_for_as_long_as_it_says() {
    let (stand_in, server) = StandIn::start().await;
    let wait = Duration::from_millis(900);
    stand_in.fail_with([rate_limited(wait)]);
    let files = Files::new();
    let file = files.lines("a.jsonl", ["1", "2"].map(numbered));
    let begun = Instant::now();
    let (summary, result) = run(plan(&[file]), &server).await;
    result.unwrap();
    assert!(begun.elapsed() >= wait, "{:?}", begun.elapsed());
    assert_eq!((summary.recorded_count(), summary.failures.len()), (2, 0));
}

#[tokio::test]
async fn a_server_that_lets_nobody_in_ends_the_replay() {
    let (stand_in, server) = StandIn::start().await;
    let files = Files::new();
    let file = files.lines("a.jsonl", (0..5_000).map(|number| numbered(&number.to_string())));
    stand_in.fail_with([Status::permission_denied("this token may not record calls")]);
    let (summary, result) = run(Replay { concurrency: 1, ..plan(slice::from_ref(&file)) }, &server).await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("this token may not record calls; calls recorded so far"), "{error}");
    assert_eq!((summary.recorded_count(), stand_in.calls().len()), (0, 0));

    let settings = Settings { server, token: Token::new("lc_token"), ..Settings::default() };
    let validate_only = Replay { validate_only: true, ..plan(&[file]) };
    let (summary, result) = replay(validate_only, &settings, Arc::new(TestClock::new())).await;
    result.unwrap();
    assert!(stand_in.authorizations().contains(&Some("Bearer lc_token".to_owned())));
    assert!(stand_in.calls().iter().all(|call| call.validate_only));
    // In the order of the file, whatever the order of the answers was.
    let ids: Vec<_> =
        summary.outcomes.iter().map(|outcome| outcome.call_id.parse::<usize>().unwrap()).collect();
    assert!(ids.iter().copied().eq(0..5_000));
}
