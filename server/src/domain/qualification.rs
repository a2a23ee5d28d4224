//! Qualifying a lead: what must be known, and when the lead is qualified by it.

use chrono::{DateTime, Utc};

use super::{
    details::{LeadDetails, note_change},
    error::Error,
    event::NewLeadEvent,
    lead::{Lead, LeadStatus},
    transition::{TransitionRequest, transition},
};

/// A question that the chatbot asks, in the order in which it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Who the customer is.
    Name,
    /// What the customer wants.
    Need,
    /// How and when the customer wants to be contacted.
    Preference,
}

/// What is still unknown of a lead, in the order of asking.
pub fn missing(lead: &Lead) -> impl Iterator<Item = Question> + use<> {
    let unknown = [
        (lead.customer_name.is_none(), Question::Name),
        (lead.need.is_none(), Question::Need),
        (lead.contact_preference.is_none(), Question::Preference),
    ];
    unknown.into_iter().filter_map(|(unknown, question)| unknown.then_some(question))
}

/// Fills what is not known yet, and qualifies a new or qualifying lead: when all is known, or on request as soon as the need is.
///
/// Answers the history to append.
///
/// # Errors
/// On request to qualify: [`Error::NeedUnknown`], or [`Error::InvalidTransition`] for a lead that is neither new, qualifying nor
/// qualified. The lead must then be dropped.
pub fn qualify(
    lead: &mut Lead,
    answers: &LeadDetails,
    mark_qualified: bool,
    actor: &str,
    now: DateTime<Utc>,
) -> Result<Vec<NewLeadEvent>, Error> {
    let filled = answers.fill(lead);
    let mut events = Vec::from_iter(note_change(lead, &filled, actor, now));
    let waiting = matches!(lead.status, LeadStatus::New | LeadStatus::Qualifying);
    let complete = waiting && missing(lead).next().is_none();
    let wanted = mark_qualified && lead.status != LeadStatus::Qualified;
    if complete || wanted {
        let request = TransitionRequest { to: LeadStatus::Qualified, lost_reason: None, note: None };
        events.push(transition(lead, &request, actor, now)?);
    }
    Ok(events)
}
