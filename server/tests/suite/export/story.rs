//! A customer of whom everything is held that can be.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    ClaimFollowUpsRequest, ClaimedFollowUp, CompleteFollowUpRequest, IvrStep, LeadStatus, RecordCallRequest,
    RecordReplyRequest, StartConversationRequest, TransitionLeadRequest, record_reply_request,
};
use leadcapture_server::{clock::ManualClock, storage::entities::business_line};
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, Set};

use super::*;
use crate::support::{
    calls::{answered, called_back},
    database::TestDatabase,
    leads::{moved, transition},
};

const PHONE: u32 = 1;

/// The only message of the tenant that is due.
async fn due(client: &Client, tenant: &Tenant) -> ClaimedFollowUp {
    let request = ClaimFollowUpsRequest { tenant_id: tenant.id.clone(), ..Default::default() };
    let mut due = client.conversations().claim_follow_ups(request).await.unwrap().into_inner().follow_ups;
    assert_eq!(due.len(), 1);
    due.remove(0)
}

fn step() -> IvrStep {
    IvrStep {
        layer_id: Some("12".to_owned()),
        layer_name: "Main".to_owned(),
        layer_number: 1,
        digit: "2".to_owned(),
        order: 1,
    }
}

/// A first call with all that an exchange may tell, a conversation that the customer breaks off, a call back, a loss.
async fn first_lead(client: &Client, tenant: &Tenant, clock: &ManualClock) {
    let custom_data = prost_types::Struct {
        fields: [("campaign".to_owned(), prost_types::Value::from("spring \u{5d0}"))].into(),
    };
    let call = RecordCallRequest {
        provider_status: Some("NOANSWER".to_owned()),
        ring_duration: Some(prost_types::Duration { seconds: 18, nanos: 500_000_000 }),
        queue_name: Some("Sales".to_owned()),
        representative_name: Some("Avi".to_owned()),
        recording_url: Some("https://recordings.example/1".to_owned()),
        ivr_path: vec![step()],
        custom_data: Some(custom_data),
        ..missed("call-1", &mobile(PHONE), before(clock.now(), 20))
    };
    let lead = client.record(call).await.lead.unwrap();
    clock.advance(TimeDelta::minutes(2));
    let opener = due(client, tenant).await;
    let request = StartConversationRequest {
        tenant_id: tenant.id.clone(),
        lead_id: lead.id.clone(),
        whatsapp_conversation_id: Some("thread-1".to_owned()),
        follow_up_id: opener.follow_up.unwrap().id,
        claim_token: opener.claim_token,
        ..Default::default()
    };
    client.conversations().start_conversation(request).await.unwrap();
    clock.advance(TimeDelta::hours(2));
    let reminder = due(client, tenant).await;
    let request = CompleteFollowUpRequest {
        tenant_id: tenant.id.clone(),
        follow_up_id: reminder.follow_up.unwrap().id,
        claim_token: reminder.claim_token,
        ..Default::default()
    };
    client.conversations().complete_follow_up(request).await.unwrap();
    clock.advance(TimeDelta::minutes(5));
    let request = RecordReplyRequest {
        tenant_id: tenant.id.clone(),
        by: Some(record_reply_request::By::LeadId(lead.id.clone())),
        customer_name: Some("Dana \"D\" Levi".to_owned()),
        need: Some("A tap\nthat leaks".to_owned()),
        ..Default::default()
    };
    client.conversations().record_reply(request).await.unwrap();
    let again = RecordCallRequest {
        outcome: v1::CallOutcome::Busy.into(),
        ..missed("call-2", &mobile(PHONE), before(clock.now(), 60))
    };
    assert_eq!(client.disposition(again).await, v1::CallDisposition::Attached);
    let back = RecordCallRequest {
        original_call_id: Some("call-3".to_owned()),
        ..called_back("call-3-transferred", &mobile(PHONE), before(clock.now(), 30))
    };
    assert_eq!(client.disposition(back).await, v1::CallDisposition::Returned);
    let lost =
        TransitionLeadRequest { note: "Found another.".to_owned(), ..transition(&lead, LeadStatus::Lost) };
    moved(client, lost).await.unwrap();
    let late = missed("call-4", &mobile(PHONE), before(clock.now(), 45));
    assert_eq!(client.disposition(late).await, v1::CallDisposition::AlreadyReturned);
}

/// Another lead much later, and no messages any more.
async fn second_lead(client: &Client, tenant: &Tenant, clock: &ManualClock) {
    let call = missed("call-5", &mobile(PHONE), before(clock.now(), 90));
    assert_eq!(client.disposition(call).await, v1::CallDisposition::LeadCreated);
    let request = v1::AddSuppressionRequest {
        tenant_id: tenant.id.clone(),
        phone: mobile(PHONE),
        reason: v1::SuppressionReason::Requested.into(),
        request_id: Uuid::from_u128(7).to_string(),
    };
    client.conversations().add_suppression(request).await.unwrap();
}

/// A call to a number that is the tenant's by now, which the server has not noticed yet; and one to a number that is nobody's.
async fn unrouted(db: &TestDatabase, client: &Client, clock: &ManualClock) {
    for (line, call) in [("036666666", "call-6"), ("037777777", "nobodys-call")] {
        let call = RecordCallRequest {
            business_phone: line.to_owned(),
            representative_name: Some("Noa".to_owned()),
            ivr_path: vec![step()],
            ..answered(call, &mobile(PHONE), before(clock.now(), 30))
        };
        assert_eq!(client.disposition(call).await, v1::CallDisposition::Unrouted);
    }
    let connection = db.connect().await;
    let line = business_line::Entity::find().one(&connection).await.unwrap().unwrap();
    let line = business_line::ActiveModel {
        id: Set(Uuid::from_u128(6)),
        phone: Set("+97236666666".into()),
        calls_since: Set(None),
        ..line.into()
    };
    line.insert(&connection).await.unwrap();
}

/// The paths of all members of an export: `leads.events.kind`. What others put into `details` and `custom_data` is theirs.
fn paths(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| paths(value, path, found)),
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if !["details", "custom_data"].contains(&name.as_str()) {
                    paths(value, &path, found);
                }
                found.insert(path);
            }
        }
        _ => {}
    }
}

both_engines! {
    async fn everything_that_is_held_is_exported(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        first_lead(&server, &tenant, &clock).await;
        clock.advance(TimeDelta::days(40));
        second_lead(&server, &tenant, &clock).await;
        unrouted(&db, &server, &clock).await;

        let json = exported(&server, &tenant, &mobile(PHONE)).await;
        assert_eq!(json, exported(&server, &tenant, &mobile_e164(PHONE)).await);
        assert!(!json.contains("nobodys-call"), "a number without an owner is nobody's");
        let export = normalized(&json);
        let golden = parsed(include_str!("customer.json"));
        assert_eq!(export, golden, "{export:#}");

        let request = v1::EraseCustomerRequest { tenant_id: tenant.id.clone(), phone: mobile(PHONE), ..Default::default() };
        server.leads().erase_customer(request).await.unwrap();
        let export = parsed(&exported(&server, &tenant, &mobile(PHONE)).await);
        assert_eq!(export["customer"], json!(null));
        for list in ["leads", "missed_calls", "unrouted_calls", "stored_responses"] {
            assert_eq!(export[list], json!([]), "{list}");
        }
    }
}

#[test]
fn every_member_is_documented() {
    let page = include_str!("../../../../docs/privacy.md");
    let mut found = BTreeSet::new();
    paths(&parsed(include_str!("customer.json")), "", &mut found);
    let documented: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split_once('`'))
        .map(|(path, _)| path.to_owned())
        .collect();
    let missing: Vec<_> = found.difference(&documented).collect();
    assert!(missing.is_empty(), "docs/privacy.md has no row for {missing:?}");
    let gone: Vec<_> = documented.difference(&found).collect();
    assert!(gone.is_empty(), "docs/privacy.md describes {gone:?}, which no export has");
}
