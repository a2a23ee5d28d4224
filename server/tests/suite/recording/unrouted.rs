//! Calls to numbers that nobody owns yet.

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    AddBusinessLineRequest, CallDirection, CallDisposition, CallOutcome, LeadStatus,
    ListUnroutedCallsRequest, RecordCallRequest,
};
use leadcapture_server::{
    clock::Clock as _,
    domain::phone::{ParsedPhone, parse_phone},
    storage::{OnceRequest, Storage, entities::enums::FollowUpStatus},
};

use crate::support::{
    calls::{LINE, LINE_E164, before, called_back, missed, mobile, mobile_e164, moment},
    database::both_engines,
    rows::{follow_ups, recorded_rows},
    server::{TestServer, environment, noon, scope, settings},
    wait::until,
};

both_engines! {
    async fn calls_wait_for_their_line(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let received_at = clock.now();
        let calls = [
            missed("fresh", &mobile(1), before(received_at, 60)),
            missed("fresh again", &mobile(1), before(received_at, 30)),
            // Recent when it came, and not when the line does.
            missed("stale", &mobile(2), before(received_at, 3_600)),
            missed("called back", &mobile(3), before(received_at, 600)),
            called_back("back", &mobile(3), before(received_at, 300)),
            missed("withheld", "anonymous", before(received_at, 60)),
        ];
        for call in calls.iter().chain(&calls) {
            assert_eq!(server.disposition(call.clone()).await, CallDisposition::Unrouted);
        }
        let mut waiting = server.unrouted_calls().await;
        waiting.sort_by(|a, b| a.call_id.cmp(&b.call_id));
        let ids: Vec<_> = waiting.iter().map(|call| &*call.call_id).collect();
        assert_eq!(ids, ["back", "called back", "fresh", "fresh again", "stale", "withheld"]);
        assert_eq!((waiting[0].direction(), waiting[0].outcome()), (CallDirection::Outgoing, CallOutcome::Answered));
        assert_eq!(waiting[2].customer_phone, Some(mobile_e164(1)));
        assert_eq!(moment(waiting[2].received_at), received_at);
        assert_eq!((&*waiting[5].business_phone, &waiting[5].customer_phone), (LINE_E164, &None));

        clock.advance(TimeDelta::minutes(90));
        let tenant = server.create_tenant("Demo Plumbing").await;
        assert_eq!(server.add_line(&tenant, LINE).await.1, 6);
        assert_eq!(server.unrouted_calls().await, []);
        let leads = server.all_leads(&tenant).await;
        let mut shown: Vec<_> =
            leads.iter().map(|lead| (&*lead.customer_phone, lead.call_count, lead.status())).collect();
        shown.sort_unstable();
        let phones = [mobile_e164(1), mobile_e164(2), mobile_e164(3)];
        let expected =
            [(&*phones[0], 2, LeadStatus::New), (&phones[1], 1, LeadStatus::New), (&phones[2], 1, LeadStatus::Contacted)];
        assert_eq!(shown, expected);
        for lead in &leads {
            let openers = follow_ups(&db, lead).await;
            let pending = openers.iter().filter(|opener| opener.status == FollowUpStatus::Pending).count();
            assert_eq!(pending, usize::from(lead.customer_phone == phones[0]), "{}", lead.customer_phone);
        }
        for call in server.all_missed_calls(&tenant).await {
            assert_eq!((moment(call.received_at), moment(call.processed_at)), (received_at, clock.now()));
        }
        // From now on they are known.
        for call in calls {
            let expected =
                if call.call_id == "back" { CallDisposition::Answered } else { CallDisposition::Duplicate };
            assert_eq!(server.disposition(call).await, expected);
        }
        assert_eq!(server.unrouted_calls().await, []);
    }

    async fn only_the_calls_of_the_new_line_are_replayed(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let to = |phone: &str, id: &str| {
            let call = missed(id, &mobile(1), clock.now());
            RecordCallRequest { business_phone: phone.to_owned(), ..call }
        };
        for call in [to(LINE, "1"), to("03-123-4567", "2"), to("no number", "3"), to("", "4")] {
            assert_eq!(server.disposition(call).await, CallDisposition::Unrouted);
        }
        let tenant = server.create_tenant("Demo Plumbing").await;
        assert_eq!(server.add_line(&tenant, LINE).await.1, 1);
        let listed = async |phone: &str| {
            let request =
                ListUnroutedCallsRequest { business_phone: phone.to_owned(), ..ListUnroutedCallsRequest::default() };
            let answer = server.missed_calls().list_unrouted_calls(request).await.unwrap().into_inner();
            answer.unrouted_calls.into_iter().map(|call| call.call_id).collect::<Vec<_>>()
        };
        assert_eq!(listed("+97231234567").await, ["2"]);
        assert_eq!(listed("031234567").await, ["2"]);
        assert_eq!(listed("no number").await, ["3"]);
        assert_eq!(listed(LINE).await, [""; 0]);
        assert_eq!(server.unrouted_calls().await.len(), 3);
    }

    async fn more_calls_than_one_sweep_takes_are_replayed(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let calls = (0..450).map(|n| missed(&n.to_string(), &mobile(n % 90), before(clock.now(), n.into()))).collect();
        server.record_batch(calls).await.unwrap();
        let tenant = server.create_tenant("Demo Plumbing").await;
        assert_eq!(server.add_line(&tenant, LINE).await.1, 450);
        assert_eq!(server.all_missed_calls(&tenant).await.len(), 450);
        let leads = server.all_leads(&tenant).await;
        assert!(leads.len() == 90 && leads.iter().all(|lead| lead.call_count == 5));
    }

    async fn a_repeated_request_for_the_line_replays_once(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.record(missed("1", &mobile(1), clock.now())).await;
        let tenant = server.create_tenant("Demo Plumbing").await;
        let request = AddBusinessLineRequest {
            tenant_id: tenant.id.clone(),
            phone: LINE.to_owned(),
            request_id: "0190e3f2-0000-7000-8000-00000000000a".to_owned(),
            ..AddBusinessLineRequest::default()
        };
        let first = server.tenants().add_business_line(request.clone()).await.unwrap().into_inner();
        let second = server.tenants().add_business_line(request).await.unwrap().into_inner();
        assert_eq!((first.replayed_calls, &first), (1, &second));
        assert_eq!(server.all_leads(&tenant).await[0].call_count, 1);
    }

    async fn a_call_that_raced_its_line_is_swept_up(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.record(missed("1", &mobile(1), clock.now())).await;
        let tenant = server.create_tenant("Demo Plumbing").await;
        // Storage alone adds the line without a replay: as if the call had come in between.
        let storage = Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap();
        let ParsedPhone::Number(phone) = parse_phone(LINE, storage.region()) else { panic!("no number") };
        let once = OnceRequest { key: None, encode: &|_| Vec::new(), customer: |_| None };
        storage.add_business_line(scope(&tenant), &phone, None, once).await.unwrap();
        assert_eq!(server.all_leads(&tenant).await, []);
        server.stop().await;
        // A server sweeps when it starts, and then every sweep interval.
        let server = TestServer::start_at(&db, &clock).await;
        until("the sweep", async || {
            (!server.all_leads(&tenant).await.is_empty()).then_some(())
        })
        .await;
        assert_eq!(server.unrouted_calls().await, []);
    }

    async fn unrouted_calls_are_kept_for_thirty_days(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let retention = settings(&db).unrouted_retention;
        assert_eq!(retention, TimeDelta::days(30));
        server.record(missed("1", &mobile(1), before(clock.now(), 3_600))).await;
        clock.advance(TimeDelta::days(1));
        server.record(missed("2", &mobile(2), clock.now())).await;
        let storage = Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap();
        // Counted from the arrival of the record.
        clock.advance(TimeDelta::days(29));
        assert_eq!(storage.purge_unrouted(retention).await.unwrap(), 0);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(storage.purge_unrouted(retention).await.unwrap(), 1);
        assert_eq!(server.unrouted_calls().await[0].call_id, "2");
        clock.advance(TimeDelta::days(1));
        assert_eq!(storage.purge_unrouted(retention).await.unwrap(), 1);
        assert!(recorded_rows(&db).await.iter().all(|(_, rows)| *rows == 0));
    }
}
