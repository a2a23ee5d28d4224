//! What becomes of the personal texts of a closed lead once they are no longer needed.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    details::{DetailField, LeadDetails},
    event::{LeadEventKind, NewLeadEvent},
    lead::Lead,
};

/// Blanks name, need, preference and note, and tells the history; nothing where there were none.
pub fn redact(lead: &mut Lead, actor: &str, now: DateTime<Utc>) -> Option<NewLeadEvent> {
    let fields = LeadDetails::default().set(lead, DetailField::ALL);
    if fields.is_empty() {
        return None;
    }
    lead.touch(now);
    Some(NewLeadEvent {
        tenant_id: lead.tenant_id,
        lead_id: lead.id,
        kind: LeadEventKind::Redacted,
        from_status: None,
        to_status: None,
        actor: actor.to_owned(),
        reason: Some("retention".to_owned()),
        details: Some(json!({ "fields": fields }).into()),
        occurred_at: now,
    })
}
