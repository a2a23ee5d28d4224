//! Bad input to the requests that change a lead: a clear error, and nothing is written.

use leadcapture_proto::v1::{
    CaptureLeadRequest, GetLeadRequest, Lead, LeadSource, LeadStatus, ListLeadEventsRequest, LostReason,
    QualifyLeadRequest, TransitionLeadRequest, UpdateLeadRequest,
};
use prost_types::FieldMask;
use tonic::Code;

use crate::support::{
    calls::mobile, client::Client, database::both_engines, problem::Problem, server::TestServer,
};

/// A change that spoils a request, and the field that is named for it.
type Case<R> = (fn(&mut R), &'static str);

const UPDATES: &[Case<UpdateLeadRequest>] = &[
    (|update| update.tenant_id = "x".to_owned(), "tenant_id"),
    (|update| update.lead_id = String::new(), "lead_id"),
    (|update| update.customer_name = Some("ד".repeat(201)), "customer_name"),
    (|update| update.need = Some("x".repeat(2_001)), "need"),
    (|update| update.contact_preference = Some("x".repeat(501)), "contact_preference"),
    (|update| update.note = Some("x".repeat(4_001)), "note"),
    (|update| update.note = Some("a\0b".to_owned()), "note"),
    (|update| update.etag = "x".to_owned(), "etag"),
    (|update| update.request_id = "x".to_owned(), "request_id"),
    (
        |update| update.update_mask = Some(FieldMask { paths: vec!["note".to_owned(), "status".to_owned()] }),
        "update_mask.paths[1]",
    ),
];

const QUALIFICATIONS: &[Case<QualifyLeadRequest>] = &[
    (|answers| answers.lead_id = "7".to_owned(), "lead_id"),
    (|answers| answers.customer_name = Some("a\u{1b}b".to_owned()), "customer_name"),
    (|answers| answers.need = Some("x".repeat(2_001)), "need"),
    (|answers| answers.contact_preference = Some("x".repeat(501)), "contact_preference"),
    (|answers| answers.etag = "-1".to_owned(), "etag"),
    (|answers| answers.request_id = "x".to_owned(), "request_id"),
];

const TRANSITIONS: &[Case<TransitionLeadRequest>] = &[
    (|transition| transition.to_status = 0, "to_status"),
    (|transition| transition.to_status = 8, "to_status"),
    (|transition| transition.to_status = LeadStatus::Lost.into(), "lost_reason"),
    (
        |transition| (transition.to_status, transition.lost_reason) = (LeadStatus::Lost.into(), 10),
        "lost_reason",
    ),
    (|transition| transition.lost_reason = LostReason::Price.into(), "lost_reason"),
    (
        |transition| {
            (transition.to_status, transition.lost_reason) =
                (LeadStatus::Lost.into(), LostReason::Other.into());
            transition.note = " \n".to_owned();
        },
        "note",
    ),
    (|transition| transition.note = "x".repeat(4_001), "note"),
    (|transition| transition.note = "a\0b".to_owned(), "note"),
    (|transition| transition.etag = "one".to_owned(), "etag"),
    (|transition| transition.lead_id = "7".to_owned(), "lead_id"),
];

/// Sends each spoiled request and checks which field is named.
macro_rules! check {
    ($client:expr, $method:ident, $request:expr, $cases:expr) => {
        for (index, (change, field)) in $cases.iter().enumerate() {
            let mut request = $request;
            change(&mut request);
            let problem = Problem::of($client.leads().$method(request).await);
            let named: Vec<_> = problem.fields.iter().map(String::as_str).collect();
            assert_eq!(
                (&*problem.reason, named),
                ("INVALID_FIELDS", vec![*field]),
                "case {index} of {}",
                stringify!($method)
            );
        }
    };
}

async fn new_lead(client: &Client) -> Lead {
    let request = CaptureLeadRequest {
        tenant_id: client.create_tenant("Shop").await.id,
        source: LeadSource::Manual.into(),
        customer_phone: mobile(1),
        ..CaptureLeadRequest::default()
    };
    client.leads().capture_lead(request).await.unwrap().into_inner().lead.unwrap()
}

/// The lead, and how long its history is.
async fn state(client: &Client, lead: &Lead) -> (Lead, usize) {
    let (tenant_id, lead_id) = (lead.tenant_id.clone(), lead.id.clone());
    let request = ListLeadEventsRequest {
        tenant_id: tenant_id.clone(),
        lead_id: lead_id.clone(),
        ..Default::default()
    };
    let events = client.leads().list_lead_events(request).await.unwrap().into_inner().events;
    let answer = client.leads().get_lead(GetLeadRequest { tenant_id, lead_id }).await.unwrap();
    (answer.into_inner().lead.unwrap(), events.len())
}

both_engines! {
    async fn bad_changes_of_a_lead_are_refused_and_nothing_is_written(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let lead = new_lead(&server).await;
        let (tenant_id, lead_id) = (lead.tenant_id.clone(), lead.id.clone());
        let update = || UpdateLeadRequest {
            tenant_id: tenant_id.clone(),
            lead_id: lead_id.clone(),
            customer_name: Some("Dana".to_owned()),
            ..Default::default()
        };
        let qualify = || QualifyLeadRequest {
            tenant_id: tenant_id.clone(),
            lead_id: lead_id.clone(),
            customer_name: Some("Dana".to_owned()),
            ..Default::default()
        };
        let transition = |to: LeadStatus| TransitionLeadRequest {
            tenant_id: tenant_id.clone(),
            lead_id: lead_id.clone(),
            to_status: to.into(),
            ..Default::default()
        };
        check!(server, update_lead, update(), UPDATES);
        check!(server, qualify_lead, qualify(), QUALIFICATIONS);
        check!(server, transition_lead, transition(LeadStatus::Contacted), TRANSITIONS);

        let stale = "999".to_owned();
        for problem in [
            Problem::of(server.leads().update_lead(UpdateLeadRequest { etag: stale.clone(), ..update() }).await),
            Problem::of(server.leads().qualify_lead(QualifyLeadRequest { etag: stale.clone(), ..qualify() }).await),
            Problem::of(
                server.leads().transition_lead(TransitionLeadRequest { etag: stale, ..transition(LeadStatus::Contacted) }).await,
            ),
        ] {
            assert_eq!(problem.kind(), (Code::Aborted, "ETAG_MISMATCH"));
        }
        for problem in [
            Problem::of(server.leads().transition_lead(transition(LeadStatus::Qualified)).await),
            Problem::of(server.leads().qualify_lead(QualifyLeadRequest { mark_qualified: true, ..qualify() }).await),
        ] {
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "NEED_UNKNOWN"));
        }
        for to in [LeadStatus::New, LeadStatus::Converted, LeadStatus::Unresponsive] {
            let problem = Problem::of(server.leads().transition_lead(transition(to)).await);
            assert_eq!(problem.kind(), (Code::FailedPrecondition, "INVALID_TRANSITION"), "{to:?}");
            assert_eq!(problem.metadata["allowed"], "QUALIFYING,QUALIFIED,CONTACTED,LOST");
        }
        assert_eq!(state(&server, &lead).await, (lead, 1));
    }

    async fn every_bad_field_of_a_change_is_named_at_once(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let request = TransitionLeadRequest {
            to_status: 99,
            lost_reason: 99,
            note: "\0".to_owned(),
            etag: "x".to_owned(),
            request_id: "x".to_owned(),
            ..Default::default()
        };
        let problem = Problem::of(server.leads().transition_lead(request).await);
        problem.assert_fields(&["etag", "lead_id", "lost_reason", "note", "request_id", "tenant_id", "to_status"]);
    }
}
