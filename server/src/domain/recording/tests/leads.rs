//! The decision table: what a missed call does to the caller's lead.

use super::{
    LINE, MOBILE, RING, at, missed, phone,
    world::{TENANT, World},
};
use crate::domain::{
    call::Disposition,
    event::LeadEventKind::{CallRecorded, Created, Reopened},
    lead::{LeadSource, LeadStatus, LostReason},
};

#[test]
fn the_first_missed_call_makes_a_lead() {
    let mut world = World::new();
    let decision = world.record(missed("1", MOBILE, 55));
    assert_eq!(decision.disposition, Disposition::LeadCreated);
    let lead = decision.lead.unwrap();
    assert_eq!(&lead, world.only_lead());
    assert_eq!((lead.tenant_id, &lead.customer_phone), (TENANT, &phone(MOBILE)));
    assert_eq!((lead.source, lead.status), (LeadSource::MissedCall, LeadStatus::New));
    assert_eq!((lead.call_count, lead.last_call_at, lead.captured_at), (1, Some(at(55)), at(60)));
    assert_eq!((lead.version, lead.reopen_count, lead.previous_lead_id), (1, 0, None));
    let kept = decision.missed_call.unwrap();
    assert_eq!(&kept, world.call("1"));
    assert_eq!((kept.lead_id, kept.disposition), (Some(lead.id), Disposition::LeadCreated));
    assert_eq!((kept.called_at, kept.ended_at, kept.processed_at), (at(55), at(55) + RING, at(60)));
    assert_eq!((kept.returned_at, &kept.business_phone), (None, &phone(LINE)));
    assert_eq!(world.history(lead.id), [(Created, None, Some(LeadStatus::New))]);
    let event = &world.events[0];
    assert_eq!((event.actor.as_str(), event.reason.as_deref()), ("adapter", Some("missed_call")));
    assert_eq!(event.details, Some(serde_json::json!({ "provider": "exchange", "call_id": "1" }).into()));
    assert_eq!(world.openers(lead.id).len(), 1);
}

#[test]
fn a_call_on_a_lead_in_work_is_attached() {
    for status in [LeadStatus::New, LeadStatus::Qualifying, LeadStatus::Qualified, LeadStatus::Contacted] {
        let mut world = World::with_lead(status, None);
        let before = world.only_lead().clone();
        let (openers, history) = (world.follow_ups.clone(), world.history(before.id));
        let decision = world.record(missed("next", MOBILE, 50));
        assert_eq!(decision.disposition, Disposition::Attached, "{}", status.name());
        let after = world.only_lead();
        assert_eq!((after.status, after.call_count, after.last_call_at), (status, 2, Some(at(50))));
        assert_eq!((after.version, after.updated_at), (before.version + 1, at(60)));
        assert_eq!(world.call("next").lead_id, Some(before.id));
        assert_eq!(world.follow_ups, openers, "this round had its opener");
        assert_eq!(world.history(before.id), [history, vec![(CallRecorded, None, None)]].concat());
    }
}

#[test]
fn an_older_call_does_not_move_the_last_call_back() {
    let mut world = World::new();
    world.record(missed("new", MOBILE, 50));
    assert_eq!(world.disposition(missed("old", MOBILE, 40)), Disposition::Attached);
    let lead = world.only_lead();
    assert_eq!((lead.call_count, lead.last_call_at), (2, Some(at(50))));
}

#[test]
fn a_call_after_silence_or_a_loss_reopens_the_lead() {
    let mut cases = vec![(LeadStatus::Unresponsive, None)];
    let ordinary = |reason: &LostReason| !matches!(reason, LostReason::Spam | LostReason::WrongNumber);
    let all_reasons = [
        LostReason::Price,
        LostReason::Competitor,
        LostReason::NotRelevant,
        LostReason::NoResponse,
        LostReason::Duplicate,
        LostReason::DoNotContact,
        LostReason::Other,
    ];
    assert_eq!(all_reasons.to_vec(), LostReason::ALL.iter().copied().filter(ordinary).collect::<Vec<_>>());
    cases.extend(all_reasons.map(|reason| (LeadStatus::Lost, Some(reason))));
    for (status, reason) in cases {
        let mut world = World::with_lead(status, reason);
        let before = world.only_lead().clone();
        let history = world.history(before.id);
        let decision = world.record(missed("next", MOBILE, 50));
        assert_eq!(decision.disposition, Disposition::LeadReopened, "{reason:?}");
        let after = world.only_lead();
        assert_eq!((after.status, after.lost_reason), (LeadStatus::New, None), "{reason:?}");
        assert_eq!((after.call_count, after.last_call_at), (2, Some(at(50))));
        assert_eq!((after.reopened_at, after.reopen_count), (Some(at(60)), 1));
        assert_eq!((after.version, after.captured_at), (before.version + 1, before.captured_at));
        let reopened = (Reopened, Some(status), Some(LeadStatus::New));
        assert_eq!(world.history(before.id), [history, vec![reopened]].concat());
        assert_eq!(world.call("next").lead_id, Some(before.id));
    }
}

#[test]
fn a_new_customer_who_calls_again_is_a_customer() {
    let mut world = World::with_lead(LeadStatus::Converted, None);
    let before = world.only_lead().clone();
    let openers = world.follow_ups.clone();
    let decision = world.record(missed("next", MOBILE, 50));
    assert_eq!(decision.disposition, Disposition::ExistingCustomer);
    let after = world.only_lead();
    assert_eq!(
        (after.status, after.call_count, after.last_call_at),
        (LeadStatus::Converted, 2, Some(at(50)))
    );
    assert_eq!(after.version, before.version + 1);
    assert_eq!((world.call("next").lead_id, world.follow_ups.clone()), (Some(before.id), openers));
    assert_eq!(world.history(before.id).last(), Some(&(CallRecorded, None, None)));
}

#[test]
fn nuisance_callers_are_suppressed_for_ever() {
    for reason in [LostReason::Spam, LostReason::WrongNumber] {
        // Before the lead was closed, soon after, and years later.
        for minute in [5, 50, 3_000_000] {
            let mut world = World::with_lead(LeadStatus::Lost, Some(reason));
            world.now = world.now.max(at(minute));
            let before = world.clone();
            let decision = world.record(missed("next", MOBILE, minute));
            assert_eq!((decision.disposition, decision.lead), (Disposition::Suppressed, None), "{minute}");
            assert_eq!((world.call("next").lead_id, world.call("next").returned_at), (None, None));
            assert_eq!((&world.leads, &world.events), (&before.leads, &before.events));
            assert_eq!(world.follow_ups, before.follow_ups);
        }
    }
}

#[test]
fn only_the_last_lead_suppresses() {
    let mut world = World::with_lead(LeadStatus::Lost, Some(LostReason::Spam));
    let spam = world.only_lead().id;
    world.capture(MOBILE);
    assert_eq!(world.disposition(missed("next", MOBILE, 50)), Disposition::Attached);
    assert_ne!(world.call("next").lead_id, Some(spam));
}
