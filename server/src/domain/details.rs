//! What is known of a customer: filled by whoever asks first, changed on request.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{
    event::{LeadEventKind, NewLeadEvent},
    lead::Lead,
    personal::Personal,
};

/// What a caller may know of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeadDetails {
    /// The customer's name.
    pub customer_name: Option<Personal>,
    /// What the customer wants.
    pub need: Option<Personal>,
    /// How and when the customer wants to be contacted.
    pub contact_preference: Option<Personal>,
    /// Free text of the business.
    pub note: Option<Personal>,
}

/// One of the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetailField {
    /// The customer's name.
    CustomerName,
    /// What the customer wants.
    Need,
    /// How and when the customer wants to be contacted.
    ContactPreference,
    /// Free text of the business.
    Note,
}

impl DetailField {
    /// Every detail.
    pub const ALL: &'static [Self] = &[Self::CustomerName, Self::Need, Self::ContactPreference, Self::Note];

    /// The name, as in messages and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CustomerName => "customer_name",
            Self::Need => "need",
            Self::ContactPreference => "contact_preference",
            Self::Note => "note",
        }
    }

    fn of(self, lead: &mut Lead) -> &mut Option<Personal> {
        match self {
            Self::CustomerName => &mut lead.customer_name,
            Self::Need => &mut lead.need,
            Self::ContactPreference => &mut lead.contact_preference,
            Self::Note => &mut lead.note,
        }
    }
}

impl LeadDetails {
    /// One of the details.
    #[must_use]
    pub const fn get(&self, field: DetailField) -> Option<&Personal> {
        match field {
            DetailField::CustomerName => self.customer_name.as_ref(),
            DetailField::Need => self.need.as_ref(),
            DetailField::ContactPreference => self.contact_preference.as_ref(),
            DetailField::Note => self.note.as_ref(),
        }
    }

    /// Fills what the lead does not know yet, never overwriting; answers the names of the fields that were filled.
    pub fn fill(&self, lead: &mut Lead) -> Vec<&'static str> {
        let unknown: Vec<_> =
            DetailField::ALL.iter().copied().filter(|field| field.of(lead).is_none()).collect();
        self.write(lead, unknown.into_iter().filter(|field| self.get(*field).is_some()))
    }

    /// Sets or clears `fields`; answers the names of those that changed.
    pub fn set(&self, lead: &mut Lead, fields: &[DetailField]) -> Vec<&'static str> {
        self.write(lead, fields.iter().copied())
    }

    fn write(&self, lead: &mut Lead, fields: impl Iterator<Item = DetailField>) -> Vec<&'static str> {
        let mut changed = Vec::new();
        for field in fields {
            let (target, value) = (field.of(lead), self.get(field));
            if target.as_ref() != value {
                *target = value.cloned();
                changed.push(field.name());
            }
        }
        changed
    }
}

/// Marks a lead whose `fields` changed, and tells its history; nothing where none did. The history names fields, never their values.
pub fn note_change(
    lead: &mut Lead,
    fields: &[&'static str],
    actor: &str,
    now: DateTime<Utc>,
) -> Option<NewLeadEvent> {
    if fields.is_empty() {
        return None;
    }
    lead.touch(now);
    Some(NewLeadEvent {
        tenant_id: lead.tenant_id,
        lead_id: lead.id,
        kind: LeadEventKind::DetailsUpdated,
        from_status: None,
        to_status: None,
        actor: actor.to_owned(),
        reason: None,
        details: Some(json!({ "fields": fields }).into()),
        occurred_at: now,
    })
}
