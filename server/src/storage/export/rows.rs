//! Rows to the entries of an export.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::{
    convert,
    entities::{
        customer, follow_up, idempotency_record, lead, lead_conversation, lead_event, missed_call,
        unrouted_call,
    },
};
use crate::domain::{
    call::{CallRecord, IvrStep},
    customer::AnsweredCall,
    error::Error,
    export::{
        ExportedAnsweredCall, ExportedConversation, ExportedCustomer, ExportedEvent, ExportedFollowUp,
        ExportedLead, ExportedMissedCall, ExportedResponse, ExportedUnroutedCall, Milliseconds,
    },
    personal::Personal,
};

pub(super) fn customer(row: customer::Model) -> Result<ExportedCustomer, Error> {
    let answered: Vec<AnsweredCall> = list(row.answered_calls.map(Personal::new), "answered_calls")?;
    Ok(ExportedCustomer {
        id: row.id,
        phone: row.phone,
        last_answered_at: row.last_answered_at,
        last_answered_call_id: row.last_answered_call_id,
        answered_calls: answered
            .into_iter()
            .map(|call| ExportedAnsweredCall {
                provider: call.provider,
                call_id: call.call_id,
                original_call_id: call.original_call_id,
            })
            .collect(),
        suppressed_at: row.suppressed_at,
        suppression_reason: row.suppression_reason.map(Into::into),
        do_not_contact_at: row.do_not_contact_at,
        erased_at: row.erased_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// A lead, as yet without what hangs on it.
pub(super) fn lead(row: lead::Model) -> ExportedLead {
    ExportedLead {
        id: row.id,
        source: row.source.into(),
        customer_phone: row.customer_phone,
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
        previous_lead_id: row.previous_lead_id,
        redacted_at: row.redacted_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
        conversation: None,
        follow_ups: Vec::new(),
        events: Vec::new(),
    }
}

pub(super) fn conversation(row: lead_conversation::Model) -> ExportedConversation {
    ExportedConversation {
        id: row.id,
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
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

pub(super) fn follow_up(row: follow_up::Model) -> ExportedFollowUp {
    ExportedFollowUp {
        id: row.id,
        kind: row.kind.into(),
        round: row.round,
        due_at: row.due_at,
        status: row.status.into(),
        attempts: row.attempts,
        last_error: row.last_error,
        completed_at: row.completed_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

pub(super) fn event(row: lead_event::Model) -> ExportedEvent {
    ExportedEvent {
        seq: row.seq,
        kind: row.kind.into(),
        from_status: row.from_status.map(Into::into),
        to_status: row.to_status.map(Into::into),
        actor: row.actor,
        reason: row.reason,
        details: row.details,
        occurred_at: row.occurred_at,
    }
}

pub(super) fn missed_call(row: missed_call::Model) -> Result<ExportedMissedCall, Error> {
    let ivr_path: Vec<IvrStep> = list(row.ivr_path, "ivr_path")?;
    Ok(ExportedMissedCall {
        id: row.id,
        provider: row.provider,
        call_id: row.call_id,
        original_call_id: row.original_call_id,
        caller_phone: row.caller_phone,
        caller_raw: row.caller_raw,
        business_phone: row.business_phone,
        outcome: row.outcome.into(),
        provider_status: row.provider_status,
        called_at: row.called_at,
        ended_at: row.ended_at,
        received_at: row.received_at,
        processed_at: row.processed_at,
        duration: Milliseconds(row.duration_ms),
        ring_duration: row.ring_duration_ms.map(Milliseconds),
        queue_name: row.queue_name,
        representative_name: row.representative_name,
        ivr_path,
        recording_url: row.recording_url,
        custom_data: row.custom_data,
        lead_id: row.lead_id,
        disposition: row.disposition.into(),
        returned_at: row.returned_at,
        returned_by_call_id: row.returned_by_call_id,
        redacted_at: row.redacted_at,
    })
}

pub(super) fn unrouted_call(row: unrouted_call::Model) -> Result<ExportedUnroutedCall, Error> {
    let record: CallRecord = convert::read(row.record, "record")?;
    Ok(ExportedUnroutedCall {
        id: row.id,
        provider: record.provider,
        call_id: record.call_id,
        original_call_id: record.original_call_id,
        direction: record.direction,
        outcome: record.outcome,
        provider_status: record.provider_status,
        customer_phone: row.customer_phone,
        customer_raw: record.customer_raw,
        business_phone: row.business_phone,
        business_raw: record.business_raw,
        called_at: record.called_at,
        received_at: row.received_at,
        duration: Milliseconds(record.duration_ms),
        ring_duration: record.ring_duration_ms.map(Milliseconds),
        queue_name: record.queue_name,
        representative_name: record.representative_name,
        ivr_path: record.ivr_path,
        recording_url: record.recording_url,
        custom_data: record.custom_data,
    })
}

pub(super) fn response(row: idempotency_record::Model) -> ExportedResponse {
    ExportedResponse {
        method: row.method,
        request_id: row.request_id,
        created_at: row.created_at,
        expires_at: row.expires_at,
    }
}

/// A stored list; nothing is an empty one.
fn list<T: DeserializeOwned>(stored: Option<Personal<Value>>, column: &'static str) -> Result<Vec<T>, Error> {
    stored.map(|stored| convert::read(stored, column)).transpose().map(Option::unwrap_or_default)
}
