//! Data collected during the call, campaign tags too: whatever JSON comes, made into an object that the server takes. What else
//! the record says is kept beside it, as far as there is room.

use std::{collections::BTreeMap, fmt};

use prost_types::{ListValue, Struct, Value as Proto, value::Kind};
use serde_json::Value;

use super::{body, text};

/// The most bytes of the data as JSON that the server takes.
const MAX_BYTES: usize = 64 * 1024;
/// The deepest nesting passed on as such; what lies deeper becomes its JSON text. Protobuf readers allow about twice as much.
const MAX_DEPTH: usize = 16;
/// The key for data that is no object.
const WRAPPER: &str = "value";
/// What comes before the name of another field where the data has a value of that name.
const PREFIX: &str = "voicenter_";
/// The most bytes, as JSON, of a field that is kept beside the data.
const MAX_EXTRA_BYTES: usize = 16 * 1024;
/// The most fields that are kept beside the data.
const MAX_EXTRAS: usize = 100;

/// The data of a record.
#[derive(Clone, Default, PartialEq)]
pub struct CustomData {
    /// The data; `None` where nothing is left.
    pub data: Option<Struct>,
    /// How many top-level values of the data were left out, largest first, to keep within 64 KiB.
    pub dropped: usize,
    /// How many other fields found no place beside it.
    pub dropped_extras: usize,
}

/// How much was left out; of the data nothing.
impl fmt::Debug for CustomData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomData")
            .field("dropped", &self.dropped)
            .field("dropped_extras", &self.dropped_extras)
            .finish_non_exhaustive()
    }
}

/// The data in `values`, and `extras` beside it under their own names.
///
/// Each value is an object, the JSON text of one, or anything else, which is kept under the key `value`. Of two equal keys the
/// first counts. Extras never take the place of data: one of the same name gets the prefix `voicenter_`, and one for which there
/// is no room is left out.
#[must_use]
pub fn read<'a>(
    values: impl IntoIterator<Item = &'a Value>,
    extras: impl IntoIterator<Item = (String, Value)>,
) -> CustomData {
    let mut fields = BTreeMap::new();
    for value in values {
        let parsed = match value {
            Value::String(text) => body::value(text).unwrap_or_else(|| value.clone()),
            value => value.clone(),
        };
        match parsed {
            Value::Object(object) => {
                for (key, value) in object {
                    fields.entry(text::clean(&key)).or_insert_with(|| proto(value, 1));
                }
            }
            other => {
                fields.entry(WRAPPER.to_owned()).or_insert_with(|| proto(other, 1));
            }
        }
    }
    let dropped = shrink(&mut fields);
    let dropped_extras = add_extras(&mut fields, extras);
    CustomData { data: (!fields.is_empty()).then_some(Struct { fields }), dropped, dropped_extras }
}

/// Adds what there is room for, in order; how many there was none for.
fn add_extras(
    fields: &mut BTreeMap<String, Proto>,
    extras: impl IntoIterator<Item = (String, Value)>,
) -> usize {
    let mut total = 2 + fields.iter().map(|(key, value)| field_size(key, value)).sum::<usize>();
    let mut added = 0;
    let mut dropped = 0;
    for (name, value) in extras {
        let mut key = text::clean(&name);
        if fields.contains_key(&key) {
            key.insert_str(0, PREFIX);
        }
        let value = proto(value, 1);
        let size = field_size(&key, &value);
        let fits = added < MAX_EXTRAS && size <= MAX_EXTRA_BYTES && total + size <= MAX_BYTES;
        if fits && !text::is_longer(&key, text::MAX_NAME) && !fields.contains_key(&key) {
            fields.insert(key, value);
            total += size;
            added += 1;
        } else {
            dropped += 1;
        }
    }
    dropped
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
        fields.iter().map(|(key, value)| (field_size(key, value), key.clone())).collect();
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

fn field_size(key: &str, value: &Proto) -> usize {
    quoted_size(key) + size(value) + 2
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

    fn read(value: &Value) -> CustomData {
        super::read([value], [])
    }

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
        assert_eq!(
            read(&json!({"huge": "\"".repeat(40_000)})),
            CustomData { dropped: 1, ..CustomData::default() }
        );
    }

    #[test]
    fn other_fields_never_take_the_place_of_data() {
        let data = json!({"price": "free", "utm_source": "google"});
        let extras = [("price", "12"), ("DepartmentID", "7"), ("price", "13")];
        let extras = extras.map(|(name, value)| (name.to_owned(), json!(value)));
        let found = super::read([&data, &json!({"utm_source": "bing", "more": 1})], extras);
        assert_eq!(found.dropped_extras, 1);
        let data = found.data.unwrap();
        assert_eq!(
            data.fields.keys().map(String::as_str).collect::<Vec<_>>(),
            ["DepartmentID", "more", "price", "utm_source", "voicenter_price"]
        );
        assert_eq!(text_of(&data, "price"), "free");
        assert_eq!(text_of(&data, "voicenter_price"), "12");
        assert_eq!(text_of(&data, "utm_source"), "google");
    }

    #[test]
    fn other_fields_have_the_room_that_the_data_leaves() {
        let data = json!({"huge": "x".repeat(60_000)});
        let extras = ["a".repeat(4_000), "b".repeat(4_000), "c".repeat(20_000), "d".to_owned()];
        let extras = extras.into_iter().enumerate().map(|(index, text)| (index.to_string(), json!(text)));
        let found = super::read([&data], extras);
        assert_eq!((found.dropped, found.dropped_extras), (0, 2));
        assert_eq!(
            found.data.unwrap().fields.keys().map(String::as_str).collect::<Vec<_>>(),
            ["0", "3", "huge"]
        );
        let many = (0..150).map(|index| (index.to_string(), json!("x")));
        assert_eq!(super::read([], many).dropped_extras, 50);
        assert_eq!(super::read([], [("n".repeat(201), json!(1))]).data, None);
    }
}
