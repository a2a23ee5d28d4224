//! Leads to messages.

use leadcapture_proto::v1;

use super::encode::time;
use crate::domain::{
    lead::{Lead, LeadSource, LeadStatus, LostReason},
    lifecycle,
    phone::Region,
};

/// A lead, with the phone in the local form of the tenant's region.
pub(super) fn lead(lead: &Lead, region: Region) -> v1::Lead {
    v1::Lead {
        id: lead.id.to_string(),
        tenant_id: lead.tenant_id.to_string(),
        source: source(lead.source).into(),
        customer_phone: lead.customer_phone.as_e164().to_owned(),
        customer_phone_local: lead.customer_phone.to_local(region),
        customer_name: lead.customer_name.clone(),
        need: lead.need.clone(),
        contact_preference: lead.contact_preference.clone(),
        note: lead.note.clone(),
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
