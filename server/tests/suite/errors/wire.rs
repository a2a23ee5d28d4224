//! What is no message at all: refused as the caller's mistake, with details, and without harm to the connection.

use leadcapture_proto::v1;
use prost::{Message as _, bytes::BufMut as _};
use prost_types::{Struct, Value, value::Kind};
use tonic::{
    Code, Request, Response, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

use crate::support::{database::both_engines, problem::Problem, server::TestServer};

const CREATE_TENANT: &str = "/leadcapture.v1.TenantService/CreateTenant";
const RECORD_CALL: &str = "/leadcapture.v1.MissedCallService/RecordCall";

/// Sends bytes as they are.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        Ok(Some(()))
    }
}

async fn send(
    channel: Channel,
    method: &'static str,
    message: impl Into<Request<Vec<u8>>>,
) -> Result<Response<()>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    client.unary(message.into(), PathAndQuery::from_static(method), Raw).await
}

/// `custom_data` of objects within objects.
fn nested(levels: usize) -> Struct {
    let mut data = Struct::default();
    for _ in 0..levels {
        let value = Value { kind: Some(Kind::StructValue(data)) };
        data = Struct { fields: [("in".to_owned(), value)].into() };
    }
    data
}

both_engines! {
    async fn undecodable_messages_are_the_callers_mistake(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let deep = v1::RecordCallRequest { custom_data: Some(nested(200)), ..Default::default() }.encode_to_vec();
        for (method, message, field) in [
            // Field 1, two bytes that are not UTF-8.
            (CREATE_TENANT, vec![0x0a, 2, 0xc3, 0x28], "name"),
            // Field 1, five bytes announced and one sent.
            (CREATE_TENANT, vec![0x0a, 5, b'a'], "name"),
            // A key without end.
            (CREATE_TENANT, vec![0xff; 11], ""),
            // Field 1 as a number.
            (CREATE_TENANT, vec![0x08, 1], "name"),
            (RECORD_CALL, deep, "custom_data.fields"),
        ] {
            let problem = Problem::of(send(server.channel(), method, Request::new(message)).await);
            assert_eq!(problem.kind(), (Code::InvalidArgument, "MALFORMED_MESSAGE"), "{problem:?}");
            assert!(problem.fields[0].starts_with(field), "{problem:?}");
            assert!(problem.message.len() < 500, "{problem:?}");
        }
        // The connection is as good as before.
        server.tenants().list_tenants(v1::ListTenantsRequest::default()).await.unwrap();
    }

    async fn a_call_without_a_message_is_refused(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let mut client = tonic::client::Grpc::new(server.channel());
        client.ready().await.unwrap();
        let nothing = Request::new(tokio_stream::empty::<Vec<u8>>());
        let problem = Problem::of(client.client_streaming(nothing, PathAndQuery::from_static(CREATE_TENANT), Raw).await);
        assert_eq!(problem.kind(), (Code::InvalidArgument, "MALFORMED_MESSAGE"));
    }

    async fn a_message_that_is_too_large_is_refused_with_the_limit(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let request = v1::CreateTenantRequest { name: "x".repeat(17 * 1024 * 1024), ..Default::default() };
        let problem = Problem::of(server.tenants().create_tenant(request).await);
        assert_eq!(problem.kind(), (Code::OutOfRange, "MESSAGE_TOO_LARGE"));
        assert_eq!(problem.metadata["limit_bytes"], (16 * 1024 * 1024).to_string());
        server.tenants().list_tenants(v1::ListTenantsRequest::default()).await.unwrap();
    }

    async fn unknown_methods_and_encodings_are_refused_with_a_reason(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        for method in ["/leadcapture.v1.TenantService/RenameTenant", "/leadcapture.v2.TenantService/CreateTenant"] {
            let problem = Problem::of(send(server.channel(), method, Request::new(Vec::new())).await);
            assert_eq!(problem.kind(), (Code::Unimplemented, "UNKNOWN_METHOD"), "{method}");
        }
        let mut compressed = Request::new(Vec::new());
        compressed.metadata_mut().insert("grpc-encoding", "gzip".parse().unwrap());
        let problem = Problem::of(send(server.channel(), CREATE_TENANT, compressed).await);
        assert_eq!(problem.kind(), (Code::Unimplemented, "UNSUPPORTED_ENCODING"));
    }

    async fn an_actor_that_is_too_long_is_refused(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        for actor in ["a".repeat(129), "a\tb\u{b}".to_owned()] {
            let mut request = Request::new(v1::CreateTenantRequest { name: "Shop".to_owned(), ..Default::default() });
            let Ok(value) = actor.parse() else { continue };
            request.metadata_mut().insert("x-leadcapture-actor", value);
            let problem = Problem::of(server.tenants().create_tenant(request).await);
            problem.assert_fields(&["metadata x-leadcapture-actor"]);
        }
    }
}
