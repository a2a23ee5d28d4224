//! JSON bodies: an object, an array of objects, or a JSON text that holds either.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, error::Category};

use super::{
    super::{error::Problem, record::RecordVisitor},
    numbers,
    shape::Shape,
};

/// The most values in a JSON text: far more than a record with a transcript has, and few enough to hold in memory.
const MAX_VALUES: usize = 200_000;

/// Any JSON value with its integers kept exact, as in a body.
pub(in crate::cdr) fn value(text: &str) -> Option<Value> {
    if numbers::holds_more_values(text, MAX_VALUES) {
        return None;
    }
    serde_json::from_str(&numbers::keep_exact(text)).ok()
}

/// What a JSON text holds. Nesting beyond 128 levels is refused by the parser.
pub(super) fn shape(text: &str) -> Result<Shape, Problem> {
    if numbers::holds_more_values(text, MAX_VALUES) {
        return Err(Problem::body(format!("holds more than {MAX_VALUES} values")));
    }
    serde_json::from_str(&numbers::keep_exact(text)).map_err(|error| {
        // The parser's own message is not passed on: it may repeat a value.
        let what = match error.classify() {
            Category::Eof => "ends in the middle of the JSON",
            _ if error.to_string().starts_with("recursion limit") => "is nested too deep",
            _ => "is not JSON",
        };
        Problem::body(format!("{what} (line {}, column {})", error.line(), error.column()))
    })
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shape, A::Error> {
        RecordVisitor.visit_map(map).map(Shape::Record)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Shape::List(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<Shape, E> {
        Ok(Shape::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Other("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Other("a boolean"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other("a number"))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::record::Record, *};

    fn records(text: &str) -> Result<Vec<Result<Record, Problem>>, Problem> {
        shape(text)?.records()
    }

    fn ids(text: &str) -> Vec<Result<Option<String>, String>> {
        let records = records(text).unwrap();
        records
            .into_iter()
            .map(|record| record.map(|r| r.text(&["CallID"])).map_err(|problem| problem.to_string()))
            .collect()
    }

    #[test]
    fn reads_every_wrapping() {
        let one = vec![Ok(Some("a".to_owned()))];
        assert_eq!(ids(r#"{"CallID":"a"}"#), one);
        assert_eq!(ids(r#"[{"CallID":"a"}]"#), one);
        assert_eq!(ids(r#""{\"CallID\":\"a\"}""#), one);
        assert_eq!(ids(r#""[{\"CallID\":\"a\"}]""#), one);
        assert_eq!(ids(r#"["{\"CallID\":\"a\"}"]"#), one);
    }

    #[test]
    fn keeps_the_good_records_beside_a_bad_one() {
        let found = ids(r#"[{"CallID":"a"}, 5, "not json", {"CallID":"b"}]"#);
        assert_eq!(found.len(), 4);
        assert_eq!(found[0], Ok(Some("a".to_owned())));
        assert_eq!(found[1], Err("body: holds a number where a record should be".to_owned()));
        assert!(found[2].as_ref().is_err_and(|text| text.contains("is not JSON")));
        assert_eq!(found[3], Ok(Some("b".to_owned())));
    }

    #[test]
    fn says_what_is_wrong_without_repeating_values() {
        for (text, expected) in [
            (r#"{"caller":"0501234567""#, "body: ends in the middle of the JSON (line 1, column 22)"),
            ("caller=0501234567", "body: is not JSON (line 1, column 1)"),
            (r"[[[[[{}]]]]]", "body: is wrapped in too many arrays or texts"),
        ] {
            assert_eq!(records(text).unwrap_err().to_string(), expected);
        }
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert!(records(&deep).unwrap_err().to_string().contains("is nested too deep"));
        let wide = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert_eq!(records(&wide).unwrap_err().to_string(), "body: holds more than 200000 values");
    }

    #[test]
    fn keeps_long_numbers_digit_for_digit() {
        assert_eq!(
            ids(r#"{"CallID":202601271300100123456789}"#),
            [Ok(Some("202601271300100123456789".to_owned()))]
        );
    }
}
