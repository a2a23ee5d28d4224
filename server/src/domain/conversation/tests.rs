//! The table of conversations row by row, and laws that hold for all stories.

mod properties;
mod replies;
mod starts;
mod table;

use super::*;
use crate::domain::{
    customer::{Customer, CustomerKey},
    details::LeadDetails,
    error::Error,
    event::{LeadEventKind, NewLeadEvent},
    follow_up::FollowUpKind,
    lead::{LeadSource, LeadStatus, LostReason, NewLead},
    phone::{PhoneNumber, Region},
    policy::TenantPolicy,
    tenant::Tenant,
    transition::{FollowUpEnd, TransitionRequest, follow_up_end, transition},
};

/// Hours after noon of a Monday in Jerusalem.
fn at(hours: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_445_600, 0).unwrap() + TimeDelta::hours(hours)
}

fn answers(name: Option<&str>, need: Option<&str>, preference: Option<&str>) -> LeadDetails {
    LeadDetails {
        customer_name: name.map(Into::into),
        need: need.map(Into::into),
        contact_preference: preference.map(Into::into),
        note: None,
    }
}

/// Answers to all questions.
fn all() -> LeadDetails {
    answers(Some("Dana"), Some("A tap"), Some("After five"))
}

/// A lead with all that a conversation depends on.
#[derive(Clone, Debug)]
struct Story {
    tenant: Tenant,
    customer: Customer,
    lead: Lead,
    conversation: Option<Conversation>,
    events: Vec<NewLeadEvent>,
}

impl Story {
    /// A new lead without a conversation.
    fn new() -> Self {
        let (id, now) = (Uuid::from_u128(1), at(0));
        let customer_phone = PhoneNumber::from_e164("+972521234567").unwrap();
        let key = CustomerKey { tenant_id: id, phone: customer_phone.clone() };
        let new = NewLead {
            id,
            tenant_id: id,
            source: LeadSource::MissedCall,
            customer_phone,
            previous_lead_id: None,
        };
        Self {
            tenant: Tenant {
                id,
                name: "Locksmith".to_owned(),
                region: Region::ISRAEL,
                time_zone: chrono_tz::Asia::Jerusalem,
                policy: TenantPolicy::default(),
                version: 1,
                created_at: now,
                updated_at: now,
            },
            customer: Customer {
                id,
                key,
                last_answered_at: None,
                last_answered_call_id: None,
                answered_calls: Vec::new(),
                suppressed_at: None,
                do_not_contact_at: None,
                erased_at: None,
            },
            lead: Lead::new(new, now),
            conversation: None,
            events: Vec::new(),
        }
    }

    /// A conversation that was started at noon.
    fn talking() -> Self {
        let mut story = Self::new();
        story.start(0);
        story
    }

    /// A conversation whose second reminder was sent a day after noon, and that was given up a day later.
    fn silent() -> Self {
        let mut story = Self::talking();
        story.remind(FollowUpKind::Reminder1, 2);
        story.remind(FollowUpKind::Reminder2, 24);
        assert!(story.give_up(48));
        story
    }

    fn state(&self) -> Option<ConversationState> {
        self.conversation.as_ref().map(|conversation| conversation.state)
    }

    fn running(&mut self) -> &mut Conversation {
        self.conversation.as_mut().unwrap()
    }

    /// Starts the conversation, and answers the reminders.
    fn start(&mut self, hours: i64) -> Started {
        let start = Start {
            tenant: &self.tenant,
            whatsapp_conversation_id: None,
            actor: "test",
            conversation_id: Uuid::from_u128(2),
            reminder_ids: [Uuid::from_u128(3), Uuid::from_u128(4)],
        };
        let started =
            super::start(&start, &mut self.lead, &self.customer, self.conversation.as_ref(), at(hours))
                .unwrap();
        if let Started::Now { conversation, events, .. } = &started {
            self.conversation = Some((**conversation).clone());
            self.events.extend(events.clone());
        }
        started
    }

    /// Takes a reply, and answers whether the reminders are cancelled.
    fn reply(&mut self, answers: &LeadDetails, opt_out: bool, hours: i64) -> Result<bool, Error> {
        let unresponsive_delay = self.tenant.policy.unresponsive_delay;
        let reply = Reply { answers, opt_out, actor: "test", unresponsive_delay };
        let conversation = self.conversation.as_mut().unwrap();
        let effects = super::reply(&reply, &mut self.lead, conversation, at(hours))?;
        self.events.extend(effects.events);
        if opt_out {
            self.customer.suppressed_at = self.customer.suppressed_at.or(Some(at(hours)));
        }
        Ok(effects.cancel_reminders)
    }

    fn close(&mut self, reason: ConversationEndReason, hours: i64) -> Result<(), Error> {
        let event = super::close(&self.lead, self.conversation.as_mut().unwrap(), reason, "test", at(hours))?;
        self.events.push(event);
        Ok(())
    }

    /// Notes that a reminder was sent, and answers whether it was new.
    fn remind(&mut self, kind: FollowUpKind, hours: i64) -> bool {
        let delay = self.tenant.policy.unresponsive_delay;
        let conversation = self.conversation.as_mut().unwrap();
        let event = reminder_sent(&self.lead, conversation, kind, delay, "test", at(hours));
        let new = event.is_some();
        self.events.extend(event);
        new
    }

    /// Gives the conversation up, and answers whether it was time for that.
    fn give_up(&mut self, hours: i64) -> bool {
        let conversation = self.conversation.as_mut().unwrap();
        let events = super::give_up(&mut self.lead, conversation, "test", at(hours));
        let given_up = events.is_some();
        self.events.extend(events.into_iter().flatten());
        given_up
    }

    /// Moves the lead by hand, with what that does to its conversation.
    fn go(&mut self, to: LeadStatus, hours: i64) -> Result<(), Error> {
        let lost_reason = (to == LeadStatus::Lost).then_some(LostReason::Price);
        let request = TransitionRequest { to, lost_reason, note: None };
        self.events.push(transition(&mut self.lead, &request, "test", at(hours))?);
        if let Some(conversation) = &mut self.conversation {
            match follow_up_end(to) {
                Some(FollowUpEnd::Completed(reason))
                    if conversation.state != ConversationState::Completed =>
                {
                    conversation.complete(reason, at(hours));
                    conversation.touch(at(hours));
                }
                Some(FollowUpEnd::Unresponsive) if conversation.state.is_awaiting() => {
                    conversation.state = ConversationState::Unresponsive;
                    conversation.give_up_at = None;
                    conversation.touch(at(hours));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What happened: the kind of each event, with the new status where it changed.
    fn steps(&self) -> Vec<(LeadEventKind, Option<LeadStatus>)> {
        self.events.iter().map(|event| (event.kind, event.to_status)).collect()
    }
}
