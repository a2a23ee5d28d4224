//! Requests written byte by byte, for what no HTTP client would send.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Sends raw bytes, keeps the connection open, and reads the answer.
pub(crate) async fn raw(address: SocketAddr, request: impl Into<Vec<u8>>) -> String {
    exchange(address, request.into(), false).await
}

/// Sends raw bytes and nothing more, and reads the answer.
pub(crate) async fn raw_to_the_end(address: SocketAddr, request: impl Into<Vec<u8>>) -> String {
    exchange(address, request.into(), true).await
}

async fn exchange(address: SocketAddr, request: Vec<u8>, end: bool) -> String {
    let exchange = move || {
        let mut stream = connect(address, TIME_LIMIT);
        stream.write_all(&request).unwrap();
        if end {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        let mut answer = Vec::new();
        let mut part = [0; 1_024];
        while !is_whole(&answer) {
            match stream.read(&mut part) {
                Ok(0) => break,
                Ok(length) => answer.extend_from_slice(&part[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error}"),
            }
        }
        String::from_utf8(answer).unwrap()
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

/// Sends a request's head, then the body one byte a chunk for as long as nothing is answered; the answer.
pub(crate) async fn dribble(address: SocketAddr, head: &'static str) -> String {
    let exchange = move || {
        // The wait for an answer is the pause between two chunks.
        let mut stream = connect(address, Duration::from_millis(5));
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut part = [0; 1_024];
        while !is_whole(&answer) {
            if answer.is_empty() && stream.write_all(b"1\r\n \r\n").is_err() {
                break;
            }
            match stream.read(&mut part) {
                Ok(0) => break,
                Ok(length) => answer.extend_from_slice(&part[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        String::from_utf8(answer).unwrap()
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

fn connect(address: SocketAddr, read_timeout: Duration) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(read_timeout)).unwrap();
    stream.set_write_timeout(Some(TIME_LIMIT)).unwrap();
    stream
}

fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"}")
}
