//! Requests that would fill the memory: by their bytes, or by what they are decoded to.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use h2::{SendStream, client::ResponseFuture};
use leadcapture_proto::v1::{BatchRecordCallsRequest, RecordCallRequest};
use leadcapture_server::{clock::SystemClock, config::Settings, domain::access::Role};
use prost::Message as _;
use prost_types::{ListValue, Struct, Value, value::Kind};
use tokio::{task::JoinSet, time::timeout};

use super::{
    LONG,
    abuse::{assert_serves_client, connect, request_to},
};
use crate::support::{
    database::{Engine, TestDatabase},
    process::start_process,
    server::{TestServer, settings},
    tokens::Tokens,
};

const MIB: usize = 1 << 20;

/// A message as it is sent: uncompressed, with its length before it.
fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), message].concat().into()
}

/// Sends as fast as the server takes it, until all is sent or the server has had enough. Whether `more` is to come, the server is told.
async fn send_all(stream: &mut SendStream<Bytes>, mut bytes: Bytes, more: bool) {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let Some(Ok(room)) = std::future::poll_fn(|context| stream.poll_capacity(context)).await else {
            return;
        };
        let part = bytes.split_to(room.min(bytes.len()));
        if stream.send_data(part, bytes.is_empty() && !more).is_err() {
            return;
        }
    }
}

/// The `grpc-status` of an answer.
async fn status(answer: ResponseFuture) -> String {
    let response = timeout(LONG, answer).await.expect("an answer").unwrap();
    if let Some(status) = response.headers().get("grpc-status") {
        return status.to_str().unwrap().to_owned();
    }
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        data.unwrap();
    }
    body.trailers().await.unwrap().unwrap()["grpc-status"].to_str().unwrap().to_owned()
}

/// Sends one request and answers its `grpc-status`.
async fn send(address: SocketAddr, method: &'static str, token: String, body: Bytes) -> String {
    let mut client = connect(address).await.ready().await.unwrap();
    let request = request_to(method).header("authorization", format!("Bearer {token}")).body(()).unwrap();
    let (answer, mut stream) = client.send_request(request, false).unwrap();
    let (status, ()) = tokio::join!(status(answer), send_all(&mut stream, body, false));
    status
}

fn record(data: Vec<Value>) -> Bytes {
    let list = Value { kind: Some(Kind::ListValue(ListValue { values: data })) };
    let custom_data = Some(Struct { fields: [(String::new(), list)].into() });
    framed(&RecordCallRequest { custom_data, ..RecordCallRequest::default() }.encode_to_vec())
}

/// Requests of some mebibytes that would be decoded to some hundreds, with their methods.
fn bombs() -> Vec<(&'static str, Bytes)> {
    let empty = BatchRecordCallsRequest { calls: vec![RecordCallRequest::default()] };
    let node = Struct { fields: [(String::new(), Value { kind: None })].into() };
    let node = Value { kind: Some(Kind::StructValue(node)) };
    vec![
        ("MissedCallService/BatchRecordCalls", framed(&empty.encode_to_vec().repeat(7 * MIB))),
        ("MissedCallService/RecordCall", record(vec![node; MIB])),
        ("MissedCallService/RecordCall", record(vec![Value { kind: None }; 6 * MIB])),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_large_only_in_memory_are_not_decoded() {
    let db = TestDatabase::new(Engine::Sqlite).await;
    let process = start_process(&db).await;
    let admin = Tokens::of(&db).await.admin().await;
    for (method, body) in bombs() {
        let mut senders = JoinSet::new();
        for _ in 0..4 {
            senders.spawn(send(process.address(), method, admin.clone(), body.clone()));
        }
        for status in senders.join_all().await {
            // OUT_OF_RANGE, or RESOURCE_EXHAUSTED while the others are being read.
            assert!(["11", "8"].contains(&status.as_str()), "{method}: {status}");
        }
        assert_eq!(
            send(process.address(), method, admin.clone(), body).await,
            "11",
            "alone it is too large still"
        );
    }
    assert_serves_client(&process, &process.with_token(&admin)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_fills_the_memory_with_halves_of_messages_shuts_nobody_out() {
    let db = TestDatabase::new(Engine::Sqlite).await;
    let process = start_process(&db).await;
    let tokens = Tokens::of(&db).await;
    let (wild, other) = (tokens.token(Role::Ingest, None).await, tokens.admin().await);
    let head = u32::try_from(15 * MIB).unwrap().to_be_bytes();
    let half = Bytes::from([&[0][..], &head, &vec![0; 5 * MIB]].concat());
    let (mut clients, mut senders) = (Vec::new(), JoinSet::new());
    for _ in 0..10 {
        let mut client = connect(process.address()).await;
        for _ in 0..20 {
            client = client.ready().await.unwrap();
            let request =
                request_to("MissedCallService/RecordCall").header("authorization", format!("Bearer {wild}"));
            let (answer, mut stream) = client.send_request(request.body(()).unwrap(), false).unwrap();
            let half = half.clone();
            senders.spawn(async move {
                let (status, ()) = tokio::join!(status(answer), send_all(&mut stream, half, true));
                status
            });
        }
        clients.push(client);
    }
    // Most are refused at once; those that are let in wait for their other halves.
    let mut refused = 0;
    while let Ok(Some(status)) = timeout(Duration::from_secs(5), senders.join_next()).await {
        assert_eq!(status.unwrap(), "8", "RESOURCE_EXHAUSTED");
        refused += 1;
    }
    assert!((150..200).contains(&refused), "{refused} of 200 were refused");
    assert_serves_client(&process, &process.with_token(&other)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_drop_by_drop_is_not_waited_for_as_long_as_its_sender_wishes() {
    let db = TestDatabase::new(Engine::Sqlite).await;
    let mut settings: Settings = settings(&db);
    settings.limits.request_timeout = Duration::from_millis(300);
    let server = TestServer::start_with(settings, SystemClock).await;
    let mut client = connect(server.address()).await.ready().await.unwrap();
    let request = request_to("LeadService/ListLeads").header("grpc-timeout", "9H").body(()).unwrap();
    let (answer, mut stream) = client.send_request(request, false).unwrap();
    stream.send_data(Bytes::from_static(&[0, 0, 0, 0, 9, 1]), false).unwrap();
    assert_eq!(status(answer).await, "4", "DEADLINE_EXCEEDED");
}
