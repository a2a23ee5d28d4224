//! Golden files: each folder of `tests/golden` holds one call in three formats and two spellings, and `expected.txt`, the
//! request that all of them must become. `tests/golden/samples` holds what the vendor's samples must become.

use std::{fs, path::Path};

use crate::{adapter::Adapter, remote::Remote, shown::shown};

/// The bodies of a call, and a content type as their senders give it.
const BODIES: [(&str, &str); 7] = [
    ("push.json", "application/json"),
    ("push.form.txt", "application/x-www-form-urlencoded"),
    ("push.xml", "text/xml"),
    ("log.json", "application/json; charset=utf-8"),
    ("log.form.txt", "application/x-www-form-urlencoded; charset=UTF-8"),
    ("log.xml", "application/xml"),
    ("plain.xml", "text/xml"),
];
const CALLS: [&str; 5] =
    ["abandoned-in-a-queue", "answered", "outgoing-unanswered", "transferred-with-a-new-status", "withheld"];
/// The vendor's samples.
pub(crate) const SAMPLES: [(&str, &str); 8] = [
    ("queue-abandoned.json", "application/json"),
    ("incoming-noanswer-capitalised.json", "application/json"),
    ("incoming-answered.json", "application/json"),
    ("outgoing-noanswer.json", "application/json"),
    ("outgoing-answered-callback.json", "application/json"),
    ("withheld-number.json", "application/json"),
    ("form-body.txt", "application/x-www-form-urlencoded"),
    ("xml-rpc-body.xml", "text/xml"),
];
const REPLIES: [(&str, &str, &str); 3] = [
    ("json", "application/json", r#"{"Err":0,"Errdesc":"OK"}"#),
    ("txt", "application/x-www-form-urlencoded", "Err=0&Errdesc=OK"),
    (
        "xml",
        "text/xml; charset=utf-8",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><methodResponse><params><param><value><struct>\
         <member><name>Err</name><value><int>0</int></value></member>\
         <member><name>Errdesc</name><value><string>OK</string></value></member>\
         </struct></value></param></params></methodResponse>",
    ),
];

pub(crate) fn file(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(path: &str) -> String {
    String::from_utf8(file(path)).unwrap()
}

/// Posts a file, asserts that the reply is good and in its format, and gives the request that was recorded, as text.
async fn recorded(adapter: &Adapter, remote: &Remote, path: &str, content_type: &str) -> String {
    let before = remote.recorded_now().len();
    let answer = adapter.post_as(content_type, file(path)).await;
    let extension = path.rsplit('.').next().unwrap();
    let reply = (extension, answer.content_type.as_str(), answer.body.as_str());
    assert!(answer.status == 200 && REPLIES.contains(&reply), "{path}: {answer:?}");
    let recorded = remote.recorded_now();
    assert_eq!(recorded.len(), before + 1, "{path}");
    shown(&recorded[before])
}

#[tokio::test]
async fn one_call_in_every_format_and_spelling_is_one_request() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for call in CALLS {
        let expected = text(&format!("golden/{call}/expected.txt"));
        for (body, content_type) in BODIES {
            let path = format!("golden/{call}/{body}");
            assert_eq!(recorded(&adapter, &remote, &path, content_type).await, expected, "{path}");
        }
        let requests = remote.recorded_now();
        let last = &requests[requests.len() - BODIES.len()..];
        assert!(last.iter().all(|request| *request == last[0]), "{call}");
    }
}

#[tokio::test]
async fn every_sample_becomes_its_request() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for (sample, content_type) in SAMPLES {
        let expected = text(&format!("golden/samples/{sample}.txt"));
        let path = format!("samples/{sample}");
        assert_eq!(recorded(&adapter, &remote, &path, content_type).await, expected, "{sample}");
    }
}

#[tokio::test]
async fn the_body_counts_where_the_content_type_is_wrong() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for (sample, _) in SAMPLES {
        let expected = text(&format!("golden/samples/{sample}.txt"));
        let path = format!("samples/{sample}");
        for wrong in
            ["text/plain", "application/json", "application/x-www-form-urlencoded", "text/xml", "nonsense"]
        {
            assert_eq!(recorded(&adapter, &remote, &path, wrong).await, expected, "{sample} as {wrong}");
        }
    }
}

#[test]
fn every_file_is_in_the_tables() {
    let names = |folder: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    };
    let sorted = |mut names: Vec<String>| {
        names.sort_unstable();
        names
    };
    assert_eq!(names("samples"), sorted(SAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect()));
    assert_eq!(
        names("golden/samples"),
        sorted(SAMPLES.iter().map(|(name, _)| format!("{name}.txt")).collect())
    );
    assert_eq!(
        names("golden"),
        sorted([&CALLS[..], &["samples"]].concat().iter().map(|&name| name.to_owned()).collect())
    );
    for call in CALLS {
        let files = BODIES.iter().map(|(name, _)| (*name).to_owned()).chain(["expected.txt".to_owned()]);
        assert_eq!(names(&format!("golden/{call}")), sorted(files.collect()));
    }
}
