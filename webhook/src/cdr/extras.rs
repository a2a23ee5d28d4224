//! What a record says beyond the fields of the request. It is kept beside the custom data, so that nothing sent is lost: price,
//! countries, department, extensions, and fields that nobody has heard of yet.

use serde_json::{Value, json};

use super::{
    body, kind, names, phone,
    record::{Field, Record},
    text,
};

/// The most characters of the AI's summary; the rest is cut.
const MAX_SUMMARY: usize = 4_000;
/// How deep in the AI's data the summary is looked for.
const SUMMARY_DEPTH: usize = 4;

/// Fields of which the request holds the first that was sent.
const HELD: &[&[&str]] = &[
    names::CALL_ID,
    names::ORIGINAL_CALL_ID,
    names::STATUS,
    names::DURATION,
    names::RING,
    names::QUEUE,
    names::RECORDING,
    names::REPRESENTATIVE,
    names::IVR,
];
/// Fields whose meaning the request holds, whichever were sent.
const USED: &[&[&str]] =
    &[names::TIME, names::DATE, names::IS_ANSWER, names::DIRECTION, names::TYPE, names::CUSTOM_DATA];
/// Numbers and extensions, of which the request holds two.
const PARTIES: &[&[&str]] = &[names::CALLER, names::CLIENT, names::TARGET, names::DID];

/// The fields that the request does not hold, by their published names where they have one.
///
/// Numbers and booleans become texts: the formats write them differently, and leading zeros count. `phones` are the two numbers
/// of the request, which are not repeated. Of the AI's data only the summary is kept, of at most 4,000 characters.
#[must_use]
pub fn extras(record: &Record, phones: [&str; 2]) -> Vec<(String, Value)> {
    let mut known: Vec<(String, Value)> = Vec::new();
    let mut unknown = Vec::new();
    if let Some(name) = kind::type_name(record) {
        known.push((names::TYPE[0].to_owned(), name.into()));
    }
    for field in record.fields() {
        let kept = match place_of(record, &field) {
            Place::Request => None,
            Place::Party(name) => (!repeats(&field, phones)).then(|| (name.to_owned(), plain(field.value))),
            Place::Ai(name) => {
                summary(field.value).map(|summary| (name.to_owned(), json!({"summary": summary})))
            }
            Place::Other(name) => Some((name.to_owned(), plain(field.value))),
            Place::Unknown => {
                unknown.push((field.name.to_owned(), plain(field.value)));
                None
            }
        };
        // Two spellings of one field say one thing.
        if let Some(kept) = kept.filter(|kept| !known.contains(kept)) {
            known.push(kept);
        }
    }
    known.extend(unknown);
    known
}

/// Where a field belongs; with its published name.
enum Place {
    Request,
    Party(&'static str),
    Ai(&'static str),
    Other(&'static str),
    Unknown,
}

fn place_of(record: &Record, field: &Field<'_>) -> Place {
    if let Some((names, name)) = listed(HELD, field) {
        let held =
            record.find(names).is_some_and(|held| held.name == field.name || held.value == field.value);
        return if held { Place::Request } else { Place::Other(name) };
    }
    if listed(USED, field).is_some() {
        Place::Request
    } else if let Some((names, _)) = listed(PARTIES, field) {
        Place::Party(names[0])
    } else if let Some((_, name)) = listed(&[names::AI_DATA], field) {
        Place::Ai(name)
    } else if let Some((names, _)) = listed(names::OTHERS, field) {
        Place::Other(names[0])
    } else {
        Place::Unknown
    }
}

/// The list that has the field's name, and the name as published.
fn listed(
    lists: &'static [&'static [&'static str]],
    field: &Field<'_>,
) -> Option<(&'static [&'static str], &'static str)> {
    lists.iter().find_map(|names| {
        let name = names.iter().find(|name| name.eq_ignore_ascii_case(field.name))?;
        Some((*names, *name))
    })
}

fn repeats(field: &Field<'_>, phones: [&str; 2]) -> bool {
    let Some(value) = field.text() else { return false };
    let is_same = |number: &str| {
        value == number
            || (phone::looks_like_phone(&value)
                && phone::looks_like_phone(number)
                && phone::is_same(&value, number))
    };
    phones.into_iter().any(is_same)
}

/// A value in the form that every format gives it.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let text = text.trim();
            let nested = text.starts_with(['{', '[']).then(|| body::value(text)).flatten();
            nested.unwrap_or_else(|| text.into())
        }
        Value::Number(number) => number.to_string().into(),
        Value::Bool(value) => value.to_string().into(),
        nested => nested.clone(),
    }
}

/// The summary in the AI's data, wherever it stands in it.
fn summary(data: &Value) -> Option<String> {
    let parsed;
    let data = match data {
        Value::String(text) => {
            parsed = body::value(text)?;
            &parsed
        }
        data => data,
    };
    find_summary(data, SUMMARY_DEPTH).map(|found| text::truncate(text::clean(found), MAX_SUMMARY))
}

fn find_summary(data: &Value, depth: usize) -> Option<&str> {
    let fields = data.as_object()?;
    let here = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("summary"));
    let found = here.and_then(|(_, value)| value.as_str()).map(str::trim).filter(|text| !text.is_empty());
    if found.is_some() || depth == 0 {
        return found;
    }
    fields.values().find_map(|value| find_summary(value, depth - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONES: [&str; 2] = ["0521234567", "0771234567"];

    fn extras_of(record: &Value) -> Value {
        let record = Record::from(record.as_object().unwrap());
        extras(&record, PHONES).into_iter().collect::<serde_json::Map<_, _>>().into()
    }

    #[test]
    fn what_the_request_holds_is_not_repeated() {
        let record = json!({
            "ivruniqueid": "1", "CallID": "1", "time": 5, "Date": "x", "duration": 5, "actualCallDuration": 5, "status": "BUSY",
            "isAnswer": 0, "direction": "incoming", "caller": "972521234567", "callerPhone": "052-1234567", "did": "0771234567",
            "dialtime": 5, "queuename": "q", "record": "r", "representative_name": "n", "IVR": [1], "CustomData": {"a": 1},
            "OriginalIvrUniqueID": "2",
        });
        assert_eq!(extras_of(&record), json!({}));
    }

    #[test]
    fn everything_else_is_kept_by_its_published_name() {
        let record = json!({
            "TYPE": 8, "TargetNumber": "SIP7", "Price": 12, "DEPARTMENTNAME": "Demo", "CALLERPHONE": "0529999999",
            "RepresentativeCode": "1007", "representative_code": 1007, "duration": 95, "ACTUALCALLDURATION": 89,
            "Unheard": {"of": [1, true]}, "text": "[1]", "flag": false, "Big": "00123", "blank": "", "none": [],
            "ivruniqueid": "1", "CallID": "2",
        });
        let expected = json!({
            "type": "Queue", "target": "SIP7", "price": "12", "DepartmentName": "Demo", "callerPhone": "0529999999",
            "representative_code": "1007", "actualCallDuration": "89", "Unheard": {"of": [1, true]}, "text": [1],
            "flag": "false", "Big": "00123", "CallID": "2",
        });
        assert_eq!(extras_of(&record), expected);
    }

    #[test]
    fn of_the_ai_data_only_the_summary_is_kept() {
        let data = json!({"transcript": ["x".repeat(300_000)], "insights": {"Summary": " Wants a quote. "}, "emotions": 1});
        let expected = json!({"aiData": {"summary": "Wants a quote."}});
        assert_eq!(extras_of(&json!({"aidata": data})), expected);
        assert_eq!(extras_of(&json!({"aiData": data.to_string()})), expected);
        for without in [json!({"transcript": "t"}), json!("a text"), json!({"summary": [1]}), json!([1])] {
            assert_eq!(extras_of(&json!({"aiData": without})), json!({}), "{without}");
        }
        let long = extras_of(&json!({"aiData": {"summary": "ש".repeat(5_000)}}));
        assert_eq!(long["aiData"]["summary"].as_str().unwrap().chars().count(), MAX_SUMMARY);
    }
}
