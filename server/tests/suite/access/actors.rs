//! Who is named in the history, and whose stored responses are whose.

use leadcapture_proto::v1::{
    CaptureLeadRequest, CreateTenantRequest, ListLeadEventsRequest, RecordReplyRequest,
    StartConversationRequest,
};
use leadcapture_server::{
    domain::access::Role,
    storage::{CreatedToken, NewToken},
};
use tonic::Request;

use crate::support::{database::both_engines, leads::capture, server::TestServer, tokens::Tokens};

const ID: &str = "0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f";

fn for_dana<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-leadcapture-actor", "dana".parse().unwrap());
    request
}

fn new(role: Role, tenant_id: Option<&str>, label: &str) -> NewToken {
    NewToken {
        role,
        tenant_id: tenant_id.map(|id| id.parse().unwrap()),
        label: label.to_owned(),
        expires_at: None,
    }
}

both_engines! {
    async fn the_history_names_the_token_and_whom_it_acts_for(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tokens = Tokens::of(&db).await;
        let admin = server.with_token(&tokens.admin().await);
        let tenant = admin.create_tenant("Shop").await;
        let CreatedToken { secret, token, .. } = tokens.create(new(Role::Tenant, Some(&tenant.id), "crm")).await;
        let crm = server.with_token(secret.reveal());
        let worker = tokens.create(new(Role::Worker, None, "chatbot")).await;
        let chatbot = server.with_token(worker.secret.reveal());

        let captured = crm.leads().capture_lead(for_dana(capture(&tenant, "0521234567"))).await.unwrap().into_inner();
        let lead = captured.lead.unwrap();
        let start = StartConversationRequest { tenant_id: tenant.id.clone(), lead_id: lead.id.clone(), ..Default::default() };
        // A worker speaks for itself.
        chatbot.conversations().start_conversation(for_dana(start)).await.unwrap();
        let reply = RecordReplyRequest {
            by: Some(leadcapture_proto::v1::record_reply_request::By::LeadId(lead.id.clone())),
            customer_name: Some("Noa".to_owned()),
            ..Default::default()
        };
        crm.conversations().record_reply(reply).await.unwrap();

        let request = ListLeadEventsRequest { lead_id: lead.id, ..Default::default() };
        let events = crm.leads().list_lead_events(request).await.unwrap().into_inner().events;
        let crm = format!("crm (token {})", token.id);
        let chatbot = format!("chatbot (token {})", worker.token.id);
        let actors: Vec<_> = events.iter().map(|event| event.actor.clone()).collect();
        assert_eq!(actors.first(), Some(&format!("dana via {crm}")));
        assert!(actors[1..].contains(&chatbot), "{actors:?}");
        assert_eq!(actors.last(), Some(&crm));
    }

    async fn a_token_never_gets_what_another_was_answered(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tokens = Tokens::of(&db).await;
        let [first, second] = [tokens.admin().await, tokens.admin().await].map(|token| server.with_token(&token));
        let request = CreateTenantRequest { name: "Shop".to_owned(), request_id: ID.to_owned(), ..Default::default() };
        let shop = first.tenants().create_tenant(request.clone()).await.unwrap().into_inner();
        // Whoever the token acts for, it is the token that asks.
        assert_eq!(first.tenants().create_tenant(for_dana(request.clone())).await.unwrap().into_inner(), shop);
        let other = second.tenants().create_tenant(request).await.unwrap().into_inner();
        assert_ne!(other, shop);

        // A tenant's own tokens do not share them either; with and without the tenant's id a request is the same.
        let tenant = shop.tenant.unwrap();
        let [first, second] = [
            tokens.bound(Role::Tenant, &tenant).await,
            tokens.bound(Role::Tenant, &tenant).await,
        ]
        .map(|token| server.with_token(&token));
        let request = CaptureLeadRequest { request_id: ID.to_owned(), ..capture(&tenant, "0521234567") };
        let captured = first.leads().capture_lead(request.clone()).await.unwrap().into_inner();
        assert!(captured.created);
        let short = CaptureLeadRequest { tenant_id: String::new(), ..request.clone() };
        assert_eq!(first.leads().capture_lead(short).await.unwrap().into_inner(), captured);
        assert!(!second.leads().capture_lead(request).await.unwrap().into_inner().created);
    }
}
