//! A line that holds a body with what was known when it arrived, as `leadcapture-webhook spool export` writes it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::{
    Defaults,
    input::{Body, Place},
};
use crate::{
    cdr::{self, Format, TimeBasis},
    cli::Zone,
};

/// The body in a line that is such an object; `None` for a line that is itself a body. Fields that are not needed are passed over.
pub(super) fn read(line: &[u8], defaults: Defaults, place: &Place) -> Result<Option<Body>, String> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(line) else { return Ok(None) };
    if !["body", "body_base64"].iter().any(|name| fields.contains_key(*name)) {
        return Ok(None);
    }
    let bytes = bytes(&fields)?;
    let content_type = text(&fields, "content_type")?;
    let format = match text(&fields, "format")? {
        Some(name) => name.parse::<Format>().map_err(|error| format!("format: {error}"))?,
        None => cdr::format(content_type, &bytes),
    };
    let mut time = defaults.time;
    if let Some(zone) = text(&fields, "account_zone")? {
        time.account_zone = zone.parse::<Zone>().map_err(|error| format!("account_zone: {error}"))?.0;
    }
    if let Some(basis) = text(&fields, "time_basis")? {
        time.basis = basis.parse::<TimeBasis>().map_err(|error| format!("time_basis: {error}"))?;
    }
    Ok(Some(Body {
        place: place.clone(),
        bytes: cdr::body::to_utf8(content_type, format, bytes),
        format,
        arrived_at: arrival(&fields)?.or(defaults.arrived_at),
        time,
        tenant_id: text(&fields, "tenant_id")?.map(str::to_owned),
    }))
}

fn bytes(fields: &Map<String, Value>) -> Result<Vec<u8>, String> {
    let present = |name: &str| fields.get(name).filter(|value| !value.is_null());
    match (present("body"), present("body_base64")) {
        (Some(Value::String(text)), None) => Ok(text.clone().into_bytes()),
        // Written by hand, a JSON body need not be a text.
        (Some(json @ (Value::Object(_) | Value::Array(_))), None) => Ok(json.to_string().into_bytes()),
        (None, Some(Value::String(text))) => {
            STANDARD.decode(text).map_err(|_| "body_base64: is no Base64".to_owned())
        }
        _ => Err("body: must be a text, or body_base64 in its place".to_owned()),
    }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name}: must be a text")),
    }
}

fn arrival(fields: &Map<String, Value>) -> Result<Option<DateTime<Utc>>, String> {
    let Some(text) = text(fields, "arrived_at")? else { return Ok(None) };
    let time = DateTime::parse_from_rfc3339(text);
    time.map(|time| Some(time.to_utc()))
        .map_err(|_| "arrived_at: must be a time as in 2026-01-27T11:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cdr::TimeRules;

    fn read_line(line: &str) -> Result<Option<Body>, String> {
        let arrived_at = DateTime::from_timestamp(1, 0);
        let defaults = Defaults { arrived_at, time: TimeRules::default(), limit: 1_000 };
        read(line.as_bytes(), defaults, &Place { file: "x".into(), line: 1, record: None })
    }

    #[test]
    fn an_export_brings_what_its_reading_depends_on() {
        let line = r#"{"delivery":5,"state":"dead","problem":"x","arrived_at":"2026-01-27T13:00:00+02:00","account_zone":"UTC",
            "time_basis":"utc","format":"form","tenant_id":"t","body":"caller=1"}"#;
        let body = read_line(line).unwrap().unwrap();
        assert_eq!((body.bytes.as_slice(), body.format), (&b"caller=1"[..], Format::Form));
        assert_eq!(body.arrived_at.unwrap().to_rfc3339(), "2026-01-27T11:00:00+00:00");
        assert_eq!((body.time.account_zone.name(), body.time.basis), ("UTC", TimeBasis::Utc));
        assert_eq!(body.tenant_id.as_deref(), Some("t"));

        for (line, bytes, format) in [
            (r#"{"body":"<a/>"}"#, "<a/>", Format::Xml),
            (r#"{"body":{"caller":"1"},"tenant_id":null}"#, r#"{"caller":"1"}"#, Format::Json),
            (r#"{"body_base64":"Y2FsbGVyPTE="}"#, "caller=1", Format::Form),
            (
                r#"{"body_base64":"YT3j8OQ=","content_type":"application/x-www-form-urlencoded; charset=windows-1255"}"#,
                "a=%D7%93%D7%A0%D7%94",
                Format::Form,
            ),
        ] {
            let body = read_line(line).unwrap().unwrap();
            assert_eq!((String::from_utf8(body.bytes).unwrap().as_str(), body.format), (bytes, format));
            assert_eq!((body.arrived_at, body.time), (DateTime::from_timestamp(1, 0), TimeRules::default()));
        }
    }

    #[test]
    fn a_record_is_no_export() {
        for line in [r#"{"ivruniqueid":"1"}"#, "[{}]", "\"{}\"", "{broken", "5"] {
            assert_eq!(read_line(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn bad_exports_name_the_field() {
        for (line, expected) in [
            (r#"{"body":5}"#, "body: must be a text, or body_base64 in its place"),
            (r#"{"body":null}"#, "body: must be a text, or body_base64 in its place"),
            (r#"{"body":"a","body_base64":"YQ=="}"#, "body: must be a text, or body_base64 in its place"),
            (r#"{"body_base64":"*"}"#, "body_base64: is no Base64"),
            (r#"{"body":"a","format":"yaml"}"#, "format: must be json, form or xml"),
            (r#"{"body":"a","arrived_at":"noon"}"#, "arrived_at: must be a time as in 2026-01-27T11:00:00Z"),
            (r#"{"body":"a","arrived_at":5}"#, "arrived_at: must be a text"),
            (r#"{"body":"a","time_basis":"local"}"#, "time_basis: must be auto, account or utc"),
            (
                r#"{"body":"a","account_zone":"Mars"}"#,
                "account_zone: Mars is no IANA time zone, for example Asia/Jerusalem",
            ),
        ] {
            assert_eq!(read_line(line).unwrap_err(), expected, "{line}");
        }
    }
}
