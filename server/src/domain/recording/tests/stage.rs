//! A random story under way, in the world of the real decision and in the model.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    LANDLINE, at,
    model::{ModelCall, ModelLead, ModelPhone, Opener},
    scripts::{PHONES, Script, Step},
    world::{World, customer_key},
};
use crate::domain::{
    call::{CallOutcome, CallRecord, Disposition, MissedCall},
    follow_up::NewFollowUp,
    lead::{Lead, LeadSource, LeadStatus, LostReason},
    lifecycle,
};

/// A story under way, in the world and in the model.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) world: World,
    phones: [ModelPhone; PHONES.len()],
    /// How many of the script's calls have happened.
    happened: usize,
    /// The records that came, each once.
    pub(super) arrived: Vec<CallRecord>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let mut world = World::new();
        world.now = at(0);
        world.tenant.policy.lost_reopen_window = TimeDelta::minutes(200);
        world.tenant.policy.returning_customer_window = TimeDelta::minutes(150);
        let phones =
            PHONES.map(|phone| ModelPhone { takes_messages: phone != LANDLINE, ..ModelPhone::default() });
        Self { world, phones, happened: 0, arrived: Vec::new() }
    }

    /// Takes a step and answers what world and model say of its calls.
    pub(super) fn step(&mut self, script: &Script, step: &Step) -> Vec<(Disposition, Disposition)> {
        let now = self.world.now;
        match step {
            Step::Next(count) => {
                let end = (self.happened + count).min(script.calls.len());
                let next = &script.calls[self.happened..end];
                self.happened = end;
                return self.deliver(next);
            }
            Step::Records(indexes) => {
                let calls: Vec<_> = indexes.iter().map(|index| index.get(&script.calls).clone()).collect();
                return self.deliver(&calls);
            }
            Step::Wait(minutes) => self.world.now += TimeDelta::minutes(*minutes),
            Step::Move(phone, to, reason) => {
                let phone = phone.index(PHONES.len());
                let model = &mut self.phones[phone];
                let Some(lead) = model.current().map(|index| &mut model.leads[index]) else {
                    return Vec::new();
                };
                if lifecycle::check(lead.status, *to).is_ok() {
                    let reason = (*to == LeadStatus::Lost).then_some(*reason);
                    lead.enter(*to, reason, now);
                    let id = self.world.lead_of(PHONES[phone]).unwrap().id;
                    self.world.move_lead(id, *to, reason);
                    model.takes_messages &= reason != Some(LostReason::DoNotContact);
                }
            }
            Step::Capture(phone) => {
                let phone = phone.index(PHONES.len());
                // Leads of one phone are never captured at the same moment.
                self.world.now += TimeDelta::microseconds(1);
                if self.phones[phone].capture(self.world.now) {
                    self.world.capture(PHONES[phone]);
                } else {
                    self.world.recapture(PHONES[phone]);
                }
            }
            Step::Suppress(phone) => {
                let phone = phone.index(PHONES.len());
                self.phones[phone].takes_messages = false;
                self.world.customer(PHONES[phone]).suppressed_at = Some(now);
            }
        }
        Vec::new()
    }

    /// Delivers a batch as soon as all of its calls are over.
    fn deliver(&mut self, calls: &[CallRecord]) -> Vec<(Disposition, Disposition)> {
        let over = calls.iter().map(CallRecord::ended_at).max();
        self.world.now = self.world.now.max(over.unwrap_or(self.world.now)) + TimeDelta::seconds(1);
        let decisions = self.world.record_batch(calls.to_vec());
        let mut order: Vec<usize> = (0..calls.len()).collect();
        order.sort_by_key(|index| calls[*index].called_at);
        let mut expected = vec![Disposition::Ignored; calls.len()];
        for index in order {
            expected[index] = self.model(&calls[index]);
            if !self.arrived.contains(&calls[index]) {
                self.arrived.push(calls[index].clone());
            }
        }
        decisions.into_iter().map(|decision| decision.disposition).zip(expected).collect()
    }

    fn model(&mut self, call: &CallRecord) -> Disposition {
        let Some(phone) = PHONES.iter().position(|phone| *phone == call.customer_raw.reveal()) else {
            // Kept once, and nothing else.
            let again = self.arrived.contains(call) && call.outcome != CallOutcome::Answered;
            return if again { Disposition::Duplicate } else { Disposition::NoCallerId };
        };
        self.phones[phone].record(call, &self.world.tenant.policy, self.world.now)
    }

    /// What world and model hold of each phone.
    pub(super) fn phones(&self) -> impl Iterator<Item = (PhoneState, PhoneState)> {
        PHONES
            .iter()
            .zip(&self.phones)
            .map(|(phone, model)| (PhoneState::of_world(&self.world, phone), PhoneState::of_model(model)))
    }
}

/// What is compared between world and model.
#[derive(Debug, PartialEq)]
pub(super) struct PhoneState {
    leads: Vec<ModelLead>,
    calls: Vec<(String, Option<usize>, bool)>,
    last_answered_at: Option<DateTime<Utc>>,
}

impl PhoneState {
    fn of_model(model: &ModelPhone) -> Self {
        let call = |call: &ModelCall| (call.id.clone(), call.lead, call.returned);
        let mut calls: Vec<_> = model.calls.iter().map(call).collect();
        calls.sort();
        Self { leads: model.leads.clone(), calls, last_answered_at: model.last_answered_at }
    }

    fn of_world(world: &World, raw: &str) -> Self {
        let key = customer_key(raw);
        let leads: Vec<_> = world.leads.values().filter(|lead| lead.customer_phone == key.phone).collect();
        let position = |id| leads.iter().position(|lead| lead.id == id);
        let calls = world.calls.values().filter(|call| call.caller_phone.as_ref() == Some(&key.phone));
        let call = |call: &MissedCall| {
            (call.key.call_id.clone(), call.lead_id.and_then(position), call.returned_at.is_some())
        };
        let mut calls: Vec<_> = calls.map(call).collect();
        calls.sort();
        let lead = |lead: &&Lead| {
            let opener = |opener: &NewFollowUp| Opener {
                round: opener.round,
                due_at: opener.due_at,
                live: opener.status.is_live(),
            };
            let by_hand = lead.source == LeadSource::Manual;
            ModelLead {
                status: lead.status,
                reason: lead.lost_reason,
                closed_at: lead.closed_at(),
                captured_by_hand_at: lead.recaptured_at.or(by_hand.then_some(lead.captured_at)),
                calls: lead.call_count,
                last_call_at: lead.last_call_at,
                round: lead.reopen_count + 1,
                openers: world.openers(lead.id).into_iter().map(opener).collect(),
            }
        };
        let last_answered_at = world.customers.get(&key).and_then(|customer| customer.last_answered_at);
        Self { leads: leads.iter().map(lead).collect(), calls, last_answered_at }
    }
}
