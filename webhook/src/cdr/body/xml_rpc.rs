//! XML to records: an XML-RPC call whose parameter is the record as a struct, or a plain record with an element for each field.

use serde_json::{Map, Number, Value};

use super::{super::record::Record, shape::Shape, xml::Element};

/// What a document holds.
pub(super) fn shape(root: Element) -> Shape {
    match root.name.as_str() {
        "methodCall" => parameters(&root),
        "params" => shape_of_all(root.named("param").filter_map(|param| param.child("value"))),
        "value" => shape_of(&root),
        "struct" => Shape::Record(record(&root)),
        _ if !root.children.is_empty() => plain(&root),
        _ if root.text.trim().is_empty() => Shape::List(Vec::new()),
        _ => Shape::Text(root.text),
    }
}

/// The parameters that may be records. Others, such as a key or a name before them, are none where one is.
fn parameters(call: &Element) -> Shape {
    let values: Vec<&Element> = call
        .named("params")
        .flat_map(|params| params.named("param"))
        .filter_map(|param| param.child("value"))
        .collect();
    let is_record = |value: &&&Element| value.child("struct").or(value.child("array")).is_some();
    let records: Vec<&Element> = values.iter().filter(is_record).copied().collect();
    shape_of_all(if records.is_empty() { values } else { records })
}

fn shape_of_all<'a>(values: impl IntoIterator<Item = &'a Element>) -> Shape {
    let mut shapes: Vec<Shape> = values.into_iter().map(shape_of).collect();
    // A single one is not wrapped in anything.
    match shapes.pop() {
        Some(only) if shapes.is_empty() => only,
        last => {
            shapes.extend(last);
            Shape::List(shapes)
        }
    }
}

fn shape_of(holder: &Element) -> Shape {
    match holder.children.first() {
        Some(element) if element.name == "struct" => Shape::Record(record(element)),
        Some(element) if element.name == "array" => Shape::List(items(element).map(shape_of).collect()),
        _ => match value(holder) {
            Value::String(text) => Shape::Text(text),
            Value::Bool(_) => Shape::Other("a boolean"),
            Value::Number(_) => Shape::Other("a number"),
            _ => Shape::Other("nothing"),
        },
    }
}

/// The fields of a struct, one by one: of two equal names the first that is not blank counts, as in the other formats.
fn record(structure: &Element) -> Record {
    let mut record = Record::default();
    for (name, value) in members(structure) {
        record.insert(name, value);
    }
    record
}

fn members(structure: &Element) -> impl Iterator<Item = (&str, Value)> {
    structure.named("member").filter_map(|member| {
        let name = member.child("name")?.text.trim();
        (!name.is_empty()).then(|| (name, member.child("value").map_or(Value::Null, value)))
    })
}

fn items(array: &Element) -> impl Iterator<Item = &Element> {
    array.named("data").flat_map(|data| data.named("value"))
}

/// What a `value` element holds. One without a type is a text.
fn value(holder: &Element) -> Value {
    let Some(typed) = holder.children.first() else { return Value::String(holder.text.clone()) };
    let text = typed.text.trim();
    let found = match typed.name.as_str() {
        "struct" => {
            Some(members(typed).map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into())
        }
        "array" => Some(items(typed).map(value).collect()),
        "nil" => Some(Value::Null),
        "boolean" => match text {
            "1" | "true" => Some(true.into()),
            "0" | "false" => Some(false.into()),
            _ => None,
        },
        "int" | "i1" | "i2" | "i4" | "i8" => integer(text).map(Value::Number),
        "double" | "float" => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
        _ => None,
    };
    // A text, a date, base64, or something that is not what its type says: judged by the field that it is for.
    found.unwrap_or_else(|| Value::String(typed.text.clone()))
}

/// An integer that a double holds exactly; a longer one stays the text that it is.
fn integer(text: &str) -> Option<Number> {
    const EXACT: u64 = 1 << 53;
    text.parse::<i64>().ok().filter(|number| number.unsigned_abs() <= EXACT).map(Number::from)
}

/// A plain document: the record itself, or a list of records whose elements all have one name.
fn plain(root: &Element) -> Shape {
    if is_list(root) {
        return Shape::List(root.children.iter().map(plain_record).collect());
    }
    plain_record(root)
}

fn plain_record(element: &Element) -> Shape {
    let mut record = Record::default();
    for child in &element.children {
        record.insert(&child.name, plain_value(child));
    }
    Shape::Record(record)
}

fn plain_value(element: &Element) -> Value {
    if element.children.is_empty() {
        return Value::String(element.text.clone());
    }
    if is_list(element) {
        return element.children.iter().map(plain_value).collect();
    }
    let fields = element.children.iter().map(|child| (child.name.clone(), plain_value(child)));
    Value::Object(fields.collect())
}

/// Whether an element holds nothing but elements of one name that hold elements.
fn is_list(element: &Element) -> bool {
    let name = element.children.first().map(|child| &child.name);
    element.children.iter().all(|child| Some(&child.name) == name && !child.children.is_empty())
}

#[cfg(test)]
#[path = "xml_rpc_tests.rs"]
mod tests;
