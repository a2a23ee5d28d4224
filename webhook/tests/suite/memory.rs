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

/// How much more memory than at rest the program may have needed at any time for one body, in KiB: four times the limit of 4 MiB.
/// Twice is the body as sent and as inflated; the rest is what they grow into and what is read of them.
const ROOM_KIB: u64 = 4 * 4 * 1024;
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
    assert_eq!(post(&address, "content-length: 2\r\n", [b"{}".to_vec()].into_iter()), "HTTP/1.1 200 OK");
    let at_rest = peak_kib(process);

    let hundred = || (0..100).map(|_| vec![b'['; MIB]);
    let chunked = || (0..100).map(|_| chunk(&vec![b' '; MIB])).chain([b"0\r\n\r\n".to_vec()]);
    let bomb = bomb();
    let twice = gzip(&bomb);
    let length = |body: &[u8]| format!("content-length: {}\r\n", body.len());
    let gzipped = |body: &[u8]| format!("content-encoding: gzip\r\n{}", length(body));
    let gzipped_twice = |body: &[u8]| format!("content-encoding: gzip, gzip\r\n{}", length(body));
    // As many small values as are read, in bodies as large as are taken.
    let values = format!("{{\"a\":[{}\"{}\"]}}", "{},".repeat(90_000), "x".repeat(3 * MIB));
    let elements = format!("<a>{}<b>{}</b></a>", "<b>1</b>".repeat(90_000), "x".repeat(3 * MIB));
    let fields = format!(
        "{}z={}",
        (0..9_000).map(|n| format!("{n}=1&")).collect::<Vec<_>>().concat(),
        "x".repeat(3 * MIB)
    );
    let (large, read) = ("HTTP/1.1 413 Payload Too Large", "HTTP/1.1 200 OK");
    let one = |body: &[u8]| [body.to_vec()].into_iter();
    std::thread::scope(|scope| {
        let posts = [
            scope.spawn(|| (large, post(&address, &format!("content-length: {}\r\n", 100 * MIB), hundred()))),
            scope.spawn(|| (large, post(&address, "transfer-encoding: chunked\r\n", chunked()))),
            scope.spawn(|| (large, post(&address, &gzipped(&bomb), one(&bomb)))),
            scope.spawn(|| (large, post(&address, &gzipped_twice(&twice), one(&twice)))),
            scope.spawn(|| (read, post(&address, &length(values.as_bytes()), one(values.as_bytes())))),
            scope.spawn(|| (read, post(&address, &length(elements.as_bytes()), one(elements.as_bytes())))),
            scope.spawn(|| (read, post(&address, &length(fields.as_bytes()), one(fields.as_bytes())))),
        ];
        let bodies = u64::try_from(posts.len()).unwrap();
        for post in posts {
            let (expected, answer) = post.join().unwrap();
            assert_eq!(answer, expected);
        }
        let more = peak_kib(process) - at_rest;
        assert!(more < bodies * ROOM_KIB, "{more} KiB more than the {at_rest} KiB at rest");
    });
    assert_eq!(post(&address, "content-length: 2\r\n", [b"{}".to_vec()].into_iter()), read);
}
