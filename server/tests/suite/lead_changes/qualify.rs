//! `QualifyLead`: what is filled, what is missing, and when the lead becomes QUALIFIED.

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    CaptureLeadRequest, LeadEventKind, LeadStatus,
    QualificationField::{Name, Need, Preference},
    QualifyLeadRequest,
};
use leadcapture_server::clock::Clock as _;
use serde_json::json;
use tonic::Code;

use crate::support::{
    calls::{mobile, moment},
    database::both_engines,
    leads::{capture, captured, details, history, qualified, qualify, read, walked},
    server::{TestServer, noon},
};

both_engines! {
    async fn answers_fill_what_is_empty_and_overwrite_nothing(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        assert_eq!(qualified(&server, qualify(&lead)).await.unwrap(), (lead.clone(), vec![Name, Need, Preference]));

        let request = QualifyLeadRequest { need: Some(" A tap ".into()), customer_name: Some(" ".into()), ..qualify(&lead) };
        let (lead, missing) = qualified(&server, request).await.unwrap();
        assert_eq!((lead.need.as_deref(), &lead.customer_name, lead.status()), (Some("A tap"), &None, LeadStatus::New));
        assert_eq!(missing, [Name, Preference]);

        let request = QualifyLeadRequest {
            customer_name: Some("Dana".into()),
            need: Some("A boiler".into()),
            ..qualify(&lead)
        };
        let (lead, missing) = qualified(&server, request.clone()).await.unwrap();
        assert_eq!((lead.customer_name.as_deref(), lead.need.as_deref()), (Some("Dana"), Some("A tap")));
        assert_eq!((missing.as_slice(), lead.status()), ([Preference].as_slice(), LeadStatus::New));
        let event = history(&server, &lead).await.pop().unwrap();
        assert_eq!((event.kind(), details(&event)), (LeadEventKind::DetailsUpdated, json!({ "fields": ["customer_name"] })));

        // Nothing is left to fill.
        let request = QualifyLeadRequest { customer_name: Some("Noa".into()), ..request };
        assert_eq!(qualified(&server, request).await.unwrap(), (lead.clone(), vec![Preference]));
        assert_eq!(history(&server, &lead).await.len(), 3);
    }

    async fn a_waiting_lead_is_qualified_when_all_is_known(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Shop").await;
        for (number, path) in [(1, &[][..]), (2, &[LeadStatus::Qualifying])] {
            let request = CaptureLeadRequest { need: Some("A tap".into()), ..capture(&tenant, &mobile(number)) };
            let lead = captured(&server, request).await;
            let before = walked(&server, lead, path).await;
            let events = history(&server, &before).await.len();
            clock.advance(TimeDelta::minutes(1));
            let request = QualifyLeadRequest {
                customer_name: Some("Dana".into()),
                contact_preference: Some("Evenings".into()),
                ..qualify(&before)
            };
            let (lead, missing) = qualified(&server, request).await.unwrap();
            assert_eq!((lead.status(), missing.len()), (LeadStatus::Qualified, 0));
            assert_eq!((moment(lead.qualified_at), lead.qualifying_at), (clock.now(), before.qualifying_at));
            assert_eq!(read(&server, &lead).await, lead);
            let events = history(&server, &lead).await.split_off(events);
            let kinds: Vec<_> = events.iter().map(|event| (event.kind(), event.from_status(), event.to_status())).collect();
            let unchanged = LeadStatus::Unspecified;
            assert_eq!(kinds, [
                (LeadEventKind::DetailsUpdated, unchanged, unchanged),
                (LeadEventKind::StatusChanged, before.status(), LeadStatus::Qualified),
            ]);
        }
        // Also when all was known before.
        let request = CaptureLeadRequest {
            customer_name: Some("Dana".into()),
            need: Some("A tap".into()),
            contact_preference: Some("Evenings".into()),
            ..capture(&tenant, &mobile(3))
        };
        let lead = captured(&server, request).await;
        assert_eq!(lead.status(), LeadStatus::New);
        let (lead, missing) = qualified(&server, qualify(&lead)).await.unwrap();
        assert_eq!((lead.status(), missing.len()), (LeadStatus::Qualified, 0));
        assert_eq!(history(&server, &lead).await.len(), 2);
    }

    async fn a_caller_may_ask_for_it_as_soon_as_the_need_is_known(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let asking = QualifyLeadRequest { mark_qualified: true, ..qualify(&lead) };
        let request = QualifyLeadRequest { need: Some("A tap".into()), ..asking.clone() };
        let (lead, missing) = qualified(&server, request).await.unwrap();
        assert_eq!((lead.status(), missing.as_slice()), (LeadStatus::Qualified, [Name, Preference].as_slice()));

        // Asked again, it stays so; what is told is filled.
        assert_eq!(qualified(&server, asking.clone()).await.unwrap(), (lead.clone(), vec![Name, Preference]));
        let request = QualifyLeadRequest { customer_name: Some("Dana".into()), contact_preference: Some("Evenings".into()), ..asking };
        let (after, missing) = qualified(&server, request).await.unwrap();
        assert_eq!((after.status(), after.qualified_at, missing.len()), (LeadStatus::Qualified, lead.qualified_at, 0));
        assert_eq!(history(&server, &lead).await.len(), 4);
    }

    async fn without_a_need_nothing_is_written(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let request = QualifyLeadRequest {
            customer_name: Some("Dana".into()),
            contact_preference: Some("Evenings".into()),
            mark_qualified: true,
            ..qualify(&lead)
        };
        for path in [&[][..], &[LeadStatus::Qualifying]] {
            let before = walked(&server, lead.clone(), path).await;
            let events = history(&server, &lead).await;
            let problem = qualified(&server, request.clone()).await.unwrap_err();
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "NEED_UNKNOWN"));
            assert_eq!(read(&server, &lead).await, before);
            assert_eq!(history(&server, &lead).await, events);
        }
    }

    async fn elsewhere_answers_are_filled_and_the_status_stays(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        for (number, path, allowed) in [
            (1, &[LeadStatus::Contacted][..], "CONVERTED,UNRESPONSIVE,LOST"),
            (2, &[LeadStatus::Contacted, LeadStatus::Converted], ""),
            (3, &[LeadStatus::Lost], "NEW"),
            (4, &[LeadStatus::Contacted, LeadStatus::Unresponsive], "NEW,QUALIFYING,CONTACTED,LOST"),
        ] {
            let lead = captured(&server, capture(&tenant, &mobile(number))).await;
            let before = walked(&server, lead, path).await;
            let events = history(&server, &before).await;
            let request = QualifyLeadRequest {
                customer_name: Some("Dana".into()),
                need: Some("A tap".into()),
                contact_preference: Some("Evenings".into()),
                ..qualify(&before)
            };
            let asking = QualifyLeadRequest { mark_qualified: true, ..request.clone() };
            let problem = qualified(&server, asking).await.unwrap_err();
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "INVALID_TRANSITION"));
            assert_eq!(problem.metadata["to"], "QUALIFIED");
            assert_eq!(problem.metadata["allowed"], allowed);
            assert_eq!(read(&server, &before).await, before, "nothing is written");
            assert_eq!(history(&server, &before).await, events);

            let (after, missing) = qualified(&server, request).await.unwrap();
            assert_eq!((after.status(), missing.len()), (before.status(), 0));
            assert_eq!((after.need.as_deref(), after.qualified_at), (Some("A tap"), None));
            assert_eq!(history(&server, &before).await.len(), events.len() + 1);
        }
    }
}
