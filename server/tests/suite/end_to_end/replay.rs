//! Recorded bodies into a real server.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use chrono::TimeDelta;
use leadcapture_proto::v1::LeadStatus;
use leadcapture_webhook::{
    Settings as WebhookSettings, SystemClock as AdapterClock,
    replay::{Replay, Summary, replay},
};
use serde_json::json;
use tempfile::TempDir;

use super::record;
use crate::support::{
    calls::{LINE, mobile},
    database::both_engines,
    rows::{follow_ups, recorded_rows},
    server::{TestServer, present},
};

fn plan(files: Vec<PathBuf>) -> Replay {
    Replay {
        files,
        arrived_at: None,
        validate_only: false,
        batch: 7,
        concurrency: 3,
        batch_timeout: Duration::from_secs(30),
        retry_for: Duration::from_secs(30),
        progress: false,
    }
}

async fn replayed(server: &TestServer, plan: Replay) -> Summary {
    let settings =
        WebhookSettings { server: format!("http://{}", server.address()), ..WebhookSettings::default() };
    let (summary, result) = replay(plan, &settings, Arc::new(AdapterClock)).await;
    result.unwrap();
    summary
}

/// The vendor's samples, one a file.
fn samples() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../webhook/tests/samples");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

both_engines! {
    async fn samples_are_judged_then_recorded_then_known(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let judged = replayed(&server, Replay { validate_only: true, ..plan(samples()) }).await;
        assert_eq!((judged.bodies, judged.recorded_count(), judged.failures.len()), (8, 8, 0));
        assert_eq!(judged.outcomes.len(), 8);
        assert!(recorded_rows(&db).await.iter().all(|(_, rows)| *rows == 0));

        let first = replayed(&server, plan(samples())).await;
        assert_eq!((first.recorded_count(), first.failures.len()), (8, 0));
        assert_eq!(first.dispositions.get("NO_CALLER_ID"), Some(&1));
        let calls = server.all_missed_calls(&tenant).await;
        assert_eq!(calls.len(), 5);
        // They are late: nobody gets a message.
        for lead in server.all_leads(&tenant).await {
            assert!(follow_ups(&db, &lead).await.is_empty());
        }

        let again = replayed(&server, plan(samples())).await;
        assert_eq!((again.recorded_count(), again.dispositions.get("DUPLICATE")), (8, Some(&5)));
        assert_eq!(server.all_missed_calls(&tenant).await, calls);
    }

    async fn calls_of_one_phone_are_decided_in_order(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("calls.jsonl");
        // For each customer a call that is missed and one, a minute later, that returns it; far apart in the file.
        let customers = 40;
        let began = present() - TimeDelta::hours(10);
        let line = |id: String, customer: u32, status: &str, minutes: i64| {
            let mut record = record(&id, &mobile(customer));
            record["time"] = (began + TimeDelta::minutes(minutes)).timestamp().into();
            record["status"] = status.into();
            // Right after its call, so that the time is read as Unix time.
            let arrived_at = (began + TimeDelta::minutes(minutes + 1)).to_rfc3339();
            json!({"body": record, "arrived_at": arrived_at}).to_string()
        };
        let mut lines: Vec<String> =
            (0..customers).map(|customer| line(format!("missed {customer}"), customer, "NOANSWER", 0)).collect();
        lines.extend((0..customers).map(|customer| line(format!("back {customer}"), customer, "ANSWER", 1)));
        lines.push(json!({"body": record("other", &mobile(1)), "tenant_id": "0190b6c0-7a5e-7c3d-9f00-000000000001"}).to_string());
        fs::write(&file, lines.join("\n")).unwrap();

        let summary = replayed(&server, plan(vec![file.clone()])).await;
        assert_eq!(summary.dispositions, [("LEAD_CREATED", 40), ("RETURNED", 40)].into());
        assert_eq!(summary.failures.len(), 1);
        assert!(summary.failures[0].place.to_string().ends_with("calls.jsonl:81"), "{:?}", summary.failures);
        let leads = server.all_leads(&tenant).await;
        assert_eq!(leads.len(), 40);
        for lead in &leads {
            assert_eq!((lead.status(), lead.call_count), (LeadStatus::Contacted, 1));
        }
    }
}
