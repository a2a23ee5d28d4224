//! One token takes only its share of the places, and others find room.

use leadcapture_proto::v1::GetLeadRequest;
use leadcapture_server::domain::access::Role;
use tonic::Code;

use super::{LONG, claim, hold, long_claim, slow_update, start};
use crate::support::{
    calls::mobile,
    database::both_engines,
    leads::{capture, captured, update},
    problem::Problem,
    tokens::Tokens,
    wait::until,
};

const BUSY: (Code, &str) = (Code::ResourceExhausted, "TOKEN_BUSY");

both_engines! {
    async fn a_token_with_slow_requests_leaves_places_for_others(db: TestDatabase) {
        let server = start(&db, |limits| (limits.requests, limits.token_share) = (4, 25)).await;
        let tokens = Tokens::of(&db).await;
        let admin = server.with_token(&tokens.admin().await);
        let tenant = admin.create_tenant("Demo Plumbing").await;
        let lead = captured(&admin, capture(&tenant, &mobile(1))).await;
        let [slow, other] =
            [tokens.bound(Role::Tenant, &tenant).await, tokens.bound(Role::Tenant, &tenant).await]
                .map(|token| server.with_token(&token));
        let held = hold(&db).await;
        let writing = tokio::spawn(slow_update(slow.clone(), update(&lead)));
        let look = GetLeadRequest { tenant_id: tenant.id.clone(), lead_id: lead.id.clone() };
        let problem = until("a request too many", async || {
            let looked = slow.leads().get_lead(look.clone()).await;
            looked.is_err().then(|| Problem::of(looked))
        })
        .await;
        assert_eq!(problem.kind(), BUSY);
        assert!(problem.retry);
        assert_eq!(other.leads().get_lead(look.clone()).await.unwrap().into_inner().lead.unwrap().id, lead.id);
        held.rollback().await.unwrap();
        writing.await.unwrap();
        slow.leads().get_lead(look).await.unwrap();
    }

    async fn a_token_that_waits_for_follow_ups_leaves_places_for_others(db: TestDatabase) {
        let server = start(&db, |limits| (limits.claims, limits.token_share) = (2, 50)).await;
        let tokens = Tokens::of(&db).await;
        let [first, second] = [tokens.token(Role::Worker, None).await, tokens.token(Role::Worker, None).await]
            .map(|token| server.with_token(&token));
        let waiting = tokio::spawn(long_claim(first.clone()));
        let problem =
            until("a claim too many", async || claim(&first, std::time::Duration::ZERO).await.err()).await;
        assert_eq!(problem.kind(), BUSY);
        let others = tokio::spawn(async move { claim(&second, LONG / 30).await });
        assert!(others.await.unwrap().unwrap().follow_ups.is_empty());
        waiting.abort();
    }
}
