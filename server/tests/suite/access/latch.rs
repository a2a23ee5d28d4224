//! The latch: open until the first token, closed for good from then on.

use leadcapture_proto::v1::DeleteTenantRequest;
use leadcapture_server::{clock::SystemClock, domain::access::Role, storage::entities::api_token};
use sea_orm::EntityTrait as _;

use super::{knock, refused, watchful};
use crate::support::{
    calls::{LINE, missed, mobile},
    database::both_engines,
    process::start_process,
    server::{TestServer, present},
    tokens::Tokens,
};

both_engines! {
    async fn every_server_closes_with_the_first_token_and_stays_closed(db: TestDatabase) {
        let servers = [
            TestServer::start_with(watchful(&db), SystemClock).await,
            TestServer::start_with(watchful(&db), SystemClock).await,
        ];
        for server in &servers {
            knock(server).await.unwrap();
        }
        let tokens = Tokens::of(&db).await;
        let admin = tokens.admin().await;
        for server in &servers {
            refused(server, "TOKEN_REQUIRED").await;
            knock(&server.with_token(&admin)).await.unwrap();
        }
        // Revoked, then gone: nobody is let in for that.
        tokens.revoke(&admin).await;
        for server in &servers {
            refused(&server.with_token(&admin), "TOKEN_REVOKED").await;
            refused(server, "TOKEN_REQUIRED").await;
        }
        api_token::Entity::delete_many().exec(&db.connect().await).await.unwrap();
        for server in servers {
            refused(&server.with_token(&admin), "TOKEN_UNKNOWN").await;
            refused(&server, "TOKEN_REQUIRED").await;
            server.stop().await;
        }
        let server = TestServer::start(&db).await;
        refused(&server, "TOKEN_REQUIRED").await;
        // Nor is the next token a first one again.
        let new = leadcapture_server::storage::NewToken {
            role: Role::Admin,
            tenant_id: None,
            label: "second".to_owned(),
            expires_at: None,
        };
        assert!(!tokens.create(new).await.first);
    }

    async fn the_latch_outlives_the_tenant_of_the_only_token(db: TestDatabase) {
        let server = TestServer::start_with(watchful(&db), SystemClock).await;
        let tenant = server.create_tenant("Shop").await;
        let tokens = Tokens::of(&db).await;
        let token = tokens.bound(Role::Tenant, &tenant).await;
        let admin = server.with_token(&tokens.admin().await);
        let request = DeleteTenantRequest { tenant_id: tenant.id, name: tenant.name, ..Default::default() };
        admin.tenants().delete_tenant(request).await.unwrap();
        assert_eq!(tokens.all().await.len(), 1, "the tenant's token went with it");
        refused(&server.with_token(&token), "TOKEN_UNKNOWN").await;
        refused(&server, "TOKEN_REQUIRED").await;
    }

    async fn a_token_is_checked_while_the_server_is_open_too(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let unknown = leadcapture_server::domain::api_token::ApiTokenSecret::new([1; 32]);
        refused(&server.with_token(unknown.reveal()), "TOKEN_UNKNOWN").await;
        refused(&server.with_authorization("Basic Zm9vOmJhcg=="), "TOKEN_MALFORMED").await;
        knock(&server).await.unwrap();
    }

    async fn the_webhook_in_the_process_goes_on_recording(db: TestDatabase) {
        let server = TestServer::start_with_webhook(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        let admin = server.with_token(&Tokens::of(&db).await.admin().await);
        knock(&admin).await.unwrap();
        let record = serde_json::json!({
            "ivruniqueid": "1", "DateEpoch": present().timestamp(), "duration": 0, "status": "NOANSWER",
            "type": "Incoming Call", "caller": mobile(1), "did": LINE,
        });
        let url = server.webhook_url("/webhooks/voicenter/cdr");
        let answer = reqwest::Client::new().post(url).body(record.to_string()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(admin.all_leads(&tenant).await.len(), 1);
        let lead = admin.all_leads(&tenant).await.remove(0);
        let request =
            leadcapture_proto::v1::ListLeadEventsRequest { tenant_id: tenant.id, lead_id: lead.id, ..Default::default() };
        let events = admin.leads().list_lead_events(request).await.unwrap().into_inner().events;
        assert_eq!(events[0].actor, "system:webhook");
    }

    /// With the default settings, in processes of their own: within the ten seconds that are promised.
    async fn a_real_server_notices_within_ten_seconds(db: TestDatabase) {
        let server = start_process(&db).await;
        server.tenant_with_line(LINE).await;
        let begun = std::time::Instant::now();
        let admin = Tokens::of(&db).await.admin().await;
        refused(&server, "TOKEN_REQUIRED").await;
        assert!(begun.elapsed() < leadcapture_server::auth::MAX_CACHE_TTL, "{:?}", begun.elapsed());
        server.with_token(&admin).record(missed("1", &mobile(1), present())).await;
    }
}
