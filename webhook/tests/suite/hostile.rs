//! Input that means harm or went wrong on the way: a bounded answer to each, and the next record is taken as ever.

use std::time::Duration;

use leadcapture_webhook::Settings;
use serde_json::json;

use crate::{
    adapter::{Adapter, record},
    golden::{SAMPLES, file},
    raw::{dribble, raw, raw_to_the_end},
    remote::Remote,
};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const XML: &str = "text/xml";
/// A good record up to the name of its queue, in each format.
const JSON_START: &str = r#"{"ivruniqueid":"1","time":1769519400,"status":"BUSY","queuename":""#;
const FORM_START: &str = "ivruniqueid=1&time=1769519400&status=BUSY&queuename=";
const XML_START: &str =
    "<c><ivruniqueid>1</ivruniqueid><time>1769519400</time><status>BUSY</status><queuename>";

async fn still_works(adapter: &Adapter) {
    adapter.post(record(&json!({})).to_string()).await.assert_ok();
}

#[tokio::test]
async fn a_body_cut_anywhere_is_answered() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for (sample, content_type) in SAMPLES {
        let body = file(&format!("samples/{sample}"));
        for end in (0..body.len()).step_by(13) {
            let answer = adapter.post_as(content_type, body[..end].to_vec()).await;
            // A form is readable from its first required fields on.
            let is_taken = content_type == FORM && answer.status == 200;
            assert!(answer.is_malformed() || is_taken, "{sample} cut at {end}: {answer:?}");
        }
    }
    still_works(&adapter).await;
}

#[tokio::test]
async fn deep_nesting_is_refused() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(60_000), close.repeat(60_000));
    for (content_type, body, expected) in [
        (JSON, deep("[", "]"), "body: is nested too deep"),
        (JSON, deep("{\"a\":", "}"), "body: is nested too deep"),
        (JSON, "[".repeat(150_000), "body: is nested too deep"),
        (XML, deep("<a>", "</a>"), "body: is nested too deep"),
        (XML, deep("<value><array><data>", "</data></array></value>"), "body: is nested too deep"),
        (FORM, format!("data={}", deep("[", "]")), "body: is nested too deep"),
    ] {
        let answer = adapter.post_as(content_type, body).await;
        assert!(
            answer.is_malformed() && answer.body.replace('+', " ").replace("%3A", ":").contains(expected),
            "{answer:?}"
        );
    }
    // In a field that only describes the call it is kept as text.
    let nested = format!("IVR={0}&CustomData={0}&ivruniqueid=1&time=1769519400&status=BUSY", deep("[", "]"));
    assert_eq!(adapter.post_as(FORM, nested).await.status, 200);
    still_works(&adapter).await;
}

#[tokio::test]
async fn masses_of_small_values_are_refused() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for (content_type, body) in [
        (JSON, format!("[{}{{}}]", "{},".repeat(1_000_000))),
        (JSON, format!("{{\"a\":[{}0]}}", "0,".repeat(1_500_000))),
        (JSON, format!("[{}\"\"]", format!("\"[{}{{}}]\",", "{},".repeat(1_000)).repeat(500))),
        (FORM, "a=b&".repeat(1_000_000)),
        (FORM, "&".repeat(4_000_000)),
        (XML, format!("<a>{}</a>", "<b/>".repeat(1_000_000))),
        (XML, format!("<a{}/>", " b='1'".repeat(600_000))),
        (XML, format!("<a>{}</a>", "&amp;".repeat(800_000))),
        (
            JSON,
            format!(
                "{{{}\"z\":0}}",
                (0..90_000).map(|index| format!("\"{index}\":0,")).collect::<Vec<_>>().concat()
            ),
        ),
    ] {
        let answer = adapter.post_as(content_type, body).await;
        assert!(answer.is_malformed(), "{answer:?}");
    }
    still_works(&adapter).await;
}

#[tokio::test]
async fn xml_bombs_are_refused() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let entities: Vec<String> = (1..20)
        .map(|level| format!("<!ENTITY a{level} \"{}\">", format!("&a{};", level - 1).repeat(10)))
        .collect();
    let entities = entities.concat();
    for body in [
        format!("<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a0 \"ha\">{entities}]><l>&a19;</l>"),
        "<!DOCTYPE l SYSTEM \"http://127.0.0.1:1/x.dtd\"><l/>".to_owned(),
        "<!DOCTYPE l [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><l>&x;</l>".to_owned(),
        "<!DOCTYPE l [<!ENTITY % x SYSTEM \"file:///etc/passwd\"> %x;]><l/>".to_owned(),
    ] {
        let answer = adapter.post_as(XML, body).await;
        assert!(answer.is_malformed() && answer.body.contains("document type (DOCTYPE)"), "{answer:?}");
    }
    let answer = adapter.post_as(XML, "<l>&a19;</l>").await;
    assert!(answer.is_malformed() && answer.body.contains("an entity that XML does not have"), "{answer:?}");
    still_works(&adapter).await;
}

#[tokio::test]
async fn odd_values_are_refused_or_kept_but_never_lost() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let good = "\"ivruniqueid\":\"1\",\"status\":\"BUSY\"";
    for (fields, expected) in [
        ("\"time\":1e999", "time: must be epoch seconds"),
        ("\"time\":99999999999999999999999999", "time: must be epoch seconds"),
        ("\"time\":-9223372036854775808", "time: is no time between the years 1 and 9999"),
        ("\"time\":-99999999999999", "time: is no time between the years 1 and 9999"),
        ("\"time\":1769519400000", "time: is no time between the years 1 and 9999"),
        ("\"time\":\"١٧٦٩\"", "time: must be epoch seconds"),
        ("\"time\":5,\"duration\":-1", "duration: must be 0 to 604800 seconds"),
        ("\"time\":5,\"duration\":1e400", "duration: must be a whole number"),
        ("\"time\":5,\"duration\":true", "duration: must be a whole number"),
        ("\"time\":{\"$gt\":0}", "time: must be epoch seconds"),
    ] {
        let answer = adapter.post(format!("{{{good},{fields}}}")).await;
        assert_eq!(answer.parts(), (200, 1, expected.to_owned()), "{fields}");
    }
    // The same field twice: the first that is not blank. A number of any length: every digit.
    let body = r#"{"ivruniqueid":"","ivruniqueid":20260127131000123456789,"IVRUNIQUEID":"3","time":-5,
        "status":"BUSY"}"#;
    adapter.post(body).await.assert_ok();
    let call = remote.recorded_now().pop().unwrap();
    assert_eq!(
        (call.call_id.as_str(), call.called_at.unwrap().seconds < 0),
        ("20260127131000123456789", true)
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_never_cost_the_call() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    // A name that was cut in the middle of a letter, one that holds U+0000, and padding after the body.
    for (content_type, start, name, end) in [
        (JSON, JSON_START, &b"\xd7\x9e\xd7"[..], "\"}\0\0"),
        (JSON, JSON_START, b"\xd7\x9e\\u0000", "\"}"),
        (FORM, FORM_START, b"%D7%9E%D7", "\0"),
        (FORM, FORM_START, b"%D7%9E%00", ""),
        (XML, XML_START, b"\xd7\x9e\xd7", "</queuename></c>\0"),
        (XML, XML_START, b"\xd7\x9e&#0;", "</queuename></c>"),
    ] {
        let body = [start.as_bytes(), name, end.as_bytes()].concat();
        let answer = adapter.post_as(content_type, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            remote.recorded_now().pop().unwrap().queue_name.as_deref(),
            Some("מ\u{fffd}"),
            "{content_type}"
        );
    }
    // An id must be whole, or two calls would become one.
    for (content_type, body) in [
        (JSON, &b"{\"ivruniqueid\":\"1\xff\",\"time\":1769519400,\"status\":\"BUSY\"}"[..]),
        (FORM, b"ivruniqueid=1%ff&time=1769519400&status=BUSY"),
    ] {
        let answer = adapter.post_as(content_type, body).await;
        let text = answer.body.replace('+', " ");
        assert!(answer.is_malformed() && text.contains("holds characters that are not UTF-8"), "{answer:?}");
    }
    still_works(&adapter).await;
}

#[tokio::test]
async fn wrong_lengths_are_answered() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let body = record(&json!({})).to_string();
    let head = "POST /webhooks/voicenter/cdr HTTP/1.1\r\nhost: x\r\n";
    // Longer than it is: the sender hangs up before it is whole.
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len() + 1);
    let answer = raw_to_the_end(adapter.address, request).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    // Shorter than it is: what follows is no request.
    let answer = raw(adapter.address, format!("{head}content-length: 10\r\n\r\n{body}")).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("ends in the middle of the JSON"),
        "{answer}"
    );
    assert_eq!(remote.recorded_now(), []);
    // Two lengths, or a length and chunks: nothing is guessed.
    for framing in [
        "content-length: 5\r\ncontent-length: 6\r\n\r\n{}",
        "content-length: -1\r\n\r\n{}",
        "content-length: 99999999999999999999999\r\n\r\n{}",
        "transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}",
        "transfer-encoding: chunked\r\n\r\nzz\r\n{}",
    ] {
        let answer = raw_to_the_end(adapter.address, format!("{head}{framing}")).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{framing}: {answer}");
    }
    assert_eq!(remote.recorded_now(), []);
    still_works(&adapter).await;
}

#[tokio::test]
async fn a_chunked_dribble_ends_with_the_time_limit() {
    let remote = Remote::start().await;
    let settings =
        Settings { server: remote.url(), body_timeout: Duration::from_millis(200), ..Settings::default() };
    let adapter = Adapter::with(settings).await;
    let head = "POST /webhooks/voicenter/cdr HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = dribble(adapter.address, head).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.ends_with(r#"{"Err":1,"Errdesc":"body: did not arrive in time"}"#), "{answer}");
    still_works(&adapter).await;
}

#[tokio::test]
async fn a_chunked_body_is_as_good_as_any() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let body = record(&json!({})).to_string();
    let chunks: Vec<String> = body.chars().map(|c| format!("{:x}\r\n{c}\r\n", c.len_utf8())).collect();
    let chunks = chunks.concat();
    let request = format!(
        "POST /webhooks/voicenter/cdr HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    );
    let answer = raw(adapter.address, request).await;
    assert!(answer.ends_with(r#"{"Err":0,"Errdesc":"OK"}"#), "{answer}");
}
