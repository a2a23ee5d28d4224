//! Records of calls from before an erasure, sent again or for the first time.

use leadcapture_proto::v1::{CallDisposition, ListMissedCallsRequest, RecordCallRequest};
use leadcapture_server::clock::Clock as _;

use super::*;
use crate::support::{
    calls::{LINE, answered, before, called_back, missed, mobile},
    database::both_engines,
    dump::telling,
    server::{TestServer, noon},
};

fn recorded(call: RecordCallRequest) -> RecordCallRequest {
    RecordCallRequest { recording_url: Some("https://recordings.example/1".to_owned()), ..call }
}

both_engines! {
    async fn they_bring_nobody_back(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let now = clock.now();
        let phone = mobile(1);
        let known = missed("known", &phone, before(now, 600));
        server.record(known.clone()).await;
        let withheld = missed("withheld", "anonymous", before(now, 600));
        server.record(withheld.clone()).await;
        assert_eq!(erased(&server, &tenant, &phone).await[..2], [1, 1]);

        for call in [
            recorded(known.clone()),
            recorded(RecordCallRequest { customer_phone: mobile(2), ..known.clone() }),
        ] {
            let again = server.record(call).await;
            assert_eq!((again.disposition(), &again.lead), (CallDisposition::Duplicate, &None));
            let call = again.missed_call.unwrap();
            assert_eq!((&call.recording_url, &call.caller_phone, &*call.caller_raw), (&None, &None, ""));
        }
        let late = server.record(recorded(missed("late", &phone, before(now, 700)))).await;
        assert_eq!((late.disposition(), &late.lead), (CallDisposition::Suppressed, &None));
        let call = late.missed_call.unwrap();
        assert_eq!((&*call.call_id, &call.recording_url, &call.caller_phone, &*call.caller_raw), ("late", &None, &None, ""));
        for call in [answered("in", &phone, before(now, 500)), called_back("out", &phone, before(now, 400))] {
            let answer = server.record(call).await;
            assert_eq!((answer.disposition(), &answer.lead, &answer.missed_call), (CallDisposition::Answered, &None, &None));
        }
        let batch: Vec<_> = (0..20).map(|n| recorded(missed(&format!("b{n}"), &phone, before(now, 800 + n)))).collect();
        for result in server.record_batch(batch).await.unwrap() {
            assert_eq!(result.unwrap().disposition(), CallDisposition::Suppressed);
        }
        assert!(telling(&db, &[&digits(1)]).await.is_empty());
        assert_eq!(server.all_leads(&tenant).await, []);

        // A call that was never anybody's is filled as ever.
        let filled = server.record(recorded(withheld)).await.missed_call.unwrap();
        assert!(filled.recording_url.is_some());
    }

    async fn a_call_that_waited_for_its_line_keeps_only_its_id(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        erased(&server, &tenant, &mobile(1)).await;
        let other_line = "0771234569";
        let call = missed("waiting", &mobile(1), before(clock.now(), 60));
        server.record(RecordCallRequest { business_phone: other_line.to_owned(), ..recorded(call) }).await;
        assert_eq!(server.unrouted_calls().await.len(), 1);
        assert_eq!(server.add_line(&tenant, other_line).await.1, 1);
        let calls = server.all_missed_calls(&tenant).await;
        assert_eq!((calls.len(), &*calls[0].call_id, calls[0].disposition()), (1, "waiting", CallDisposition::Suppressed));
        assert_eq!(server.all_leads(&tenant).await, []);
        assert!(telling(&db, &[&digits(1)]).await.is_empty());
    }

    async fn a_clock_that_is_ahead_brings_nobody_back(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let ahead = clock.now() + chrono::TimeDelta::hours(2);
        let (call, talk) = (missed("1", &mobile(1), ahead), answered("2", &mobile(2), ahead));
        for (number, call) in [(1, &call), (2, &talk)] {
            server.record(call.clone()).await;
            erased(&server, &tenant, &mobile(number)).await;
            clock.advance(chrono::TimeDelta::minutes(5));
            // A second erasure takes nothing of that back.
            erased(&server, &tenant, &mobile(number)).await;
            server.record(call.clone()).await;
            let late = missed(&format!("late-{number}"), &mobile(number), clock.now());
            assert_eq!(server.disposition(late).await, CallDisposition::Suppressed);
        }
        assert!(telling(&db, &[&digits(1), &digits(2)]).await.is_empty());
        let new = missed("new", &mobile(1), ahead + chrono::TimeDelta::seconds(1));
        assert_eq!(server.disposition(new).await, CallDisposition::LeadCreated);
    }

    async fn what_came_between_two_erasures_stays_erased(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        erased(&server, &tenant, &mobile(1)).await;
        clock.advance(chrono::TimeDelta::hours(1));
        erased(&server, &tenant, &mobile(1)).await;
        let call = missed("1", &mobile(1), before(clock.now(), 60));
        assert_eq!(server.disposition(call).await, CallDisposition::Suppressed);
    }

    async fn nobody_has_to_return_an_erased_call(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        for number in [1, 2] {
            server.record(missed(&number.to_string(), &mobile(number), before(clock.now(), 60))).await;
        }
        server.record(missed("withheld", "anonymous", before(clock.now(), 60))).await;
        erased(&server, &tenant, &mobile(1)).await;
        server.record(missed("late", &mobile(1), before(clock.now(), 50))).await;
        let request = ListMissedCallsRequest { tenant_id: tenant.id.clone(), unreturned_only: true, ..Default::default() };
        let list = server.missed_calls().list_missed_calls(request).await.unwrap().into_inner().missed_calls;
        let mut ids: Vec<_> = list.into_iter().map(|call| call.call_id).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["2", "withheld"]);
    }

    async fn an_answered_call_returns_no_erased_one(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        erased(&server, &tenant, &mobile(1)).await;
        clock.advance(chrono::TimeDelta::minutes(5));
        server.record(missed("new", &mobile(1), clock.now())).await;
        // Known again: a talk from before the erasure is none that counts, and one after it does not reach behind.
        let talk = answered("old talk", &mobile(1), before(clock.now(), 600));
        assert_eq!(server.disposition(talk).await, CallDisposition::Answered);
        clock.advance(chrono::TimeDelta::minutes(5));
        let batch = vec![
            missed("late", &mobile(1), before(clock.now(), 1_200)),
            called_back("talk", &mobile(1), before(clock.now(), 30)),
        ];
        let answers: Vec<_> =
            server.record_batch(batch).await.unwrap().into_iter().map(|answer| answer.unwrap().disposition()).collect();
        assert_eq!(answers, [CallDisposition::Suppressed, CallDisposition::Returned]);
        let returned: Vec<_> = server
            .all_missed_calls(&tenant)
            .await
            .into_iter()
            .filter(|call| call.returned_at.is_some())
            .map(|call| call.call_id)
            .collect();
        assert_eq!(returned, ["new"]);
    }

    async fn another_tenants_customer_with_the_phone_is_somebody_else(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let other = server.create_tenant("Other Plumbing").await;
        server.add_line(&other, "0771234568").await;
        erased(&server, &tenant, &mobile(1)).await;
        let call = missed("1", &mobile(1), before(clock.now(), 60));
        let of_other = RecordCallRequest { business_phone: "0771234568".to_owned(), ..call.clone() };
        let batch = server.record_batch(vec![call, of_other]).await.unwrap();
        let dispositions: Vec<_> = batch.into_iter().map(|result| result.unwrap().disposition()).collect();
        assert_eq!(dispositions, [CallDisposition::Suppressed, CallDisposition::LeadCreated]);
    }
}
