//! Time: how long a closed lead decides about new calls, and calls from before its closing.

use chrono::TimeDelta;

use super::{MOBILE, at, missed, world::World};
use crate::domain::{
    call::{CallRecord, Disposition},
    event::LeadEventKind::CallRecorded,
    lead::{LeadStatus, LostReason},
};

const INSTANT: TimeDelta = TimeDelta::microseconds(1);
/// When the lead of [`closed`] was closed, in minutes.
const CLOSED: i64 = 10;

fn closed(status: LeadStatus, reason: Option<LostReason>) -> World {
    let mut world = World::with_lead(status, reason);
    world.now = at(CLOSED);
    world
}

/// A call that begins so long after the closing, recorded a minute later.
fn after_closing(world: &World, offset: TimeDelta) -> (World, Disposition) {
    let mut world = world.clone();
    let call = CallRecord { called_at: at(CLOSED) + offset, ..missed("next", MOBILE, 0) };
    world.now = world.now.max(call.called_at) + TimeDelta::minutes(1);
    let disposition = world.disposition(call);
    (world, disposition)
}

#[test]
fn a_lost_lead_is_reopened_within_its_window() {
    let window = TimeDelta::days(30);
    for (offset, expected) in [
        (TimeDelta::zero(), Disposition::LeadReopened),
        (window, Disposition::LeadReopened),
        (window + INSTANT, Disposition::LeadCreated),
        (window * 100, Disposition::LeadCreated),
    ] {
        let lost = closed(LeadStatus::Lost, Some(LostReason::Price));
        let old = lost.only_lead().clone();
        let (world, disposition) = after_closing(&lost, offset);
        assert_eq!(disposition, expected, "{offset}");
        if expected == Disposition::LeadCreated {
            let new = world.lead_of(MOBILE).unwrap();
            assert_eq!((new.previous_lead_id, new.call_count), (Some(old.id), 1));
            assert_eq!(world.leads[&old.id], old);
            assert_eq!(world.call("next").lead_id, Some(new.id));
        }
    }
}

#[test]
fn an_unresponsive_lead_is_reopened_at_any_time() {
    for offset in [TimeDelta::zero(), TimeDelta::days(31), TimeDelta::days(3_000)] {
        let (world, disposition) = after_closing(&closed(LeadStatus::Unresponsive, None), offset);
        assert_eq!(disposition, Disposition::LeadReopened, "{offset}");
        assert_eq!(world.leads.len(), 1);
    }
}

#[test]
fn a_converted_lead_keeps_its_calls_within_the_window() {
    let window = TimeDelta::days(30);
    for (offset, expected) in [
        (-INSTANT, Disposition::ExistingCustomer),
        (TimeDelta::zero(), Disposition::ExistingCustomer),
        (window, Disposition::ExistingCustomer),
        (window + INSTANT, Disposition::LeadCreated),
    ] {
        let converted = closed(LeadStatus::Converted, None);
        let old = converted.only_lead().id;
        let (world, disposition) = after_closing(&converted, offset);
        assert_eq!(disposition, expected, "{offset}");
        let new = world.lead_of(MOBILE).unwrap();
        assert_eq!(new.previous_lead_id, (expected == Disposition::LeadCreated).then_some(old));
    }
}

#[test]
fn each_window_is_the_tenants_own() {
    for (status, reason, within) in [
        (LeadStatus::Lost, Some(LostReason::Other), Disposition::LeadReopened),
        (LeadStatus::Converted, None, Disposition::ExistingCustomer),
    ] {
        for (offset, expected) in [(3_600, within), (3_601, Disposition::LeadCreated)] {
            let mut world = closed(status, reason);
            let (own, other) = (TimeDelta::hours(1), TimeDelta::days(300));
            let lost = status == LeadStatus::Lost;
            world.tenant.policy.lost_reopen_window = if lost { own } else { other };
            world.tenant.policy.returning_customer_window = if lost { other } else { own };
            assert_eq!(after_closing(&world, TimeDelta::seconds(offset)).1, expected, "{offset}");
        }
    }
}

#[test]
fn the_time_of_the_call_counts_not_of_its_record() {
    let mut world = closed(LeadStatus::Lost, Some(LostReason::Price));
    world.now = at(365 * 24 * 60);
    assert_eq!(world.disposition(missed("next", MOBILE, 20)), Disposition::LeadReopened);
}

#[test]
fn a_call_from_before_the_closing_attaches_without_reopening() {
    for (status, reason) in [
        (LeadStatus::Unresponsive, None),
        (LeadStatus::Lost, Some(LostReason::Price)),
        (LeadStatus::Lost, Some(LostReason::DoNotContact)),
    ] {
        let before = closed(status, reason);
        let old = before.only_lead().clone();
        let (world, disposition) = after_closing(&before, -INSTANT);
        assert_eq!(disposition, Disposition::Attached, "{reason:?}");
        let lead = world.only_lead();
        assert_eq!((lead.status, lead.lost_reason, lead.reopen_count), (status, reason, 0));
        assert_eq!((lead.call_count, lead.version), (2, old.version + 1));
        assert_eq!(lead.last_call_at, Some(at(CLOSED) - INSTANT));
        assert_eq!(world.call("next").lead_id, Some(old.id));
        assert_eq!(world.history(old.id).last(), Some(&(CallRecorded, None, None)));
        assert_eq!(world.follow_ups, before.follow_ups);
    }
}

#[test]
fn the_last_closing_counts() {
    let mut world = closed(LeadStatus::Lost, Some(LostReason::Price));
    world.now = at(100);
    assert_eq!(world.disposition(missed("again", MOBILE, 90)), Disposition::LeadReopened);
    world.now = at(200);
    world.bring_lead_to(LeadStatus::Lost, Some(LostReason::Competitor));
    assert_eq!(world.disposition(missed("before", MOBILE, 150)), Disposition::Attached);
    world.now = at(300);
    assert_eq!(world.disposition(missed("after", MOBILE, 250)), Disposition::LeadReopened);
    assert_eq!((world.only_lead().reopen_count, world.only_lead().call_count), (2, 4));
}
