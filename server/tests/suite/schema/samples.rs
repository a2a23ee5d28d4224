//! A row of each table that more than one test stores.

use chrono::{DateTime, Utc};
use leadcapture_server::storage::entities::enums::{
    ApiTokenRole, CallDisposition, CallOutcome, ConversationEndReason, ConversationState, FollowUpKind,
    FollowUpStatus, LeadSource, LeadStatus, LostReason,
};
use leadcapture_server::storage::entities::{
    api_token, follow_up, lead, lead_conversation, missed_call, tenant,
};
use serde_json::json;
use uuid::Uuid;

pub(super) const TENANT: Uuid = Uuid::from_u128(1);
pub(super) const LEAD: Uuid = Uuid::from_u128(2);
pub(super) const PHONE: &str = "+972501234567";

/// A time with microseconds, to see that they are kept.
pub(super) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_767_225_600_123_456).unwrap()
}

pub(super) fn tenant() -> tenant::Model {
    tenant::Model {
        id: TENANT,
        name: "Bakery".into(),
        region: "IL".into(),
        time_zone: "Asia/Jerusalem".into(),
        policy: json!({"opener_delay": 120}),
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

pub(super) fn lead(id: Uuid, status: LeadStatus) -> lead::Model {
    lead::Model {
        id,
        tenant_id: TENANT,
        source: LeadSource::MissedCall,
        customer_phone: PHONE.into(),
        customer_name: None,
        need: None,
        contact_preference: None,
        note: None,
        status,
        lost_reason: (status == LeadStatus::Lost).then_some(LostReason::Price),
        call_count: 1,
        last_call_at: Some(now()),
        captured_at: now(),
        qualifying_at: None,
        qualified_at: None,
        contacted_at: None,
        converted_at: None,
        lost_at: None,
        unresponsive_at: None,
        reopened_at: None,
        recaptured_at: None,
        reopen_count: 0,
        opener_round: 0,
        previous_lead_id: None,
        redacted_at: None,
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

pub(super) fn follow_up() -> follow_up::Model {
    follow_up::Model {
        id: Uuid::from_u128(3),
        tenant_id: TENANT,
        lead_id: LEAD,
        kind: FollowUpKind::Reminder1,
        round: 1,
        due_at: now(),
        status: FollowUpStatus::Claimed,
        claim_token: Some(Uuid::from_u128(4)),
        lease_until: Some(now()),
        attempts: 1,
        last_error: None,
        completed_at: None,
        created_at: now(),
        updated_at: now(),
    }
}

pub(super) fn conversation() -> lead_conversation::Model {
    lead_conversation::Model {
        id: Uuid::from_u128(5),
        tenant_id: TENANT,
        lead_id: LEAD,
        state: ConversationState::Completed,
        round: 1,
        whatsapp_conversation_id: Some("thread".into()),
        opened_at: now(),
        last_reply_at: None,
        reminder1_sent_at: None,
        reminder2_sent_at: None,
        give_up_at: None,
        completed_at: Some(now()),
        end_reason: Some(ConversationEndReason::AllAnswered),
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

pub(super) fn missed_call() -> missed_call::Model {
    missed_call::Model {
        id: Uuid::from_u128(6),
        tenant_id: TENANT,
        provider: "exchange".into(),
        call_id: "call-1".into(),
        original_call_id: None,
        caller_phone: Some(PHONE.into()),
        caller_raw: "0501234567".into(),
        business_phone: "+97231234567".into(),
        outcome: CallOutcome::NoAnswer,
        provider_status: Some("NOANSWER".into()),
        called_at: now(),
        ended_at: now(),
        received_at: now(),
        processed_at: now(),
        duration_ms: 1_500,
        ring_duration_ms: None,
        queue_name: None,
        representative_name: None,
        ivr_path: Some(json!([{"digit": "1"}]).into()),
        recording_url: None,
        custom_data: None,
        lead_id: Some(LEAD),
        disposition: CallDisposition::LeadCreated,
        returned_at: None,
        returned_by_call_id: None,
        redacted_at: None,
    }
}

pub(super) fn token(role: ApiTokenRole, tenant_id: Option<Uuid>) -> api_token::Model {
    api_token::Model {
        id: Uuid::from_u128(7),
        token_hash: vec![0, 1, 255],
        role,
        tenant_id,
        label: "website".into(),
        created_at: now(),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}
