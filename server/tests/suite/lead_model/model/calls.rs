//! What `RecordCall` does.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1::{
    CallDisposition, Lead, LeadEventKind, LeadSource,
    LeadStatus::{Contacted, Converted, Lost, New, Qualifying, Unresponsive, Unspecified},
    LostReason,
};

use super::{Model, WINDOW, is_open};
use crate::support::calls::moment;

/// `stale_call_after` by default.
const STALE: TimeDelta = TimeDelta::hours(2);

impl Model {
    /// `RecordCall` of a call that nobody answered.
    pub(crate) fn missed(
        &mut self,
        phone: u32,
        called_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> CallDisposition {
        let current = self.current(phone);
        let remembered = self.phones.entry(phone).or_default();
        if remembered.answered_until.is_some_and(|until| until > called_at) {
            if let Some(index) = current {
                self.leads[index].count(called_at, now);
            }
            return CallDisposition::AlreadyReturned;
        }
        let lead = current.map(|index| &self.leads[index].lead);
        let closed_at = lead.and_then(|lead| match lead.status() {
            Converted => lead.converted_at,
            Lost => lead.lost_at,
            Unresponsive => lead.unresponsive_at,
            _ => None,
        });
        let closed_for = closed_at.map(|closed| called_at - moment(Some(closed)));
        let before_closing = closed_for.is_some_and(|time| time < TimeDelta::zero());
        let recently = closed_for.is_some_and(|time| time <= WINDOW);
        let reason = lead.map(Lead::lost_reason);
        let may_message = now - called_at <= STALE;

        let (disposition, counted_on) = match (current, lead.map(Lead::status)) {
            (_, Some(Lost)) if matches!(reason, Some(LostReason::Spam | LostReason::WrongNumber)) => {
                (CallDisposition::Suppressed, None)
            }
            (Some(index), Some(Lost | Unresponsive)) if before_closing => {
                self.leads[index].count(called_at, now);
                (CallDisposition::Attached, Some(index))
            }
            (Some(index), Some(status)) if status == Unresponsive || (status == Lost && recently) => {
                self.leads[index].enter(New, now);
                self.leads[index].add_call(called_at);
                if may_message {
                    self.schedule_opener(index);
                }
                (CallDisposition::LeadReopened, Some(index))
            }
            (Some(index), Some(Converted)) if recently => {
                self.leads[index].count(called_at, now);
                (CallDisposition::ExistingCustomer, Some(index))
            }
            (Some(index), Some(status)) if is_open(status) => {
                self.leads[index].count(called_at, now);
                // One that is qualifying has got its opener from somebody.
                if may_message && status != Qualifying {
                    self.schedule_opener(index);
                }
                (CallDisposition::Attached, Some(index))
            }
            _ => {
                let index = self.create(phone, LeadSource::MissedCall, now);
                self.leads[index].add_call(called_at);
                if may_message {
                    self.schedule_opener(index);
                }
                (CallDisposition::LeadCreated, Some(index))
            }
        };
        self.phones.entry(phone).or_default().unreturned.push(counted_on);
        disposition
    }

    /// `RecordCall` of a call that was answered, after all that happened before.
    pub(crate) fn answered(
        &mut self,
        phone: u32,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> CallDisposition {
        let remembered = self.phones.entry(phone).or_default();
        remembered.answered_until = Some(until);
        let returned = std::mem::take(&mut remembered.unreturned);
        let waiting = self.open(phone).filter(|index| self.leads[*index].lead.status() != Contacted);
        if let Some(index) = waiting {
            self.leads[index].enter(Contacted, now);
        }
        for index in
            returned.iter().flatten().filter(|index| Some(**index) != waiting).collect::<BTreeSet<_>>()
        {
            // Tells of the call; the lead itself stays as it is.
            self.leads[*index].events.push((LeadEventKind::CallReturned, Unspecified, Unspecified));
        }
        let moved_nothing = waiting.is_none() && returned.is_empty();
        if moved_nothing { CallDisposition::Answered } else { CallDisposition::Returned }
    }
}
