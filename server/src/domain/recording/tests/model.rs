//! The decision table once more, for one phone and as simply as it can be put: no batches, no rows, no bookkeeping of changes.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{
    call::{CallOutcome, CallRecord, Disposition},
    lead::{LeadStatus, LostReason},
    policy::TenantPolicy,
};

type Time = DateTime<Utc>;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Opener {
    pub(super) round: i32,
    pub(super) due_at: Time,
    pub(super) live: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ModelLead {
    pub(super) status: LeadStatus,
    pub(super) reason: Option<LostReason>,
    pub(super) closed_at: Option<Time>,
    pub(super) captured_by_hand_at: Option<Time>,
    pub(super) calls: i32,
    pub(super) last_call_at: Option<Time>,
    pub(super) round: i32,
    pub(super) openers: Vec<Opener>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ModelCall {
    pub(super) id: String,
    pub(super) called_at: Time,
    /// Which of the phone's leads it is kept with.
    pub(super) lead: Option<usize>,
    pub(super) returned: bool,
    legs: BTreeSet<String>,
}

/// A phone of one tenant.
#[derive(Clone, Debug, Default)]
pub(super) struct ModelPhone {
    pub(super) leads: Vec<ModelLead>,
    pub(super) calls: Vec<ModelCall>,
    pub(super) last_answered_at: Option<Time>,
    /// The ids in every answered call.
    pub(super) answered: BTreeSet<String>,
    pub(super) takes_messages: bool,
}

impl ModelLead {
    fn new(captured_by_hand_at: Option<Time>) -> Self {
        Self {
            status: LeadStatus::New,
            reason: None,
            closed_at: None,
            captured_by_hand_at,
            calls: 0,
            last_call_at: None,
            round: 1,
            openers: Vec::new(),
        }
    }

    fn last_asked_at(&self) -> Option<Time> {
        self.last_call_at.max(self.captured_by_hand_at)
    }

    pub(super) fn enter(&mut self, status: LeadStatus, reason: Option<LostReason>, now: Time) {
        if status == LeadStatus::New {
            self.round += 1;
        }
        let closing = [LeadStatus::Converted, LeadStatus::Lost, LeadStatus::Unresponsive];
        self.closed_at = closing.contains(&status).then_some(now);
        if closing.contains(&status) || status == LeadStatus::Contacted {
            self.openers.iter_mut().for_each(|opener| opener.live = false);
        }
        (self.status, self.reason) = (status, reason);
    }
}

impl ModelPhone {
    /// The open lead, else the last one.
    pub(super) fn current(&self) -> Option<usize> {
        self.leads.iter().position(|lead| lead.status.is_open()).or_else(|| self.leads.len().checked_sub(1))
    }

    /// Somebody enters the phone by hand; answers whether that made a lead.
    pub(super) fn capture(&mut self, now: Time) -> bool {
        if let Some(open) = self.leads.iter_mut().find(|lead| lead.status.is_open()) {
            open.captured_by_hand_at = Some(now);
            return false;
        }
        self.leads.push(ModelLead::new(Some(now)));
        true
    }

    /// A call that was answered or missed.
    pub(super) fn record(&mut self, call: &CallRecord, policy: &TenantPolicy, now: Time) -> Disposition {
        if call.outcome == CallOutcome::Answered {
            return self.answered(call, now);
        }
        if self.calls.iter().any(|kept| kept.id == call.call_id) {
            return Disposition::Duplicate;
        }
        if !self.answered.is_disjoint(&legs(call)) {
            return Disposition::Answered;
        }
        let current = self.current();
        let (disposition, lead) = self.missed(call, policy, now, current);
        if let Some(lead) = lead.map(|index| &mut self.leads[index]) {
            lead.calls += 1;
            lead.last_call_at = lead.last_call_at.max(Some(call.called_at));
        }
        self.calls.push(ModelCall {
            id: call.call_id.clone(),
            called_at: call.called_at,
            lead,
            returned: disposition == Disposition::AlreadyReturned,
            legs: legs(call),
        });
        disposition
    }

    fn missed(
        &mut self,
        call: &CallRecord,
        policy: &TenantPolicy,
        now: Time,
        current: Option<usize>,
    ) -> (Disposition, Option<usize>) {
        let called_at = call.called_at;
        if self.last_answered_at > Some(called_at) {
            return (Disposition::AlreadyReturned, current);
        }
        if let Some(index) = current {
            let lead = &self.leads[index];
            let within =
                |window: TimeDelta| lead.closed_at.is_some_and(|closed_at| called_at <= closed_at + window);
            let before_closing = lead.closed_at.is_some_and(|closed_at| called_at < closed_at);
            let nuisance = matches!(lead.reason, Some(LostReason::Spam | LostReason::WrongNumber));
            match lead.status {
                LeadStatus::Lost if nuisance => return (Disposition::Suppressed, None),
                LeadStatus::Qualifying => return (Disposition::Attached, current),
                LeadStatus::New | LeadStatus::Qualified | LeadStatus::Contacted => {
                    self.schedule(index, call, policy, now);
                    return (Disposition::Attached, current);
                }
                LeadStatus::Unresponsive | LeadStatus::Lost if before_closing => {
                    return (Disposition::Attached, current);
                }
                LeadStatus::Converted if within(policy.returning_customer_window) => {
                    return (Disposition::ExistingCustomer, current);
                }
                LeadStatus::Lost if !within(policy.lost_reopen_window) => {}
                LeadStatus::Unresponsive | LeadStatus::Lost => {
                    self.leads[index].enter(LeadStatus::New, None, now);
                    self.schedule(index, call, policy, now);
                    return (Disposition::LeadReopened, current);
                }
                LeadStatus::Converted => {}
            }
        }
        self.leads.push(ModelLead::new(None));
        self.schedule(self.leads.len() - 1, call, policy, now);
        (Disposition::LeadCreated, Some(self.leads.len() - 1))
    }

    fn schedule(&mut self, lead: usize, call: &CallRecord, policy: &TenantPolicy, now: Time) {
        let lead = &mut self.leads[lead];
        let had_one = lead.openers.iter().any(|opener| opener.round == lead.round);
        if self.takes_messages && !had_one && now - call.called_at <= policy.stale_call_after {
            let due_at = call.ended_at() + policy.opener_delay;
            lead.openers.push(Opener { round: lead.round, due_at, live: true });
        }
    }

    fn answered(&mut self, call: &CallRecord, now: Time) -> Disposition {
        let ended_at = call.ended_at();
        let latest = self.last_answered_at < Some(ended_at);
        if latest {
            self.last_answered_at = Some(ended_at);
        }
        self.answered.append(&mut legs(call));
        let current = self.current();
        let mut marked = false;
        let mut lead_spoke =
            latest && current.is_some_and(|index| self.leads[index].last_asked_at() < Some(ended_at));
        for kept in self.calls.iter_mut().filter(|kept| !kept.returned) {
            let leg = !kept.legs.is_disjoint(&legs(call));
            if leg || kept.called_at < ended_at {
                (kept.returned, marked) = (true, true);
                let last = current.is_some_and(|index| {
                    kept.lead == current && self.leads[index].last_asked_at() == Some(kept.called_at)
                });
                lead_spoke |= leg && last;
            }
        }
        let waiting =
            [LeadStatus::New, LeadStatus::Qualifying, LeadStatus::Qualified, LeadStatus::Unresponsive];
        let moved = current.filter(|index| lead_spoke && waiting.contains(&self.leads[*index].status));
        if let Some(index) = moved {
            self.leads[index].enter(LeadStatus::Contacted, None, now);
        }
        if marked || moved.is_some() { Disposition::Returned } else { Disposition::Answered }
    }
}

/// The ids of a record: its own and the one that it was transferred from.
fn legs(call: &CallRecord) -> BTreeSet<String> {
    [Some(&call.call_id), call.original_call_id.as_ref()].into_iter().flatten().cloned().collect()
}
