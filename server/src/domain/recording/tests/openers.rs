//! Openers: when one is due, for whom there is none, and that a round has at most one.

use chrono::TimeDelta;

use super::{LANDLINE, MOBILE, RING, answered, at, missed, world::World};
use crate::domain::{
    call::{CallRecord, Disposition},
    follow_up::{FollowUpKind, FollowUpStatus},
    lead::{LeadStatus, LostReason},
};

/// The rounds of the openers that wait to be sent.
fn pending(world: &World) -> Vec<i32> {
    let waiting = world.follow_ups.values().filter(|opener| opener.status == FollowUpStatus::Pending);
    waiting.map(|opener| opener.round).collect()
}

/// Worlds in which the next missed call of [`MOBILE`] makes or reopens a lead, with the disposition it has.
fn worlds_that_schedule() -> Vec<(World, Disposition)> {
    let mut worlds = vec![(World::new(), Disposition::LeadCreated)];
    worlds.push((World::with_lead(LeadStatus::Unresponsive, None), Disposition::LeadReopened));
    worlds.push((World::with_lead(LeadStatus::Lost, Some(LostReason::Price)), Disposition::LeadReopened));
    let mut converted = World::with_lead(LeadStatus::Converted, None);
    converted.tenant.policy.returning_customer_window = TimeDelta::zero();
    worlds.push((converted, Disposition::LeadCreated));
    worlds
}

#[test]
fn the_opener_is_due_some_time_after_the_end_of_the_call() {
    for (mut world, disposition) in worlds_that_schedule() {
        world.tenant.policy.opener_delay = TimeDelta::minutes(7);
        let lead = world.record(missed("next", MOBILE, 50));
        assert_eq!(lead.disposition, disposition);
        let lead = lead.lead.unwrap();
        let opener = world.openers(lead.id).into_iter().find(|opener| opener.status.is_live()).unwrap();
        assert_eq!((opener.kind, opener.round), (FollowUpKind::Opener, lead.reopen_count + 1));
        assert_eq!(opener.due_at, at(57) + RING);
        assert_eq!((opener.tenant_id, opener.lead_id), (lead.tenant_id, lead.id));
    }
}

#[test]
fn a_call_from_the_future_does_not_delay_its_opener() {
    let mut world = World::new();
    world.record(missed("1", MOBILE, 600));
    assert_eq!(world.follow_ups.values().next().unwrap().due_at, at(62));
}

#[test]
fn who_wants_no_messages_gets_a_lead_and_no_opener() {
    for (world, disposition) in worlds_that_schedule() {
        for do_not_contact in [false, true] {
            let mut world = world.clone();
            let customer = world.customer(MOBILE);
            if do_not_contact {
                customer.do_not_contact_at = Some(at(5));
            } else {
                customer.suppressed_at = Some(at(5));
            }
            assert_eq!(world.disposition(missed("next", MOBILE, 50)), disposition);
            assert_eq!(world.lead_of(MOBILE).unwrap().status, LeadStatus::New);
            assert_eq!(pending(&world), [0; 0]);
            // Whatever comes later.
            assert_eq!(world.disposition(missed("later", MOBILE, 59)), Disposition::Attached);
            assert_eq!(pending(&world), [0; 0]);
        }
    }
}

#[test]
fn once_lost_as_do_not_contact_is_for_ever() {
    let mut world = World::new();
    world.record(missed("1", MOBILE, 0));
    world.bring_lead_to(LeadStatus::Lost, Some(LostReason::DoNotContact));
    world.now = at(120);
    assert_eq!(world.disposition(missed("2", MOBILE, 110)), Disposition::LeadReopened);
    world.bring_lead_to(LeadStatus::Lost, Some(LostReason::Price));
    let years = 3 * 365 * 24 * 60;
    world.now = at(years + 1);
    assert_eq!(world.disposition(missed("3", MOBILE, years)), Disposition::LeadCreated);
    assert_eq!(pending(&world), [0; 0]);
}

#[test]
fn openers_go_to_mobiles_unless_the_policy_allows_more() {
    for (customer, allowed, openers) in
        [(MOBILE, false, 1), (LANDLINE, false, 0), ("077-123-4567", false, 0), (LANDLINE, true, 1)]
    {
        let mut world = World::new();
        world.tenant.policy.opener_to_non_mobile = allowed;
        assert_eq!(world.disposition(missed("1", customer, 50)), Disposition::LeadCreated);
        assert_eq!(pending(&world).len(), openers, "{customer} {allowed}");
    }
}

#[test]
fn late_records_do_not_text_people() {
    for (world, disposition) in worlds_that_schedule() {
        for (age, openers) in
            [(TimeDelta::hours(2), 1), (TimeDelta::hours(2) + TimeDelta::microseconds(1), 0)]
        {
            let mut world = world.clone();
            world.now = at(50) + age;
            assert_eq!(world.disposition(missed("next", MOBILE, 50)), disposition);
            assert_eq!(pending(&world).len(), openers, "{age}");
        }
    }
    let mut world = World::new();
    world.tenant.policy.stale_call_after = TimeDelta::minutes(5);
    world.record(missed("1", MOBILE, 54));
    assert_eq!(pending(&world), [0; 0]);
}

#[test]
fn a_round_has_one_opener_from_whichever_call() {
    let mut world = World::new();
    world.now = at(600);
    assert_eq!(world.disposition(missed("stale", MOBILE, 0)), Disposition::LeadCreated);
    assert_eq!(pending(&world), [0; 0]);
    assert_eq!(world.disposition(missed("fresh", MOBILE, 590)), Disposition::Attached);
    assert_eq!(pending(&world), [1]);
    world.record(missed("another", MOBILE, 595));
    assert_eq!(pending(&world), [1]);
    // Also after it was sent, or given up: it was scheduled.
    for status in [FollowUpStatus::Done, FollowUpStatus::Failed, FollowUpStatus::Cancelled] {
        let mut world = world.clone();
        for opener in world.follow_ups.values_mut() {
            opener.status = status;
        }
        assert_eq!(world.disposition(missed("next", MOBILE, 598)), Disposition::Attached);
        assert_eq!(world.follow_ups.len(), 1);
    }
}

#[test]
fn each_round_has_its_own_opener() {
    let mut world = World::new();
    world.record(missed("1", MOBILE, 0));
    for round in 2..5 {
        world.bring_lead_to(LeadStatus::Unresponsive, None);
        let minute = i64::from(round) * 100;
        world.now = at(minute + 1);
        assert_eq!(world.disposition(missed(&round.to_string(), MOBILE, minute)), Disposition::LeadReopened);
        assert_eq!(pending(&world), [round]);
    }
    assert_eq!(world.follow_ups.len(), 4);
}

#[test]
fn a_lead_in_work_without_an_opener_gets_one_except_while_qualifying() {
    for (status, openers) in [
        (LeadStatus::New, 1),
        (LeadStatus::Qualifying, 0),
        (LeadStatus::Qualified, 1),
        (LeadStatus::Contacted, 1),
    ] {
        let mut world = World::new();
        let lead = world.capture(MOBILE);
        if status != LeadStatus::New {
            world.move_lead(lead, status, None);
        }
        assert_eq!(world.disposition(missed("1", MOBILE, 59)), Disposition::Attached);
        assert_eq!(pending(&world).len(), openers, "{}", status.name());
    }
}

#[test]
fn no_opener_after_a_talk_a_conversion_or_a_closing() {
    let mut talk = World::new();
    talk.capture(MOBILE);
    talk.record(answered("talk", MOBILE, 50));
    assert_eq!(talk.disposition(missed("1", MOBILE, 40)), Disposition::AlreadyReturned);
    assert_eq!(pending(&talk), [0; 0]);
    for (status, disposition) in [
        (LeadStatus::Converted, Disposition::ExistingCustomer),
        (LeadStatus::Lost, Disposition::Attached),
        (LeadStatus::Unresponsive, Disposition::Attached),
    ] {
        let mut world = World::new();
        world.capture(MOBILE);
        world.bring_lead_to(status, (status == LeadStatus::Lost).then_some(LostReason::Price));
        assert_eq!(world.disposition(missed("1", MOBILE, 59)), disposition);
        assert_eq!(pending(&world), [0; 0], "{}", status.name());
    }
}

#[test]
fn an_opener_is_cancelled_where_its_batch_holds_the_talk() {
    let mut world = World::new();
    let calls = vec![missed("1", MOBILE, 50), answered("talk", MOBILE, 55), missed("other", LANDLINE, 50)];
    let (decisions, effects) = world.record_with_effects(calls);
    let dispositions: Vec<_> = decisions.iter().map(|decision| decision.disposition).collect();
    assert_eq!(dispositions, [Disposition::LeadCreated, Disposition::Returned, Disposition::LeadCreated]);
    assert_eq!(effects.openers.len(), 1);
    assert_eq!(effects.openers[0].status, FollowUpStatus::Cancelled);

    // In a batch of its own the talk cancels what is stored.
    let mut apart = World::new();
    for call in [missed("1", MOBILE, 50), answered("talk", MOBILE, 55)] {
        apart.record(call);
    }
    assert_eq!(apart.follow_ups.values().next().unwrap().status, FollowUpStatus::Cancelled);
}

#[test]
fn a_long_ringing_call_counts_from_its_end() {
    let mut world = World::new();
    world.record(CallRecord { duration_ms: 5 * 60_000, ..missed("1", MOBILE, 50) });
    assert_eq!(world.follow_ups.values().next().unwrap().due_at, at(57));
}
