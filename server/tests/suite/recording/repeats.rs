//! The same call again, and calls that are only tried out.

use chrono::TimeDelta;
use leadcapture_proto::v1::{CallDisposition, CallOutcome, IvrStep, MissedCall, RecordCallRequest};
use leadcapture_server::clock::Clock as _;
use prost_types::{Struct, Value, value::Kind};

use crate::support::{
    calls::{LINE, answered, before, called_back, missed, mobile},
    database::both_engines,
    rows::recorded_rows,
    server::{TestServer, noon},
};

fn custom_data(campaign: &str) -> Struct {
    let value = Value { kind: Some(Kind::StringValue(campaign.to_owned())) };
    Struct { fields: [("utm_source".to_owned(), value)].into() }
}

/// The call with all that a provider may add later.
fn complete(call: RecordCallRequest, word: &str) -> RecordCallRequest {
    RecordCallRequest {
        original_call_id: Some(format!("{word}-0")),
        provider_status: Some(word.to_owned()),
        ring_duration: Some(prost_types::Duration { seconds: 4, nanos: 500_000_000 }),
        queue_name: Some(format!("queue {word}")),
        representative_name: Some(format!("agent {word}")),
        recording_url: Some(format!("https://recordings.example/{word}.mp3")),
        ivr_path: vec![IvrStep {
            layer_id: None,
            layer_name: word.to_owned(),
            layer_number: 1,
            digit: "2".to_owned(),
            order: 1,
        }],
        custom_data: Some(custom_data(word)),
        ..call
    }
}

both_engines! {
    async fn the_same_call_again_only_fills_what_was_empty(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let sparse = missed("1", &mobile(1), before(clock.now(), 60));
        let first = server.record(sparse.clone()).await;
        let kept = first.missed_call.clone().unwrap();

        clock.advance(TimeDelta::minutes(5));
        // The rest of the record may even tell another story.
        let changed = RecordCallRequest {
            outcome: CallOutcome::Busy.into(),
            customer_phone: mobile(2),
            called_at: missed("1", "", clock.now()).called_at,
            duration: None,
            ..complete(sparse.clone(), "first")
        };
        let second = server.record(changed).await;
        assert_eq!(second.disposition(), CallDisposition::Duplicate);
        assert_eq!(second.lead, first.lead);
        let expected = complete(sparse.clone(), "first");
        let filled = MissedCall {
            original_call_id: expected.original_call_id,
            provider_status: expected.provider_status,
            ring_duration: expected.ring_duration,
            queue_name: expected.queue_name,
            representative_name: expected.representative_name,
            recording_url: expected.recording_url,
            ivr_path: vec![IvrStep { layer_id: None, ..expected.ivr_path[0].clone() }],
            custom_data: expected.custom_data,
            ..kept
        };
        assert_eq!(second.missed_call.as_ref(), Some(&filled));

        for again in [complete(sparse.clone(), "second"), sparse] {
            let answer = server.record(again).await;
            assert_eq!(answer.disposition(), CallDisposition::Duplicate);
            assert_eq!(answer.missed_call.as_ref(), Some(&filled));
        }
        assert_eq!(server.all_missed_calls(&tenant).await, [filled]);
        assert_eq!(server.all_leads(&tenant).await, [first.lead.unwrap()]);
    }

    async fn a_withheld_call_again_is_a_duplicate(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let call = missed("1", "anonymous", clock.now());
        assert_eq!(server.disposition(call.clone()).await, CallDisposition::NoCallerId);
        assert_eq!(server.disposition(complete(call, "more")).await, CallDisposition::Duplicate);
        let calls = server.all_missed_calls(&tenant).await;
        assert_eq!((calls.len(), calls[0].queue_name.as_deref()), (1, Some("queue more")));
    }

    async fn a_call_id_belongs_to_its_provider_and_tenant(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let other = server.tenant_with_line("031234567").await;
        let call = missed("1", &mobile(1), clock.now());
        let elsewhere = RecordCallRequest { business_phone: "031234567".to_owned(), ..call.clone() };
        let provider = RecordCallRequest { provider: "asterisk".to_owned(), ..call.clone() };
        assert_eq!(server.disposition(call).await, CallDisposition::LeadCreated);
        assert_eq!(server.disposition(elsewhere).await, CallDisposition::LeadCreated);
        assert_eq!(server.disposition(provider).await, CallDisposition::Attached);
        assert_eq!(server.all_missed_calls(&tenant).await.len(), 2);
        assert_eq!(server.all_missed_calls(&other).await.len(), 1);
        assert_eq!(server.all_leads(&other).await.len(), 1);
    }

    async fn records_of_one_call_in_any_order_end_alike(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let records = |phone: &str| {
            [
                missed(&format!("a{phone}"), phone, before(clock.now(), 900)),
                missed(&format!("b{phone}"), phone, before(clock.now(), 800)),
                called_back(&format!("c{phone}"), phone, before(clock.now(), 700)),
            ]
        };
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for (number, order) in (1..).zip(orders) {
            let records = records(&mobile(number));
            for index in order {
                server.record(records[index].clone()).await;
            }
            for again in records {
                server.record(again).await;
            }
        }
        let calls = server.all_missed_calls(&tenant).await;
        assert_eq!(calls.len(), 2 * orders.len());
        assert!(calls.iter().all(|call| call.returned_by_call_id.is_some()), "{calls:?}");
        // Whoever was spoken with before the first record of a missed call needs no lead.
        let leads = server.all_leads(&tenant).await;
        assert_eq!(leads.len(), 4);
        assert!(leads.iter().all(|lead| lead.call_count == 2 && lead.contacted_at.is_some()), "{leads:?}");
    }

    async fn trying_out_writes_nothing(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let tried = |call| RecordCallRequest { validate_only: true, ..call };
        let nobodys = RecordCallRequest { business_phone: "037654321".to_owned(), ..missed("4", &mobile(1), clock.now()) };
        let calls = [
            (missed("1", &mobile(1), clock.now()), CallDisposition::LeadCreated),
            (missed("2", "anonymous", clock.now()), CallDisposition::NoCallerId),
            (answered("3", &mobile(1), before(clock.now(), 60)), CallDisposition::Answered),
            (nobodys, CallDisposition::Unrouted),
        ];
        for (call, expected) in calls {
            let answer = server.record(tried(call)).await;
            assert_eq!((answer.disposition(), answer.missed_call, answer.lead), (expected, None, None));
        }
        // In a batch each call still sees the effects of those before it.
        let batch = ["1", "2", "2"].map(|id| tried(missed(id, &mobile(1), clock.now())));
        let results = server.record_batch(batch.to_vec()).await.unwrap();
        let dispositions: Vec<_> = results.into_iter().map(|result| result.unwrap().disposition()).collect();
        assert_eq!(dispositions, [CallDisposition::LeadCreated, CallDisposition::Attached, CallDisposition::Duplicate]);
        assert!(recorded_rows(&db).await.iter().all(|(_, rows)| *rows == 0));

        // What is there counts, and stays as it is.
        server.record(missed("1", &mobile(1), clock.now())).await;
        let rows = recorded_rows(&db).await;
        let again = server.record(tried(complete(missed("1", &mobile(1), clock.now()), "more"))).await;
        assert_eq!(again.disposition(), CallDisposition::Duplicate);
        assert_eq!(recorded_rows(&db).await, rows);
        let kept = server.record(missed("1", &mobile(1), clock.now())).await.missed_call.unwrap();
        assert_eq!(kept.queue_name, None);
    }
}
