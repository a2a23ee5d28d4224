//! Who called whom.

use leadcapture_proto::v1::CallDirection;

use super::{names, phone, record::Record};

/// What a type of call says of its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// Always this one.
    Direction(CallDirection),
    /// Nothing: a transfer goes the way of the call it belongs to.
    Nothing,
}

/// Voicenter's types: id, name, direction. Of a name only letters and digits count.
const TYPES: &[(i64, &str, Says)] = &[
    (1, "Incoming Call", Says::Direction(CallDirection::Incoming)),
    (4, "Extension Outgoing", Says::Direction(CallDirection::Outgoing)),
    (8, "Queue", Says::Direction(CallDirection::Incoming)),
    (9, "Click2Call leg1", Says::Direction(CallDirection::Internal)),
    (10, "Click2Call leg2", Says::Direction(CallDirection::Outgoing)),
    (VOICEMAIL, "VoiceMail", Says::Direction(CallDirection::Incoming)),
    (13, "XferCDR", Says::Nothing),
    (14, "ProductiveCall Leg1", Says::Direction(CallDirection::Internal)),
    (15, "ProductiveCall Leg2", Says::Direction(CallDirection::Outgoing)),
    (17, "Click 2 IVR", Says::Direction(CallDirection::Outgoing)),
    (18, "Click 2 IVR Incoming", Says::Direction(CallDirection::Outgoing)),
    (19, "Click 2 Queue Incoming", Says::Direction(CallDirection::Outgoing)),
    (21, "Attended CDR leg1", Says::Direction(CallDirection::Internal)),
    (22, "Attended CDR leg2", Says::Direction(CallDirection::Internal)),
    (23, "Auto forward", Says::Direction(CallDirection::Internal)),
];
const VOICEMAIL: i64 = 11;

/// The direction of a call: the record's own word, else its type's, else what its numbers suggest.
#[must_use]
pub fn direction(record: &Record) -> CallDirection {
    let stated = record.text(names::DIRECTION).and_then(|word| match normalise(&word).as_str() {
        "incoming" | "inbound" | "in" => Some(CallDirection::Incoming),
        "outgoing" | "outbound" | "out" => Some(CallDirection::Outgoing),
        "internal" => Some(CallDirection::Internal),
        _ => None,
    });
    if let Some(direction) = stated {
        return direction;
    }
    if let Some((_, _, Says::Direction(direction))) = known_type(record) {
        return *direction;
    }
    if record.find(names::DID).is_some() {
        CallDirection::Incoming
    } else if record.text(names::TARGET).is_some_and(|target| phone::looks_like_phone(&target)) {
        CallDirection::Outgoing
    } else {
        CallDirection::Internal
    }
}

/// Whether the record is of a call that a voice mailbox took.
#[must_use]
pub fn is_voicemail(record: &Record) -> bool {
    known_type(record).is_some_and(|(id, _, _)| *id == VOICEMAIL)
}

/// The type of call: Voicenter's name of it, or as sent where it is none of the known ones; `None` where none was sent.
#[must_use]
pub fn type_name(record: &Record) -> Option<String> {
    known_type(record).map(|(_, name, _)| (*name).to_owned()).or_else(|| record.text(names::TYPE))
}

fn known_type(record: &Record) -> Option<&'static (i64, &'static str, Says)> {
    names::TYPE.iter().find_map(|name| {
        let field = record.find(&[name])?;
        let number = field.integer().ok();
        let word = normalise(&field.text()?);
        TYPES.iter().find(|(id, name, _)| Some(*id) == number || normalise(name) == word)
    })
}

fn normalise(word: &str) -> String {
    word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use CallDirection::{Incoming, Internal, Outgoing};
    use serde_json::{Value, json};

    use super::*;

    fn direction_of(record: &Value) -> CallDirection {
        direction(&Record::from(record.as_object().unwrap()))
    }

    #[test]
    fn types_give_the_direction() {
        for (kind, expected) in [
            (json!("Incoming Call"), Incoming),
            (json!("incoming call"), Incoming),
            (json!(4), Outgoing),
            (json!("8"), Incoming),
            (json!("Click2Call leg1"), Internal),
            (json!("Click2Call leg2"), Outgoing),
            (json!("VoiceMail"), Incoming),
            (json!("ProductiveCall Leg1"), Internal),
            (json!("ProductiveCall Leg2"), Outgoing),
            (json!("Click 2 IVR"), Outgoing),
            (json!("Click 2 IVR Incoming"), Outgoing),
            (json!(19), Outgoing),
            (json!("Attended CDR leg1"), Internal),
            (json!("Auto forward"), Internal),
        ] {
            // The numbers would suggest another direction: the type wins.
            assert_eq!(direction_of(&json!({"type": kind, "did": "0771234567"})), expected, "{kind}");
        }
        assert_eq!(direction_of(&json!({"Type": "", "CdrType": 4, "did": "0771234567"})), Outgoing);
        assert_eq!(direction_of(&json!({"Type": "New", "CdrType": "4", "did": "0771234567"})), Outgoing);
    }

    #[test]
    fn types_have_their_published_names() {
        for (record, expected) in [
            (json!({"type": "incoming call"}), Some("Incoming Call")),
            (json!({"CdrType": "10"}), Some("Click2Call leg2")),
            (json!({"type": "New", "CdrType": 8}), Some("Queue")),
            (json!({"type": "New kind"}), Some("New kind")),
            (json!({"type": 99}), Some("99")),
            (json!({"type": ""}), None),
        ] {
            assert_eq!(
                type_name(&Record::from(record.as_object().unwrap())).as_deref(),
                expected,
                "{record}"
            );
        }
    }

    #[test]
    fn the_records_own_word_wins() {
        assert_eq!(direction_of(&json!({"type": 21, "direction": "Outgoing"})), Outgoing);
        assert_eq!(direction_of(&json!({"type": 13, "direction": "incoming"})), Incoming);
        assert_eq!(direction_of(&json!({"type": 4, "direction": "sideways"})), Outgoing);
    }

    #[test]
    fn numbers_decide_where_nothing_is_said() {
        assert_eq!(direction_of(&json!({"did": "0771234567", "target": "0521234567"})), Incoming);
        assert_eq!(direction_of(&json!({"did": "", "target": "0521234567"})), Outgoing);
        assert_eq!(direction_of(&json!({"target": "SIP7"})), Internal);
        assert_eq!(direction_of(&json!({"type": 13, "target": "0521234567"})), Outgoing);
        assert_eq!(direction_of(&json!({})), Internal);
    }
}
