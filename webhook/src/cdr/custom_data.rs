//! Data collected during the call, campaign tags too: whatever JSON comes, made into an object that the server takes.

use std::collections::BTreeMap;

use prost_types::{ListValue, Struct, Value as Proto, value::Kind};
use serde_json::Value;

use super::{body, text};

/// The most bytes of the data as JSON that the server takes.
const MAX_BYTES: usize = 64 * 1024;
/// The deepest nesting passed on as such; what lies deeper becomes its JSON text. Protobuf readers allow about twice as much.
const MAX_DEPTH: usize = 16;
/// The key for data that is no object.
const WRAPPER: &str = "value";

/// The data of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomData {
    /// The data; `None` where nothing is left.
    pub data: Option<Struct>,
    /// How many top-level values were left out, largest first, to keep within 64 KiB.
    pub dropped: usize,
}

/// The object in `value`: itself, the object in its JSON text, or anything else under the key `value`.
#[must_use]
pub fn read(value: &Value) -> CustomData {
    let parsed = match value {
        Value::String(text) => body::value(text).unwrap_or_else(|| value.clone()),
        value => value.clone(),
    };
    let mut fields = match parsed {
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (text::clean(&key), proto(value, 1))).collect()
        }
        other => BTreeMap::from([(WRAPPER.to_owned(), proto(other, 1))]),
    };
    let dropped = shrink(&mut fields);
    CustomData { data: (!fields.is_empty()).then_some(Struct { fields }), dropped }
}

fn proto(value: Value, depth: usize) -> Proto {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::Number(number) => match exact(&number) {
            Some(number) => Kind::NumberValue(number),
            None => Kind::StringValue(number.to_string()),
        },
        Value::String(value) => Kind::StringValue(text::clean(&value)),
        nested @ (Value::Array(_) | Value::Object(_)) if depth >= MAX_DEPTH => {
            Kind::StringValue(text::clean(&nested.to_string()))
        }
        Value::Array(items) => Kind::ListValue(ListValue {
            values: items.into_iter().map(|item| proto(item, depth + 1)).collect(),
        }),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| (text::clean(&key), proto(value, depth + 1)));
            Kind::StructValue(Struct { fields: fields.collect() })
        }
    };
    Proto { kind: Some(kind) }
}

/// The number as a double, unless it is an integer that a double cannot hold.
fn exact(number: &serde_json::Number) -> Option<f64> {
    const EXACT: u64 = 1 << 53;
    let is_exact = match (number.as_i64(), number.as_u64()) {
        (Some(value), _) => value.unsigned_abs() <= EXACT,
        (None, Some(value)) => value <= EXACT,
        (None, None) => true,
    };
    number.as_f64().filter(|_| is_exact)
}

/// Takes the largest values out until the rest is within the limit; how many it took.
fn shrink(fields: &mut BTreeMap<String, Proto>) -> usize {
    let mut sizes: Vec<(usize, String)> =
        fields.iter().map(|(key, value)| (quoted_size(key) + size(value) + 2, key.clone())).collect();
    let mut total = 2 + sizes.iter().map(|(size, _)| size).sum::<usize>();
    sizes.sort_unstable();
    let mut dropped = 0;
    while total > MAX_BYTES {
        let Some((size, key)) = sizes.pop() else { break };
        fields.remove(&key);
        total -= size;
        dropped += 1;
    }
    dropped
}

/// An upper bound of the bytes of a value as JSON.
fn size(value: &Proto) -> usize {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => 4,
        Some(Kind::BoolValue(_)) => 5,
        Some(Kind::NumberValue(number)) => number.to_string().len() + 2,
        Some(Kind::StringValue(text)) => quoted_size(text),
        Some(Kind::ListValue(list)) => 2 + list.values.iter().map(|item| size(item) + 1).sum::<usize>(),
        Some(Kind::StructValue(object)) => {
            2 + object.fields.iter().map(|(key, value)| quoted_size(key) + size(value) + 2).sum::<usize>()
        }
    }
}

fn quoted_size(text: &str) -> usize {
    let escapes = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 1,
        c if c.is_ascii_control() => 5,
        _ => 0,
    };
    2 + text.len() + text.chars().map(escapes).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use serde_json::json;

    use super::*;

    fn text_of(data: &Struct, key: &str) -> String {
        match &data.fields[key].kind {
            Some(Kind::StringValue(text)) => text.clone(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn takes_objects_and_json_text_and_wraps_the_rest() {
        let expected = read(&json!({"utm_source": "google"}));
        assert_eq!(text_of(expected.data.as_ref().unwrap(), "utm_source"), "google");
        assert_eq!(read(&json!(r#"{"utm_source":"google"}"#)), expected);
        for (value, wrapped) in [
            (json!("plain"), json!({"value": "plain"})),
            (json!("[1,2]"), json!({"value": [1, 2]})),
            (json!(7), json!({"value": 7})),
            (json!("{broken"), json!({"value": "{broken"})),
        ] {
            assert_eq!(read(&value), read(&wrapped), "{value}");
        }
    }

    #[test]
    fn keeps_every_digit_and_replaces_what_cannot_be_stored() {
        let data =
            read(&json!({"big": 9_007_199_254_740_993_u64, "id": u64::MAX, "low": i64::MIN, "a\0": "b\0c"}));
        let data = data.data.unwrap();
        assert_eq!(text_of(&data, "big"), "9007199254740993");
        assert_eq!(text_of(&data, "id"), u64::MAX.to_string());
        assert_eq!(text_of(&data, "low"), i64::MIN.to_string());
        assert_eq!(text_of(&data, "a\u{fffd}"), "b\u{fffd}c");
        let inner = read(&json!(r#"{"id":123456789012345678901234567890}"#)).data.unwrap();
        assert_eq!(text_of(&inner, "id"), "123456789012345678901234567890");
    }

    #[test]
    fn deep_nesting_survives_the_wire() {
        let mut value = json!("core");
        for _ in 0..100 {
            value = json!({ "x": value });
        }
        let data = read(&value).data.unwrap();
        assert_eq!(Struct::decode(data.encode_to_vec().as_slice()).unwrap(), data);
        assert!(format!("{data:?}").contains("core"));
    }

    #[test]
    fn drops_the_largest_values_beyond_the_limit() {
        let value = json!({"small": "kept", "huge": "x".repeat(70_000), "medium": "y".repeat(30_000)});
        let found = read(&value);
        assert_eq!(found.dropped, 1);
        let data = found.data.unwrap();
        assert_eq!(data.fields.keys().map(String::as_str).collect::<Vec<_>>(), ["medium", "small"]);
        assert_eq!(read(&json!({"huge": "\"".repeat(40_000)})), CustomData { data: None, dropped: 1 });
    }
}
