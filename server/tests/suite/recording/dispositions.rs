//! Every row of the decision table, end to end.

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    CallDirection, CallDisposition, CallOutcome, GetLeadRequest, Lead, LeadStatus, LostReason,
    RecordCallRequest, TransitionLeadRequest,
};
use leadcapture_server::{clock::Clock as _, storage::entities::enums::FollowUpStatus};

use crate::support::{
    calls::{LINE, LINE_E164, answered, before, called_back, missed, mobile, mobile_e164, moment, timestamp},
    client::Client,
    database::both_engines,
    rows::{follow_ups, recorded_rows},
    server::{TestServer, noon},
};

async fn read(client: &Client, lead: &Lead) -> Lead {
    let request = GetLeadRequest { tenant_id: lead.tenant_id.clone(), lead_id: lead.id.clone() };
    client.leads().get_lead(request).await.unwrap().into_inner().lead.unwrap()
}

async fn transition(client: &Client, lead: &Lead, to: LeadStatus, lost_reason: LostReason) {
    let request = TransitionLeadRequest {
        tenant_id: lead.tenant_id.clone(),
        lead_id: lead.id.clone(),
        to_status: to.into(),
        lost_reason: lost_reason.into(),
        ..TransitionLeadRequest::default()
    };
    client.leads().transition_lead(request).await.unwrap();
}

fn outcome(call: RecordCallRequest, outcome: CallOutcome) -> RecordCallRequest {
    RecordCallRequest { outcome: outcome.into(), ..call }
}

both_engines! {
    async fn the_first_missed_call_makes_a_lead(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let called_at = before(clock.now(), 60);

        let answer = server.record(missed("1", "052-123-4567", called_at)).await;
        assert_eq!(answer.disposition(), CallDisposition::LeadCreated);
        let (call, lead) = (answer.missed_call.unwrap(), answer.lead.unwrap());
        assert_eq!(server.all_missed_calls(&tenant).await, std::slice::from_ref(&call));
        assert_eq!(server.all_leads(&tenant).await, std::slice::from_ref(&lead));

        assert_eq!(call.tenant_id, tenant.id);
        assert_eq!(call.lead_id.as_ref(), Some(&lead.id));
        assert_eq!(call.caller_phone.as_deref(), Some("+972521234567"));
        assert_eq!((&*call.caller_phone_local, &*call.caller_raw), ("052-123-4567", "052-123-4567"));
        assert_eq!(call.business_phone, LINE_E164);
        assert_eq!((moment(call.called_at), moment(call.ended_at)), (called_at, before(clock.now(), 40)));
        assert_eq!((moment(call.received_at), moment(call.processed_at)), (clock.now(), clock.now()));
        assert_eq!(call.disposition(), CallDisposition::LeadCreated);
        assert_eq!((call.returned_at, call.returned_by_call_id), (None, None));

        assert_eq!((lead.status(), lead.call_count), (LeadStatus::New, 1));
        assert_eq!(lead.customer_phone, "+972521234567");
        assert_eq!((moment(lead.last_call_at), moment(lead.captured_at)), (called_at, clock.now()));
        assert_eq!(lead.previous_lead_id, None);

        let openers = follow_ups(&db, &lead).await;
        assert_eq!(openers.len(), 1);
        assert_eq!(openers[0].status, FollowUpStatus::Pending);
        assert_eq!(openers[0].due_at, moment(call.ended_at) + TimeDelta::minutes(2));
    }

    async fn a_repeat_caller_is_counted_on_the_lead(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let first = server.record(missed("1", &mobile(1), before(clock.now(), 600))).await.lead.unwrap();
        // The record of an earlier call may come later.
        for (id, ago, latest) in [("2", 300, 300), ("3", 900, 300)] {
            let answer = server.record(missed(id, &mobile_e164(1), before(clock.now(), ago))).await;
            assert_eq!(answer.disposition(), CallDisposition::Attached);
            let lead = answer.lead.unwrap();
            assert_eq!((&lead.id, moment(lead.last_call_at)), (&first.id, before(clock.now(), latest)));
        }
        let leads = server.all_leads(&tenant).await;
        assert_eq!((leads.len(), leads[0].call_count, leads[0].status()), (1, 3, LeadStatus::New));
        assert_eq!(follow_ups(&db, &first).await.len(), 1);
    }

    async fn calls_that_are_neither_leave_nothing(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let call = missed("1", &mobile(1), clock.now());
        let directed = |direction: CallDirection| RecordCallRequest { direction: direction.into(), ..call.clone() };
        let mut ignored = vec![directed(CallDirection::Outgoing), directed(CallDirection::Internal)];
        ignored.push(outcome(directed(CallDirection::Internal), CallOutcome::Answered));
        // Not even when nobody owns the number.
        ignored.push(RecordCallRequest { business_phone: "037654321".to_owned(), ..ignored[0].clone() });
        for not_missed in [
            CallOutcome::Congestion,
            CallOutcome::Voicemail,
            CallOutcome::VoiceEnd,
            CallOutcome::NotCalled,
            CallOutcome::Failed,
            CallOutcome::QueueExit,
            CallOutcome::Other,
        ] {
            ignored.push(outcome(call.clone(), not_missed));
        }
        for call in ignored {
            let answer = server.record(call.clone()).await;
            assert_eq!(answer.disposition(), CallDisposition::Ignored, "{call:?}");
            assert_eq!((answer.missed_call, answer.lead), (None, None));
        }
        assert!(recorded_rows(&db).await.iter().all(|(_, rows)| *rows == 0));
    }

    async fn every_missed_outcome_makes_a_lead(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let outcomes = [
            CallOutcome::NoAnswer,
            CallOutcome::Cancelled,
            CallOutcome::Busy,
            CallOutcome::Abandoned,
            CallOutcome::QueueTimeout,
            CallOutcome::QueueFull,
            CallOutcome::QueueEmpty,
        ];
        for (number, how) in (1..).zip(outcomes) {
            let call = outcome(missed(&number.to_string(), &mobile(number), clock.now()), how);
            let answer = server.record(call).await;
            assert_eq!(answer.disposition(), CallDisposition::LeadCreated);
            assert_eq!(answer.missed_call.unwrap().outcome(), how);
        }
        assert_eq!(server.all_leads(&tenant).await.len(), outcomes.len());
    }

    async fn a_caller_without_a_number_has_no_lead(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        // The business's own number and an extension are no customers either.
        let callers = ["", "anonymous", "Restricted", "SIP7", "*2270", LINE];
        for caller in callers {
            let answer = server.record(missed(&format!("missed {caller}"), caller, clock.now())).await;
            assert_eq!(answer.disposition(), CallDisposition::NoCallerId, "{caller}");
            assert_eq!(answer.lead, None);
            let call = answer.missed_call.unwrap();
            assert_eq!((&*call.caller_raw, call.caller_phone, call.lead_id), (caller, None, None));

            let answer = server.record(answered(&format!("answered {caller}"), caller, clock.now())).await;
            assert_eq!(answer.disposition(), CallDisposition::NoCallerId, "{caller}");
            assert_eq!(answer.missed_call, None);
        }
        assert_eq!(server.all_missed_calls(&tenant).await.len(), callers.len());
        assert_eq!(server.all_leads(&tenant).await, []);
    }

    async fn a_call_back_returns_the_missed_calls(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let lead = server.record(missed("1", &mobile(1), before(clock.now(), 900))).await.lead.unwrap();
        server.record(missed("2", &mobile(1), before(clock.now(), 600))).await;
        server.record(missed("other", &mobile(2), before(clock.now(), 600))).await;

        let answer = server.record(called_back("3", &mobile(1), before(clock.now(), 300))).await;
        assert_eq!(answer.disposition(), CallDisposition::Returned);
        assert_eq!(answer.missed_call, None);
        let contacted = answer.lead.unwrap();
        assert_eq!((&contacted.id, contacted.status()), (&lead.id, LeadStatus::Contacted));
        assert_eq!(moment(contacted.contacted_at), clock.now());
        assert_eq!(read(&server, &lead).await, contacted);
        assert_eq!(follow_ups(&db, &lead).await[0].status, FollowUpStatus::Cancelled);
        for call in server.all_missed_calls(&tenant).await {
            let returned = call.call_id != "other";
            let by = call.returned_by_call_id.as_deref();
            assert_eq!(by, returned.then_some("3"), "{}", call.call_id);
            assert_eq!(call.returned_at, returned.then(|| timestamp(before(clock.now(), 280))));
        }

        // Nothing is left to return.
        let again = called_back("3", &mobile(1), before(clock.now(), 300));
        let later = answered("4", &mobile(1), before(clock.now(), 200));
        let stranger = answered("5", &mobile(3), before(clock.now(), 100));
        for call in [again, later, stranger] {
            assert_eq!(server.disposition(call).await, CallDisposition::Answered);
        }
        assert_eq!(read(&server, &lead).await, contacted);

        // Came late: they had spoken by then. The next call is a new wish of the same customer.
        let late = server.record(missed("6", &mobile(1), before(clock.now(), 400))).await;
        assert_eq!(late.disposition(), CallDisposition::AlreadyReturned);
        let call = late.missed_call.unwrap();
        assert_eq!((call.lead_id.as_ref(), call.returned_by_call_id.as_deref()), (Some(&lead.id), Some("4")));
        assert_eq!(late.lead.unwrap().call_count, 3);
        let next = server.record(missed("7", &mobile(1), clock.now())).await;
        assert_eq!(next.disposition(), CallDisposition::Attached);
        assert_eq!(next.lead.unwrap().status(), LeadStatus::Contacted);
        assert_eq!(follow_ups(&db, &lead).await.len(), 1);
    }

    async fn a_spoken_customer_without_a_lead_gets_none_by_a_late_record(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let talk = answered("1", &mobile(1), before(clock.now(), 60));
        assert_eq!(server.disposition(talk).await, CallDisposition::Answered);
        let late = server.record(missed("2", &mobile(1), before(clock.now(), 300))).await;
        assert_eq!((late.disposition(), late.lead), (CallDisposition::AlreadyReturned, None));
        assert_eq!(late.missed_call.unwrap().returned_by_call_id.as_deref(), Some("1"));
        assert_eq!(server.all_leads(&tenant).await, []);
    }

    async fn a_transferred_call_that_was_answered_is_answered(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let leg = |call, of: &str| RecordCallRequest { original_call_id: Some(of.to_owned()), ..call };
        // The queue lost the caller only when an agent took over.
        let lead = server.record(missed("queue", &mobile(1), before(clock.now(), 60))).await.lead.unwrap();
        let agent = server.record(leg(answered("agent", &mobile(1), before(clock.now(), 90)), "queue")).await;
        assert_eq!(agent.disposition(), CallDisposition::Returned);
        assert_eq!(agent.lead.unwrap().id, lead.id);
        // And in the other order of arrival.
        server.record(answered("talk", &mobile(2), before(clock.now(), 90))).await;
        let ring = leg(missed("ring", &mobile(2), before(clock.now(), 60)), "talk");
        let answer = server.record(ring.clone()).await;
        assert_eq!((answer.disposition(), answer.lead), (CallDisposition::Answered, None));
        // Other talks, and other phones in the same batch, do not make the exchange's second copy a call of its own.
        let later: Vec<_> = (1..=3).map(|n| called_back("later", &mobile(n), before(clock.now(), 30))).collect();
        server.record_batch(later).await.unwrap();
        let rows = recorded_rows(&db).await;
        assert_eq!(server.disposition(ring.clone()).await, CallDisposition::Answered);
        assert_eq!(recorded_rows(&db).await, rows);
        // Another exchange may have the same ids.
        let elsewhere = RecordCallRequest { provider: "asterisk".to_owned(), called_at: Some(timestamp(clock.now())), ..ring };
        assert_eq!(server.disposition(elsewhere).await, CallDisposition::LeadCreated);
    }

    async fn a_closed_lead_decides_about_the_next_call(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let none = LostReason::Unspecified;
        let cases: [(&[LeadStatus], LostReason, i64, CallDisposition); 8] = [
            (&[LeadStatus::Qualifying, LeadStatus::Unresponsive], none, 400, CallDisposition::LeadReopened),
            (&[LeadStatus::Lost], LostReason::Price, 29, CallDisposition::LeadReopened),
            (&[LeadStatus::Lost], LostReason::Price, 31, CallDisposition::LeadCreated),
            (&[LeadStatus::Lost], LostReason::Spam, 400, CallDisposition::Suppressed),
            (&[LeadStatus::Lost], LostReason::WrongNumber, 1, CallDisposition::Suppressed),
            (&[LeadStatus::Contacted, LeadStatus::Converted], none, 29, CallDisposition::ExistingCustomer),
            (&[LeadStatus::Contacted, LeadStatus::Converted], none, 31, CallDisposition::LeadCreated),
            (&[LeadStatus::Lost], LostReason::DoNotContact, 31, CallDisposition::LeadCreated),
        ];
        for (number, (path, reason, days, expected)) in (1..).zip(cases) {
            let first = server.record(missed(&format!("{number}a"), &mobile(number), clock.now())).await;
            let lead = first.lead.unwrap();
            for status in path {
                transition(&server, &lead, *status, reason).await;
            }
            clock.advance(TimeDelta::days(days));
            let next = server.record(missed(&format!("{number}b"), &mobile(number), clock.now())).await;
            let what = format!("{path:?} {reason:?} {days}");
            assert_eq!(next.disposition(), expected, "{what}");
            assert_eq!(next.missed_call.unwrap().lead_id, next.lead.as_ref().map(|lead| lead.id.clone()), "{what}");

            let old = read(&server, &lead).await;
            let openers = follow_ups(&db, next.lead.as_ref().unwrap_or(&old)).await;
            let pending = openers.iter().filter(|opener| opener.status == FollowUpStatus::Pending).count();
            match expected {
                CallDisposition::LeadReopened => {
                    assert_eq!((old.status(), old.lost_reason(), old.reopen_count), (LeadStatus::New, none, 1));
                    assert_eq!((old.call_count, pending, openers.len()), (2, 1, 2), "{what}");
                }
                CallDisposition::LeadCreated => {
                    let lead = next.lead.unwrap();
                    assert_eq!((&lead.previous_lead_id, lead.call_count), (&Some(old.id.clone()), 1));
                    // Who asked not to be contacted is called back, but gets no message.
                    assert_eq!(pending, usize::from(reason != LostReason::DoNotContact), "{what}");
                }
                CallDisposition::Suppressed => {
                    assert_eq!((next.lead, old.call_count, pending), (None, 1, 0), "{what}");
                }
                _ => assert_eq!((&next.lead.unwrap().id, pending), (&old.id, 0), "{what}"),
            }
        }
    }

    async fn no_message_goes_to_landlines_or_after_stale_calls(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let just_recent = before(clock.now(), 2 * 3_600);
        for (phone, called_at, openers) in [
            ("03-765-4321", clock.now(), 0),
            (&mobile(1), just_recent, 1),
            (&mobile(2), before(just_recent, 1), 0),
        ] {
            let answer = server.record(missed(phone, phone, called_at)).await;
            assert_eq!(answer.disposition(), CallDisposition::LeadCreated);
            assert_eq!(follow_ups(&db, &answer.lead.unwrap()).await.len(), openers, "{phone} {called_at}");
        }
    }
}
