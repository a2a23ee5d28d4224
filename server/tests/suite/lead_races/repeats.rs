//! A mutation that is sent again, because its answer was lost: at the same moment through all servers, and later.

use leadcapture_proto::v1::{
    CaptureLeadRequest, LeadStatus, QualifyLeadRequest, TransitionLeadRequest, UpdateLeadRequest,
};
use leadcapture_server::storage::entities::{idempotency_record, lead_event};
use sea_orm::{DatabaseConnection, EntityTrait as _, PaginatorTrait as _};
use tonic::Code;

use crate::support::{
    calls::mobile,
    database::both_engines,
    leads::{
        capture, captured, history, moved, qualified, qualify, read, transition, update, updated, walked,
    },
    problem::Problem,
    race::{at_once, servers},
};

/// How often a request is sent at the same moment.
const AT_ONCE: usize = 8;

/// The same for every method: ids of different methods do not meet.
const ID: &str = "0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f";

/// How many events and stored answers there are.
async fn rows(db: &DatabaseConnection) -> (u64, u64) {
    let events = lead_event::Entity::find().count(db).await.unwrap();
    (events, idempotency_record::Entity::find().count(db).await.unwrap())
}

/// Sends a request many times at the same moment, and answers the one answer that all got.
macro_rules! repeated {
    ($servers:expr, $method:ident, $request:expr) => {{
        let request = $request;
        let answers = at_once($servers, 0..AT_ONCE, |client, _| {
            let request = request.clone();
            async move { client.leads().$method(request).await.unwrap().into_inner() }
        })
        .await;
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        answers.into_iter().next().unwrap()
    }};
}

/// Sends a request through each server: all get this answer; and a changed one with the same id, which is refused.
macro_rules! again {
    ($servers:expr, $method:ident, $request:expr, $answer:expr, |$changed:ident| $change:expr) => {
        for server in $servers {
            let answer = server.leads().$method($request.clone()).await.unwrap().into_inner();
            assert_eq!(answer, $answer, stringify!($method));
            let mut $changed = $request.clone();
            $change;
            let problem = Problem::of(server.leads().$method($changed).await);
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "REQUEST_ID_REUSED"), stringify!($method));
        }
    };
}

both_engines! {
    async fn a_repeated_mutation_has_one_effect_and_one_answer(db: TestDatabase) {
        let servers = servers(&db).await;
        let connection = db.connect().await;
        let tenant = servers[0].create_tenant("Shop").await;
        let request_id = ID.to_owned();

        let capture = CaptureLeadRequest { request_id: request_id.clone(), ..capture(&tenant, &mobile(1)) };
        let was_captured = repeated!(&servers, capture_lead, &capture);
        assert!(was_captured.created, "the answer of the first, also after the lead was there");
        let lead = was_captured.lead.clone().unwrap();
        assert_eq!(rows(&connection).await, (1, 1));

        // Without an etag a second effect would be no change; with one it would be refused.
        let update = UpdateLeadRequest { note: Some("Regular".into()), request_id: request_id.clone(), ..update(&lead) };
        let was_updated = repeated!(&servers, update_lead, &update);
        assert_eq!(rows(&connection).await, (2, 2));

        let etag = was_updated.lead.clone().unwrap().etag;
        let qualify = QualifyLeadRequest {
            need: Some("A tap".into()),
            mark_qualified: true,
            etag,
            request_id: request_id.clone(),
            ..qualify(&lead)
        };
        let was_qualified = repeated!(&servers, qualify_lead, &qualify);
        assert_eq!(was_qualified.lead.as_ref().unwrap().status(), LeadStatus::Qualified);
        assert_eq!(rows(&connection).await, (4, 3));

        let transition = TransitionLeadRequest { request_id, ..transition(&lead, LeadStatus::Lost) };
        let was_moved = repeated!(&servers, transition_lead, &transition);
        assert_eq!(rows(&connection).await, (5, 4));
        let lead = was_moved.lead.clone().unwrap();
        assert_eq!(read(&servers[0], &lead).await, lead);

        // Things move on; the answers stay as they were, and nothing is done again.
        let lead = walked(&servers[0], lead, &[LeadStatus::New, LeadStatus::Contacted]).await;
        again!(&servers, capture_lead, capture, was_captured, |request| request.need = Some("A boiler".into()));
        again!(&servers, update_lead, update, was_updated, |request| request.note = None);
        again!(&servers, qualify_lead, qualify, was_qualified, |request| request.etag = String::new());
        again!(&servers, transition_lead, transition, was_moved, |request| request.note = "Gone".to_owned());
        assert_eq!(rows(&connection).await, (7, 4));
        assert_eq!(read(&servers[0], &lead).await, lead);
    }

    async fn of_different_requests_with_one_id_one_is_done(db: TestDatabase) {
        let servers = servers(&db).await;
        let connection = db.connect().await;
        let tenant = servers[0].create_tenant("Shop").await;
        let lead = captured(&servers[0], capture(&tenant, &mobile(1))).await;
        let requests = (0..AT_ONCE).map(|n| UpdateLeadRequest {
            note: Some(n.to_string()),
            request_id: ID.to_owned(),
            ..update(&lead)
        });
        let results = at_once(&servers, requests, |client, request| async move { updated(&client, request).await }).await;
        let (done, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!((done.len(), refused.len()), (1, AT_ONCE - 1));
        for problem in refused {
            assert_eq!(problem.unwrap_err().kind(), (Code::FailedPrecondition, "REQUEST_ID_REUSED"));
        }
        assert_eq!(done[0].as_ref().unwrap(), &read(&servers[0], &lead).await);
        assert_eq!(rows(&connection).await, (2, 1));
    }

    async fn a_failed_mutation_is_not_remembered(db: TestDatabase) {
        let servers = servers(&db).await;
        let connection = db.connect().await;
        let tenant = servers[0].create_tenant("Shop").await;
        let lead = captured(&servers[0], capture(&tenant, &mobile(1))).await;
        let request_id = ID.to_owned();
        let stale = "9999".to_owned();

        let update = UpdateLeadRequest { note: Some("!".into()), request_id: request_id.clone(), ..update(&lead) };
        let request = UpdateLeadRequest { etag: stale, ..update.clone() };
        assert_eq!(updated(&servers[0], request).await.unwrap_err().reason, "ETAG_MISMATCH");
        let asking = QualifyLeadRequest { mark_qualified: true, request_id: request_id.clone(), ..qualify(&lead) };
        assert_eq!(qualified(&servers[0], asking.clone()).await.unwrap_err().reason, "NEED_UNKNOWN");
        let converted = TransitionLeadRequest { request_id: request_id.clone(), ..transition(&lead, LeadStatus::Converted) };
        let problems = at_once(&servers, 0..AT_ONCE, |client, _| {
            let request = converted.clone();
            async move { moved(&client, request).await.unwrap_err() }
        })
        .await;
        for problem in problems {
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "INVALID_TRANSITION"));
        }
        let bad = CaptureLeadRequest { source: 0, request_id: request_id.clone(), ..capture(&tenant, &mobile(2)) };
        Problem::of(servers[0].leads().capture_lead(bad).await).assert_fields(&["source"]);
        assert_eq!(rows(&connection).await, (1, 0));
        assert_eq!(read(&servers[0], &lead).await, lead);

        // The id is free: for another request, and for the same one once it can be done.
        updated(&servers[0], update).await.unwrap();
        qualified(&servers[0], QualifyLeadRequest { need: Some("A tap".into()), ..asking }).await.unwrap();
        walked(&servers[0], lead.clone(), &[LeadStatus::Contacted]).await;
        assert_eq!(moved(&servers[0], converted).await.unwrap().status(), LeadStatus::Converted);
        captured(&servers[0], CaptureLeadRequest { request_id, ..capture(&tenant, &mobile(2)) }).await;
        assert_eq!(rows(&connection).await.1, 4);
        assert_eq!(history(&servers[0], &lead).await.len(), 6);
    }
}
