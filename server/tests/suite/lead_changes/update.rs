//! `UpdateLead`: the mask, the etag, and changes that are none.

use chrono::TimeDelta;
use leadcapture_proto::v1::{LeadEventKind, LeadStatus, UpdateLeadRequest};
use leadcapture_server::clock::Clock as _;
use prost_types::FieldMask;
use serde_json::json;
use tonic::Code;

use crate::support::{
    calls::{mobile, moment},
    database::both_engines,
    leads::{
        capture, captured, details, history, moved, qualified, qualify, read, transition, update, updated,
        walked,
    },
    server::{TestServer, noon},
};

fn mask(paths: &[&str]) -> FieldMask {
    FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
}

both_engines! {
    async fn without_a_mask_the_fields_that_are_set_change(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Shop").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;

        for update_mask in [None, Some(mask(&[]))] {
            clock.advance(TimeDelta::minutes(1));
            let before = read(&server, &lead).await;
            // The second time all texts are others.
            let name = format!("Dana {}", before.etag);
            let need = format!("A tap {}", before.etag);
            let request = UpdateLeadRequest {
                customer_name: Some(format!("  {name} ")),
                need: Some(need.clone()),
                update_mask,
                ..update(&lead)
            };
            let after = updated(&server, request).await.unwrap();
            assert_eq!((&after.customer_name, &after.need), (&Some(name), &Some(need)));
            assert_eq!((&after.contact_preference, &after.note), (&None, &None));
            assert_eq!((after.status(), moment(after.updated_at)), (LeadStatus::New, clock.now()));
            assert_ne!(after.etag, before.etag);
            assert_eq!(read(&server, &lead).await, after);
            let event = history(&server, &lead).await.pop().unwrap();
            assert_eq!(event.kind(), LeadEventKind::DetailsUpdated);
            assert_eq!((event.from_status(), event.to_status()), (LeadStatus::Unspecified, LeadStatus::Unspecified));
            assert_eq!(details(&event), json!({ "fields": ["customer_name", "need"] }), "names, no contents");
            assert_eq!(moment(event.occurred_at), clock.now());
        }

        // Set but empty is cleared.
        let request = UpdateLeadRequest { need: Some(" \n".into()), ..update(&lead) };
        let after = updated(&server, request).await.unwrap();
        assert!(after.need.is_none() && after.customer_name.is_some());
        assert_eq!(history(&server, &lead).await.len(), 4);
    }

    async fn a_mask_says_what_is_set_and_cleared(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let all = UpdateLeadRequest {
            customer_name: Some("Dana".into()),
            need: Some("A tap".into()),
            contact_preference: Some("Evenings".into()),
            note: Some("Regular".into()),
            ..update(&lead)
        };
        updated(&server, all.clone()).await.unwrap();

        let request = UpdateLeadRequest {
            customer_name: Some("Another".into()),
            need: Some("A boiler".into()),
            contact_preference: Some("  ".into()),
            update_mask: Some(mask(&["need", "contact_preference", "note"])),
            ..update(&lead)
        };
        let after = updated(&server, request).await.unwrap();
        assert_eq!((after.customer_name, after.need), (Some("Dana".into()), Some("A boiler".into())));
        assert_eq!((after.contact_preference, after.note), (None, None));
        let event = history(&server, &lead).await.pop().unwrap();
        assert_eq!(details(&event), json!({ "fields": ["need", "contact_preference", "note"] }));

        // A path may come twice, and what has the value already is not told as changed.
        let request = UpdateLeadRequest { update_mask: Some(mask(&["note", "need", "need", "customer_name"])), ..all };
        let after = updated(&server, request).await.unwrap();
        assert_eq!((after.need, after.note), (Some("A tap".into()), Some("Regular".into())));
        let event = history(&server, &lead).await.pop().unwrap();
        assert_eq!(details(&event), json!({ "fields": ["note", "need"] }));
    }

    async fn what_changes_nothing_makes_no_version_and_no_history(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Shop").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let known = UpdateLeadRequest { need: Some("A tap".into()), ..update(&lead) };
        let lead = updated(&server, known.clone()).await.unwrap();
        clock.advance(TimeDelta::minutes(1));
        for request in [
            update(&lead),
            UpdateLeadRequest { need: Some(" A tap ".into()), ..known.clone() },
            UpdateLeadRequest { etag: lead.etag.clone(), ..known.clone() },
            UpdateLeadRequest { update_mask: Some(mask(&["note", "customer_name"])), ..known },
            UpdateLeadRequest { customer_name: Some(String::new()), ..update(&lead) },
        ] {
            assert_eq!(updated(&server, request).await.unwrap(), lead);
        }
        assert_eq!(qualified(&server, qualify(&lead)).await.unwrap().0, lead);
        assert_eq!(read(&server, &lead).await, lead);
        assert_eq!(history(&server, &lead).await.len(), 2);
    }

    async fn details_change_in_every_status_and_the_status_does_not(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        for (number, path) in [
            &[][..],
            &[LeadStatus::Qualifying],
            &[LeadStatus::Contacted],
            &[LeadStatus::Contacted, LeadStatus::Converted],
            &[LeadStatus::Lost],
            &[LeadStatus::Contacted, LeadStatus::Unresponsive],
        ]
        .into_iter()
        .enumerate()
        {
            let phone = mobile(number.try_into().unwrap());
            let lead = captured(&server, capture(&tenant, &phone)).await;
            let lead = walked(&server, lead, path).await;
            let request = UpdateLeadRequest {
                customer_name: Some("Dana".into()),
                need: Some("A tap".into()),
                contact_preference: Some("Evenings".into()),
                ..update(&lead)
            };
            let after = updated(&server, request).await.unwrap();
            assert_eq!((after.status(), after.need.as_deref()), (lead.status(), Some("A tap")), "{path:?}");
            assert_eq!((after.lost_reason(), after.lost_at), (lead.lost_reason(), lead.lost_at));
        }
    }

    async fn all_bad_fields_are_named_and_nothing_is_written(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let request = UpdateLeadRequest {
            need: Some("A tap".into()),
            note: Some("x".repeat(4_001)),
            update_mask: Some(mask(&["need", "status", "customer_phone", "Need", "", "lead.need"])),
            etag: "first".to_owned(),
            ..update(&lead)
        };
        updated(&server, request).await.unwrap_err().assert_fields(&[
            "etag",
            "note",
            "update_mask.paths[1]",
            "update_mask.paths[2]",
            "update_mask.paths[3]",
            "update_mask.paths[4]",
            "update_mask.paths[5]",
        ]);
        assert_eq!(read(&server, &lead).await, lead);
        assert_eq!(history(&server, &lead).await.len(), 1);
    }

    async fn a_stale_etag_is_refused_and_a_malformed_one_is_bad_input(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let stale = captured(&server, capture(&tenant, &mobile(1))).await;
        let request = UpdateLeadRequest { need: Some("A tap".into()), etag: stale.etag.clone(), ..update(&stale) };
        let lead = updated(&server, request.clone()).await.unwrap();

        // With each method; also where the lead has the wanted value, or cannot be moved there, by now.
        for etag in [stale.etag.clone(), "9999".to_owned()] {
            let update = UpdateLeadRequest { etag: etag.clone(), ..request.clone() };
            let mut qualify = qualify(&lead);
            (qualify.etag, qualify.customer_name) = (etag.clone(), Some("Dana".into()));
            for to in [LeadStatus::Contacted, LeadStatus::New] {
                let mut transition = transition(&lead, to);
                transition.etag.clone_from(&etag);
                let problem = moved(&server, transition).await.unwrap_err();
                assert_eq!(problem.kind(), (Code::Aborted, "ETAG_MISMATCH"));
            }
            assert_eq!(updated(&server, update).await.unwrap_err().kind(), (Code::Aborted, "ETAG_MISMATCH"));
            assert_eq!(qualified(&server, qualify).await.unwrap_err().kind(), (Code::Aborted, "ETAG_MISMATCH"));
        }
        for etag in ["x", "0", "-1", "1.0", " 1", "1 ", "99999999999999999999", "\0"] {
            let update = UpdateLeadRequest { etag: etag.to_owned(), ..request.clone() };
            let (mut qualify, mut transition) = (qualify(&lead), transition(&lead, LeadStatus::Contacted));
            (qualify.etag, transition.etag) = (etag.to_owned(), etag.to_owned());
            updated(&server, update).await.unwrap_err().assert_fields(&["etag"]);
            qualified(&server, qualify).await.unwrap_err().assert_fields(&["etag"]);
            moved(&server, transition).await.unwrap_err().assert_fields(&["etag"]);
        }
        assert_eq!(read(&server, &lead).await, lead);
        assert_eq!(history(&server, &lead).await.len(), 2);

        // The present one is good for each.
        let lead = updated(&server, UpdateLeadRequest { note: Some("!".into()), etag: lead.etag.clone(), ..update(&lead) }).await.unwrap();
        let mut qualify = qualify(&lead);
        (qualify.etag, qualify.customer_name) = (lead.etag.clone(), Some("Dana".into()));
        let lead = qualified(&server, qualify).await.unwrap().0;
        let mut transition = transition(&lead, LeadStatus::Contacted);
        transition.etag.clone_from(&lead.etag);
        assert_eq!(moved(&server, transition).await.unwrap().status(), LeadStatus::Contacted);
    }
}
