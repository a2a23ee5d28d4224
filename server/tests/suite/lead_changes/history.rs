//! `ListLeadEvents`: who did what when, oldest first, in pages.

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    CaptureLeadRequest, LeadEvent, LeadEventKind, LeadStatus, ListLeadEventsRequest, ListLeadEventsResponse,
    QualifyLeadRequest, TransitionLeadRequest, UpdateLeadRequest,
};
use leadcapture_server::clock::Clock as _;
use serde_json::{Value, json};
use tonic::{Code, Request};

use crate::support::{
    calls::{LINE, before, called_back, missed, mobile, moment},
    client::Client,
    database::both_engines,
    leads::{capture, captured, details, history, qualify, transition, update, updated},
    problem::Problem,
    server::{TestServer, noon},
};

const ACTOR: &str = "x-leadcapture-actor";

/// A request by a named caller.
fn by<T>(actor: &str, request: T) -> Request<T> {
    let mut request = Request::new(request);
    request.metadata_mut().insert(ACTOR, actor.parse().unwrap());
    request
}

async fn page(client: &Client, request: ListLeadEventsRequest) -> ListLeadEventsResponse {
    client.leads().list_lead_events(request).await.unwrap().into_inner()
}

/// What happened, by whom and why.
fn told(event: &LeadEvent) -> (LeadEventKind, &str, Option<&str>, Value) {
    (event.kind(), &event.actor, event.reason.as_deref(), details(event))
}

both_engines! {
    async fn the_history_tells_who_did_what_when(db: TestDatabase) {
        use LeadEventKind::{CallRecorded, Created, DetailsUpdated, Recaptured, Reopened, StatusChanged};
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let begun = clock.now();
        let wait = || clock.advance(TimeDelta::minutes(1));

        let call = by("exchange", missed("call-1", &mobile(1), before(begun, 60)));
        let lead = server.missed_calls().record_call(call).await.unwrap().into_inner().lead.unwrap();
        wait();
        server.record(missed("call-2", &mobile(1), before(clock.now(), 30))).await;
        wait();
        let request = CaptureLeadRequest { need: Some("A tap".to_owned()), ..capture(&tenant, &mobile(1)) };
        server.leads().capture_lead(by("website", request)).await.unwrap();
        wait();
        let request = QualifyLeadRequest {
            customer_name: Some("Dana".to_owned()),
            mark_qualified: true,
            ..qualify(&lead)
        };
        server.leads().qualify_lead(by("bot", request)).await.unwrap();
        wait();
        let request = UpdateLeadRequest { note: Some("Regular".to_owned()), ..update(&lead) };
        server.leads().update_lead(by("crm/dana@shop", request)).await.unwrap();
        wait();
        server.record(called_back("call-3", &mobile(1), before(clock.now(), 30))).await;
        wait();
        let request = TransitionLeadRequest { note: "Too dear\nfor her".to_owned(), ..transition(&lead, LeadStatus::Lost) };
        server.leads().transition_lead(by("dana", request)).await.unwrap();
        wait();
        server.leads().transition_lead(by("dana", transition(&lead, LeadStatus::New))).await.unwrap();

        let call = |id: &str| json!({ "provider": "voicenter", "call_id": id });
        let events = history(&server, &lead).await;
        let expected = [
            (Created, "exchange", Some("missed_call"), call("call-1")),
            (CallRecorded, "anonymous", Some("missed_call"), call("call-2")),
            (Recaptured, "website", Some("manual"), json!({ "filled": ["need"] })),
            (DetailsUpdated, "bot", None, json!({ "fields": ["customer_name"] })),
            (StatusChanged, "bot", None, Value::Null),
            (DetailsUpdated, "crm/dana@shop", None, json!({ "fields": ["note"] })),
            (StatusChanged, "anonymous", Some("answered_call"), call("call-3")),
            (StatusChanged, "dana", Some("price"), json!({ "note": "Too dear\nfor her" })),
            (Reopened, "dana", None, Value::Null),
        ];
        assert_eq!(events.iter().map(told).collect::<Vec<_>>(), expected);
        let minutes: Vec<_> = events.iter().map(|event| (moment(event.occurred_at) - begun).num_minutes()).collect();
        assert_eq!(minutes, [0, 1, 2, 3, 3, 4, 5, 6, 7]);
        assert!(events.is_sorted_by(|a, b| a.seq < b.seq));
        assert!(events.iter().all(|event| event.lead_id == lead.id));
        let statuses: Vec<_> = events.iter().map(|event| (event.from_status(), event.to_status())).collect();
        assert_eq!(statuses[0], (LeadStatus::Unspecified, LeadStatus::New));
        assert_eq!(statuses[4], (LeadStatus::New, LeadStatus::Qualified));
        assert_eq!(statuses[8], (LeadStatus::Lost, LeadStatus::New));
    }

    async fn pages_are_whole_and_bound_to_the_lead(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let other = captured(&server, capture(&tenant, &mobile(2))).await;
        for n in 0..60 {
            for lead in [&lead, &other] {
                updated(&server, UpdateLeadRequest { note: Some(n.to_string()), ..update(lead) }).await.unwrap();
            }
        }
        let all = history(&server, &lead).await;
        assert_eq!(all.len(), 61);

        let request = ListLeadEventsRequest {
            tenant_id: tenant.id.clone(),
            lead_id: lead.id.clone(),
            page_size: 7,
            ..ListLeadEventsRequest::default()
        };
        let mut pages = Vec::new();
        let mut token = String::new();
        loop {
            let answer = page(&server, ListLeadEventsRequest { page_token: token, ..request.clone() }).await;
            pages.push(answer.events);
            token = answer.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [7, 7, 7, 7, 7, 7, 7, 7, 5]);
        assert_eq!(pages.concat(), all);
        let default = page(&server, ListLeadEventsRequest { page_size: 0, ..request.clone() }).await;
        assert_eq!((default.events.as_slice(), default.next_page_token.is_empty()), (&all[..50], false));
        let full = page(&server, ListLeadEventsRequest { page_size: 61, ..request.clone() }).await;
        assert_eq!((full.events.len(), full.next_page_token.as_str()), (61, ""));

        // The size may change from page to page, the lead may not; a list of leads takes no token of a history.
        let token = page(&server, request.clone()).await.next_page_token;
        let rest = ListLeadEventsRequest { page_token: token.clone(), page_size: 500, ..request.clone() };
        assert_eq!(page(&server, rest.clone()).await.events, all[7..]);
        for bad in [
            ListLeadEventsRequest { lead_id: other.id.clone(), ..rest.clone() },
            ListLeadEventsRequest { page_token: format!("{token}A"), ..rest.clone() },
            ListLeadEventsRequest { page_token: "?".to_owned(), ..rest.clone() },
        ] {
            Problem::of(server.leads().list_lead_events(bad).await).assert_fields(&["page_token"]);
        }
        let bad = ListLeadEventsRequest { page_size: -1, page_token: "?".to_owned(), lead_id: "x".to_owned(), ..rest };
        Problem::of(server.leads().list_lead_events(bad).await).assert_fields(&["lead_id", "page_size", "page_token"]);

        // Another tenant has no such lead.
        let stranger = server.create_tenant("Other").await;
        let foreign = ListLeadEventsRequest { tenant_id: stranger.id, ..request };
        let problem = Problem::of(server.leads().list_lead_events(foreign).await);
        assert_eq!(problem.kind(), (Code::NotFound, "LEAD_NOT_FOUND"));
    }

    async fn an_actor_has_at_most_128_printable_characters(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Shop").await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let move_it = || transition(&lead, LeadStatus::Contacted);
        let long = "a".repeat(129);
        let field = "metadata x-leadcapture-actor";
        Problem::of(server.leads().transition_lead(by(&long, move_it())).await).assert_fields(&[field]);
        Problem::of(server.leads().update_lead(by(&long, update(&lead))).await).assert_fields(&[field]);
        Problem::of(server.leads().qualify_lead(by(&long, qualify(&lead))).await).assert_fields(&[field]);
        Problem::of(server.leads().capture_lead(by(&long, capture(&tenant, &mobile(2)))).await).assert_fields(&[field]);
        let mut request = Request::new(move_it());
        request.metadata_mut().insert(ACTOR, tonic::metadata::MetadataValue::try_from("דנה".as_bytes()).unwrap());
        Problem::of(server.leads().transition_lead(request).await).assert_fields(&[field]);
        assert_eq!(history(&server, &lead).await.len(), 1);
        assert_eq!(server.all_leads(&tenant).await.len(), 1);

        server.leads().transition_lead(by(&long[1..], move_it())).await.unwrap();
        let events = history(&server, &lead).await;
        assert_eq!((events[0].actor.as_str(), events[1].actor.as_str()), ("anonymous", &long[1..]));
    }
}
