//! The decision table: the rows before the caller's lead is looked at, and the ties between rows. The first that fits wins.

use super::{
    LANDLINE, LINE, MOBILE, OTHER_MOBILE, SECOND_LINE, TALK, answered, at, called_back, leg_of, missed,
    world::{World, customer_key},
};
use crate::domain::{
    call::{CallDirection, CallOutcome, CallRecord, Disposition},
    event::LeadEventKind::CallRecorded,
    lead::{LeadStatus, LostReason},
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
    CallRecord { business_raw: "03-799-9999".into(), ..call }
}

fn outcome(outcome: CallOutcome, call: CallRecord) -> CallRecord {
    CallRecord { outcome, ..call }
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
        assert_eq!(
            World::new().disposition(outcome(each, missed("1", MOBILE, 0))),
            expected,
            "{}",
            each.name()
        );

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
        assert_eq!((&kept.caller_phone, kept.caller_raw.reveal().as_str()), (&None, *customer));
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
            assert_eq!(
                (decision.disposition, &decision.lead),
                (Disposition::NoCallerId, &None),
                "{customer}"
            );
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
    let mut returned = World::with_lead(LeadStatus::Contacted, None);
    returned.record(answered("talk", MOBILE, 30));
    returned.record(missed("call", MOBILE, 20));
    let mut worlds = vec![withheld, returned];
    for reason in [LostReason::Spam, LostReason::Price] {
        let mut world = World::with_lead(LeadStatus::Lost, Some(reason));
        world.record(missed("call", MOBILE, 20));
        worlds.push(world);
    }
    for &status in LeadStatus::ALL.iter().filter(|status| status.is_open()) {
        let mut world = World::with_lead(status, None);
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
fn a_call_from_before_a_talk_is_already_returned_whatever_the_lead() {
    for &status in LeadStatus::ALL {
        let reasons = if status == LeadStatus::Lost {
            vec![Some(LostReason::Price), Some(LostReason::Spam), Some(LostReason::DoNotContact)]
        } else {
            vec![None]
        };
        for reason in reasons {
            let mut world = World::with_lead(LeadStatus::New, None);
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
            assert_eq!((kept.lead_id, lead.call_count), (Some(lead.id), old.call_count + 1));
            assert_eq!(lead.version, old.version + 1);
            assert_eq!(world.history(lead.id).last(), Some(&(CallRecorded, None, None)));
            assert_eq!(world.events.len(), before.events.len() + 1);
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
fn a_talk_comes_before_every_row_of_missed_calls() {
    let mut world = World::with_lead(LeadStatus::Lost, Some(LostReason::Spam));
    world.record(missed("suppressed", MOBILE, 20));
    assert_eq!(world.disposition(answered("talk", MOBILE, 30)), Disposition::Returned);
    assert_eq!(world.call("suppressed").returned_by_call_id.as_deref(), Some("talk"));
    assert_eq!(world.customers[&customer_key(MOBILE)].last_answered_at, Some(at(30) + TALK));
    let history = world.history(world.only_lead().id);
    // A leg of a call that was answered is answered, though the caller is a nuisance and the call is not kept.
    assert_eq!(world.disposition(leg_of("talk", missed("ring", MOBILE, 34))), Disposition::Answered);
    assert_eq!(world.only_lead().status, LeadStatus::Lost);
    assert_eq!((world.history(world.only_lead().id), world.calls.len()), (history, 2));
}
