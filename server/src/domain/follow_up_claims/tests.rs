//! What becomes of a follow-up that is due.

mod windows;

use uuid::Uuid;

use super::*;
use crate::domain::{
    conversation::{ConversationEndReason, ConversationState},
    customer::CustomerKey,
    follow_up::FollowUpStatus,
    lead::{LeadSource, LostReason, NewLead},
    phone::{PhoneNumber, Region},
    policy::TenantPolicy,
};

/// A Monday, noon in Jerusalem.
fn noon() -> DateTime<Utc> {
    "2026-03-02T10:00:00Z".parse().unwrap()
}

fn phone() -> PhoneNumber {
    PhoneNumber::from_e164("+972521234567").unwrap()
}

/// A lead with all that hangs on it; each test changes what it is about.
struct Case {
    follow_up: FollowUp,
    lead: Lead,
    customer: Option<Customer>,
    conversation: Option<Conversation>,
    tenant: Tenant,
    first_reminder_live: bool,
}

impl Case {
    /// A NEW lead whose opener is due.
    fn opener() -> Self {
        let (id, now) = (Uuid::from_u128(1), noon() - TimeDelta::days(1));
        let new = NewLead {
            id,
            tenant_id: id,
            source: LeadSource::MissedCall,
            customer_phone: phone(),
            previous_lead_id: None,
        };
        let follow_up = FollowUp {
            id,
            tenant_id: id,
            lead_id: id,
            kind: FollowUpKind::Opener,
            round: 1,
            due_at: noon(),
            status: FollowUpStatus::Pending,
            claim_token: None,
            lease_until: None,
            attempts: 0,
            last_error: None,
            completed_at: None,
            created_at: now,
            updated_at: now,
        };
        let tenant = Tenant {
            id,
            name: "Locksmith".to_owned(),
            region: Region::ISRAEL,
            time_zone: chrono_tz::Asia::Jerusalem,
            policy: TenantPolicy::default(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let lead = Lead::new(new, now);
        Self { follow_up, lead, customer: None, conversation: None, tenant, first_reminder_live: false }
    }

    /// A QUALIFYING lead whose reminder is due.
    fn reminder(kind: FollowUpKind) -> Self {
        let mut case = Self::opener();
        let id = case.lead.id;
        case.follow_up.kind = kind;
        case.lead.status = LeadStatus::Qualifying;
        case.conversation = Some(Conversation {
            id,
            tenant_id: id,
            lead_id: id,
            state: ConversationState::AwaitingResponse,
            round: 1,
            whatsapp_conversation_id: None,
            opened_at: case.follow_up.created_at,
            last_reply_at: None,
            reminder1_sent_at: None,
            reminder2_sent_at: None,
            give_up_at: None,
            completed_at: None,
            end_reason: None,
            version: 1,
            created_at: case.follow_up.created_at,
            updated_at: case.follow_up.created_at,
        });
        case
    }

    fn conversation(&mut self) -> &mut Conversation {
        self.conversation.as_mut().unwrap()
    }

    fn customer(&mut self) -> &mut Customer {
        let key = CustomerKey { tenant_id: self.tenant.id, phone: phone() };
        self.customer.get_or_insert(Customer {
            id: self.tenant.id,
            key,
            last_answered_at: None,
            last_answered_call_id: None,
            answered_calls: Vec::new(),
            suppressed_at: None,
            do_not_contact_at: None,
            erased_at: None,
        })
    }

    fn judge(&self, lease: TimeDelta, now: DateTime<Utc>) -> Verdict {
        let due = DueFollowUp {
            follow_up: &self.follow_up,
            lead: &self.lead,
            customer: self.customer.as_ref(),
            conversation: self.conversation.as_ref(),
            tenant: &self.tenant,
            first_reminder_live: self.first_reminder_live,
        };
        judge(&due, lease, now)
    }

    fn at_noon(&self) -> Verdict {
        self.judge(TimeDelta::minutes(1), noon())
    }
}

fn handed_out() -> Verdict {
    Verdict::HandOut { lease_until: noon() + TimeDelta::minutes(1) }
}

#[test]
fn what_is_wanted_is_handed_out_for_the_lease() {
    let mut case = Case::opener();
    for status in [LeadStatus::New, LeadStatus::Qualified, LeadStatus::Contacted] {
        case.lead.status = status;
        assert_eq!(case.at_noon(), handed_out(), "{status:?}");
    }
    case.customer();
    assert_eq!(case.at_noon(), handed_out());
    for kind in [FollowUpKind::Reminder1, FollowUpKind::Reminder2] {
        let mut case = Case::reminder(kind);
        for state in [
            ConversationState::AwaitingResponse,
            ConversationState::AwaitingName,
            ConversationState::AwaitingNeed,
            ConversationState::AwaitingPreference,
        ] {
            case.conversation().state = state;
            assert_eq!(case.at_noon(), handed_out(), "{kind:?} {state:?}");
        }
    }
}

#[test]
fn an_opener_is_cancelled_for_a_lead_that_needs_none() {
    for status in [LeadStatus::Qualifying, LeadStatus::Converted, LeadStatus::Lost, LeadStatus::Unresponsive]
    {
        let mut case = Case::opener();
        case.lead.status = status;
        assert_eq!(case.at_noon(), Verdict::Cancel, "{status:?}");
    }
}

#[test]
fn a_reminder_is_cancelled_once_nothing_is_waited_for() {
    for status in [LeadStatus::Converted, LeadStatus::Lost] {
        let mut case = Case::reminder(FollowUpKind::Reminder1);
        case.lead.status = status;
        case.lead.lost_reason = (status == LeadStatus::Lost).then_some(LostReason::Price);
        assert_eq!(case.at_noon(), Verdict::Cancel, "{status:?}");
    }
    for state in [ConversationState::Completed, ConversationState::Unresponsive] {
        let mut case = Case::reminder(FollowUpKind::Reminder1);
        case.conversation().state = state;
        case.conversation().end_reason = Some(ConversationEndReason::Other);
        assert_eq!(case.at_noon(), Verdict::Cancel, "{state:?}");
    }
    let mut case = Case::reminder(FollowUpKind::Reminder1);
    case.conversation = None;
    assert_eq!(case.at_noon(), Verdict::Cancel);
}

#[test]
fn whoever_wants_no_messages_gets_none() {
    for mut case in [Case::opener(), Case::reminder(FollowUpKind::Reminder1)] {
        case.customer().suppressed_at = Some(noon());
        assert_eq!(case.at_noon(), Verdict::Cancel);
        *case.customer() =
            Customer { suppressed_at: None, do_not_contact_at: Some(noon()), ..case.customer().clone() };
        assert_eq!(case.at_noon(), Verdict::Cancel);
    }
}

#[test]
fn what_is_left_of_an_earlier_round_is_cancelled() {
    let mut case = Case::opener();
    case.lead.reopen_count = 1;
    assert_eq!(case.at_noon(), Verdict::Cancel);
    case.follow_up.round = 2;
    assert_eq!(case.at_noon(), handed_out());
}

#[test]
fn the_second_reminder_keeps_its_distance_from_the_first() {
    let postponed = |delay| Verdict::Postpone { due_at: noon() + delay };
    let mut case = Case::reminder(FollowUpKind::Reminder2);
    case.first_reminder_live = true;
    assert_eq!(case.at_noon(), postponed(TimeDelta::hours(22)));
    case.tenant.policy.reminder_2_delay = case.tenant.policy.reminder_1_delay;
    assert_eq!(case.at_noon(), postponed(TimeDelta::minutes(1)));

    let mut case = Case::reminder(FollowUpKind::Reminder2);
    case.conversation().reminder1_sent_at = Some(noon() - TimeDelta::minutes(1));
    assert_eq!(case.at_noon(), postponed(TimeDelta::minutes(119)));
    case.conversation().reminder1_sent_at = Some(noon() - TimeDelta::hours(2));
    assert_eq!(case.at_noon(), handed_out());
    case.conversation().reminder1_sent_at = Some(noon() - TimeDelta::minutes(1));
    case.tenant.policy.reminder_1_delay = case.tenant.policy.reminder_2_delay - TimeDelta::minutes(3);
    assert_eq!(case.at_noon(), postponed(TimeDelta::minutes(2)));

    let mut first = Case::reminder(FollowUpKind::Reminder1);
    first.first_reminder_live = true;
    assert_eq!(first.at_noon(), handed_out());
}

#[test]
fn the_pause_grows_and_ends_growing() {
    let pauses: Vec<_> = (1..=9).map(|attempts| retry_pause(attempts).num_seconds()).collect();
    assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    assert_eq!(retry_pause(0), TimeDelta::seconds(30));
    assert_eq!(retry_pause(i32::MIN), TimeDelta::seconds(30));
    assert_eq!(retry_pause(i32::MAX), TimeDelta::hours(1));
}
