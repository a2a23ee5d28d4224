//! Random stories: calls of a few phones whose records come late, twice or together, and people who work on the leads meanwhile.

use std::ops::RangeInclusive;

use proptest::{prelude::*, sample::Index};

use super::{LANDLINE, MOBILE, OTHER_MOBILE, answered, called_back, leg_of, missed};
use crate::domain::{
    call::CallRecord,
    lead::{LeadStatus, LostReason},
};

/// The phones of the stories.
pub(super) const PHONES: [&str; 3] = [MOBILE, OTHER_MOBILE, LANDLINE];

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The next calls happen, and their records come as one batch.
    Next(usize),
    /// Records come that may have come before, and may be of calls that came to pass long ago.
    Records(Vec<Index>),
    /// Nothing happens for some minutes.
    Wait(i64),
    /// Somebody moves a phone's lead, if the lifecycle allows.
    Move(Index, LeadStatus, LostReason),
    /// Somebody enters a phone as a lead, or enters an open one again.
    Capture(Index),
    /// A phone wants no more messages.
    Suppress(Index),
}

#[derive(Clone, Debug)]
pub(super) struct Script {
    /// In the order of their beginning.
    pub(super) calls: Vec<CallRecord>,
    pub(super) steps: Vec<Step>,
}

fn call() -> impl Strategy<Value = CallRecord> {
    let customer = prop_oneof![
        5 => Just(MOBILE),
        4 => Just(OTHER_MOBILE),
        2 => Just(LANDLINE),
        1 => Just("anonymous"),
    ];
    let kind: [fn(&str, &str, i64) -> CallRecord; 5] = [missed, missed, missed, answered, called_back];
    (customer, prop::sample::select(kind.to_vec()), 0..1_500_i64, 0..400_i64).prop_map(
        |(customer, kind, minute, seconds)| CallRecord {
            duration_ms: seconds * 1_000,
            ..kind("", customer, minute)
        },
    )
}

/// Calls in the order of their beginning; with `legs`, some are legs of others.
pub(super) fn calls(legs: bool, number: RangeInclusive<usize>) -> impl Strategy<Value = Vec<CallRecord>> {
    let original = prop::option::of(any::<Index>()).prop_map(move |original| original.filter(|_| legs));
    prop::collection::vec((call(), original), number).prop_map(|mut calls| {
        calls.sort_by_key(|(call, _)| call.called_at);
        let count = calls.len();
        let numbered = calls.into_iter().enumerate().map(|(index, (call, original))| {
            let call = CallRecord { call_id: index.to_string(), ..call };
            match original {
                Some(original) => leg_of(&original.index(count).to_string(), call),
                None => call,
            }
        });
        numbered.collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop::sample::select(LeadStatus::ALL);
    let reason = prop::sample::select(LostReason::ALL);
    prop_oneof![
        6 => (1..5_usize).prop_map(Step::Next),
        3 => prop::collection::vec(any::<Index>(), 1..5).prop_map(Step::Records),
        1 => (0..200_i64).prop_map(Step::Wait),
        5 => (any::<Index>(), status, reason).prop_map(|(phone, to, reason)| Step::Move(phone, to, reason)),
        1 => any::<Index>().prop_map(Step::Capture),
        1 => any::<Index>().prop_map(Step::Suppress),
    ]
}

pub(super) fn script(legs: bool) -> impl Strategy<Value = Script> {
    (calls(legs, 1..=25), prop::collection::vec(step(), 1..30))
        .prop_map(|(calls, steps)| Script { calls, steps })
}
