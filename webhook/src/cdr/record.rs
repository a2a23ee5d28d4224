//! A record as sent: its fields, found in any spelling and letter case, whatever the format of the body was.

use std::{
    collections::{
        HashMap,
        hash_map::Entry::{Occupied, Vacant},
    },
    fmt,
};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{error::Problem, text};

/// The fields of one record.
///
/// A name that comes twice in different letter case keeps its first value that is not blank.
#[derive(Clone, Default, PartialEq)]
pub struct Record {
    entries: Vec<Entry>,
    /// Places in `entries` by the name in lower case.
    places: HashMap<String, usize>,
}

#[derive(Clone, PartialEq)]
struct Entry {
    name: String,
    value: Value,
}

/// A field that is present and not blank.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// The name as the sender wrote it.
    pub name: &'a str,
    /// Its value.
    pub value: &'a Value,
}

/// How many fields there are: even a name may be anything.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("fields", &self.entries.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").finish_non_exhaustive()
    }
}

impl Record {
    /// Adds a field.
    pub fn insert(&mut self, name: &str, value: Value) {
        let name = name.trim();
        match self.places.entry(name.to_ascii_lowercase()) {
            Occupied(place) => {
                let present = &mut self.entries[*place.get()];
                if is_blank(&present.value) {
                    *present = Entry { name: name.to_owned(), value };
                }
            }
            Vacant(place) => {
                place.insert(self.entries.len());
                self.entries.push(Entry { name: name.to_owned(), value });
            }
        }
    }

    /// The fields that are not blank, in the order in which they were sent.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.entries.iter().filter(|entry| !is_blank(&entry.value)).map(Entry::field)
    }

    /// The first of `names`, in this order, that is present and not blank.
    #[must_use]
    pub fn find(&self, names: &[&str]) -> Option<Field<'_>> {
        names.iter().find_map(|name| {
            let entry = &self.entries[*self.places.get(&name.to_ascii_lowercase())?];
            (!is_blank(&entry.value)).then(|| entry.field())
        })
    }

    /// The text of the first of `names` that is present and holds a text, a number or a boolean.
    #[must_use]
    pub fn text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.find(&[name])?.text())
    }
}

impl Entry {
    fn field(&self) -> Field<'_> {
        Field { name: &self.name, value: &self.value }
    }
}

impl Field<'_> {
    /// The value as text without surrounding white space or control characters; `None` for a list or an object.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self.value {
            Value::String(value) => Some(text::clean(value.trim())),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The value as a whole number. A fraction is cut off.
    ///
    /// # Errors
    /// The value is neither a number nor a text that holds one.
    pub fn integer(&self) -> Result<i64, Problem> {
        let found = match self.value {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            Value::String(value) => {
                let value = value.trim();
                value.parse().ok().or_else(|| value.parse().ok().and_then(whole))
            }
            _ => None,
        };
        found.ok_or_else(|| Problem::new(self.name, "must be a whole number"))
    }
}

/// The whole part of a number that a double holds exactly.
fn whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (value.abs() < EXACT).then_some(value as i64)
}

/// Nothing was said: null, an empty text, list or object.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(value) => value.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

impl From<&Map<String, Value>> for Record {
    fn from(fields: &Map<String, Value>) -> Self {
        let mut record = Self::default();
        for (name, value) in fields {
            record.insert(name, value.clone());
        }
        record
    }
}

// Read field by field, because a JSON map would keep the last of two equal names even where it is blank.
impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

pub(super) struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record, A::Error> {
        let mut record = Record::default();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            record.insert(&name, value);
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(text: &str) -> Record {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn finds_names_in_any_letter_case_and_in_order_of_preference() {
        let record = record(r#"{"CALLID":"second","IvrUniqueId":"first","time":5}"#);
        assert_eq!(record.text(&["ivruniqueid", "CallID"]).as_deref(), Some("first"));
        assert_eq!(record.find(&["nothing", "callid"]).map(|field| field.name), Some("CALLID"));
        assert!(record.find(&["did"]).is_none());
    }

    #[test]
    fn keeps_the_first_value_that_is_not_blank() {
        let record = record(r#"{"caller":" ","Caller":"050","CALLER":"051","did":null,"DID":[],"queue":{}}"#);
        assert_eq!(record.text(&["caller"]).as_deref(), Some("050"));
        assert!(record.find(&["did"]).is_none());
        assert!(record.find(&["queue"]).is_none());
    }

    #[test]
    fn reads_numbers_as_numbers_or_texts() {
        for (value, expected) in [
            (json!(12), Some(12)),
            (json!("12"), Some(12)),
            (json!(" -3 "), Some(-3)),
            (json!(1.9), Some(1)),
            (json!("1769520010.0"), Some(1_769_520_010)),
            (json!("soon"), None),
            (json!("NaN"), None),
            (json!("1e300"), None),
            (json!(true), None),
            (json!([1]), None),
        ] {
            let field = Field { name: "time", value: &value };
            assert_eq!(field.integer().ok(), expected, "{value}");
        }
    }
}
