//! Each RPC without a good token, with a token of each role, and with one of another tenant: the right answer each time, and never a byte of
//! what is not the caller's.

use chrono::TimeDelta;
use leadcapture_server::domain::access::Role;
use tonic::Code;

use super::{
    Row, TenantField, UNKNOWN_ID,
    rows::rows,
    world::{Failure, Target, World},
};
use crate::support::{
    client::Client,
    database::both_engines,
    server::{TestServer, present},
    tokens::Tokens,
};

/// Which roles may call an RPC, in the words of the contract and not of the table that the server goes by.
fn may(role: Role, rpc: &str) -> bool {
    let (service, method) = rpc.split_once('/').unwrap();
    match role {
        Role::Admin => true,
        Role::Tenant => service != "TenantService" && method != "ListUnroutedCalls",
        Role::Ingest => ["RecordCall", "BatchRecordCalls"].contains(&method),
        Role::Worker => {
            service == "ConversationService" && !["AddSuppression", "RemoveSuppression"].contains(&method)
        }
    }
}

fn failure(code: Code, reason: &str) -> Failure {
    Failure { code, reason: reason.to_owned(), fields: Vec::new() }
}

/// Sends the row's request, and checks the answer and that nothing of the own tenant is in it.
async fn refused(row: &Row, world: &World, client: Client, target: Target, case: &str, expected: Failure) {
    let answered = (row.send)(client, target).await;
    assert_eq!(answered.result, Err(expected), "{} with {case}", row.rpc);
    assert_tells_nothing(row, world, &answered.wire, case);
}

fn assert_tells_nothing(row: &Row, world: &World, wire: &[u8], case: &str) {
    for word in world.own_words() {
        let found = wire.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(!found, "{} with {case} tells {word}", row.rpc);
    }
}

both_engines! {
    async fn nobody_gets_in_without_a_good_token(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tokens = Tokens::of(&db).await;
        let admin = tokens.admin().await;
        let world = World::new(&server.with_token(&admin)).await;
        let revoked = tokens.admin().await;
        tokens.revoke(&revoked).await;
        let expired = tokens.until(present() - TimeDelta::seconds(1)).await;
        let unknown = leadcapture_server::domain::api_token::ApiTokenSecret::new([9; 32]);
        let cases = [
            ("no token", (*server).clone(), "TOKEN_REQUIRED"),
            ("a typing error", server.with_token(&format!("{}x", &admin[..75])), "TOKEN_MALFORMED"),
            ("half a token", server.with_token(&admin[..40]), "TOKEN_MALFORMED"),
            ("another scheme", server.with_authorization(&format!("Basic {admin}")), "TOKEN_MALFORMED"),
            ("nothing", server.with_authorization(""), "TOKEN_MALFORMED"),
            ("an unknown token", server.with_token(unknown.reveal()), "TOKEN_UNKNOWN"),
            ("a revoked token", server.with_token(&revoked), "TOKEN_REVOKED"),
            ("an expired token", server.with_token(&expired), "TOKEN_EXPIRED"),
        ];
        for row in rows() {
            for (case, client, reason) in &cases {
                let expected = failure(Code::Unauthenticated, reason);
                refused(&row, &world, client.clone(), world.own(&row), case, expected).await;
            }
        }
    }

    async fn every_role_may_call_what_is_its_own_and_nothing_else(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tokens = Tokens::of(&db).await;
        let world = World::new(&server.with_token(&tokens.admin().await)).await;
        let [own, _] = world.tenant_ids();
        let mut callers = Vec::new();
        for (role, bound) in [
            (Role::Tenant, true),
            (Role::Ingest, true),
            (Role::Ingest, false),
            (Role::Worker, true),
            (Role::Worker, false),
        ] {
            let token = tokens.token(role, bound.then_some(own)).await;
            callers.push((role, server.with_token(&token)));
        }
        for row in rows() {
            for (role, client) in callers.iter().filter(|(role, _)| !may(*role, row.rpc)) {
                let expected = failure(Code::PermissionDenied, "ROLE_NOT_ALLOWED");
                refused(&row, &world, client.clone(), world.own(&row), role.name(), expected).await;
            }
        }
    }

    async fn a_good_call_of_a_bound_token_succeeds_and_may_leave_its_tenant_out(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tokens = Tokens::of(&db).await;
        let admin = server.with_token(&tokens.admin().await);
        for row in &rows() {
            for role in Role::ALL.iter().filter(|role| **role != Role::Admin && may(**role, row.rpc)) {
                let world = World::of_one(&admin).await;
                let token = tokens.token(*role, Some(world.tenant_ids()[0])).await;
                let mut target = world.own(row);
                if row.tenant != TenantField::None {
                    target.tenant_id.clear();
                }
                let answered = (row.send)(server.with_token(&token), target).await;
                assert_eq!(answered.result, Ok(()), "{} with a {role} token", row.rpc);
            }
        }
    }

    async fn another_tenants_token_finds_nothing_and_reads_nothing(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tokens = Tokens::of(&db).await;
        let world = World::new(&server.with_token(&tokens.admin().await)).await;
        let [_, foreign] = world.tenant_ids();
        for role in [Role::Tenant, Role::Ingest, Role::Worker] {
            let client = server.with_token(&tokens.token(role, Some(foreign)).await);
            for row in rows().iter().filter(|row| may(role, row.rpc)) {
                let own = world.own(row);
                // The same answer as for a tenant that does not exist.
                for tenant_id in [own.tenant_id.clone(), UNKNOWN_ID.to_owned()] {
                    let target = Target { tenant_id, ..own.clone() };
                    let expected = failure(Code::NotFound, "TENANT_NOT_FOUND");
                    refused(row, &world, client.clone(), target, "another tenant's id", expected).await;
                }
                // By the token's own tenant, what the other has is not there.
                for tenant_id in [String::new(), foreign.to_owned()] {
                    let target = Target { tenant_id, ..own.clone() };
                    let case = "another tenant's object";
                    if let Some(object) = row.object {
                        let expected = failure(Code::NotFound, object.reason);
                        refused(row, &world, client.clone(), target, case, expected).await;
                    } else {
                        let answered = (row.send)(client.clone(), target).await;
                        assert_eq!(answered.result, Ok(()), "{} with {case}", row.rpc);
                        assert_tells_nothing(row, &world, &answered.wire, case);
                    }
                }
            }
        }
    }
}
