//! What recording costs: the same statements for one call as for a thousand.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::{DateTime, Utc};
use leadcapture_server::{
    clock::Clock as _,
    domain::{
        call::{CallDirection, CallOutcome, CallRecord, Disposition},
        erasure::ErasureKey,
        recording::ReportedCall,
    },
    storage::{RecordingMode, Storage},
};

use crate::support::{
    calls::{LINE, before, mobile},
    database::both_engines,
    server::{TestServer, environment, noon, settings},
};

fn reported(
    storage: &Storage,
    outcome: CallOutcome,
    id: String,
    number: u32,
    called_at: DateTime<Utc>,
) -> ReportedCall {
    let record = CallRecord {
        provider: "voicenter".to_owned(),
        call_id: id,
        original_call_id: None,
        direction: CallDirection::Incoming,
        outcome,
        provider_status: None,
        customer_raw: mobile(number).into(),
        business_raw: LINE.into(),
        called_at,
        duration_ms: 20_000,
        ring_duration_ms: None,
        queue_name: None,
        representative_name: None,
        recording_url: None,
        ivr_path: Vec::new(),
        custom_data: None,
        tenant_id: None,
    };
    ReportedCall {
        record,
        received_at: called_at,
        actor: Arc::from("test"),
        confined: false,
        fresh: storage.fresh_ids(),
    }
}

both_engines! {
    async fn the_size_of_a_batch_does_not_change_the_number_of_statements(db: TestDatabase) {
        let clock = noon();
        TestServer::start_at(&db, &clock).await.tenant_with_line(LINE).await;
        let storage = Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap();
        // With a key, as then new customers are looked for among those who were erased.
        let mut storage = storage.with_erasure_key(ErasureKey::new([7; 32]));
        let statements = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&statements);
        storage.observe_statements(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });

        let mut counts = Vec::new();
        for (round, size) in [(0_u32, 1), (1, 10), (2, 1_000)] {
            let calls = |kind: &str, outcome, seconds| -> Vec<_> {
                let call = |n| reported(&storage, outcome, format!("{kind} {round} {n}"), round * 1_000 + n, before(clock.now(), seconds));
                (0..size).map(call).collect()
            };
            let batches = [
                (calls("a", CallOutcome::NoAnswer, 900), Disposition::LeadCreated),
                (calls("b", CallOutcome::NoAnswer, 800), Disposition::Attached),
                (calls("b", CallOutcome::NoAnswer, 800), Disposition::Duplicate),
                (calls("c", CallOutcome::Answered, 700), Disposition::Returned),
                (calls("d", CallOutcome::NoAnswer, 750), Disposition::AlreadyReturned),
            ];
            let mut count = Vec::new();
            for (calls, expected) in batches {
                statements.store(0, Ordering::Relaxed);
                let results = storage.record_calls(&calls, RecordingMode::Commit).await.unwrap();
                assert!(results.iter().all(|result| result.as_ref().unwrap().disposition == expected));
                count.push(statements.load(Ordering::Relaxed));
            }
            counts.push(count);
        }
        assert!(counts[0].iter().all(|count| (1..=15).contains(count)), "{counts:?}");
        assert_eq!(counts[0], counts[1]);
        assert_eq!(counts[0], counts[2]);
    }
}
