//! Laws of reading, for bodies of any bytes and for records of any fields. The same laws hold in the fuzz targets.

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the file is a library of its own too")]
mod laws;

use chrono::{DateTime, Utc};
use leadcapture_webhook::cdr::{self, Call, Format, TimeRules};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const FORMATS: [Format; 3] = [Format::Json, Format::Form, Format::Xml];

fn read(format: Format, body: &str) -> Call {
    let arrival: DateTime<Utc> = DateTime::parse_from_rfc3339("2026-01-27T12:30:00Z").unwrap().to_utc();
    let mut calls = cdr::read(format, body.as_bytes(), TimeRules::default(), arrival).unwrap();
    assert_eq!(calls.len(), 1);
    calls.remove(0).unwrap()
}

fn as_form(record: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(record.iter().map(|(name, value)| (name, text(value))));
    form.finish()
}

fn as_xml_rpc(record: &Map<String, Value>) -> String {
    let value = xml_value(&Value::Object(record.clone()));
    format!("<methodCall><methodName>cdr</methodName><params><param>{value}</param></params></methodCall>")
}

fn xml_value(value: &Value) -> String {
    let inner = match value {
        Value::Null => "<nil/>".to_owned(),
        Value::Bool(value) => format!("<boolean>{}</boolean>", u8::from(*value)),
        Value::Number(number) if number.is_i64() => format!("<i8>{number}</i8>"),
        Value::Number(number) => format!("<double>{number}</double>"),
        Value::String(text) => format!("<string>{}</string>", quick_xml::escape::escape(text)),
        Value::Array(items) => {
            format!("<array><data>{}</data></array>", items.iter().map(xml_value).collect::<String>())
        }
        Value::Object(fields) => {
            let member = |(name, value): (&String, &Value)| {
                format!(
                    "<member><name>{}</name>{}</member>",
                    quick_xml::escape::escape(name),
                    xml_value(value)
                )
            };
            format!("<struct>{}</struct>", fields.iter().map(member).collect::<String>())
        }
    };
    format!("<value>{inner}</value>")
}

fn any_leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-1_000_000_000_i64..1_000_000_000).prop_map(Value::from),
        "[a-zא-ת<&\"' +%=\\\\]{0,12}".prop_map(Value::from),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    any_leaf().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zא-ת&]{1,8}", inner, 1..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// A good record with more fields. Only in some can a form say more than a text.
fn any_record() -> impl Strategy<Value = Map<String, Value>> {
    const TEXTS: [&str; 14] = [
        "caller",
        "callerPhone",
        "target",
        "did",
        "dialtime",
        "queuename",
        "record",
        "representative_name",
        "OriginalIvrUniqueID",
        "price",
        "type",
        "direction",
        "isAnswer",
        "x y",
    ];
    const NESTED: [&str; 6] = ["IVR", "DTMFData", "CustomData", "CUSTOM_DATA", "aiData", "Novelty"];
    let texts = prop::collection::btree_map(prop::sample::select(&TEXTS[..]), any_leaf(), 0..8);
    let nested = prop::collection::btree_map(prop::sample::select(&NESTED[..]), any_value(), 0..4);
    (texts, nested).prop_map(|(texts, nested)| {
        let mut record: Map<String, Value> =
            texts.into_iter().chain(nested).map(|(name, value)| (name.to_owned(), value)).collect();
        record.insert("ivruniqueid".to_owned(), json!("202601271310000b2d8"));
        record.insert("time".to_owned(), json!(1_769_519_400));
        record.insert("status".to_owned(), json!("BUSY"));
        record
    })
}

proptest! {
    #[test]
    fn a_record_is_the_same_in_every_format(record in any_record()) {
        let json = read(Format::Json, &Value::Object(record.clone()).to_string());
        prop_assert_eq!(&read(Format::Xml, &as_xml_rpc(&record)), &json);
        // A form has texts only: null is its empty text.
        prop_assert_eq!(&read(Format::Form, &as_form(&form_like(record))), &json);
    }

    #[test]
    fn the_laws_hold_of_any_bytes(body in prop::collection::vec(any::<u8>(), 0..512)) {
        for format in FORMATS {
            laws::check(format, &body);
        }
        laws::check_door(&body);
    }

    #[test]
    fn the_laws_hold_of_damaged_records(
        record in any_record(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let bodies =
            [Value::Object(record.clone()).to_string(), as_form(&record), as_xml_rpc(&record)].map(String::into_bytes);
        for (format, mut body) in FORMATS.into_iter().zip(bodies) {
            let at = place.index(body.len());
            body[at] = byte;
            laws::check(format, &body);
            laws::check(format, &body[..at]);
        }
    }
}

fn form_like(mut record: Map<String, Value>) -> Map<String, Value> {
    for value in record.values_mut().filter(|value| value.is_null()) {
        *value = "".into();
    }
    record
}
