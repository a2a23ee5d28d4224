//! Laws that hold for all stories: against the model, and without it.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use proptest::{
    prelude::*,
    sample::Index,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};

use super::{
    LANDLINE,
    scripts::{PHONES, calls, script},
    stage::Stage,
    world::World,
};
use crate::domain::{
    call::{CallOutcome, CallRecord, Disposition},
    event::LeadEventKind,
    lead::LeadStatus,
    recording::Effects,
};

/// What is true of a world at any time.
fn assert_sound(world: &World) {
    let mut ids = BTreeSet::new();
    let all =
        world.leads.keys().chain(world.follow_ups.keys()).chain(world.calls.values().map(|call| &call.id));
    assert!(all.copied().all(|id| ids.insert(id)), "an id was used twice");
    for lead in world.leads.values() {
        let calls: Vec<_> = world.calls.values().filter(|call| call.lead_id == Some(lead.id)).collect();
        assert_eq!(usize::try_from(lead.call_count).unwrap(), calls.len(), "call_count");
        assert_eq!(lead.last_call_at, calls.iter().map(|call| call.called_at).max(), "last_call_at");
        assert!(calls.iter().all(|call| call.caller_phone.as_ref() == Some(&lead.customer_phone)));
        assert_eq!(lead.status == LeadStatus::Lost, lead.lost_reason.is_some());
        let changes = world.history(lead.id);
        let changes = changes.iter().filter(|(kind, _, _)| *kind != LeadEventKind::CallReturned).count();
        assert_eq!(usize::try_from(lead.version).unwrap(), changes, "one event for each change");
        let openers = world.openers(lead.id);
        let rounds: BTreeSet<_> = openers.iter().map(|opener| opener.round).collect();
        assert_eq!(rounds.len(), openers.len(), "one opener in a round");
        assert!(rounds.iter().all(|round| (1..=lead.reopen_count + 1).contains(round)));
    }
    let silent = world.lead_of(LANDLINE).map_or(0, |lead| world.openers(lead.id).len());
    assert_eq!(silent, 0, "no opener for a landline");
}

/// Cuts a list into batches.
fn batches<T: Clone>(list: &[T], cuts: &[Index]) -> Vec<Vec<T>> {
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(list.len() + 1)).collect();
    ends.extend([0, list.len()]);
    ends.sort_unstable();
    ends.windows(2).map(|pair| list[pair[0]..pair[1]].to_vec()).collect()
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..8)
}

/// The order between the histories of different leads does not matter.
fn by_lead(mut world: World) -> World {
    world.events.sort_by_key(|event| event.lead_id);
    world
}

fn record_all(world: &World, batches: Vec<Vec<CallRecord>>) -> World {
    let mut world = world.clone();
    for batch in batches {
        world.record_batch(batch);
    }
    world
}

proptest! {
    #![proptest_config(Config::with_cases(512))]

    #[test]
    fn the_decision_agrees_with_the_table(script in script(true)) {
        let mut stage = Stage::new();
        for step in &script.steps {
            for (decided, expected) in stage.step(&script, step) {
                prop_assert_eq!(decided, expected, "{:?}", step);
            }
            for (decided, expected) in stage.phones() {
                prop_assert_eq!(decided, expected, "{:?}", step);
            }
            assert_sound(&stage.world);
        }
    }

    #[test]
    fn a_batch_is_its_calls_one_by_one(
        script in script(true),
        calls in calls(true, 1..=20),
        repeats in prop::collection::vec(any::<Index>(), 0..5),
        cuts in cuts(),
    ) {
        let mut stage = Stage::new();
        for step in &script.steps {
            stage.step(&script, step);
        }
        // More calls, some of them legs of earlier ones, and records that came before or come twice.
        let renamed = |call: CallRecord| CallRecord { call_id: format!("new {}", call.call_id), ..call };
        let mut calls: Vec<_> = calls.into_iter().map(renamed).collect();
        let pool = [stage.arrived.clone(), calls.clone()].concat();
        calls.extend(repeats.iter().map(|index| index.get(&pool).clone()));
        calls.sort_by_key(|call| call.called_at);
        let alone = record_all(&stage.world, calls.iter().map(|call| vec![call.clone()]).collect());
        let split = record_all(&stage.world, batches(&calls, &cuts));
        let together = record_all(&stage.world, vec![calls]);
        prop_assert_eq!(by_lead(alone.clone()), by_lead(split));
        prop_assert_eq!(by_lead(alone), by_lead(together));
    }

    #[test]
    fn everything_again_changes_nothing(
        script in script(true),
        order in Just(()).prop_perturb(|(), mut rng| rng.next_u64()),
        cuts in cuts(),
        later in 0..10_000_i64,
    ) {
        let mut stage = Stage::new();
        for step in &script.steps {
            stage.step(&script, step);
        }
        stage.world.now += TimeDelta::minutes(later);
        let mut again = stage.arrived.clone();
        again.sort_by_key(|call| call.call_id.parse::<u64>().unwrap().wrapping_mul(order | 1));
        let before = stage.world.clone();
        for batch in batches(&again, &cuts) {
            let answers: Vec<_> = batch.iter().map(|call| call.outcome == CallOutcome::Answered).collect();
            let (decisions, effects) = stage.world.record_with_effects(batch);
            prop_assert_eq!(effects, Effects::default());
            for (decision, answered) in decisions.iter().zip(answers) {
                let expected = match decision.disposition {
                    Disposition::Duplicate => !answered,
                    Disposition::NoCallerId => answered,
                    // The missed leg of an answered call too.
                    other => other == Disposition::Answered,
                };
                prop_assert!(expected, "{:?}", decision.disposition);
            }
        }
        prop_assert!(stage.world.stores_the_same_as(&before));
    }

    #[test]
    fn in_any_order_of_records_who_called_last_waits_and_nobody_else(
        calls in calls(true, 1..=20).prop_shuffle(),
        repeats in prop::collection::vec(any::<Index>(), 0..5),
        cuts in cuts(),
    ) {
        let mut records = calls.clone();
        for (place, repeat) in repeats.iter().enumerate() {
            records.insert(place * 3 % (records.len() + 1), repeat.get(&calls).clone());
        }
        let world = record_all(&Stage::new().world, batches(&records, &cuts));
        assert_sound(&world);
        for phone in PHONES {
            let of_phone = |answered: bool| {
                let calls = calls.iter().filter(move |call| call.customer_raw.reveal() == phone);
                calls.filter(move |call| (call.outcome == CallOutcome::Answered) == answered)
            };
            let last_talk = of_phone(true).map(CallRecord::ended_at).max();
            let answered_leg = |call: &CallRecord| {
                of_phone(true).any(|talk| talk.leg().is_of_same_call(&call.leg()))
            };
            let mut last_missed = None;
            for call in of_phone(false) {
                let kept = world.find_call(&call.call_id);
                prop_assert!(kept.is_some() || answered_leg(call));
                let returned = kept.is_none_or(|kept| kept.returned_at.is_some());
                prop_assert_eq!(returned, last_talk > Some(call.called_at) || answered_leg(call));
                if !answered_leg(call) {
                    last_missed = last_missed.max(Some(call.called_at));
                }
            }
            let lead = world.lead_of(phone);
            if last_missed.is_some() && last_missed >= last_talk {
                let lead = lead.unwrap();
                prop_assert!(lead.status.is_open());
                prop_assert!(lead.last_call_at >= last_missed);
            } else if let Some(lead) = lead {
                prop_assert_eq!(lead.status, LeadStatus::Contacted);
                prop_assert!(world.openers(lead.id).iter().all(|opener| !opener.status.is_live()));
            }
        }
    }
}

#[test]
fn the_stories_reach_every_row() {
    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..400 {
        let script = script(true).new_tree(&mut runner).unwrap().current();
        let mut stage = Stage::new();
        for step in &script.steps {
            reached.extend(stage.step(&script, step).into_iter().map(|(decided, _)| decided));
        }
    }
    let elsewhere = [Disposition::Ignored, Disposition::Unrouted];
    let expected: BTreeSet<_> =
        Disposition::ALL.iter().copied().filter(|disposition| !elsewhere.contains(disposition)).collect();
    assert_eq!(reached, expected);
}
