//! Clients that ask for all that the protocol allows, and more. The server stays small and serves the others.

use std::{fs, net::SocketAddr, time::Duration};

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request, request::Builder};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use super::{HEALTHY, LONG, SERVICE};
use crate::support::{
    client::Client,
    database::{Engine, TestDatabase},
    process::{ServerProcess, start_process},
};

/// The most memory that the process may ever have had, in KiB.
const MAX_MEMORY_KIB: u64 = 200 * 1024;

/// A connection on which requests are written by hand.
pub(super) async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

fn request() -> Request<()> {
    request_to("LeadService/ListLeads").body(()).unwrap()
}

/// The head of a request, as far as every request has the same.
pub(super) fn request_to(method: &str) -> Builder {
    let uri = format!("http://leadcapture/leadcapture.v1.{method}");
    let request = Request::builder().method(Method::POST).uri(uri).header("content-type", "application/grpc");
    request.header("te", "trailers")
}

/// The most memory that the process has had so far, in KiB (proc(5), `VmHWM`).
fn peak_memory(process: &ServerProcess) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Others are served, and quickly.
async fn assert_serves(process: &ServerProcess) {
    assert_serves_client(process, process).await;
}

/// As [`assert_serves`], to a client with a token.
pub(super) async fn assert_serves_client(process: &ServerProcess, client: &Client) {
    let answer = timeout(LONG, process.health(SERVICE)).await;
    assert_eq!(answer.expect("the server to answer"), HEALTHY);
    client.create_tenant("Demo Plumbing").await;
    let peak = peak_memory(process);
    assert!(peak < MAX_MEMORY_KIB, "the server took {peak} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_that_are_never_finished() {
    let process = start_process(&TestDatabase::new(Engine::Sqlite).await).await;
    let mut clients = Vec::new();
    let mut streams = Vec::new();
    // A connection has fewer streams than that, so several connections open them.
    while streams.len() < 1_000 {
        let mut client = connect(process.address()).await;
        for _ in 0..100 {
            client = client.ready().await.unwrap();
            let (answer, mut body) = client.send_request(request(), false).unwrap();
            // The head of a message of 1 MiB, and nothing of it.
            body.send_data(Bytes::from_static(&[0, 0, 16, 0, 0]), false).unwrap();
            streams.push((answer, body));
        }
        clients.push(client);
    }
    assert_serves(&process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_that_send_nothing() {
    let process = start_process(&TestDatabase::new(Engine::Sqlite).await).await;
    let mut silent = Vec::new();
    for _ in 0..500 {
        silent.push(TcpStream::connect(process.address()).await.unwrap());
    }
    assert_serves(&process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_hundred_mebibytes() {
    let process = start_process(&TestDatabase::new(Engine::Sqlite).await).await;
    let mut senders = JoinSet::new();
    for _ in 0..8 {
        let address = process.address();
        senders.spawn(async move {
            let client = connect(address).await;
            let (answer, mut body) = client.ready().await.unwrap().send_request(request(), false).unwrap();
            let length: u32 = 100 << 20;
            let head = [&[0][..], &length.to_be_bytes()].concat();
            // The server answers and closes the stream long before all is sent.
            let mut sent = body.send_data(head.into(), false).is_ok();
            let chunk = Bytes::from(vec![0; 1 << 20]);
            let send_all = async {
                for _ in 0..100 {
                    body.reserve_capacity(chunk.len());
                    while sent && body.capacity() < chunk.len() {
                        sent = matches!(
                            std::future::poll_fn(|context| body.poll_capacity(context)).await,
                            Some(Ok(_))
                        );
                    }
                    if !sent || body.send_data(chunk.clone(), false).is_err() {
                        return;
                    }
                }
            };
            // A server that stops reading is as good as one that closes.
            let _ = timeout(Duration::from_secs(5), send_all).await;
            let answer = timeout(LONG, answer).await.expect("an answer").unwrap();
            answer.headers()["grpc-status"].to_str().unwrap().to_owned()
        });
    }
    // 11, OUT_OF_RANGE: larger than the server accepts.
    assert_eq!(senders.join_all().await, vec!["11"; 8]);
    assert_serves(&process).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_reset_as_fast_as_they_are_opened() {
    let process = start_process(&TestDatabase::new(Engine::Sqlite).await).await;
    let mut attackers = JoinSet::new();
    for _ in 0..4 {
        let address = process.address();
        attackers.spawn(async move {
            let mut opened = 0;
            while opened < 20_000 {
                let mut client = connect(address).await;
                // The server ends a connection that resets too much; then comes the next.
                while opened < 20_000 {
                    client = match client.ready().await {
                        Ok(client) => client,
                        Err(_) => break,
                    };
                    let Ok((_, mut stream)) = client.send_request(request(), false) else { break };
                    stream.send_reset(h2::Reason::CANCEL);
                    opened += 1;
                }
            }
        });
    }
    // While it goes on, not only after it.
    assert_serves(&process).await;
    attackers.join_all().await;
    assert_serves(&process).await;
}
