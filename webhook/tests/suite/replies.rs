//! What the sender is answered.

use leadcapture_webhook::{Settings, Token, config::SpoolSettings, spool::State};
use reqwest::Method;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    adapter::{Adapter, record},
    remote::Remote,
};

#[tokio::test]
async fn malformed_bodies_name_what_is_wrong() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for (body, expected) in [
        (String::new(), "body: is empty"),
        ("caller: 0501234567".to_owned(), "body: is not JSON (line 1, column 1)"),
        ("{\"caller\":\"05".to_owned(), "body: ends in the middle of the JSON (line 1, column 13)"),
        ("[]".to_owned(), "body: holds no record"),
        ("5".to_owned(), "body: holds a number where a record should be"),
        ("null".to_owned(), "body: holds null where a record should be"),
        (record(&json!({"ivruniqueid": null})).to_string(), "ivruniqueid: is missing"),
        (
            record(&json!({"ivruniqueid": "x".repeat(129)})).to_string(),
            "ivruniqueid: is longer than 128 characters",
        ),
        (record(&json!({"time": null})).to_string(), "time: is missing"),
        (record(&json!({"time": "soon"})).to_string(), "time: must be epoch seconds"),
        (record(&json!({"duration": "-5"})).to_string(), "duration: must be 0 to 604800 seconds"),
        (record(&json!({"status": null})).to_string(), "status: is missing, and so is isAnswer"),
        (
            record(
                &json!({"time": null, "DateEpoch": "x", "duration": null, "Duration": {}, "ivruniqueid": ""}),
            )
            .to_string(),
            "ivruniqueid: is missing; DateEpoch: must be epoch seconds",
        ),
    ] {
        assert_eq!(adapter.post(body.clone()).await.parts(), (200, 1, expected.to_owned()), "{body}");
        let kept = adapter.spool().list(Some(State::Dead), 0, 100).unwrap().pop().unwrap();
        assert_eq!((kept.delivery.body, kept.problem.as_str()), (body.into_bytes(), expected));
    }
    assert_eq!(remote.recorded_now(), []);
    assert_eq!(adapter.spooled().waiting.deliveries, 0);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_format_of_the_request() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let (form, xml) = ("application/x-www-form-urlencoded", "text/xml");
    let refused = |description: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><methodResponse><params><param><value><struct>\
             <member><name>Err</name><value><int>1</int></value></member>\
             <member><name>Errdesc</name><value><string>{description}</string></value></member>\
             </struct></value></param></params></methodResponse>"
        )
    };
    let missing_status = "Err=1&Errdesc=status%3A+is+missing%2C+and+so+is+isAnswer".to_owned();
    let missing_id = r#"{"Err":1,"Errdesc":"ivruniqueid: is missing"}"#.to_owned();
    let doctype = "body: has a document type (DOCTYPE), which is not taken; send it without";
    for (content_type, body, expected) in [
        (form, "ivruniqueid=1&time=5&status=%20", missing_status),
        (form, "", "Err=1&Errdesc=body%3A+is+empty".to_owned()),
        (form, r#"{"time":5,"status":"BUSY"}"#, missing_id),
        (xml, "<a><b>", refused("body: ends in the middle of the XML")),
        (xml, "", refused("body: is empty")),
        ("text/plain", "<a/>", refused("body: holds no record")),
        (xml, "<!DOCTYPE a><a/>", refused(doctype)),
    ] {
        let answer = adapter.post_as(content_type, body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, expected.as_str()), "{body}");
    }
    // Where the body is not looked at, the content type decides.
    let limited =
        Adapter::with(Settings { server: remote.url(), body_limit: 10, ..Settings::default() }).await;
    let answer = limited.post_as(form, "x".repeat(20)).await;
    assert_eq!((answer.status, answer.body.as_str()), (413, "Err=1&Errdesc=body%3A+is+larger+than+10+bytes"));
    assert_eq!(answer.content_type, form);
    let spool = SpoolSettings { limit: 1, ..SpoolSettings::default() };
    let full = Adapter::with(Settings { server: remote.url(), spool, ..Settings::default() }).await;
    remote.fail_with([Status::unavailable("away")]);
    let body = record(&json!({})).to_string();
    let answer = full.post_as(form, format!("cdr={body}")).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (503, "Err=2&Errdesc=cannot+record+the+call+now%3B+send+it+again")
    );
}

#[tokio::test]
async fn the_servers_refusal_is_told_in_the_senders_names() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let mut details = ErrorDetails::new();
    details.add_bad_request_violation("called_at", "lies before the year 2000");
    details.add_bad_request_violation("business_phone", "is empty");
    details.add_bad_request_violation("ivr_path[2].order", "is negative");
    remote.fail_with([
        Status::with_error_details(Code::InvalidArgument, "2 fields are invalid", details),
        Status::invalid_argument("no details"),
    ]);
    let body =
        json!({"CallID": "1", "DateEpoch": 5, "DialStatus": "BUSY", "caller": "0501234567", "type": 1})
            .to_string();
    let expected = "DateEpoch: lies before the year 2000; did: is empty; IVR: is negative";
    assert_eq!(adapter.post(body.clone()).await.parts(), (200, 1, expected.to_owned()));
    assert_eq!(adapter.post(body.clone()).await.parts(), (200, 1, "body: no details".to_owned()));
    adapter.post(body).await.assert_ok();
    assert_eq!(adapter.spooled().dead.deliveries, 2);
}

#[tokio::test]
async fn whatever_else_the_server_says_the_record_is_kept_and_forwarded() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for code in [
        Code::Unavailable,
        Code::ResourceExhausted,
        Code::Aborted,
        Code::Internal,
        Code::Unauthenticated,
        Code::PermissionDenied,
        Code::FailedPrecondition,
        Code::DeadlineExceeded,
        Code::Unimplemented,
    ] {
        remote.fail_with([Status::new(code, "the inner cause")]);
        let id = format!("{code:?}");
        adapter.post(record(&json!({"ivruniqueid": id})).to_string()).await.assert_ok();
        adapter.forwarded().await;
        assert_eq!(remote.recorded_now().last().unwrap().call_id, id);
    }
    assert_eq!(adapter.spooled().dead.deliveries, 0);
}

#[tokio::test]
async fn a_server_that_is_away_may_come_later() {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let adapter =
        Adapter::with(Settings { server: format!("http://{address}"), ..Settings::default() }).await;
    let body = record(&json!({})).to_string();
    for _ in 0..2 {
        adapter.post(body.clone()).await.assert_ok();
    }
    assert_eq!(adapter.spooled().waiting.deliveries, 2);
    assert_eq!(adapter.send(Method::GET, "/healthz", "").await.status, 200);
    let remote = Remote::start_at(address, 100).await;
    adapter.forwarded().await;
    adapter.post(body).await.assert_ok();
    assert_eq!(remote.recorded_now().len(), 3);
}

#[tokio::test]
async fn several_records_in_one_body_are_each_recorded() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    let (one, two) = (record(&json!({"ivruniqueid": "1"})), record(&json!({"ivruniqueid": "2"})));
    adapter.post(json!([one, two]).to_string()).await.assert_ok();
    assert_eq!(remote.recorded_now().len(), 2);

    // The good ones are kept, and the sender learns of the bad one.
    let bad = record(&json!({"time": null}));
    let answer = adapter.post(json!([one, bad, 7, two]).to_string()).await;
    let expected = "record 2: time: is missing; record 3: body: holds a number where a record should be";
    assert_eq!(answer.parts(), (200, 1, expected.to_owned()));
    assert_eq!(remote.recorded_now().len(), 4);
    assert_eq!(adapter.spooled().dead.deliveries, 1);

    // A server that is away: the good ones are forwarded, and what is bad about the other ends up with the dead letters.
    remote.fail_with([Status::unavailable("away")]);
    let answer = adapter.post(json!([one, bad, two]).to_string()).await;
    assert_eq!(answer.parts(), (200, 1, "record 2: time: is missing".to_owned()));
    adapter.forwarded().await;
    assert_eq!(remote.recorded_now().len(), 6);
    let dead = adapter.spool().list(Some(State::Dead), 0, 10).unwrap();
    assert_eq!((dead.len(), dead[1].problem.as_str()), (2, "record 2: time: is missing"));
}

#[tokio::test]
async fn the_token_is_sent_with_each_call() {
    let remote = Remote::start().await;
    let settings = Settings { server: remote.url(), token: Token::new("lc_secret"), ..Settings::default() };
    let adapter = Adapter::with(settings).await;
    adapter.post(record(&json!({})).to_string()).await.assert_ok();
    assert_eq!(remote.authorizations(), [Some("Bearer lc_secret".to_owned())]);
    Adapter::start(&remote).await.post(record(&json!({})).to_string()).await.assert_ok();
    assert_eq!(remote.authorizations()[1], None);
}

#[tokio::test]
async fn other_paths_and_methods_are_answered_in_the_same_form() {
    let remote = Remote::start().await;
    let adapter = Adapter::start(&remote).await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = adapter.send(method, "/webhooks/voicenter/cdr", "").await;
        assert_eq!(answer.parts(), (405, 1, "this path does not take this method".to_owned()));
        assert_eq!(answer.allow.as_deref(), Some("POST"));
    }
    assert_eq!(adapter.send(Method::POST, "/healthz", "").await.parts().0, 405);
    let answer =
        adapter.request(Method::GET, "/webhooks/voicenter/cdr", &[("content-type", "text/xml")], "").await;
    assert_eq!((answer.status, answer.content_type.as_str()), (405, "text/xml; charset=utf-8"));
    assert!(answer.body.ends_with("</methodResponse>"), "{answer:?}");
    assert_eq!(answer.allow.as_deref(), Some("POST"));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = adapter.request(Method::POST, "/nowhere", &form, "a=b").await;
    assert_eq!((answer.status, answer.body.as_str()), (404, "Err=1&Errdesc=there+is+nothing+at+this+path"));
    for path in ["/", "/webhooks/voicenter/cdr/", "/webhooks/voicenter/cdr/guess", "/metrics"] {
        let answer = adapter.send(Method::POST, path, "{}").await;
        assert_eq!(answer.parts(), (404, 1, "there is nothing at this path".to_owned()));
    }
    let health = adapter.send(Method::GET, "/healthz", "").await;
    assert_eq!((health.status, health.body.as_str()), (200, r#"{"status":"ok"}"#));
}
