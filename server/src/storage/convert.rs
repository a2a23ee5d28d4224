//! Rows to domain types and back.
//!
//! A row that cannot be converted was written by something else than this program; that is a fault of ours, never the caller's.

use sea_orm::{NotSet, Set};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::entities::{
    business_line, customer, follow_up, lead, lead_conversation, lead_event, missed_call, tenant,
    unrouted_call,
};
use crate::domain::{
    call::{CallKey, MissedCall},
    conversation::Conversation,
    customer::{Customer, CustomerKey},
    error::Error,
    event::{LeadEvent, NewLeadEvent},
    follow_up::{FollowUp, NewFollowUp},
    lead::Lead,
    personal::Personal,
    phone::{PhoneNumber, Region},
    policy::TenantPolicy,
    tenant::{BusinessLine, Tenant},
};

fn phone(stored: &Personal) -> Result<PhoneNumber, Error> {
    PhoneNumber::from_e164(stored.reveal()).map_err(Error::internal)
}

/// Reads a column of JSON. What is wrong with it is not told: the message would repeat parts of it.
pub(super) fn read<T: DeserializeOwned>(stored: Personal<Value>, column: &'static str) -> Result<T, Error> {
    serde_json::from_value(stored.into_revealed())
        .map_err(|_| Error::internal(format!("what is stored in {column} cannot be read")))
}

pub(super) fn tenant(row: tenant::Model) -> Result<Tenant, Error> {
    Ok(Tenant {
        id: row.id,
        name: row.name,
        region: row.region.parse::<Region>().map_err(Error::internal)?,
        time_zone: row
            .time_zone
            .parse()
            .map_err(|error: chrono_tz::ParseError| Error::internal(error.to_string()))?,
        policy: serde_json::from_value::<TenantPolicy>(row.policy).map_err(Error::internal)?,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

pub(super) fn tenant_row(tenant: &Tenant) -> Result<tenant::ActiveModel, Error> {
    Ok(tenant::ActiveModel {
        id: Set(tenant.id),
        name: Set(tenant.name.clone()),
        region: Set(tenant.region.code().to_owned()),
        time_zone: Set(tenant.time_zone.name().to_owned()),
        policy: Set(serde_json::to_value(&tenant.policy).map_err(Error::internal)?),
        version: Set(tenant.version),
        created_at: Set(tenant.created_at),
        updated_at: Set(tenant.updated_at),
    })
}

pub(super) fn business_line(row: business_line::Model) -> Result<BusinessLine, Error> {
    Ok(BusinessLine {
        id: row.id,
        tenant_id: row.tenant_id,
        phone: phone(&row.phone)?,
        label: row.label,
        calls_since: row.calls_since,
        released_at: row.released_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

pub(super) fn customer(row: customer::Model) -> Result<Customer, Error> {
    Ok(Customer {
        id: row.id,
        key: CustomerKey { tenant_id: row.tenant_id, phone: phone(&row.phone)? },
        last_answered_at: row.last_answered_at,
        last_answered_call_id: row.last_answered_call_id,
        answered_calls: row
            .answered_calls
            .map(serde_json::from_value)
            .transpose()
            .map_err(Error::internal)?
            .unwrap_or_default(),
        suppressed_at: row.suppressed_at,
        do_not_contact_at: row.do_not_contact_at,
        erased_at: row.erased_at,
    })
}

/// The answered calls of a customer as stored; nothing where there are none.
pub(super) fn answered_calls(customer: &Customer) -> Result<Option<Value>, Error> {
    if customer.answered_calls.is_empty() {
        return Ok(None);
    }
    serde_json::to_value(&customer.answered_calls).map(Some).map_err(Error::internal)
}

pub(super) fn lead(row: lead::Model) -> Result<Lead, Error> {
    Ok(Lead {
        id: row.id,
        tenant_id: row.tenant_id,
        source: row.source.into(),
        customer_phone: phone(&row.customer_phone)?,
        customer_name: row.customer_name,
        need: row.need,
        contact_preference: row.contact_preference,
        note: row.note,
        status: row.status.into(),
        lost_reason: row.lost_reason.map(Into::into),
        call_count: row.call_count,
        last_call_at: row.last_call_at,
        captured_at: row.captured_at,
        qualifying_at: row.qualifying_at,
        qualified_at: row.qualified_at,
        contacted_at: row.contacted_at,
        converted_at: row.converted_at,
        lost_at: row.lost_at,
        unresponsive_at: row.unresponsive_at,
        reopened_at: row.reopened_at,
        recaptured_at: row.recaptured_at,
        reopen_count: row.reopen_count,
        opener_round: row.opener_round,
        previous_lead_id: row.previous_lead_id,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

pub(super) fn lead_row(lead: Lead) -> lead::ActiveModel {
    lead::ActiveModel {
        id: Set(lead.id),
        tenant_id: Set(lead.tenant_id),
        source: Set(lead.source.into()),
        customer_phone: Set(lead.customer_phone.as_e164().into()),
        customer_name: Set(lead.customer_name),
        need: Set(lead.need),
        contact_preference: Set(lead.contact_preference),
        note: Set(lead.note),
        status: Set(lead.status.into()),
        lost_reason: Set(lead.lost_reason.map(Into::into)),
        call_count: Set(lead.call_count),
        last_call_at: Set(lead.last_call_at),
        captured_at: Set(lead.captured_at),
        qualifying_at: Set(lead.qualifying_at),
        qualified_at: Set(lead.qualified_at),
        contacted_at: Set(lead.contacted_at),
        converted_at: Set(lead.converted_at),
        lost_at: Set(lead.lost_at),
        unresponsive_at: Set(lead.unresponsive_at),
        reopened_at: Set(lead.reopened_at),
        recaptured_at: Set(lead.recaptured_at),
        reopen_count: Set(lead.reopen_count),
        opener_round: Set(lead.opener_round),
        previous_lead_id: Set(lead.previous_lead_id),
        redacted_at: NotSet,
        version: Set(lead.version),
        created_at: Set(lead.created_at),
        updated_at: Set(lead.updated_at),
    }
}

pub(super) fn missed_call(row: missed_call::Model) -> Result<MissedCall, Error> {
    Ok(MissedCall {
        id: row.id,
        key: CallKey { tenant_id: row.tenant_id, provider: row.provider, call_id: row.call_id },
        original_call_id: row.original_call_id,
        caller_phone: row.caller_phone.as_ref().map(phone).transpose()?,
        caller_raw: row.caller_raw,
        business_phone: phone(&row.business_phone)?,
        outcome: row.outcome.into(),
        provider_status: row.provider_status,
        called_at: row.called_at,
        ended_at: row.ended_at,
        received_at: row.received_at,
        processed_at: row.processed_at,
        duration_ms: row.duration_ms,
        ring_duration_ms: row.ring_duration_ms,
        queue_name: row.queue_name,
        representative_name: row.representative_name,
        ivr_path: row.ivr_path.map(|path| read(path, "ivr_path")).transpose()?.unwrap_or_default(),
        recording_url: row.recording_url,
        custom_data: row.custom_data,
        lead_id: row.lead_id,
        disposition: row.disposition.into(),
        returned_at: row.returned_at,
        returned_by_call_id: row.returned_by_call_id,
        redacted_at: row.redacted_at,
    })
}

/// The voice menu path as JSON; absent when empty.
pub(super) fn ivr_path(call: &MissedCall) -> Result<Option<Personal<Value>>, Error> {
    if call.ivr_path.is_empty() {
        return Ok(None);
    }
    serde_json::to_value(&call.ivr_path).map(|path| Some(path.into())).map_err(Error::internal)
}

pub(super) fn missed_call_row(call: &MissedCall) -> Result<missed_call::ActiveModel, Error> {
    Ok(missed_call::ActiveModel {
        id: Set(call.id),
        tenant_id: Set(call.key.tenant_id),
        provider: Set(call.key.provider.clone()),
        call_id: Set(call.key.call_id.clone()),
        original_call_id: Set(call.original_call_id.clone()),
        caller_phone: Set(call.caller_phone.as_ref().map(|phone| phone.as_e164().into())),
        caller_raw: Set(call.caller_raw.clone()),
        business_phone: Set(call.business_phone.as_e164().into()),
        outcome: Set(call.outcome.into()),
        provider_status: Set(call.provider_status.clone()),
        called_at: Set(call.called_at),
        ended_at: Set(call.ended_at),
        received_at: Set(call.received_at),
        processed_at: Set(call.processed_at),
        duration_ms: Set(call.duration_ms),
        ring_duration_ms: Set(call.ring_duration_ms),
        queue_name: Set(call.queue_name.clone()),
        representative_name: Set(call.representative_name.clone()),
        ivr_path: Set(ivr_path(call)?),
        recording_url: Set(call.recording_url.clone()),
        custom_data: Set(call.custom_data.clone()),
        lead_id: Set(call.lead_id),
        disposition: Set(call.disposition.into()),
        returned_at: Set(call.returned_at),
        returned_by_call_id: Set(call.returned_by_call_id.clone()),
        redacted_at: Set(call.redacted_at),
    })
}

pub(super) fn lead_event_row(event: NewLeadEvent) -> lead_event::ActiveModel {
    lead_event::ActiveModel {
        tenant_id: Set(event.tenant_id),
        lead_id: Set(event.lead_id),
        kind: Set(event.kind.into()),
        from_status: Set(event.from_status.map(Into::into)),
        to_status: Set(event.to_status.map(Into::into)),
        actor: Set(event.actor),
        reason: Set(event.reason),
        details: Set(event.details),
        occurred_at: Set(event.occurred_at),
        ..Default::default()
    }
}

pub(super) fn conversation(row: lead_conversation::Model) -> Conversation {
    Conversation {
        id: row.id,
        tenant_id: row.tenant_id,
        lead_id: row.lead_id,
        state: row.state.into(),
        round: row.round,
        whatsapp_conversation_id: row.whatsapp_conversation_id,
        opened_at: row.opened_at,
        last_reply_at: row.last_reply_at,
        reminder1_sent_at: row.reminder1_sent_at,
        reminder2_sent_at: row.reminder2_sent_at,
        give_up_at: row.give_up_at,
        completed_at: row.completed_at,
        end_reason: row.end_reason.map(Into::into),
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

pub(super) fn conversation_row(conversation: &Conversation) -> lead_conversation::ActiveModel {
    lead_conversation::ActiveModel {
        id: Set(conversation.id),
        tenant_id: Set(conversation.tenant_id),
        lead_id: Set(conversation.lead_id),
        state: Set(conversation.state.into()),
        round: Set(conversation.round),
        whatsapp_conversation_id: Set(conversation.whatsapp_conversation_id.clone()),
        opened_at: Set(conversation.opened_at),
        last_reply_at: Set(conversation.last_reply_at),
        reminder1_sent_at: Set(conversation.reminder1_sent_at),
        reminder2_sent_at: Set(conversation.reminder2_sent_at),
        give_up_at: Set(conversation.give_up_at),
        completed_at: Set(conversation.completed_at),
        end_reason: Set(conversation.end_reason.map(Into::into)),
        version: Set(conversation.version),
        created_at: Set(conversation.created_at),
        updated_at: Set(conversation.updated_at),
    }
}

pub(super) fn follow_up(row: follow_up::Model) -> FollowUp {
    FollowUp {
        id: row.id,
        tenant_id: row.tenant_id,
        lead_id: row.lead_id,
        kind: row.kind.into(),
        round: row.round,
        due_at: row.due_at,
        status: row.status.into(),
        claim_token: row.claim_token,
        lease_until: row.lease_until,
        attempts: row.attempts,
        last_error: row.last_error,
        completed_at: row.completed_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

pub(super) fn lead_event(row: lead_event::Model) -> LeadEvent {
    LeadEvent {
        seq: row.seq,
        event: NewLeadEvent {
            tenant_id: row.tenant_id,
            lead_id: row.lead_id,
            kind: row.kind.into(),
            from_status: row.from_status.map(Into::into),
            to_status: row.to_status.map(Into::into),
            actor: row.actor,
            reason: row.reason,
            details: row.details,
            occurred_at: row.occurred_at,
        },
    }
}

pub(super) fn follow_up_row(
    follow_up: &NewFollowUp,
    now: chrono::DateTime<chrono::Utc>,
) -> follow_up::ActiveModel {
    follow_up::ActiveModel {
        id: Set(follow_up.id),
        tenant_id: Set(follow_up.tenant_id),
        lead_id: Set(follow_up.lead_id),
        kind: Set(follow_up.kind.into()),
        round: Set(follow_up.round),
        due_at: Set(follow_up.due_at),
        status: Set(follow_up.status.into()),
        claim_token: Set(None),
        lease_until: Set(None),
        attempts: Set(0),
        last_error: Set(None),
        completed_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
    }
}

pub(super) fn unrouted_call(row: unrouted_call::Model) -> Result<super::UnroutedCall, Error> {
    Ok(super::UnroutedCall {
        id: row.id,
        business_phone: row.business_phone,
        customer_phone: row.customer_phone.as_ref().map(phone).transpose()?,
        received_at: row.received_at,
        record: read(row.record, "record")?,
    })
}
