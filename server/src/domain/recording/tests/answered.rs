//! Answered calls, in either direction: what they return, whom they contact, and that they do it once.

use super::{
    MOBILE, OTHER_MOBILE, TALK, answered, at, called_back, missed,
    world::{World, customer_key},
};
use crate::domain::{
    call::{CallRecord, Disposition},
    event::LeadEventKind::{CallRecorded, CallReturned, Created, StatusChanged},
    lead::{LeadStatus, LostReason},
    recording::Effects,
};

const BOTH_WAYS: [fn(&str, &str, i64) -> CallRecord; 2] = [answered, called_back];

#[test]
fn a_talk_returns_the_calls_and_contacts_the_lead() {
    for talk in BOTH_WAYS {
        let mut world = World::new();
        world.record_batch(vec![
            missed("1", MOBILE, 0),
            missed("2", MOBILE, 5),
            missed("3", OTHER_MOBILE, 5),
        ]);
        let before = world.lead_of(MOBILE).unwrap().clone();
        let decision = world.record(talk("talk", MOBILE, 10));
        assert_eq!((decision.disposition, &decision.missed_call), (Disposition::Returned, &None));
        let lead = world.lead_of(MOBILE).unwrap().clone();
        assert_eq!(decision.lead.as_ref(), Some(&lead));
        assert_eq!((lead.status, lead.contacted_at), (LeadStatus::Contacted, Some(at(60))));
        assert_eq!((lead.version, lead.call_count), (before.version + 1, 2));
        for id in ["1", "2"] {
            assert_eq!(world.call(id).returned_at, Some(at(10) + TALK));
            assert_eq!(world.call(id).returned_by_call_id.as_deref(), Some("talk"));
        }
        assert_eq!(world.call("3").returned_at, None, "another phone's");
        assert_eq!(world.lead_of(OTHER_MOBILE).unwrap().status, LeadStatus::New);
        let contacted = (StatusChanged, Some(LeadStatus::New), Some(LeadStatus::Contacted));
        let created = (Created, None, Some(LeadStatus::New));
        assert_eq!(world.history(lead.id), [created, (CallRecorded, None, None), contacted]);
        assert_eq!(world.events.last().unwrap().reason.as_deref(), Some("answered_call"));
        assert!(world.openers(lead.id).iter().all(|opener| !opener.status.is_live()));
        let customer = &world.customers[&customer_key(MOBILE)];
        assert_eq!(customer.last_answered_at, Some(at(10) + TALK));
        assert_eq!(customer.last_answered_call_id.as_deref(), Some("talk"));
    }
}

#[test]
fn only_waiting_leads_are_contacted() {
    for &status in LeadStatus::ALL {
        let mut world = World::new();
        world.now = at(1);
        world.record(missed("1", MOBILE, 0));
        world.bring_lead_to(status, (status == LeadStatus::Lost).then_some(LostReason::Price));
        world.now = at(60);
        let before = world.only_lead().clone();
        let (decisions, effects) = world.record_with_effects(vec![called_back("talk", MOBILE, 10)]);
        let (lead, history) = (world.only_lead().clone(), world.history(before.id));
        assert_eq!(decisions[0].disposition, Disposition::Returned, "{}", status.name());
        assert_eq!(decisions[0].lead.as_ref(), Some(&lead));
        assert_eq!(world.call("1").returned_by_call_id.as_deref(), Some("talk"));
        let waiting =
            [LeadStatus::New, LeadStatus::Qualifying, LeadStatus::Qualified, LeadStatus::Unresponsive];
        if waiting.contains(&status) {
            assert_eq!((lead.status, lead.version), (LeadStatus::Contacted, before.version + 1));
            assert_eq!(history.last(), Some(&(StatusChanged, Some(status), Some(LeadStatus::Contacted))));
            assert_eq!(effects.contacted_leads, [lead.id], "its conversation is to be ended");
        } else {
            assert_eq!(lead, before, "{}", status.name());
            assert_eq!(history.last(), Some(&(CallReturned, None, None)));
            assert!(effects.contacted_leads.is_empty());
        }
        assert_eq!(effects.events.len(), 1);
    }
}

#[test]
fn a_talk_with_a_stranger_is_only_remembered() {
    for talk in BOTH_WAYS {
        let mut world = World::new();
        let (decisions, effects) = world.record_with_effects(vec![talk("talk", MOBILE, 10)]);
        assert_eq!((decisions[0].disposition, &decisions[0].lead), (Disposition::Answered, &None));
        assert_eq!((effects.answered_customers.len(), effects.events.len()), (1, 0));
        assert_eq!((world.calls.len(), world.leads.len()), (0, 0));
    }
}

#[test]
fn a_lead_that_asked_after_the_talk_still_waits() {
    // A call that begins at the end of the talk is after it.
    for (minute, waits) in [(12, false), (13, true), (20, true)] {
        let mut world = World::new();
        world.record(missed("1", MOBILE, minute));
        let disposition = world.disposition(answered("talk", MOBILE, 10));
        assert_eq!(disposition == Disposition::Answered, waits, "{minute}");
        assert_eq!(world.only_lead().status == LeadStatus::New, waits);
        assert_eq!(world.call("1").returned_at.is_none(), waits);
    }
}

#[test]
fn earlier_calls_are_returned_though_the_lead_asked_again() {
    let mut world = World::new();
    world.record_batch(vec![missed("early", MOBILE, 0), missed("again", MOBILE, 20)]);
    let before = world.only_lead().clone();
    assert_eq!(world.disposition(answered("talk", MOBILE, 10)), Disposition::Returned);
    assert!(world.call("early").returned_at.is_some() && world.call("again").returned_at.is_none());
    assert_eq!(world.only_lead(), &before);
    assert_eq!(world.history(before.id).last(), Some(&(CallReturned, None, None)));
    // The talk about the second call comes; only what is unreturned is marked.
    assert_eq!(world.disposition(called_back("second", MOBILE, 30)), Disposition::Returned);
    assert_eq!(world.call("early").returned_by_call_id.as_deref(), Some("talk"));
    assert_eq!(world.call("again").returned_by_call_id.as_deref(), Some("second"));
    assert_eq!(world.only_lead().status, LeadStatus::Contacted);
}

#[test]
fn a_lead_that_was_captured_after_the_talk_still_waits() {
    for (captured, talk, contacted) in [(40, 30, false), (40, 37, false), (40, 38, true), (40, 45, true)] {
        let mut world = World::new();
        world.now = at(captured);
        let lead = world.capture(MOBILE);
        world.now = at(60);
        let expected = if contacted { Disposition::Returned } else { Disposition::Answered };
        assert_eq!(world.disposition(answered("talk", MOBILE, talk)), expected, "{talk}");
        assert_eq!(world.leads[&lead].status == LeadStatus::Contacted, contacted);
    }
}

#[test]
fn a_lead_that_was_captured_again_after_the_talk_still_waits() {
    for (captured, contacted) in [(50, false), (33, false), (32, true)] {
        let mut world = World::new();
        world.record(missed("1", MOBILE, 0));
        world.now = at(captured);
        world.recapture(MOBILE);
        world.now = at(60);
        // Its call was returned all the same.
        assert_eq!(world.disposition(answered("talk", MOBILE, 30)), Disposition::Returned);
        assert_eq!(world.only_lead().status == LeadStatus::Contacted, contacted, "{captured}");
        assert_eq!(world.call("1").returned_by_call_id.as_deref(), Some("talk"));
    }
}

#[test]
fn a_late_record_of_a_missed_call_does_not_hide_that_it_was_answered() {
    // The lead is made when the record comes, after the talk; its call was before it.
    let mut world = World::new();
    world.record(missed("1", MOBILE, 0));
    assert_eq!(world.only_lead().captured_at, at(60));
    assert_eq!(world.disposition(answered("talk", MOBILE, 30)), Disposition::Returned);
    assert_eq!(world.only_lead().status, LeadStatus::Contacted);
}

#[test]
fn the_same_talk_again_changes_nothing() {
    for talk in BOTH_WAYS {
        let mut world = World::new();
        world.record(missed("1", MOBILE, 0));
        world.record(talk("talk", MOBILE, 10));
        let lead = world.only_lead().id;
        // Meanwhile the lead goes on: it falls silent, or is new by a person's hand.
        for status in
            [LeadStatus::Contacted, LeadStatus::Unresponsive, LeadStatus::New, LeadStatus::Qualifying]
        {
            if world.only_lead().status != status {
                world.move_lead(lead, status, None);
            }
            let before = world.clone();
            let (decisions, effects) = world.record_with_effects(vec![talk("talk", MOBILE, 10)]);
            assert_eq!(decisions[0].disposition, Disposition::Answered, "{}", status.name());
            assert_eq!(effects, Effects::default());
            assert!(world.stores_the_same_as(&before));
        }
    }
}

#[test]
fn a_late_talk_changes_nothing_that_a_later_one_did() {
    let mut world = World::new();
    world.record(missed("1", MOBILE, 0));
    world.record(answered("later", MOBILE, 30));
    world.move_lead(world.only_lead().id, LeadStatus::Unresponsive, None);
    let before = world.clone();
    assert_eq!(world.disposition(answered("earlier", MOBILE, 10)), Disposition::Answered);
    assert_eq!((&world.leads, &world.calls, &world.events), (&before.leads, &before.calls, &before.events));
    let (customer, earlier) =
        (world.customer(MOBILE).clone(), before.customers[&customer_key(MOBILE)].clone());
    assert_eq!(customer.last_answered_at, earlier.last_answered_at, "it only moves forward");
    assert_eq!(customer.last_answered_call_id, earlier.last_answered_call_id);
}

#[test]
fn the_end_of_a_talk_counts_not_its_beginning() {
    let mut world = World::new();
    let long = CallRecord { duration_ms: 3_600_000, ..answered("long", MOBILE, 0) };
    world.record(long);
    world.record(answered("short", MOBILE, 40));
    let customer = &world.customers[&customer_key(MOBILE)];
    assert_eq!(customer.last_answered_call_id.as_deref(), Some("long"));
    assert_eq!(customer.last_answered_at, Some(at(60)));
}

#[test]
fn every_lead_hears_of_its_returned_calls() {
    let mut world = World::new();
    world.record(missed("1", MOBILE, 0));
    let old = world.only_lead().id;
    world.bring_lead_to(LeadStatus::Converted, None);
    let month = 31 * 24 * 60;
    world.now = at(month + 120);
    assert_eq!(world.disposition(missed("2", MOBILE, month + 100)), Disposition::LeadCreated);
    let new = world.lead_of(MOBILE).unwrap().id;
    assert_eq!(world.disposition(called_back("talk", MOBILE, month + 110)), Disposition::Returned);
    let contacted = (StatusChanged, Some(LeadStatus::New), Some(LeadStatus::Contacted));
    assert_eq!(world.history(new).last(), Some(&contacted));
    assert_eq!(world.history(old).last(), Some(&(CallReturned, None, None)));
}
