//! All that is held goes, and nothing else.

use leadcapture_proto::v1::{
    CaptureLeadRequest, IvrStep, LeadStatus, RecordCallRequest, RecordReplyRequest, StartConversationRequest,
    record_reply_request::By,
};
use leadcapture_server::clock::Clock as _;
use prost_types::{Struct, Value, value::Kind};
use tonic::Code;
use uuid::Uuid;

use super::*;
use crate::support::{
    calls::{LINE, answered, before, missed, mobile, mobile_e164},
    database::both_engines,
    dump::telling,
    leads::{capture, captured, history, walked},
    server::{TestServer, noon},
};

/// Everything that a record may say of a person.
fn telling_call(call: RecordCallRequest) -> RecordCallRequest {
    let collected = Value { kind: Some(Kind::StringValue("Dana Levi".to_owned())) };
    RecordCallRequest {
        recording_url: Some("https://recordings.example/dana-levi".to_owned()),
        representative_name: Some("Yossi Cohen".to_owned()),
        custom_data: Some(Struct { fields: [("name".to_owned(), collected)].into() }),
        ivr_path: vec![IvrStep { layer_name: "Levi family".to_owned(), ..IvrStep::default() }],
        ..call
    }
}

/// Fills every table with what two tenants hold on customer 1, and with another customer of the first tenant.
async fn fill(server: &TestServer, clock: &leadcapture_server::clock::ManualClock) -> [Tenant; 2] {
    let tenant = server.tenant_with_line(LINE).await;
    let other = server.create_tenant("Other Plumbing").await;
    server.add_line(&other, "0771234568").await;
    let now = clock.now();
    for number in [1, 2] {
        let phone = mobile(number);
        let call = |id: &str, seconds| missed(&format!("{id}-{number}"), &phone, before(now, seconds));
        let lead = server.record(telling_call(call("first", 900))).await.lead.unwrap();
        let start = StartConversationRequest {
            tenant_id: tenant.id.clone(),
            lead_id: lead.id.clone(),
            whatsapp_conversation_id: Some(format!("thread-{phone}")),
            ..Default::default()
        };
        let started = server.conversations().start_conversation(start).await.unwrap().into_inner();
        let reply = RecordReplyRequest {
            tenant_id: tenant.id.clone(),
            by: Some(By::Id(started.conversation.unwrap().id)),
            customer_name: Some("Dana Levi".to_owned()),
            need: Some(format!("a boiler for {phone}")),
            request_id: Uuid::from_u128(number.into()).to_string(),
            ..Default::default()
        };
        server.conversations().record_reply(reply).await.unwrap();
        walked(server, lead, &[LeadStatus::Lost]).await;
        let noted = CaptureLeadRequest {
            note: Some("Dana Levi again".to_owned()),
            request_id: Uuid::from_u128(u128::from(number) + 10).to_string(),
            ..capture(&tenant, &phone)
        };
        captured(server, noted).await;
        server.record(telling_call(call("second", 60))).await;
        server.record(answered(&format!("talk-{number}"), &phone, before(now, 300))).await;
        suppress(server, &tenant, &phone).await;
        let unrouted =
            RecordCallRequest { business_phone: format!("07799900{number:02}"), ..call("unrouted", 30) };
        server.record(telling_call(unrouted)).await;
    }
    let of_other =
        RecordCallRequest { business_phone: "0771234568".to_owned(), ..missed("other", &mobile(1), now) };
    server.record(of_other).await;
    [tenant, other]
}

both_engines! {
    async fn nothing_that_is_held_stays(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let [tenant, other] = fill(&server, &clock).await;
        let rows_of_others = async || {
            let phone = mobile_e164(2);
            let leads = server.all_leads(&tenant).await.into_iter().filter(|lead| lead.customer_phone == phone);
            let calls = server.all_missed_calls(&tenant).await.into_iter().filter(|call| call.caller_phone() == phone);
            let unrouted = server.unrouted_calls().await.into_iter().filter(|call| call.customer_phone() == phone);
            let mut histories = Vec::new();
            let leads: Vec<_> = leads.collect();
            for lead in &leads {
                histories.push(history(&server, lead).await);
            }
            (leads, histories, calls.collect::<Vec<_>>(), unrouted.collect::<Vec<_>>(), server.all_leads(&other).await)
        };
        let before = rows_of_others().await;
        assert_eq!((before.0.len(), before.2.len(), before.3.len(), before.4.len()), (1, 2, 1, 1));

        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [1, 2, 1, 2]);

        assert!(before == rows_of_others().await, "others lose nothing");
        let told = telling(&db, &[&digits(1)]).await;
        let of_other = told.iter().filter(|row| row.tells(&other.id)).count();
        assert_eq!(of_other, told.len(), "only the other tenant still holds the phone: {told:#?}");
        let named = telling(&db, &["Dana", "Levi"]).await;
        assert!(named.iter().all(|row| row.tells(&digits(2)) || row.table != "leads"), "{named:#?}");
        let calls = server.all_missed_calls(&tenant).await;
        let mut blank: Vec<_> = calls.iter().filter(|call| call.caller_phone.is_none()).collect();
        blank.sort_by_key(|call| call.called_at.unwrap().seconds);
        assert_eq!(blank.iter().map(|call| &*call.call_id).collect::<Vec<_>>(), ["first-1", "second-1"]);
        for call in blank {
            assert_eq!((&*call.caller_raw, call.lead_id.as_deref()), ("", None));
            assert_eq!((&call.recording_url, &call.representative_name, &call.custom_data), (&None, &None, &None));
            assert!(call.ivr_path.is_empty() && call.called_at.is_some() && !call.business_phone.is_empty());
        }
        let problem = Problem::of(server.leads().find_lead_by_phone(leadcapture_proto::v1::FindLeadByPhoneRequest {
            tenant_id: tenant.id.clone(),
            phone: mobile(1),
        }).await);
        assert_eq!(problem.kind(), (Code::NotFound, "LEAD_NOT_FOUND"));
    }

    async fn a_second_erasure_finds_nothing(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let [tenant, _] = fill(&server, &clock).await;
        let request = EraseCustomerRequest { request_id: Uuid::from_u128(77).to_string(), ..erase(&tenant, &mobile(1)) };
        let first = try_erase(&server, request.clone()).await.unwrap();
        assert_eq!(numbers(&first), [1, 2, 1, 2]);
        // The same request has the same answer, in whichever way the phone is written, and a new one finds nothing.
        assert_eq!(try_erase(&server, request.clone()).await.unwrap(), first);
        let e164 = EraseCustomerRequest { phone: mobile_e164(1), ..request.clone() };
        assert_eq!(try_erase(&server, e164).await.unwrap(), first);
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [0; 4]);
        let reused = EraseCustomerRequest { phone: mobile(2), ..request };
        let problem = try_erase(&server, reused).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "REQUEST_ID_REUSED"));
        // Somebody of whom nothing is held is no error.
        assert_eq!(erased(&server, &tenant, &mobile(3)).await, [0; 4]);
        assert!(telling(&db, &[&digits(3)]).await.is_empty());
    }

    async fn what_cannot_be_erased_is_told_why(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        for phone in ["", "abc", "12"] {
            let problem = try_erase(&server, erase(&tenant, phone)).await.unwrap_err();
            assert_eq!((problem.code, &*problem.fields), (Code::InvalidArgument, &["phone".to_owned()][..]), "{phone}");
        }
        let unknown = Tenant { id: Uuid::from_u128(1).to_string(), ..tenant };
        let problem = try_erase(&server, erase(&unknown, &mobile(1))).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::NotFound, "TENANT_NOT_FOUND"));
    }
}
