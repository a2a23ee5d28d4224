//! `TransitionLead`: every pair of statuses, and the guards beside the table.

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    CaptureLeadRequest, Lead, LeadEventKind,
    LeadStatus::{self, Contacted, Converted, Lost, New, Qualified, Qualifying, Unresponsive},
    LostReason, TransitionLeadRequest,
};
use leadcapture_server::clock::Clock as _;
use prost_types::Timestamp;
use serde_json::json;
use tonic::Code;

use crate::support::{
    calls::{mobile, timestamp},
    database::both_engines,
    leads::{capture, captured, details, history, moved, read, transition, walked},
    server::{TestServer, noon},
};

/// Every status: how a new lead with a need comes there, and where it may go from there.
const STATUSES: &[(LeadStatus, &[LeadStatus], &[LeadStatus])] = &[
    (New, &[], &[Qualifying, Qualified, Contacted, Lost]),
    (Qualifying, &[Qualifying], &[Qualified, Contacted, Unresponsive, Lost]),
    (Qualified, &[Qualified], &[Contacted, Unresponsive, Lost]),
    (Contacted, &[Contacted], &[Converted, Unresponsive, Lost]),
    (Converted, &[Contacted, Converted], &[]),
    (Lost, &[Lost], &[New]),
    (Unresponsive, &[Qualifying, Unresponsive], &[New, Qualifying, Contacted, Lost]),
];

/// The lead as it must be after entering `to`, and nothing else of it changed.
fn entered(before: &Lead, to: LeadStatus, etag: &str, now: Option<Timestamp>) -> Lead {
    let mut lead = before.clone();
    match to {
        New => (lead.reopened_at, lead.reopen_count) = (now, before.reopen_count + 1),
        Qualifying => lead.qualifying_at = now,
        Qualified => lead.qualified_at = now,
        Contacted => lead.contacted_at = now,
        Converted => lead.converted_at = now,
        Lost => lead.lost_at = now,
        Unresponsive => lead.unresponsive_at = now,
        LeadStatus::Unspecified => panic!("no status"),
    }
    let allowed = STATUSES.iter().find(|(status, ..)| *status == to).unwrap().2;
    let reason = if to == Lost { LostReason::Competitor } else { LostReason::Unspecified };
    lead.set_status(to);
    lead.set_lost_reason(reason);
    lead.allowed_transitions = allowed.iter().map(|status| (*status).into()).collect();
    (lead.updated_at, lead.etag) = (now, etag.to_owned());
    lead
}

fn short(status: LeadStatus) -> &'static str {
    status.as_str_name().trim_start_matches("LEAD_STATUS_")
}

both_engines! {
    async fn every_pair_of_statuses_is_as_the_table_says(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Shop").await;
        let pairs = STATUSES.iter().flat_map(|from| STATUSES.iter().map(move |to| (from, to.0)));
        for (number, ((from, path, allowed), to)) in pairs.enumerate() {
            let phone = mobile(number.try_into().unwrap());
            let request = CaptureLeadRequest { need: Some("A tap".to_owned()), ..capture(&tenant, &phone) };
            let before = walked(&server, captured(&server, request).await, path).await;
            let mut events = history(&server, &before).await;
            assert_eq!((before.status(), events.len()), (*from, path.len() + 1));
            clock.advance(TimeDelta::minutes(1));

            let mut request = TransitionLeadRequest { note: " As agreed ".to_owned(), ..transition(&before, to) };
            if to == Lost {
                request.set_lost_reason(LostReason::Competitor);
            }
            let answer = moved(&server, request).await;
            let now = Some(timestamp(clock.now()));
            if allowed.contains(&to) {
                let after = answer.unwrap();
                assert_ne!(after.etag, before.etag);
                assert_eq!(after, entered(&before, to, &after.etag, now), "{from:?} to {to:?}");
                assert_eq!(read(&server, &before).await, after);
                let event = history(&server, &before).await.split_off(events.len());
                let [event] = event.try_into().unwrap();
                let kind = if to == New { LeadEventKind::Reopened } else { LeadEventKind::StatusChanged };
                assert_eq!((event.kind(), event.from_status(), event.to_status()), (kind, *from, to));
                assert_eq!(event.reason.as_deref(), (to == Lost).then_some("competitor"));
                assert_eq!((details(&event), event.occurred_at), (json!({ "note": "As agreed" }), now));
                events.push(event);
            } else {
                let problem = answer.unwrap_err();
                assert_eq!(problem.kind(), (Code::FailedPrecondition, "INVALID_TRANSITION"), "{from:?} to {to:?}");
                let allowed: Vec<_> = allowed.iter().map(|status| short(*status)).collect();
                let expected = [("from", short(*from).to_owned()), ("to", short(to).to_owned()), ("allowed", allowed.join(","))];
                assert_eq!(problem.metadata, expected.map(|(key, value)| (key.to_owned(), value)).into());
                assert_eq!(read(&server, &before).await, before);
            }
            assert_eq!(history(&server, &before).await, events);
        }
    }

    async fn a_loss_has_a_reason_and_nothing_else_has(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let request = |to: i32, reason: i32, note: &str| TransitionLeadRequest {
            to_status: to,
            lost_reason: reason,
            note: note.to_owned(),
            ..transition(&lead, Lost)
        };
        let (lost, other, price) = (Lost.into(), LostReason::Other.into(), LostReason::Price.into());
        for (request, field) in [
            (request(lost, 0, "Gone"), "lost_reason"),
            (request(lost, 10, "Gone"), "lost_reason"),
            (request(lost, -1, "Gone"), "lost_reason"),
            (request(lost, other, ""), "note"),
            (request(lost, other, " \n"), "note"),
            (request(Contacted.into(), price, ""), "lost_reason"),
            (request(New.into(), other, "Gone"), "lost_reason"),
            (request(0, 0, ""), "to_status"),
            (request(8, 0, ""), "to_status"),
            (request(Contacted.into(), 0, &"x".repeat(4_001)), "note"),
            (request(Contacted.into(), 0, "a\0b"), "note"),
        ] {
            moved(&server, request.clone()).await.unwrap_err().assert_fields(&[field]);
        }
        let mut request = request(77, 77, "\u{1b}");
        request.etag = "x".to_owned();
        moved(&server, request).await.unwrap_err().assert_fields(&["etag", "lost_reason", "note", "to_status"]);
        assert_eq!(read(&server, &lead).await, lead);
        assert_eq!(history(&server, &lead).await.len(), 1);

        // Each reason is kept, told in the history, and gone when the lead is reopened.
        for (reason, word) in [
            (LostReason::Price, "price"),
            (LostReason::Competitor, "competitor"),
            (LostReason::NotRelevant, "not_relevant"),
            (LostReason::NoResponse, "no_response"),
            (LostReason::Duplicate, "duplicate"),
            (LostReason::Spam, "spam"),
            (LostReason::WrongNumber, "wrong_number"),
            (LostReason::DoNotContact, "do_not_contact"),
            (LostReason::Other, "other"),
        ] {
            let note = if reason == LostReason::Other { "Moved abroad" } else { "" };
            let lost = TransitionLeadRequest {
                lost_reason: reason.into(),
                note: note.to_owned(),
                ..transition(&lead, Lost)
            };
            let lost = moved(&server, lost).await.unwrap();
            assert_eq!((lost.lost_reason(), &lost.note), (reason, &None), "the note is for the history alone");
            let event = history(&server, &lead).await.pop().unwrap();
            assert_eq!(event.reason.as_deref(), Some(word));
            assert_eq!(event.details.is_some(), reason == LostReason::Other);
            let reopened = moved(&server, transition(&lead, New)).await.unwrap();
            assert_eq!((reopened.lost_reason(), reopened.lost_at), (LostReason::Unspecified, lost.lost_at));
        }
    }

    async fn a_lead_without_a_need_is_not_qualified(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let request = CaptureLeadRequest { customer_name: Some("Dana".to_owned()), ..capture(&tenant, &mobile(1)) };
        let lead = captured(&server, request).await;
        for path in [&[][..], &[Qualifying]] {
            let before = walked(&server, lead.clone(), path).await;
            let problem = moved(&server, transition(&lead, Qualified)).await.unwrap_err();
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "NEED_UNKNOWN"));
            assert_eq!(read(&server, &lead).await, before);
        }
        assert_eq!(history(&server, &lead).await.len(), 2);
    }

    async fn a_phone_has_one_open_lead(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Shop").await;
        let first = captured(&server, capture(&tenant, &mobile(1))).await;
        let first = walked(&server, first, &[Lost]).await;
        // Too late to be reopened by a capture.
        clock.advance(TimeDelta::days(31));
        let second = captured(&server, capture(&tenant, &mobile(1))).await;
        assert_eq!(second.previous_lead_id.as_ref(), Some(&first.id));

        for path in [&[][..], &[Contacted], &[Unresponsive]] {
            walked(&server, second.clone(), path).await;
            let problem = moved(&server, transition(&first, New)).await.unwrap_err();
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "OPEN_LEAD_EXISTS"));
            assert_eq!(problem.metadata["lead_id"], second.id);
            assert_eq!(read(&server, &first).await, first);
        }
        assert_eq!(history(&server, &first).await.len(), 2);

        // Another phone's leads do not count, and once this one's is closed the other may come back.
        captured(&server, capture(&tenant, &mobile(2))).await;
        walked(&server, second.clone(), &[Lost]).await;
        assert_eq!(moved(&server, transition(&first, New)).await.unwrap().status(), New);
        let problem = moved(&server, transition(&second, New)).await.unwrap_err();
        assert_eq!((problem.reason.as_str(), &problem.metadata["lead_id"]), ("OPEN_LEAD_EXISTS", &first.id));
    }
}
