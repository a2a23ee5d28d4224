//! Transferred calls: answered in any leg is answered, in whatever order the records come.

use super::{MOBILE, OTHER_MOBILE, TALK, answered, at, called_back, leg_of, missed, world::World};
use crate::domain::{
    call::{CallRecord, Disposition},
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
    let mut world = World::new();
    world.record(leg_of("100", missed("101", MOBILE, 40)));
    let other = CallRecord { provider: "other".to_owned(), ..answered("100", MOBILE, 30) };
    assert_eq!(world.disposition(other), Disposition::Answered);
    assert_eq!(world.only_lead().status, LeadStatus::New);
}

#[test]
fn a_leg_of_a_call_that_is_not_the_last_talk_was_before_that_talk() {
    let mut world = World::new();
    world.record_batch(vec![answered("desk", MOBILE, 10), called_back("later", MOBILE, 40)]);
    let decision = world.record(leg_of("desk", missed("colleague", MOBILE, 13)));
    assert_eq!((decision.disposition, decision.lead), (Disposition::AlreadyReturned, None));
    assert_eq!(world.call("colleague").returned_at, Some(at(40) + TALK));
}
