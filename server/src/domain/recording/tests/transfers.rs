//! Transferred calls: answered in any leg is answered, in whatever order the records come.

use super::{MOBILE, OTHER_MOBILE, answered, called_back, leg_of, missed, world::World};
use crate::domain::{
    call::{CallOutcome, CallRecord, Disposition},
    customer::REMEMBERED_CALLS,
    lead::LeadStatus,
};

/// Missed and answered leg of one call, of which either may be the original.
fn legs() -> [(CallRecord, CallRecord); 4] {
    [
        // The queue gave up, an agent took over.
        (missed("queue", MOBILE, 30), leg_of("queue", answered("agent", MOBILE, 30))),
        // Reception answered, the colleague did not.
        (leg_of("desk", missed("colleague", MOBILE, 40)), answered("desk", MOBILE, 30)),
        // The first of two transfers was missed.
        (leg_of("root", missed("one", MOBILE, 30)), leg_of("root", answered("two", MOBILE, 31))),
        // One id for both.
        (missed("both", MOBILE, 30), answered("both", MOBILE, 30)),
    ]
}

#[test]
fn a_leg_that_was_missed_after_an_answered_one_is_answered() {
    for (missed, answered) in legs() {
        let mut world = World::new();
        assert_eq!(world.disposition(answered), Disposition::Answered);
        let decision = world.record(missed);
        assert_eq!((decision.disposition, decision.lead), (Disposition::Answered, None));
        assert_eq!((world.leads.len(), world.follow_ups.len()), (0, 0));
    }
}

#[test]
fn an_answered_leg_after_a_missed_one_returns_it() {
    for (missed, answered) in legs() {
        let mut world = World::new();
        let (id, talk) = (missed.call_id.clone(), answered.call_id.clone());
        assert_eq!(world.disposition(missed), Disposition::LeadCreated);
        assert_eq!(world.disposition(answered), Disposition::Returned, "{id}");
        assert_eq!(world.call(&id).returned_by_call_id, Some(talk));
        let lead = world.only_lead();
        assert_eq!(lead.status, LeadStatus::Contacted, "{id}");
        assert!(world.openers(lead.id).iter().all(|opener| !opener.status.is_live()));
    }
}

#[test]
fn the_legs_may_come_in_one_batch() {
    for (missed, answered) in legs() {
        for calls in [vec![missed.clone(), answered.clone()], vec![answered.clone(), missed.clone()]] {
            let mut world = World::new();
            world.record_batch(calls);
            assert!(world.calls.values().all(|call| call.returned_at.is_some()), "{}", missed.call_id);
            assert!(world.leads.values().all(|lead| lead.status == LeadStatus::Contacted));
            assert!(world.follow_ups.values().all(|opener| !opener.status.is_live()));
        }
    }
}

#[test]
fn a_repeated_leg_is_answered_again() {
    for (missed, answered) in legs() {
        let mut world = World::new();
        world.record_batch(vec![answered]);
        world.record(missed.clone());
        let before = world.clone();
        assert_eq!(world.disposition(missed), Disposition::Answered);
        assert!(world.stores_the_same_as(&before));
    }
}

#[test]
fn a_new_call_after_the_answered_leg_keeps_the_lead_waiting() {
    let mut world = World::new();
    world.record_batch(vec![leg_of("desk", missed("colleague", MOBILE, 40)), missed("again", MOBILE, 50)]);
    assert_eq!(world.disposition(answered("desk", MOBILE, 30)), Disposition::Returned);
    assert!(world.call("colleague").returned_at.is_some() && world.call("again").returned_at.is_none());
    assert_eq!(world.only_lead().status, LeadStatus::New);
}

#[test]
fn a_leg_counts_for_its_own_caller_and_exchange_only() {
    let mut world = World::new();
    world.record(answered("desk", MOBILE, 30));
    assert_eq!(world.disposition(leg_of("desk", missed("1", OTHER_MOBILE, 40))), Disposition::LeadCreated);

    // Two exchanges may number their calls alike.
    let other = CallRecord { provider: "other".to_owned(), ..answered("100", MOBILE, 30) };
    let mut world = World::new();
    world.record(leg_of("100", missed("101", MOBILE, 40)));
    assert_eq!(world.disposition(other.clone()), Disposition::Answered);
    assert_eq!(world.only_lead().status, LeadStatus::New);
    let mut world = World::new();
    world.record(other);
    assert_eq!(world.disposition(leg_of("100", missed("101", MOBILE, 40))), Disposition::LeadCreated);
}

/// Every order of some records.
fn orders(records: &[CallRecord]) -> Vec<Vec<CallRecord>> {
    let Some(last) = records.len().checked_sub(1) else { return vec![Vec::new()] };
    let shorter = orders(&records[..last]);
    let with_last = |order: &Vec<CallRecord>, place| {
        let mut order = order.clone();
        order.insert(place, records[last].clone());
        order
    };
    shorter.iter().flat_map(|order| (0..=last).map(move |place| with_last(order, place))).collect()
}

#[test]
fn another_talk_between_the_legs_does_not_part_them() {
    for (missed, answered) in legs() {
        for minute in [10, 33, 50] {
            let other = called_back("other", MOBILE, minute);
            for order in orders(&[missed.clone(), answered.clone(), other]) {
                let mut world = World::new();
                for call in &order {
                    world.record(call.clone());
                }
                let ids: Vec<_> = order.iter().map(|call| &call.call_id).collect();
                assert!(world.calls.values().all(|call| call.returned_at.is_some()), "{ids:?}");
                assert!(world.leads.values().all(|lead| lead.status == LeadStatus::Contacted), "{ids:?}");
                // Once the answered leg is known, the missed one asks for nothing.
                let place = |outcome| {
                    order.iter().position(|call| call.outcome == outcome && call.call_id != "other")
                };
                if place(CallOutcome::Answered) < place(CallOutcome::NoAnswer) {
                    assert_eq!((world.leads.len(), world.calls.len()), (0, 0), "{ids:?}");
                }
                let before = world.clone();
                for call in order {
                    world.record(call);
                }
                assert!(world.stores_the_same_as(&before));
            }
        }
    }
}

#[test]
fn a_repeated_leg_after_a_later_talk_is_still_answered() {
    let mut world = World::with_lead(LeadStatus::New, None);
    let leg = leg_of("desk", missed("colleague", MOBILE, 13));
    world.record_batch(vec![answered("desk", MOBILE, 10), leg.clone()]);
    world.record(called_back("later", MOBILE, 40));
    let before = world.clone();
    assert_eq!(world.disposition(leg), Disposition::Answered);
    assert!(world.stores_the_same_as(&before), "call_count too");
}

#[test]
fn a_missed_leg_is_no_talk() {
    let mut world = World::new();
    world.record(answered("desk", MOBILE, 10));
    let long = CallRecord { duration_ms: 600_000, ..leg_of("desk", missed("colleague", MOBILE, 13)) };
    world.record(long);
    // While the colleague's phone still rang, somebody called from the same number.
    assert_eq!(world.disposition(missed("again", MOBILE, 15)), Disposition::LeadCreated);
}

#[test]
fn a_leg_may_be_transferred_from_a_leg() {
    let mut world = World::new();
    world.record_batch(vec![missed("queue", MOBILE, 30), leg_of("queue", answered("desk", MOBILE, 31))]);
    let again = leg_of("desk", missed("colleague", MOBILE, 34));
    assert_eq!(world.disposition(again), Disposition::Answered);
    assert!(world.call("queue").returned_at.is_some());
}

#[test]
fn only_so_many_answered_calls_are_remembered() {
    let mut world = World::new();
    let number = i64::try_from(REMEMBERED_CALLS).unwrap();
    for talk in 0..=number {
        world.record(answered(&format!("talk {talk}"), MOBILE, talk));
    }
    let customer = world.customer(MOBILE);
    assert_eq!(customer.answered_calls.len(), REMEMBERED_CALLS);
    assert_eq!(customer.answered_calls[0].call_id, "talk 1");
    for (talk, expected) in [(1, Disposition::Answered), (0, Disposition::LeadCreated)] {
        let leg = leg_of(&format!("talk {talk}"), missed(&format!("leg {talk}"), MOBILE, number + 10));
        assert_eq!(world.disposition(leg), expected);
    }
}
