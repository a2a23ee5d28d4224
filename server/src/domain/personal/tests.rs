//! Nothing of a person shows in what any type of the domain shows of itself.

use std::fmt::Debug;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::domain::{
    call::{CallDirection, CallKey, CallOutcome, CallRecord, Disposition, IvrStep, MissedCall},
    conversation::{Conversation, ConversationState, Reply, ReplyEffects, Start, Started},
    customer::{Customer, CustomerKey},
    details::LeadDetails,
    event::{LeadEvent, LeadEventKind, NewLeadEvent},
    follow_up::{FollowUp, FollowUpKind, FollowUpStatus},
    lead::{Lead, LeadSource, LeadStatus, NewLead},
    phone::{ParsedPhone, PhoneNumber, Region, parse_phone},
    policy::TenantPolicy,
    recording::{Decision, Effects, FreshIds, Known, ReportedCall},
    tenant::{BusinessLine, Tenant},
    transition::TransitionRequest,
};

const NAME: &str = "Zippora Almog";
const NEED: &str = "A leaking boiler";
const PREFERENCE: &str = "Evenings by telephone";
const NOTE: &str = "The key is under the mat";
const RAW: &str = "052-555-0142";
const E164: &str = "+972525550142";
const URL: &str = "https://recordings.example/zippora.mp3";
const DATA: &str = "tehudat-zehut-31415926";

/// What must not be seen: the values and every part that gives them away.
const SECRETS: &[&str] =
    &["Zippora", "Almog", "boiler", "Evenings", "mat", "555", "0142", "recordings.example", DATA, "31415"];

/// Shows a value in every way in which a log could.
fn assert_hidden(value: &impl Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("***"), "{shown}");
    }
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_770_000_000, 0).unwrap()
}

fn id() -> Uuid {
    Uuid::from_u128(1)
}

fn phone() -> PhoneNumber {
    PhoneNumber::from_e164(E164).unwrap()
}

fn data() -> Personal<Value> {
    json!({ "id": DATA, "name": NAME }).into()
}

fn details() -> LeadDetails {
    LeadDetails {
        customer_name: Some(NAME.into()),
        need: Some(NEED.into()),
        contact_preference: Some(PREFERENCE.into()),
        note: Some(NOTE.into()),
    }
}

fn lead() -> Lead {
    let new = NewLead {
        id: id(),
        tenant_id: id(),
        source: LeadSource::Manual,
        customer_phone: phone(),
        previous_lead_id: None,
    };
    let mut lead = Lead::new(new, at());
    details().fill(&mut lead);
    lead
}

fn record() -> CallRecord {
    CallRecord {
        provider: "exchange".to_owned(),
        call_id: "call-1".to_owned(),
        original_call_id: None,
        direction: CallDirection::Incoming,
        outcome: CallOutcome::NoAnswer,
        provider_status: None,
        customer_raw: RAW.into(),
        business_raw: RAW.into(),
        called_at: at(),
        duration_ms: 1,
        ring_duration_ms: None,
        queue_name: None,
        representative_name: Some(NAME.into()),
        recording_url: Some(URL.into()),
        ivr_path: vec![IvrStep { digit: "31415".into(), ..IvrStep::default() }],
        custom_data: Some(data()),
        tenant_id: None,
    }
}

fn missed_call() -> MissedCall {
    let record = record();
    MissedCall {
        id: id(),
        key: CallKey { tenant_id: id(), provider: record.provider, call_id: record.call_id },
        original_call_id: None,
        caller_phone: Some(phone()),
        caller_raw: record.customer_raw,
        business_phone: phone(),
        outcome: record.outcome,
        provider_status: None,
        called_at: at(),
        ended_at: at(),
        received_at: at(),
        processed_at: at(),
        duration_ms: 1,
        ring_duration_ms: None,
        queue_name: None,
        representative_name: record.representative_name,
        ivr_path: record.ivr_path,
        recording_url: record.recording_url,
        custom_data: record.custom_data,
        lead_id: None,
        disposition: Disposition::LeadCreated,
        returned_at: None,
        returned_by_call_id: None,
        redacted_at: None,
    }
}

fn conversation() -> Conversation {
    Conversation {
        id: id(),
        tenant_id: id(),
        lead_id: id(),
        state: ConversationState::AwaitingName,
        round: 1,
        whatsapp_conversation_id: Some(E164.into()),
        opened_at: at(),
        last_reply_at: None,
        reminder1_sent_at: None,
        reminder2_sent_at: None,
        give_up_at: None,
        completed_at: None,
        end_reason: None,
        version: 1,
        created_at: at(),
        updated_at: at(),
    }
}

fn event() -> NewLeadEvent {
    NewLeadEvent {
        tenant_id: id(),
        lead_id: id(),
        kind: LeadEventKind::StatusChanged,
        from_status: None,
        to_status: None,
        actor: "crm (token 1)".to_owned(),
        reason: None,
        details: Some(json!({ "note": NOTE }).into()),
        occurred_at: at(),
    }
}

fn customer() -> Customer {
    Customer {
        id: id(),
        key: CustomerKey { tenant_id: id(), phone: phone() },
        last_answered_at: None,
        last_answered_call_id: None,
        answered_calls: Vec::new(),
        suppressed_at: None,
        do_not_contact_at: None,
        erased_at: None,
    }
}

fn tenant() -> Tenant {
    Tenant {
        id: id(),
        name: "Locksmith".to_owned(),
        region: Region::ISRAEL,
        time_zone: chrono_tz::Asia::Jerusalem,
        policy: TenantPolicy::default(),
        version: 1,
        created_at: at(),
        updated_at: at(),
    }
}

#[test]
fn a_value_shows_nothing_of_itself_not_even_its_length() {
    let values: [Personal; 3] = ["".into(), NAME.into(), NOTE.into()];
    for value in values {
        assert_eq!(format!("{value} {value:?} {value:#?} {value:>40} {value:.1}"), "*** *** *** *** ***");
    }
    assert_eq!(format!("{:?}", Some(data())), "Some(***)");
    assert_eq!(
        (details().note.unwrap().reveal().as_str(), details().need.unwrap().into_revealed()),
        (NOTE, NEED.to_owned())
    );
}

#[test]
fn a_phone_shows_its_country_and_its_end() {
    assert_eq!(format!("{} {:?}", phone(), phone()), "+97252*****42 +97252*****42");
    assert_hidden(&parse_phone(RAW, Region::ISRAEL));
    assert_eq!(parse_phone(RAW, Region::ISRAEL), ParsedPhone::Number(phone()));
}

#[test]
fn stored_as_json_it_is_the_value() {
    let stored = serde_json::to_value(record()).unwrap();
    assert_eq!((&stored["customer_raw"], &stored["representative_name"]), (&json!(RAW), &json!(NAME)));
    assert_eq!(stored["custom_data"], json!({ "id": DATA, "name": NAME }));
    assert_eq!((&stored["recording_url"], &stored["ivr_path"][0]["digit"]), (&json!(URL), &json!("31415")));
    assert_eq!(serde_json::from_value::<CallRecord>(stored).unwrap(), record());
}

#[test]
fn no_type_of_the_domain_shows_a_person() {
    assert_hidden(&details());
    assert_hidden(&lead());
    assert_hidden(&record());
    assert_hidden(&missed_call());
    assert_hidden(&conversation());
    assert_hidden(&event());
    assert_hidden(&LeadEvent { seq: 1, event: event() });
    assert_hidden(&customer());
    assert_hidden(&TransitionRequest { to: LeadStatus::Lost, lost_reason: None, note: Some(NOTE.into()) });
    assert_hidden(&ReplyEffects { events: vec![event()], cancel_reminders: false });
    assert_hidden(&Decision {
        missed_call: Some(missed_call()),
        lead: Some(lead()),
        ..Decision::bare(Disposition::LeadCreated)
    });
    assert_hidden(&Effects {
        new_leads: vec![lead()],
        new_calls: vec![missed_call()],
        answered_customers: vec![customer()],
        events: vec![event()],
        ..Effects::default()
    });
    assert_hidden(&Known {
        customers: vec![customer()],
        leads: vec![lead()],
        current_leads: [(customer().key, id())].into(),
        calls: vec![missed_call()],
    });
    assert_hidden(&ReportedCall {
        record: record(),
        received_at: at(),
        actor: "exchange".into(),
        confined: false,
        fresh: FreshIds { missed_call: id(), lead: id(), opener: id() },
    });
    assert_hidden(&BusinessLine {
        id: id(),
        tenant_id: id(),
        phone: phone(),
        label: None,
        calls_since: None,
        released_at: None,
        created_at: at(),
        updated_at: at(),
    });
    assert_hidden(&FollowUp {
        id: id(),
        tenant_id: id(),
        lead_id: id(),
        kind: FollowUpKind::Opener,
        round: 1,
        due_at: at(),
        status: FollowUpStatus::Failed,
        claim_token: None,
        lease_until: None,
        attempts: 1,
        last_error: Some(format!("no WhatsApp at {E164}").into()),
        completed_at: None,
        created_at: at(),
        updated_at: at(),
    });
}

#[test]
fn no_request_to_a_conversation_shows_a_person() {
    let (details, tenant, thread) = (details(), tenant(), E164.into());
    let delay = TimeDelta::hours(1);
    assert_hidden(&Reply { answers: &details, opt_out: false, actor: "bot", unresponsive_delay: delay });
    assert_hidden(&Start {
        tenant: &tenant,
        whatsapp_conversation_id: Some(&thread),
        actor: "bot",
        conversation_id: id(),
        reminder_ids: [id(), id()],
    });
    assert_hidden(&Started::Now {
        conversation: Box::new(conversation()),
        reminders: Vec::new(),
        events: vec![event()],
    });
}
