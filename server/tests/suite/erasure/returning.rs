//! A customer who calls again after the erasure: somebody new, but for the wish not to be messaged.

use leadcapture_proto::v1::{
    CallDisposition, CaptureLeadRequest, Lead, LeadStatus, ListSuppressionsRequest, LostReason,
    RemoveSuppressionRequest, TransitionLeadRequest,
};
use leadcapture_server::clock::Clock as _;
use tonic::Code;
use uuid::Uuid;

use super::*;
use crate::support::{
    calls::{LINE, before, missed, mobile, mobile_e164},
    database::{TestDatabase, both_engines},
    dump::telling,
    leads::{capture, captured, moved, transition},
    problem::Problem,
    rows::follow_ups,
    server::{TestServer, noon},
};

async fn suppressed(client: &Client, tenant: &Tenant) -> Vec<String> {
    let request = ListSuppressionsRequest { tenant_id: tenant.id.clone(), ..Default::default() };
    let list = client.conversations().list_suppressions(request).await.unwrap().into_inner();
    list.suppressions.into_iter().map(|suppression| suppression.phone).collect()
}

async fn openers(db: &TestDatabase, lead: &Lead) -> usize {
    follow_ups(db, lead).await.len()
}

both_engines! {
    async fn a_new_call_makes_a_new_lead(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let phone = mobile(1);
        let first = server.record(missed("1", &phone, clock.now())).await.lead.unwrap();
        erased(&server, &tenant, &phone).await;
        let erased_at = clock.now();
        clock.advance(chrono::TimeDelta::minutes(5));

        // In one batch with a record from before the erasure, and in any order.
        let batch = vec![missed("2", &phone, clock.now()), missed("0", &phone, before(erased_at, 60))];
        let [new, late] = <[_; 2]>::try_from(server.record_batch(batch).await.unwrap()).unwrap().map(Result::unwrap);
        assert_eq!(new.disposition(), CallDisposition::LeadCreated);
        assert_eq!((late.disposition(), late.lead), (CallDisposition::Suppressed, None));
        let lead = new.lead.unwrap();
        assert_ne!(lead.id, first.id);
        assert_eq!((lead.call_count, lead.previous_lead_id.as_deref(), &*lead.customer_phone), (1, None, &*mobile_e164(1)));
        assert_eq!(openers(&db, &lead).await, 1, "nothing forbids to write to the customer");

        // Known again, the customer is still not told of what was before the erasure.
        let later = server.record(missed("late", &phone, before(erased_at, 30))).await;
        assert_eq!((later.disposition(), later.lead), (CallDisposition::Suppressed, None));
        assert_eq!(server.all_leads(&tenant).await[0].call_count, 1);
        assert_eq!(server.disposition(missed("3", &phone, clock.now())).await, CallDisposition::Attached);

        assert_eq!(erased(&server, &tenant, &phone).await, [1, 2, 0, 0]);
        assert!(telling(&db, &[&digits(1)]).await.is_empty());
        assert_eq!(server.disposition(missed("4", &phone, before(clock.now(), 1))).await, CallDisposition::Suppressed);
        assert!(telling(&db, &[&digits(1)]).await.is_empty());
    }

    async fn a_wish_not_to_be_messaged_outlasts_any_number_of_erasures(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        suppress(&server, &tenant, &mobile(1)).await;
        let lead = captured(&server, capture(&tenant, &mobile(2))).await;
        let do_not_contact = TransitionLeadRequest {
            lost_reason: LostReason::DoNotContact.into(),
            ..transition(&lead, LeadStatus::Lost)
        };
        moved(&server, do_not_contact).await.unwrap();
        for round in 0..3 {
            for number in [1, 2] {
                erased(&server, &tenant, &mobile(number)).await;
                // A second erasure at once takes nothing away from what the first kept.
                erased(&server, &tenant, &mobile(number)).await;
            }
            assert_eq!(suppressed(&server, &tenant).await, Vec::<String>::new(), "nobody who was erased is shown");
            clock.advance(chrono::TimeDelta::minutes(5));
            for number in [1, 2] {
                let call = missed(&format!("{round}-{number}"), &mobile(number), clock.now());
                let answer = server.record(call).await;
                assert_eq!(answer.disposition(), CallDisposition::LeadCreated);
                assert_eq!(openers(&db, &answer.lead.unwrap()).await, 0, "{number}");
            }
            assert_eq!(suppressed(&server, &tenant).await, [mobile_e164(1)]);
        }
    }

    async fn a_request_from_before_the_erasure_brings_nobody_back(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let request = CaptureLeadRequest {
            customer_name: Some("Dana Levi".to_owned()),
            request_id: Uuid::from_u128(1).to_string(),
            ..capture(&tenant, &mobile(1))
        };
        captured(&server, request.clone()).await;
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [1, 0, 0, 1]);
        let problem = Problem::of(server.leads().capture_lead(request.clone()).await);
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "CUSTOMER_ERASED"));
        assert!(telling(&db, &[&digits(1), "Dana"]).await.is_empty());
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [0; 4]);
        captured(&server, CaptureLeadRequest { request_id: Uuid::from_u128(2).to_string(), ..request }).await;
    }

    async fn answers_to_another_tenant_stay(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let other = server.create_tenant("Other Plumbing").await;
        let request = CaptureLeadRequest { request_id: Uuid::from_u128(1).to_string(), ..capture(&other, &mobile(1)) };
        let lead = captured(&server, request.clone()).await;
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [0; 4]);
        assert_eq!(captured(&server, request).await, lead);
    }

    async fn taking_a_suppression_back_keeps_no_phone(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let remove = || RemoveSuppressionRequest { tenant_id: tenant.id.clone(), phone: mobile(1), ..Default::default() };
        suppress(&server, &tenant, &mobile(1)).await;
        erased(&server, &tenant, &mobile(1)).await;
        server.conversations().remove_suppression(remove()).await.unwrap();
        let problem = Problem::of(server.conversations().remove_suppression(remove()).await);
        assert_eq!(problem.kind(), (Code::NotFound, "SUPPRESSION_NOT_FOUND"));
        assert!(telling(&db, &[&digits(1)]).await.is_empty());
        assert_eq!(server.disposition(missed("old", &mobile(1), before(clock.now(), 60))).await, CallDisposition::Suppressed);
        clock.advance(chrono::TimeDelta::minutes(5));
        let back = server.record(missed("1", &mobile(1), clock.now())).await;
        assert_eq!(openers(&db, &back.lead.unwrap()).await, 1, "the wish was taken back");
    }

    async fn a_capture_by_hand_brings_the_customer_back(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        suppress(&server, &tenant, &mobile(1)).await;
        erased(&server, &tenant, &mobile(1)).await;
        let request = leadcapture_proto::v1::CaptureLeadRequest { schedule_opener: true, ..capture(&tenant, &mobile(1)) };
        let lead = captured(&server, request).await;
        assert_eq!(openers(&db, &lead).await, 0);
        assert_eq!(suppressed(&server, &tenant).await, [mobile_e164(1)]);
        let remove = leadcapture_proto::v1::RemoveSuppressionRequest {
            tenant_id: tenant.id.clone(),
            phone: mobile(1),
            request_id: uuid::Uuid::from_u128(5).to_string(),
        };
        server.conversations().remove_suppression(remove).await.unwrap();
        assert_eq!(suppressed(&server, &tenant).await, Vec::<String>::new());
        // What was answered about the phone goes too, even where the answer was empty.
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [1, 0, 0, 1]);
        clock.advance(chrono::TimeDelta::minutes(5));
        let back = server.record(missed("1", &mobile(1), clock.now())).await;
        assert_eq!(openers(&db, &back.lead.unwrap()).await, 1, "the wish was taken back");
    }
}
