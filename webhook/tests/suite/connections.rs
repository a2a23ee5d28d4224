//! Connections that mean harm: bounded, and others are served all the while.

use std::time::Duration;

use leadcapture_webhook::{DoorSettings, Settings};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{interval, timeout},
};

use crate::{
    adapter::{Adapter, PATH, record},
    remote::Remote,
};

/// Longer than anything here takes, on a busy machine too.
const LONG: Duration = Duration::from_secs(30);

async fn start(remote: &Remote, door: DoorSettings) -> Adapter {
    Adapter::with(Settings { server: remote.url(), door, ..Settings::default() }).await
}

fn impatient() -> DoorSettings {
    DoorSettings { header_timeout: Duration::from_millis(200), ..DoorSettings::default() }
}

async fn posts(adapter: &Adapter) {
    adapter.post(record(&json!({})).to_string()).await.assert_ok();
}

/// What comes until the other side closes the connection, which it must.
async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(LONG, stream.read_to_end(&mut answer)).await.expect("the connection is closed");
    // Closed with what was sent still unread: a reset is an end too.
    drop(read);
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn heads_that_come_byte_by_byte_are_not_waited_for() {
    let remote = Remote::start().await;
    let adapter = start(&remote, impatient()).await;
    let mut dribblers = JoinSet::new();
    for _ in 0..50 {
        let address = adapter.address;
        dribblers.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\nx-slow: {}", "x".repeat(10_000));
            let mut pace = interval(Duration::from_millis(10));
            for byte in head.bytes() {
                pace.tick().await;
                if stream.write_all(&[byte]).await.is_err() {
                    return true;
                }
            }
            false
        });
    }
    // Served while they dribble, over connections of its own.
    while dribblers.try_join_next().is_none() {
        posts(&adapter).await;
    }
    let cut_off = timeout(LONG, dribblers.join_all()).await.unwrap();
    assert!(cut_off.iter().all(|cut_off| *cut_off));
    posts(&adapter).await;
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let remote = Remote::start().await;
    let adapter = start(&remote, impatient()).await;
    let mut silent = TcpStream::connect(adapter.address).await.unwrap();
    let mut kept = TcpStream::connect(adapter.address).await.unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let answer = to_the_end(&mut kept).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(r#"{"status":"ok"}"#), "{answer}");
    assert_eq!(to_the_end(&mut silent).await, "");
}

#[tokio::test]
async fn hundreds_of_idle_connections_stop_nobody() {
    let remote = Remote::start().await;
    let adapter = start(&remote, DoorSettings { header_timeout: LONG * 2, ..DoorSettings::default() }).await;
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(TcpStream::connect(adapter.address).await.unwrap());
    }
    timeout(LONG, posts(&adapter)).await.unwrap();
}

#[tokio::test]
async fn beyond_the_limit_connections_wait_for_their_turn() {
    let remote = Remote::start().await;
    let door = DoorSettings { max_connections: 3, header_timeout: LONG * 2, ..DoorSettings::default() };
    let adapter = start(&remote, door).await;
    // Connections are taken in the order in which they were made.
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(TcpStream::connect(adapter.address).await.unwrap());
    }
    let posting = posts(&adapter);
    tokio::pin!(posting);
    assert!(timeout(Duration::from_millis(100), &mut posting).await.is_err());
    idle.pop();
    timeout(LONG, posting).await.unwrap();
    drop(idle);

    // Those that stay silent make room by themselves.
    let door = DoorSettings { max_connections: 3, ..impatient() };
    let adapter = start(&remote, door).await;
    let mut idle = Vec::new();
    for _ in 0..6 {
        idle.push(TcpStream::connect(adapter.address).await.unwrap());
    }
    timeout(LONG, posts(&adapter)).await.unwrap();
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let remote = Remote::start().await;
    let door = DoorSettings { header_limit: 4_000, header_count: 10, ..DoorSettings::default() };
    let adapter = start(&remote, door).await;
    let fields = |count: usize| "x-field: 1\r\n".repeat(count);
    let get = |path: &str, fields: &str| format!("GET {path} HTTP/1.1\r\nconnection: close\r\n{fields}\r\n");
    for (request, expected) in [
        (get("/healthz", &fields(9)), "200"),
        (get("/healthz", &fields(10)), "431"),
        (get("/healthz", &fields(1_000)), "431"),
        (get("/healthz", &format!("x-long: {}\r\n", "x".repeat(3_000))), "200"),
        (get("/healthz", &format!("x-long: {}\r\n", "x".repeat(5_000))), "431"),
        (get(&format!("/{}", "x".repeat(5_000)), ""), "431"),
        (get("/healthz", "no colon\r\n"), "400"),
    ] {
        let mut stream = TcpStream::connect(adapter.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = to_the_end(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{request:.80} {answer}");
    }
    // One without an end is cut off long before it fills the memory.
    let mut stream = TcpStream::connect(adapter.address).await.unwrap();
    let mut sent = 0_usize;
    let flood = async {
        stream.write_all(b"GET / HTTP/1.1\r\nx-flood: ").await?;
        loop {
            stream.write_all(&vec![b'x'; 65_536]).await?;
            sent += 65_536;
        }
    };
    let ended: std::io::Result<()> = timeout(LONG, flood).await.unwrap();
    assert!(ended.is_err() && sent < 16 * 1024 * 1024, "{ended:?} after {sent} bytes");
    posts(&adapter).await;
}

#[tokio::test]
async fn a_sender_that_reads_no_answers_is_given_up() {
    let remote = Remote::start().await;
    let adapter = start(&remote, impatient()).await;
    let mut stream = TcpStream::connect(adapter.address).await.unwrap();
    let requests = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1_000);
    let flood = async {
        loop {
            if let Err(error) = stream.write_all(requests.as_bytes()).await {
                return error;
            }
        }
    };
    timeout(LONG, flood).await.expect("the connection is closed");
    posts(&adapter).await;
}
