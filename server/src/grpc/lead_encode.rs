//! Leads to messages.

use leadcapture_proto::v1;

use super::encode::{json_struct, time};
use crate::domain::{
    event::{LeadEvent, LeadEventKind},
    lead::{Lead, LeadSource, LeadStatus, LostReason},
    lifecycle,
    personal::revealed,
    phone::Region,
    qualification::Question,
};

/// A lead, with the phone in the local form of the tenant's region.
pub(super) fn lead(lead: &Lead, region: Region) -> v1::Lead {
    v1::Lead {
        id: lead.id.to_string(),
        tenant_id: lead.tenant_id.to_string(),
        source: source(lead.source).into(),
        customer_phone: lead.customer_phone.as_e164().to_owned(),
        customer_phone_local: lead.customer_phone.to_local(region),
        customer_name: revealed(lead.customer_name.as_ref()),
        need: revealed(lead.need.as_ref()),
        contact_preference: revealed(lead.contact_preference.as_ref()),
        note: revealed(lead.note.as_ref()),
        status: status(lead.status).into(),
        lost_reason: lead.lost_reason.map_or(v1::LostReason::Unspecified, lost_reason).into(),
        call_count: lead.call_count,
        last_call_at: lead.last_call_at.map(time),
        captured_at: Some(time(lead.captured_at)),
        qualifying_at: lead.qualifying_at.map(time),
        qualified_at: lead.qualified_at.map(time),
        contacted_at: lead.contacted_at.map(time),
        converted_at: lead.converted_at.map(time),
        lost_at: lead.lost_at.map(time),
        unresponsive_at: lead.unresponsive_at.map(time),
        reopened_at: lead.reopened_at.map(time),
        reopen_count: lead.reopen_count,
        previous_lead_id: lead.previous_lead_id.map(|id| id.to_string()),
        created_at: Some(time(lead.created_at)),
        updated_at: Some(time(lead.updated_at)),
        etag: lead.version.to_string(),
        allowed_transitions: lifecycle::allowed_from(lead.status).map(|to| status(to).into()).collect(),
    }
}

const fn source(value: LeadSource) -> v1::LeadSource {
    match value {
        LeadSource::MissedCall => v1::LeadSource::MissedCall,
        LeadSource::Manual => v1::LeadSource::Manual,
        LeadSource::Website => v1::LeadSource::Website,
    }
}

/// A lead to a caller that may know its ids only.
pub(super) fn lead_ids(lead: &Lead) -> v1::Lead {
    v1::Lead { id: lead.id.to_string(), tenant_id: lead.tenant_id.to_string(), ..v1::Lead::default() }
}

/// Where a lead stands.
pub(super) const fn status(value: LeadStatus) -> v1::LeadStatus {
    match value {
        LeadStatus::New => v1::LeadStatus::New,
        LeadStatus::Qualifying => v1::LeadStatus::Qualifying,
        LeadStatus::Qualified => v1::LeadStatus::Qualified,
        LeadStatus::Contacted => v1::LeadStatus::Contacted,
        LeadStatus::Converted => v1::LeadStatus::Converted,
        LeadStatus::Lost => v1::LeadStatus::Lost,
        LeadStatus::Unresponsive => v1::LeadStatus::Unresponsive,
    }
}

/// An event of a lead's history.
pub(super) fn event(event: &LeadEvent) -> v1::LeadEvent {
    let LeadEvent { seq, event } = event;
    let encode_status = |value: Option<LeadStatus>| value.map_or(v1::LeadStatus::Unspecified, status).into();
    v1::LeadEvent {
        seq: *seq,
        lead_id: event.lead_id.to_string(),
        kind: event_kind(event.kind).into(),
        from_status: encode_status(event.from_status),
        to_status: encode_status(event.to_status),
        actor: event.actor.clone(),
        reason: event.reason.clone(),
        details: event.details.as_ref().map(|details| json_struct(details.reveal())),
        occurred_at: Some(time(event.occurred_at)),
    }
}

const fn event_kind(value: LeadEventKind) -> v1::LeadEventKind {
    match value {
        LeadEventKind::Created => v1::LeadEventKind::Created,
        LeadEventKind::CallRecorded => v1::LeadEventKind::CallRecorded,
        LeadEventKind::CallReturned => v1::LeadEventKind::CallReturned,
        LeadEventKind::Recaptured => v1::LeadEventKind::Recaptured,
        LeadEventKind::StatusChanged => v1::LeadEventKind::StatusChanged,
        LeadEventKind::Reopened => v1::LeadEventKind::Reopened,
        LeadEventKind::DetailsUpdated => v1::LeadEventKind::DetailsUpdated,
        LeadEventKind::ConversationStarted => v1::LeadEventKind::ConversationStarted,
        LeadEventKind::ReplyReceived => v1::LeadEventKind::ReplyReceived,
        LeadEventKind::ConversationEnded => v1::LeadEventKind::ConversationEnded,
        LeadEventKind::ReminderSent => v1::LeadEventKind::ReminderSent,
        LeadEventKind::OptedOut => v1::LeadEventKind::OptedOut,
        LeadEventKind::Redacted => v1::LeadEventKind::Redacted,
    }
}

/// A question that is still to be asked.
pub(super) const fn question(value: Question) -> v1::QualificationField {
    match value {
        Question::Name => v1::QualificationField::Name,
        Question::Need => v1::QualificationField::Need,
        Question::Preference => v1::QualificationField::Preference,
    }
}

const fn lost_reason(value: LostReason) -> v1::LostReason {
    match value {
        LostReason::Price => v1::LostReason::Price,
        LostReason::Competitor => v1::LostReason::Competitor,
        LostReason::NotRelevant => v1::LostReason::NotRelevant,
        LostReason::NoResponse => v1::LostReason::NoResponse,
        LostReason::Duplicate => v1::LostReason::Duplicate,
        LostReason::Spam => v1::LostReason::Spam,
        LostReason::WrongNumber => v1::LostReason::WrongNumber,
        LostReason::DoNotContact => v1::LostReason::DoNotContact,
        LostReason::Other => v1::LostReason::Other,
    }
}
