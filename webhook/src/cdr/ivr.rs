//! The caller's path through the voice menu.

use leadcapture_proto::v1::IvrStep;
use serde_json::Value;

use super::{body, record::Record, text};

/// The most steps that the server takes.
const MAX_STEPS: usize = 100;
/// The most characters of the keys pressed in one step.
const MAX_DIGITS: usize = 32;

const LAYER_ID: &[&str] = &["layer_id", "LayerID"];
const LAYER_NAME: &[&str] = &["layer_name", "LayerName"];
const LAYER_NUMBER: &[&str] = &["layer_number", "LayerNumber"];
const DIGIT: &[&str] = &["Dtmf", "digit"];
const ORDER: &[&str] = &["dtmf_order", "DtmfOrder", "order"];

/// The steps in a list, as JSON or as JSON text; `None` where the value is no list of steps.
#[must_use]
pub fn steps(value: &Value) -> Option<Vec<IvrStep>> {
    let parsed;
    let value = match value {
        Value::String(text) => {
            parsed = body::value(text)?;
            &parsed
        }
        value => value,
    };
    let items = match value {
        Value::Array(items) => items.as_slice(),
        single @ Value::Object(_) => std::slice::from_ref(single),
        _ => return None,
    };
    items.iter().take(MAX_STEPS).enumerate().map(|(index, item)| step(index, item)).collect()
}

fn step(index: usize, item: &Value) -> Option<IvrStep> {
    let record = Record::from(item.as_object()?);
    let number = |names| {
        let number = record.find(names)?.integer().ok()?;
        i32::try_from(number).ok().filter(|number| *number >= 0)
    };
    let position = i32::try_from(index + 1).unwrap_or(i32::MAX);
    let short = |names, max| record.text(names).map(|value| text::truncate(value, max));
    Some(IvrStep {
        layer_id: short(LAYER_ID, text::MAX_NAME),
        layer_name: short(LAYER_NAME, text::MAX_NAME).unwrap_or_default(),
        layer_number: number(LAYER_NUMBER).unwrap_or_default(),
        digit: short(DIGIT, MAX_DIGITS).unwrap_or_default(),
        order: number(ORDER).unwrap_or(position),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn first() -> IvrStep {
        IvrStep {
            layer_id: Some("5101".to_owned()),
            layer_name: "Main".to_owned(),
            layer_number: 0,
            digit: "2".to_owned(),
            order: 1,
        }
    }

    #[test]
    fn reads_lists_and_json_text_in_any_letter_case() {
        let step =
            json!({"layer_id": 5101, "layer_name": "Main", "layer_number": 0, "Dtmf": 2, "dtmf_order": 1});
        let upper = json!({"LAYER_ID": "5101", "LAYER_NAME": "Main", "LAYER_NUMBER": "0", "DTMF": "2"});
        assert_eq!(steps(&json!([step])), Some(vec![first()]));
        assert_eq!(steps(&json!([upper])), Some(vec![first()]));
        assert_eq!(steps(&step), Some(vec![first()]));
        assert_eq!(steps(&json!(json!([step]).to_string())), Some(vec![first()]));
    }

    #[test]
    fn keeps_within_the_servers_limits() {
        let step = json!({"layer_name": "x".repeat(500), "layer_number": -1, "Dtmf": "1".repeat(50), "dtmf_order": 1e12});
        let steps = steps(&Value::Array(vec![step; 150])).unwrap();
        assert_eq!(steps.len(), MAX_STEPS);
        assert_eq!(steps[0].layer_name.len(), text::MAX_NAME);
        assert_eq!((steps[0].layer_number, steps[0].digit.len(), steps[99].order), (0, MAX_DIGITS, 100));
    }

    #[test]
    fn anything_else_is_no_path() {
        for value in [json!("Main"), json!(5), json!([1, 2]), json!(true), json!("[1]")] {
            assert_eq!(steps(&value), None, "{value}");
        }
    }
}
