//! The program's memory under bodies that are made to fill it.

#![cfg(target_os = "linux")]

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::{
    binary::{Running, program},
    encodings::gzip,
};

/// How much more memory than at rest the program may have needed at any time, in KiB: the limit of 4 MiB for the body as sent and
/// as inflated, as much again while they grow, and the allocator's slack, for each of the four at a time.
const ROOM_KIB: u64 = 4 * 24 * 1024;
const MIB: usize = 1024 * 1024;

/// The most memory that a process ever had, in KiB.
fn peak_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Posts a body in parts until it is sent or the other side has had enough; the answer's first line.
fn post(address: &str, head: &str, parts: impl Iterator<Item = Vec<u8>>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(stream, "POST /webhooks/voicenter/cdr HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n")
        .unwrap();
    let sent: io::Result<()> = parts.into_iter().try_for_each(|part| stream.write_all(&part));
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    assert!(sent.is_err() || read.is_ok() || !answer.is_empty(), "{sent:?} {read:?}");
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// 1 GiB in about 1 MiB.
fn bomb() -> Vec<u8> {
    gzip(&vec![b' '; MIB]).repeat(1_024)
}

#[test]
fn memory_stays_within_the_limit() {
    let (running, line) = Running::start(&mut program());
    let address = line["address"].as_str().unwrap().to_owned();
    let process = running.0.id();
    assert_eq!(
        post(&address, "content-length: 2\r\n", [b"{}".to_vec()].into_iter()),
        "HTTP/1.1 400 Bad Request"
    );
    let at_rest = peak_kib(process);

    let hundred = || (0..100).map(|_| vec![b'['; MIB]);
    let chunked = || (0..100).map(|_| chunk(&vec![b' '; MIB])).chain([b"0\r\n\r\n".to_vec()]);
    let bomb = bomb();
    let encoded = format!("content-encoding: gzip\r\ncontent-length: {}\r\n", bomb.len());
    let twice = gzip(&bomb);
    let twice_encoded = format!("content-encoding: gzip, gzip\r\ncontent-length: {}\r\n", twice.len());
    std::thread::scope(|scope| {
        let posts = [
            scope.spawn(|| post(&address, &format!("content-length: {}\r\n", 100 * MIB), hundred())),
            scope.spawn(|| post(&address, "transfer-encoding: chunked\r\n", chunked())),
            scope.spawn(|| post(&address, &encoded, [bomb.clone()].into_iter())),
            scope.spawn(|| post(&address, &twice_encoded, [twice.clone()].into_iter())),
        ];
        for post in posts {
            assert_eq!(post.join().unwrap(), "HTTP/1.1 413 Payload Too Large");
        }
    });

    let more = peak_kib(process) - at_rest;
    assert!(more < ROOM_KIB, "{more} KiB more than the {at_rest} KiB at rest");
    assert_eq!(
        post(&address, "content-length: 2\r\n", [b"{}".to_vec()].into_iter()),
        "HTTP/1.1 400 Bad Request"
    );
}
