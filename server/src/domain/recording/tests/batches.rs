//! Batches: their order, repeats inside them, and what they write.

use serde_json::json;

use super::{LANDLINE, MOBILE, OTHER_MOBILE, answered, at, missed, world::World};
use crate::domain::{
    call::{CallRecord, Disposition, IvrStep},
    event::LeadEventKind::{CallRecorded, Created, StatusChanged},
    lead::LeadStatus,
    recording::{Decision, Effects},
};

fn dispositions(decisions: &[Decision]) -> Vec<Disposition> {
    decisions.iter().map(|decision| decision.disposition).collect()
}

/// All that a record may leave out, filled with `word`.
fn complete(word: &str, call: CallRecord) -> CallRecord {
    CallRecord {
        provider_status: Some(word.to_owned()),
        original_call_id: Some(word.to_owned()),
        ring_duration_ms: Some(i64::try_from(word.len()).unwrap()),
        queue_name: Some(word.to_owned()),
        representative_name: Some(word.into()),
        recording_url: Some(word.into()),
        ivr_path: vec![IvrStep { layer_name: word.to_owned(), ..IvrStep::default() }],
        custom_data: Some(json!({ "campaign": word }).into()),
        ..call
    }
}

#[test]
fn calls_are_decided_in_the_order_of_their_beginning_and_answered_in_their_own() {
    let mut world = World::new();
    let decisions = world.record_batch(vec![
        missed("late", MOBILE, 40),
        missed("other", OTHER_MOBILE, 5),
        answered("talk", MOBILE, 20),
        missed("first", MOBILE, 10),
        missed("", "", 30),
    ]);
    assert_eq!(
        dispositions(&decisions),
        [
            Disposition::Attached,
            Disposition::LeadCreated,
            Disposition::Returned,
            Disposition::LeadCreated,
            Disposition::NoCallerId
        ]
    );
    // Every decision shows the state after the batch.
    let lead = world.lead_of(MOBILE);
    for index in [0, 2, 3] {
        assert_eq!(decisions[index].lead.as_ref(), lead);
    }
    assert_eq!(decisions[3].missed_call.as_ref(), Some(world.call("first")));
    assert_eq!(world.call("first").returned_by_call_id.as_deref(), Some("talk"));
    assert_eq!(world.call("late").returned_at, None);
}

#[test]
fn a_batch_goes_phone_by_phone() {
    let mut world = World::new();
    let (_, effects) = world.record_with_effects(vec![
        missed("1", OTHER_MOBILE, 1),
        missed("2", MOBILE, 2),
        missed("3", OTHER_MOBILE, 3),
        missed("4", MOBILE, 4),
        missed("5", LANDLINE, 5),
    ]);
    let ids: Vec<_> = effects
        .events
        .iter()
        .map(|event| event.details.as_ref().unwrap().reveal()["call_id"].clone())
        .collect();
    assert_eq!(ids, ["5", "2", "4", "1", "3"]);
}

#[test]
fn calls_of_one_moment_keep_their_order() {
    let moment = |ids: [&str; 3]| ids.map(|id| missed(id, MOBILE, 10)).to_vec();
    for ids in [["a", "b", "c"], ["c", "a", "b"]] {
        let mut world = World::new();
        let decisions = world.record_batch(moment(ids));
        let expected = [Disposition::LeadCreated, Disposition::Attached, Disposition::Attached];
        assert_eq!(dispositions(&decisions), expected);
    }
}

#[test]
fn one_lead_for_many_calls_of_a_batch() {
    let mut world = World::new();
    let calls: Vec<_> = (0..50).map(|minute| missed(&minute.to_string(), MOBILE, minute)).collect();
    let (_, effects) = world.record_with_effects(calls);
    assert_eq!((effects.new_leads.len(), effects.changed_leads.len()), (1, 0));
    assert_eq!((effects.new_calls.len(), effects.openers.len(), effects.events.len()), (50, 1, 50));
    let lead = world.only_lead();
    assert_eq!((lead.call_count, lead.last_call_at, lead.version), (50, Some(at(49)), 50));
}

#[test]
fn each_change_of_a_lead_has_its_event_and_version() {
    let mut world = World::new();
    world.record_batch(vec![missed("1", MOBILE, 0), missed("2", MOBILE, 5), answered("talk", MOBILE, 10)]);
    let lead = world.only_lead();
    assert_eq!((lead.version, lead.status), (3, LeadStatus::Contacted));
    assert_eq!(
        world.history(lead.id),
        [
            (Created, None, Some(LeadStatus::New)),
            (CallRecorded, None, None),
            (StatusChanged, Some(LeadStatus::New), Some(LeadStatus::Contacted)),
        ]
    );
}

#[test]
fn a_call_twice_in_a_batch_is_kept_once() {
    let mut world = World::new();
    let again = CallRecord { recording_url: Some("https://example.com/1".into()), ..missed("1", MOBILE, 10) };
    let decisions = world.record_batch(vec![missed("1", MOBILE, 10), again.clone(), again]);
    let expected = [Disposition::LeadCreated, Disposition::Duplicate, Disposition::Duplicate];
    assert_eq!(dispositions(&decisions), expected);
    assert_eq!((world.calls.len(), world.only_lead().call_count, world.events.len()), (1, 1, 1));
    assert_eq!(world.call("1").recording_url, Some("https://example.com/1".into()));
    assert!(decisions.iter().all(|decision| decision.missed_call.as_ref() == Some(world.call("1"))));
}

#[test]
fn a_talk_twice_in_a_batch_counts_once() {
    let mut world = World::new();
    world.record(missed("1", MOBILE, 0));
    let decisions = world.record_batch(vec![answered("talk", MOBILE, 10), answered("talk", MOBILE, 10)]);
    assert_eq!(dispositions(&decisions), [Disposition::Returned, Disposition::Answered]);
    assert_eq!(world.events.len(), 2);
}

#[test]
fn a_repeat_fills_what_was_empty_and_nothing_else() {
    for customer in [MOBILE, ""] {
        let mut world = World::new();
        world.record(missed("1", customer, 10));
        let before = world.clone();
        let first = CallRecord { duration_ms: 90_000, ..complete("one", missed("1", customer, 12)) };
        let (decisions, effects) = world.record_with_effects(vec![first]);
        assert_eq!(dispositions(&decisions), [Disposition::Duplicate]);
        assert_eq!(
            (effects.changed_calls.len(), effects.changed_leads.len(), effects.events.len()),
            (1, 0, 0)
        );
        let call = world.call("1");
        assert_eq!(decisions[0].missed_call.as_ref(), Some(call));
        let one = Some("one");
        assert_eq!((call.provider_status.as_deref(), call.original_call_id.as_deref()), (one, one));
        assert_eq!((call.queue_name.as_deref(), &call.representative_name), (one, &Some("one".into())));
        assert_eq!((&call.recording_url, call.ring_duration_ms), (&Some("one".into()), Some(3)));
        assert_eq!(call.custom_data, Some(json!({ "campaign": "one" }).into()));
        assert_eq!(call.ivr_path[0].layer_name, "one");
        assert_eq!((call.called_at, call.duration_ms), (at(10), before.call("1").duration_ms));
        assert_eq!(world.leads, before.leads);

        let (decisions, effects) =
            world.record_with_effects(vec![complete("second", missed("1", customer, 10))]);
        assert_eq!(dispositions(&decisions), [Disposition::Duplicate]);
        assert_eq!(effects, Effects::default());
    }
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let mut world = World::new();
    world.record_batch(vec![missed("1", MOBILE, 0), answered("talk", MOBILE, 10), missed("2", "", 0)]);
    let again = vec![missed("1", MOBILE, 0), answered("talk", MOBILE, 10), missed("2", "", 0)];
    assert_eq!(world.record_with_effects(again).1, Effects::default());
    assert_eq!(world.record_with_effects(Vec::new()).1, Effects::default());
}

#[test]
fn calls_of_other_exchanges_are_other_calls() {
    let mut world = World::new();
    world.record(missed("1", MOBILE, 0));
    let other = CallRecord { provider: "other".to_owned(), ..missed("1", MOBILE, 10) };
    assert_eq!(world.disposition(other), Disposition::Attached);
    assert_eq!((world.calls.len(), world.only_lead().call_count), (2, 2));
}
