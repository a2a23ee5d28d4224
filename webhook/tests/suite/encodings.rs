//! Compressed bodies and other charsets.

use std::io::Write as _;

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use leadcapture_webhook::Settings;
use reqwest::Method;
use serde_json::json;

use crate::{
    adapter::{Adapter, Answer, PATH, record},
    golden::{SAMPLES, file},
    remote::Remote,
};

pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn post(adapter: &Adapter, encoding: &str, body: Vec<u8>) -> Answer {
    adapter.request(Method::POST, PATH, &[("content-encoding", encoding)], body).await
}

#[tokio::test]
async fn every_encoding_is_taken() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for (sample, _) in SAMPLES {
        let body = file(&format!("samples/{sample}"));
        assert_eq!(post(&adapter, "identity", body.clone()).await.status, 200);
        let expected = remote.recorded_now().last().cloned();
        for (encoding, encoded) in [
            ("gzip", gzip(&body)),
            ("X-GZIP", gzip(&body)),
            ("deflate", zlib(&body)),
            ("deflate", deflate(&body)),
            ("deflate, identity , gzip", gzip(&zlib(&body))),
            ("gzip,gzip", gzip(&gzip(&body))),
            ("", body.clone()),
        ] {
            let before = remote.recorded_now().len();
            assert_eq!(post(&adapter, encoding, encoded).await.status, 200, "{encoding} {sample}");
            assert_eq!(remote.recorded_now().len(), before + 1);
            assert_eq!(remote.recorded_now().last().cloned(), expected, "{encoding} {sample}");
        }
    }
}

#[tokio::test]
async fn a_gzip_body_of_several_parts_is_one_body() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let body = record(&json!({})).to_string();
    let (start, end) = body.as_bytes().split_at(20);
    post(&adapter, "gzip", [gzip(start), gzip(b""), gzip(end)].concat()).await.assert_ok();
    let expected = (400, 1, "body: is of more than 100 gzip parts".to_owned());
    assert_eq!(post(&adapter, "gzip", gzip(b"").repeat(200_000)).await.parts(), expected);
}

#[tokio::test]
async fn what_cannot_be_inflated_is_refused() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let body = record(&json!({"Novelty": "abcdefgh".repeat(100)})).to_string().into_bytes();
    let cut = |mut encoded: Vec<u8>, bytes: usize| {
        encoded.truncate(encoded.len() - bytes);
        encoded
    };
    let mut damaged = gzip(&body);
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    for (encoding, encoded) in [
        ("gzip", body.clone()),
        ("gzip", Vec::new()),
        ("gzip", cut(gzip(&body), 1)),
        ("gzip", cut(gzip(&body), 30)),
        ("gzip", damaged),
        ("gzip", [gzip(&body), b"more".to_vec()].concat()),
        ("deflate", [zlib(&body), b"more".to_vec()].concat()),
        ("deflate", [deflate(&body), b"more".to_vec()].concat()),
        ("deflate", gzip(&body)),
        ("deflate", Vec::new()),
        ("deflate", cut(zlib(&body), 10)),
        ("deflate", cut(deflate(&body), 10)),
        ("gzip, deflate", gzip(&body)),
    ] {
        let expected = "body: is not what content-encoding says, or is incomplete".to_owned();
        assert_eq!(post(&adapter, encoding, encoded).await.parts(), (400, 1, expected), "{encoding}");
    }
    for encoding in ["br", "zstd", "compress", "gzip, br", "gzip,gzip,gzip,gzip", "*"] {
        let answer = post(&adapter, encoding, body.clone()).await;
        let expected = "content-encoding: must be gzip, deflate or identity, at most 3 of them".to_owned();
        assert_eq!(answer.parts(), (415, 1, expected), "{encoding}");
        assert_eq!(answer.accept_encoding.as_deref(), Some("gzip, deflate, identity"));
    }
    assert_eq!(remote.recorded_now(), []);
}

#[tokio::test]
async fn the_limit_holds_after_inflation() {
    let remote = Remote::start().await;
    let adapter =
        Adapter::with(Settings { server: remote.url(), body_limit: 1_000, ..Settings::default() }).await;
    let filled = |size: usize| {
        let empty = record(&json!({"aiData": ""})).to_string().len();
        record(&json!({"aiData": "x".repeat(size - empty)})).to_string().into_bytes()
    };
    post(&adapter, "gzip", gzip(&filled(1_000))).await.assert_ok();
    let too_large = (413, 1, "body: is larger than 1000 bytes".to_owned());
    for (encoding, encoded) in [
        ("gzip", gzip(&filled(1_001))),
        ("deflate", zlib(&filled(100_000))),
        ("deflate", deflate(&filled(100_000))),
        // Small at both ends and large in between.
        ("gzip, gzip", gzip(&gzip(&filled(900)).repeat(100))),
    ] {
        assert_eq!(post(&adapter, encoding, encoded).await.parts(), too_large, "{encoding}");
    }
}

#[tokio::test]
async fn other_charsets_are_read_where_they_are_named() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let json = |name: &[u8]| {
        [br#"{"ivruniqueid":"1","time":1769519400,"status":"BUSY","queuename":""#, name, b"\"}"].concat()
    };
    let xml = |declaration: &str, name: &[u8]| {
        let rest = b"<c><ivruniqueid>1</ivruniqueid><time>1769519400</time><status>BUSY</status><queuename>";
        [declaration.as_bytes(), rest, name, b"</queuename></c>"].concat()
    };
    let hebrew: &[u8] = b"\xee\xeb\xe9\xf8\xe5\xfa";
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(String::from_utf8(json("מכירות".as_bytes())).unwrap().encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let form = "application/x-www-form-urlencoded; charset=windows-1255";
    for (content_type, body) in [
        ("application/json", json("מכירות".as_bytes())),
        ("application/json; charset=windows-1255", json(hebrew)),
        // What is UTF-8 is UTF-8, whatever is said of it.
        ("application/json; charset=windows-1255", json("מכירות".as_bytes())),
        ("application/json", utf16),
        (form, b"ivruniqueid=1&time=1769519400&status=BUSY&queuename=%EE%EB%E9%F8%E5%FA".to_vec()),
        (form, [b"ivruniqueid=1&time=1769519400&status=BUSY&queuename=", hebrew].concat()),
        ("text/xml", xml("<?xml version=\"1.0\" encoding=\"ISO-8859-8\"?>", hebrew)),
        ("text/xml", xml("<?xml version='1.0' encoding='windows-1255'?>", hebrew)),
        ("text/xml; charset=windows-1255", xml("<?xml version='1.0'?>", hebrew)),
        ("text/xml", xml("<?xml version='1.0' encoding='klingon'?>", "מכירות".as_bytes())),
    ] {
        assert_eq!(adapter.post_as(content_type, body).await.status, 200, "{content_type}");
        assert_eq!(
            remote.recorded_now().last().unwrap().queue_name.as_deref(),
            Some("מכירות"),
            "{content_type}"
        );
    }
    let answer = adapter.post_as("text/xml", xml("<?xml version='1.0' encoding='klingon'?>", hebrew)).await;
    assert!(
        answer.is_malformed() && answer.body.contains("body: is in a charset that is not known; send UTF-8")
    );
}
