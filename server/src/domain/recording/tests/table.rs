//! The decision table: each row, and each tie between rows. The first that fits wins.

use super::{
    LANDLINE, LINE, MOBILE, OTHER_MOBILE, RING, SECOND_LINE, TALK, answered, at, called_back, customer_key,
    leg_of, missed, phone,
    world::{TENANT, World},
};
use crate::domain::{
    call::{CallDirection, CallOutcome, CallRecord, Disposition},
    event::LeadEventKind::{CallRecorded, Created, Reopened, StatusChanged},
    lead::{LeadSource, LeadStatus, LostReason},
};

/// An outcome that is no talk and by default not missed either.
const NEITHER: &[CallOutcome] = &[
    CallOutcome::Congestion,
    CallOutcome::Voicemail,
    CallOutcome::VoiceEnd,
    CallOutcome::NotCalled,
    CallOutcome::Failed,
    CallOutcome::QueueExit,
    CallOutcome::Other,
];
/// Numbers that are withheld, no phone, an extension, or the business's own.
const NO_CUSTOMER: &[&str] =
    &["", "anonymous", "Unknown", "*2421", "100", "201", "sip:yossi@pbx", LINE, SECOND_LINE, "+97237000002"];

fn unknown_line(call: CallRecord) -> CallRecord {
    CallRecord { business_raw: "03-799-9999".to_owned(), ..call }
}

fn outcome(outcome: CallOutcome, call: CallRecord) -> CallRecord {
    CallRecord { outcome, ..call }
}

/// A world in which a missed call at noon made a lead, whose status was reached ten minutes later.
fn with_lead(status: LeadStatus, reason: Option<LostReason>) -> World {
    let mut world = World::new();
    world.now = at(1);
    world.record(missed("first", MOBILE, 0));
    world.now = at(10);
    world.bring_lead_to(status, reason);
    world.now = at(60);
    world
}

#[test]
fn internal_and_unanswered_outgoing_calls_are_ignored() {
    let mut world = World::new();
    let before = world.clone();
    for &each in CallOutcome::ALL {
        for line in [false, true] {
            let call = outcome(each, missed("1", MOBILE, 0));
            let call = if line { call } else { unknown_line(call) };
            let internal = CallRecord { direction: CallDirection::Internal, ..call.clone() };
            assert_eq!(world.disposition(internal), Disposition::Ignored, "{}", each.name());
            if each != CallOutcome::Answered {
                let outgoing = CallRecord { direction: CallDirection::Outgoing, ..call };
                assert_eq!(world.disposition(outgoing), Disposition::Ignored, "{}", each.name());
            }
        }
    }
    assert!(world.stores_the_same_as(&before));
}

#[test]
fn the_policy_says_which_incoming_calls_are_missed() {
    for &each in CallOutcome::ALL {
        let expected = match each {
            CallOutcome::Answered => Disposition::Answered,
            _ if NEITHER.contains(&each) => Disposition::Ignored,
            _ => Disposition::LeadCreated,
        };
        assert_eq!(World::new().disposition(outcome(each, missed("1", MOBILE, 0))), expected, "{}", each.name());

        let mut voicemail = World::new();
        voicemail.tenant.policy.missed_outcomes = vec![CallOutcome::Voicemail];
        let expected = match each {
            CallOutcome::Answered => Disposition::Answered,
            CallOutcome::Voicemail => Disposition::LeadCreated,
            _ => Disposition::Ignored,
        };
        assert_eq!(voicemail.disposition(outcome(each, missed("1", MOBILE, 0))), expected, "{}", each.name());
    }
}

#[test]
fn calls_of_an_unknown_line_are_unrouted_whoever_calls() {
    let mut world = World::new();
    let before = world.clone();
    for customer in [MOBILE, LANDLINE, "", "anonymous", LINE] {
        for call in [missed("1", customer, 0), answered("2", customer, 0), called_back("3", customer, 0)] {
            assert_eq!(world.disposition(unknown_line(call)), Disposition::Unrouted, "{customer}");
        }
    }
    // Whether this one counts as missed is for its tenant to say.
    let voicemail = outcome(CallOutcome::Voicemail, missed("4", MOBILE, 0));
    assert_eq!(world.disposition(unknown_line(voicemail)), Disposition::Unrouted);
    assert!(world.stores_the_same_as(&before));
}

#[test]
fn a_missed_call_without_a_number_is_kept_alone() {
    for customer in NO_CUSTOMER {
        let mut world = World::new();
        let decision = world.record(missed("1", customer, 0));
        assert_eq!((decision.disposition, &decision.lead), (Disposition::NoCallerId, &None), "{customer}");
        let kept = world.call("1");
        assert_eq!(decision.missed_call.as_ref(), Some(kept));
        assert_eq!((&kept.caller_phone, kept.caller_raw.as_str()), (&None, *customer));
        assert_eq!((kept.lead_id, kept.returned_at, kept.disposition), (None, None, Disposition::NoCallerId));
        assert_eq!((world.calls.len(), world.leads.len(), world.events.len()), (1, 0, 0));
        assert_eq!((world.customers.len(), world.follow_ups.len()), (0, 0));
    }
}

#[test]
fn an_answered_call_without_a_number_does_nothing() {
    for customer in NO_CUSTOMER {
        let mut world = World::new();
        world.record(missed("withheld", customer, 0));
        let before = world.clone();
        for call in [answered("1", customer, 5), called_back("2", customer, 6)] {
            let decision = world.record(call);
            assert_eq!((decision.disposition, &decision.lead), (Disposition::NoCallerId, &None), "{customer}");
            assert_eq!(decision.missed_call, None);
        }
        assert!(world.stores_the_same_as(&before), "{customer}");
    }
}

#[test]
fn the_same_missed_call_is_a_duplicate_before_anything_else() {
    // A call without a number; a returned, a suppressed, an attached one; one after which the lead was closed.
    let mut withheld = World::new();
    withheld.record(missed("call", "", 20));
    let mut returned = with_lead(LeadStatus::Contacted, None);
    returned.record(answered("talk", MOBILE, 30));
    returned.record(missed("call", MOBILE, 20));
    let mut worlds = vec![withheld, returned];
    for reason in [LostReason::Spam, LostReason::Price] {
        let mut world = with_lead(LeadStatus::Lost, Some(reason));
        world.record(missed("call", MOBILE, 20));
        worlds.push(world);
    }
    for &status in LeadStatus::ALL.iter().filter(|status| status.is_open()) {
        let mut world = with_lead(status, None);
        world.record(missed("call", MOBILE, 20));
        let then = world.only_lead();
        let (id, status) = (then.id, then.status);
        if status != LeadStatus::Unresponsive {
            world.move_lead(id, LeadStatus::Lost, Some(LostReason::Spam));
        }
        worlds.push(world);
    }
    for mut world in worlds {
        let before = world.clone();
        for again in [missed("call", MOBILE, 20), missed("call", "", 20), missed("call", OTHER_MOBILE, 25)] {
            let decision = world.record(again);
            assert_eq!(decision.disposition, Disposition::Duplicate);
            assert_eq!(decision.missed_call.as_ref(), Some(before.call("call")), "the first result");
            assert_eq!(decision.lead.map(|lead| lead.id), before.call("call").lead_id);
        }
        assert!(world.stores_the_same_as(&before));
    }
}

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
    assert_eq!(event.details, Some(serde_json::json!({ "provider": "exchange", "call_id": "1" })));
    assert_eq!(world.openers(lead.id).len(), 1);
}

#[test]
fn a_call_on_a_lead_in_work_is_attached() {
    for status in [LeadStatus::New, LeadStatus::Qualifying, LeadStatus::Qualified, LeadStatus::Contacted] {
        let mut world = with_lead(status, None);
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
        let mut world = with_lead(status, reason);
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
    let mut world = with_lead(LeadStatus::Converted, None);
    let before = world.only_lead().clone();
    let openers = world.follow_ups.clone();
    let decision = world.record(missed("next", MOBILE, 50));
    assert_eq!(decision.disposition, Disposition::ExistingCustomer);
    let after = world.only_lead();
    assert_eq!((after.status, after.call_count, after.last_call_at), (LeadStatus::Converted, 2, Some(at(50))));
    assert_eq!(after.version, before.version + 1);
    assert_eq!((world.call("next").lead_id, world.follow_ups.clone()), (Some(before.id), openers));
    assert_eq!(world.history(before.id).last(), Some(&(CallRecorded, None, None)));
}

#[test]
fn nuisance_callers_are_suppressed_for_ever() {
    for reason in [LostReason::Spam, LostReason::WrongNumber] {
        // Before the lead was closed, soon after, and years later.
        for minute in [5, 50, 3_000_000] {
            let mut world = with_lead(LeadStatus::Lost, Some(reason));
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
    let mut world = with_lead(LeadStatus::Lost, Some(LostReason::Spam));
    let spam = world.only_lead().id;
    world.capture(MOBILE);
    assert_eq!(world.disposition(missed("next", MOBILE, 50)), Disposition::Attached);
    assert_ne!(world.call("next").lead_id, Some(spam));
}

#[test]
fn a_call_from_before_a_talk_is_already_returned_whatever_the_lead() {
    for &status in LeadStatus::ALL {
        let reasons = if status == LeadStatus::Lost {
            vec![Some(LostReason::Price), Some(LostReason::Spam), Some(LostReason::DoNotContact)]
        } else {
            vec![None]
        };
        for reason in reasons {
            let mut world = with_lead(LeadStatus::New, None);
            world.record(answered("talk", MOBILE, 30));
            world.bring_lead_to(status, reason);
            let before = world.clone();
            let decision = world.record(missed("late", MOBILE, 20));
            assert_eq!(decision.disposition, Disposition::AlreadyReturned, "{} {reason:?}", status.name());
            let kept = world.call("late");
            assert_eq!(kept.returned_at, Some(at(30) + TALK));
            assert_eq!(kept.returned_by_call_id.as_deref(), Some("talk"));
            let (lead, old) = (world.only_lead(), before.only_lead());
            assert_eq!((lead.status, lead.reopen_count), (old.status, old.reopen_count));
            assert_eq!(world.follow_ups, before.follow_ups);
            if status.is_open() {
                assert_eq!((kept.lead_id, lead.call_count), (Some(lead.id), old.call_count + 1));
                assert_eq!(lead.version, old.version + 1);
                assert_eq!(world.history(lead.id).last(), Some(&(CallRecorded, None, None)));
                assert_eq!(world.events.len(), before.events.len() + 1);
            }
        }
    }
}

#[test]
fn a_late_call_from_before_a_talk_makes_no_lead() {
    let mut world = World::new();
    assert_eq!(world.disposition(called_back("talk", MOBILE, 30)), Disposition::Answered);
    let decision = world.record(missed("late", MOBILE, 20));
    assert_eq!((decision.disposition, decision.lead), (Disposition::AlreadyReturned, None));
    assert_eq!(world.call("late").returned_by_call_id.as_deref(), Some("talk"));
    assert_eq!((world.leads.len(), world.follow_ups.len(), world.events.len()), (0, 0, 0));
    // Calls while they spoke count too; calls from the end of the talk on are new.
    assert_eq!(world.disposition(missed("during", MOBILE, 32)), Disposition::AlreadyReturned);
    assert_eq!(world.disposition(missed("after", MOBILE, 33)), Disposition::LeadCreated);
}

#[test]
fn an_answered_call_comes_before_every_row_of_missed_calls() {
    let mut world = with_lead(LeadStatus::Lost, Some(LostReason::Spam));
    world.record(missed("suppressed", MOBILE, 20));
    assert_eq!(world.disposition(answered("talk", MOBILE, 30)), Disposition::Returned);
    assert_eq!(world.call("suppressed").returned_by_call_id.as_deref(), Some("talk"));
    assert_eq!(world.customers[&customer_key(MOBILE)].last_answered_at, Some(at(30) + TALK));
    // The same exchange's id of an answered call again, now as missed: a leg of a call that was answered.
    assert_eq!(world.disposition(leg_of("talk", missed("ring", MOBILE, 31))), Disposition::Answered);
    assert!(!world.history(world.only_lead().id).contains(&(
        StatusChanged,
        Some(LeadStatus::Lost),
        Some(LeadStatus::Contacted)
    )));
}
