//! What a server shows to whom: addresses beyond loopback, health and reflection.

use leadcapture_server::{clock::SystemClock, config::Settings, grpc::Reflection, serve};
use tokio_stream::{StreamExt as _, once};
use tonic::{Code, Status};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use super::{knock, refused};
use crate::support::{
    client::Client,
    database::both_engines,
    problem::Problem,
    server::{TestServer, environment, settings},
    tokens::Tokens,
};

/// Every address of the machine.
const EVERYWHERE: &str = "0.0.0.0:0";

/// Asks which services there are.
async fn services(client: &Client) -> Result<usize, Status> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(client.authorized());
    let mut answers = reflection.server_reflection_info(once(request)).await?.into_inner();
    let answer = answers.next().await.unwrap()?;
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}")
    };
    Ok(list.service.len())
}

both_engines! {
    async fn no_server_is_reached_by_others_without_tokens_and_a_word_that_it_is_not_encrypted(db: TestDatabase) {
        let reachable = |insecure| Settings { listen: EVERYWHERE.parse().unwrap(), insecure, ..settings(&db) };
        for insecure in [false, true] {
            let error = serve::start(reachable(insecure), environment(SystemClock)).await.unwrap_err();
            assert!(error.starts_with("--listen: 0.0.0.0:0 ") && error.contains("token create"), "{error}");
        }
        let tokens = Tokens::of(&db).await;
        let admin = tokens.admin().await;
        let error = serve::start(reachable(false), environment(SystemClock)).await.unwrap_err();
        assert!(error.contains("--insecure"), "{error}");
        // Unencrypted is not anonymous.
        let server = TestServer::start_with(reachable(true), SystemClock).await;
        let client = Client::new(([127, 0, 0, 1], server.address().port()).into());
        refused(&client, "TOKEN_REQUIRED").await;
        knock(&client.with_token(&admin)).await.unwrap();
        // Also when nobody has a good token any more.
        tokens.revoke(&admin).await;
        server.stop().await;
        let server = TestServer::start_with(reachable(true), SystemClock).await;
        refused(&Client::new(([127, 0, 0, 1], server.address().port()).into()), "TOKEN_REQUIRED").await;
    }

    async fn health_is_open_and_reflection_as_it_is_set(db: TestDatabase) {
        let admin = Tokens::of(&db).await.admin().await;
        for (reflection, anonymous, authenticated) in [
            (Reflection::Open, None, None),
            (Reflection::Authenticated, Some((Code::Unauthenticated, "TOKEN_REQUIRED")), None),
            (
                Reflection::Off,
                Some((Code::Unauthenticated, "TOKEN_REQUIRED")),
                Some((Code::Unimplemented, "UNKNOWN_METHOD")),
            ),
        ] {
            let server = TestServer::start_with(Settings { reflection, ..settings(&db) }, SystemClock).await;
            assert!(server.health("leadcapture.v1.LeadService").await.is_some());
            for (client, expected) in [((*server).clone(), anonymous), (server.with_token(&admin), authenticated)] {
                match (services(&client).await, expected) {
                    (Ok(services), None) => assert!(services >= 5, "{services}"),
                    (Err(status), Some(expected)) => {
                        let problem = Problem::from(status);
                        assert_eq!(problem.kind(), expected, "{reflection:?}");
                    }
                    (answer, expected) => panic!("{reflection:?}: {answer:?}, not {expected:?}"),
                }
            }
            server.stop().await;
        }
    }

    async fn an_unknown_method_is_nobodys_business_without_a_token(db: TestDatabase) {
        let admin = Tokens::of(&db).await.admin().await;
        let server = TestServer::start(&db).await;
        for (client, expected) in [
            ((*server).clone(), (Code::Unauthenticated, "TOKEN_REQUIRED")),
            (server.with_token(&admin), (Code::Unimplemented, "UNKNOWN_METHOD")),
        ] {
            let mut grpc = tonic::client::Grpc::new(client.authorized());
            grpc.ready().await.unwrap();
            let path = "/leadcapture.v1.LeadService/StealLeads".parse().unwrap();
            let codec = tonic_prost::ProstCodec::<(), ()>::default();
            let problem = Problem::of(grpc.unary(tonic::Request::new(()), path, codec).await);
            assert_eq!(problem.kind(), expected);
        }
    }
}
