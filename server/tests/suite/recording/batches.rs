//! Batches: each call stands alone, and all see each other.

use leadcapture_proto::v1::{
    CallDirection, CallDisposition, CallError, LeadStatus, RecordCallRequest, RecordCallResponse,
};
use leadcapture_server::clock::Clock as _;
use tonic::Code;

use crate::support::{
    calls::{LINE, before, called_back, missed, mobile},
    database::both_engines,
    server::{TestServer, noon},
};

const OTHER_LINE: &str = "031234567";

fn dispositions(results: &[Result<RecordCallResponse, CallError>]) -> Vec<Option<CallDisposition>> {
    results.iter().map(|result| result.as_ref().ok().map(RecordCallResponse::disposition)).collect()
}

fn assert_error(result: &Result<RecordCallResponse, CallError>, code: Code, reason: &str, fields: &[&str]) {
    let error = result.as_ref().unwrap_err();
    assert_eq!((Code::from(error.code), &*error.reason), (code, reason), "{error:?}");
    let bad: Vec<_> = error.field_violations.iter().map(|violation| &*violation.field).collect();
    assert_eq!(bad, fields, "{error:?}");
    assert!(error.field_violations.iter().all(|violation| !violation.description.is_empty()), "{error:?}");
    assert!(!error.message.is_empty());
}

both_engines! {
    async fn a_bad_call_does_not_fail_the_others(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let other = server.tenant_with_line(OTHER_LINE).await;
        let call = |id: &str, number| missed(id, &mobile(number), clock.now());
        let of = |tenant_id: &str, call| RecordCallRequest { tenant_id: tenant_id.to_owned(), ..call };
        let results = server
            .record_batch(vec![
                call("1", 1),
                RecordCallRequest { called_at: None, direction: CallDirection::Unspecified.into(), ..call("", 2) },
                of("0190e3f2-0000-7000-8000-000000000000", call("3", 3)),
                of(&other.id, call("4", 4)),
                of("no id", call("5", 5)),
                of(&tenant.id, call("6", 6)),
                RecordCallRequest { business_phone: OTHER_LINE.to_owned(), ..call("7", 7) },
                RecordCallRequest { business_phone: "037654321".to_owned(), ..call("8", 8) },
            ])
            .await
            .unwrap();

        let created = Some(CallDisposition::LeadCreated);
        let expected = [created, None, None, None, None, created, created, Some(CallDisposition::Unrouted)];
        assert_eq!(dispositions(&results), expected);
        assert_error(&results[1], Code::InvalidArgument, "INVALID_FIELDS", &["called_at", "direction", "call_id"]);
        assert_error(&results[2], Code::NotFound, "TENANT_NOT_FOUND", &[]);
        assert_error(&results[3], Code::InvalidArgument, "INVALID_FIELDS", &["tenant_id"]);
        assert_error(&results[4], Code::InvalidArgument, "INVALID_FIELDS", &["tenant_id"]);

        let mut recorded: Vec<_> =
            server.all_missed_calls(&tenant).await.into_iter().map(|call| call.call_id).collect();
        recorded.sort_unstable();
        assert_eq!(recorded, ["1", "6"]);
        assert_eq!(server.all_missed_calls(&other).await.len(), 1);
        assert_eq!(server.all_leads(&other).await.len(), 1);
        assert_eq!(server.unrouted_calls().await.len(), 1);
    }

    async fn a_batch_is_decided_in_the_order_of_its_calls_times(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let at = |seconds| before(clock.now(), seconds);
        let results = server
            .record_batch(vec![
                missed("after", &mobile(1), at(100)),
                called_back("back", &mobile(1), at(200)),
                missed("second", &mobile(1), at(300)),
                missed("first", &mobile(1), at(400)),
                missed("first", &mobile(1), at(400)),
                missed("stranger", &mobile(2), at(250)),
            ])
            .await
            .unwrap();
        let expected = [
            CallDisposition::Attached,
            CallDisposition::Returned,
            CallDisposition::Attached,
            CallDisposition::LeadCreated,
            CallDisposition::Duplicate,
            CallDisposition::LeadCreated,
        ];
        assert_eq!(dispositions(&results), expected.map(Some));
        // Every answer shows call and lead as they stand after the batch.
        let leads = server.all_leads(&tenant).await;
        let calls = server.all_missed_calls(&tenant).await;
        assert_eq!((leads.len(), calls.len()), (2, 4));
        for result in results {
            let answer = result.unwrap();
            assert!(leads.contains(answer.lead.as_ref().unwrap()), "{answer:?}");
            assert!(answer.missed_call.is_none_or(|call| calls.contains(&call)));
        }
        let lead = leads.iter().find(|lead| lead.call_count == 3).unwrap();
        assert_eq!(lead.status(), LeadStatus::Contacted);
        let unreturned: Vec<_> =
            calls.iter().filter(|call| call.returned_at.is_none()).map(|call| &*call.call_id).collect();
        assert_eq!(unreturned, ["after", "stranger"]);
    }

    async fn a_talk_returns_however_many_calls_wait(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        // More rows than SQLite takes parameters for in one statement.
        for batch in 0..4_u32 {
            let call = |n: u32| missed(&format!("{batch} {n}"), &mobile(1), before(clock.now(), 60));
            server.record_batch((0..1_000).map(call).collect()).await.unwrap();
        }
        assert_eq!(server.disposition(called_back("back", &mobile(1), before(clock.now(), 30))).await, CallDisposition::Returned);
        let calls = server.all_missed_calls(&tenant).await;
        assert_eq!(calls.len(), 4_000);
        assert!(calls.iter().all(|call| call.returned_by_call_id.as_deref() == Some("back")));
    }

    async fn a_batch_of_a_thousand_is_one_batch(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        // 250 callers, each calling four times.
        let calls: Vec<_> =
            (0..1_000_u32).map(|n| missed(&n.to_string(), &mobile(n % 250), before(clock.now(), n.into()))).collect();
        let results = server.record_batch(calls.clone()).await.unwrap();
        let created = dispositions(&results);
        let created = created.iter().filter(|result| **result == Some(CallDisposition::LeadCreated)).count();
        assert_eq!((results.len(), created), (1_000, 250));
        let again = server.record_batch(calls).await.unwrap();
        assert!(dispositions(&again).iter().all(|result| *result == Some(CallDisposition::Duplicate)));

        let leads = server.all_leads(&tenant).await;
        assert_eq!(leads.len(), 250);
        assert!(leads.iter().all(|lead| lead.call_count == 4));
        assert_eq!(server.all_missed_calls(&tenant).await.len(), 1_000);

        // One call that returns each of them, all in one batch.
        let back = (0..250).map(|n| called_back(&format!("back {n}"), &mobile(n), clock.now())).collect();
        let results = server.record_batch(back).await.unwrap();
        assert!(dispositions(&results).iter().all(|result| *result == Some(CallDisposition::Returned)));
        assert!(server.all_leads(&tenant).await.iter().all(|lead| lead.status() == LeadStatus::Contacted));
        assert!(server.all_missed_calls(&tenant).await.iter().all(|call| call.returned_at.is_some()));
    }
}
