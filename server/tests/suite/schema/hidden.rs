//! Rows, and changes of rows, show nothing of the people they are about.

use std::fmt::Debug;

use leadcapture_server::storage::entities::{
    business_line, customer,
    enums::{LeadEventKind, LeadStatus},
    follow_up, idempotency_record, lead, lead_conversation, lead_event, missed_call, released_number,
    unrouted_call,
};
use sea_orm::IntoActiveModel;
use serde_json::json;

use super::samples;

const PHONE: &str = "+972525550142";
const SECRETS: &[&str] =
    &["555", "0142", "Zippora", "boiler", "recordings.example", "31415", "mat", "53, 53, 53"];

/// Checks a row and the change that would store it.
fn assert_hidden<M, A>(row: M)
where
    M: Debug + IntoActiveModel<A>,
    A: sea_orm::ActiveModelTrait + Debug,
{
    let shown = format!("{row:?}");
    for shown in [format!("{row:#?}"), format!("{:?}", row.into_active_model()), shown] {
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("***"), "{shown}");
    }
}

#[test]
fn no_row_shows_a_person() {
    let (id, now) = (samples::TENANT, samples::now());
    assert_hidden(customer::Model {
        id,
        tenant_id: id,
        phone: PHONE.into(),
        last_answered_at: None,
        last_answered_call_id: None,
        answered_calls: None,
        suppressed_at: None,
        suppression_reason: None,
        do_not_contact_at: None,
        erased_at: None,
        created_at: now,
        updated_at: now,
    });
    assert_hidden(lead::Model {
        customer_phone: PHONE.into(),
        customer_name: Some("Zippora".into()),
        need: Some("a boiler".into()),
        contact_preference: Some("Zippora's husband".into()),
        note: Some("under the mat".into()),
        ..samples::lead(id, LeadStatus::New)
    });
    assert_hidden(missed_call::Model {
        caller_phone: Some(PHONE.into()),
        caller_raw: "052-555-0142".into(),
        business_phone: PHONE.into(),
        representative_name: Some("Zippora".into()),
        ivr_path: Some(json!([{ "digit": "31415" }]).into()),
        recording_url: Some("https://recordings.example/1".into()),
        custom_data: Some(json!({ "need": "a boiler" }).into()),
        ..samples::missed_call()
    });
    assert_hidden(unrouted_call::Model {
        id,
        tenant_id: None,
        provider: "exchange".into(),
        call_id: "call-1".into(),
        business_phone: PHONE.into(),
        customer_phone: Some(PHONE.into()),
        called_at: now,
        received_at: now,
        record: json!({ "customer_raw": PHONE }).into(),
    });
    assert_hidden(lead_conversation::Model {
        whatsapp_conversation_id: Some(PHONE.into()),
        ..samples::conversation()
    });
    assert_hidden(lead_event::Model {
        seq: 1,
        tenant_id: id,
        lead_id: id,
        kind: LeadEventKind::StatusChanged,
        from_status: None,
        to_status: None,
        actor: "crm (token 1)".into(),
        reason: None,
        details: Some(json!({ "note": "Zippora" }).into()),
        occurred_at: now,
    });
    assert_hidden(follow_up::Model {
        last_error: Some(format!("{PHONE} has no WhatsApp").into()),
        ..samples::follow_up()
    });
    assert_hidden(idempotency_record::Model {
        principal: "token 1".into(),
        method: "CaptureLead".into(),
        request_id: id,
        tenant_id: None,
        customer_phone: Some(PHONE.into()),
        request_hash: vec![1],
        response: PHONE.as_bytes().to_vec().into(),
        created_at: now,
        expires_at: now,
    });
    assert_hidden(business_line::Model {
        id,
        tenant_id: id,
        phone: PHONE.into(),
        label: None,
        calls_since: None,
        released_at: None,
        created_at: now,
        updated_at: now,
    });
    assert_hidden(released_number::Model { phone: PHONE.into(), released_at: now });
}
