//! Which number is the customer's and which the business's.

use std::fmt;

use leadcapture_proto::v1::CallDirection;

use super::{names, phone, record::Record, text};

/// The two numbers of a call, as received. An empty one was not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parties {
    /// The customer's.
    pub customer: Number,
    /// The business's.
    pub business: Number,
}

/// A number and where it stood.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Number {
    /// The sender's name of the field, or the published one where none was sent.
    pub field: String,
    /// As received, at most 64 characters. Longer ones are no numbers, so that nothing is lost by cutting them.
    pub value: String,
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&phone::mask(&self.value))
    }
}

/// The numbers of a record of a call in this direction.
#[must_use]
pub fn parties(record: &Record, direction: CallDirection) -> Parties {
    let caller = number(record, names::CALLER);
    let client = number(record, names::CLIENT);
    let did = number(record, names::DID);
    if direction == CallDirection::Outgoing {
        let target = number(record, names::TARGET);
        // The client is named beside the target; one that repeats the number shown says nothing.
        let named = (!phone::is_same(&client.value, &caller.value)).then_some(client);
        return Parties { customer: prefer_phone(target, named), business: prefer_phone(caller, Some(did)) };
    }
    Parties { customer: prefer_phone(caller, Some(client)), business: did }
}

/// The first number, unless it is not a phone and the second is, or it is absent.
fn prefer_phone(first: Number, second: Option<Number>) -> Number {
    match second {
        Some(second) if !phone::looks_like_phone(&first.value) && phone::looks_like_phone(&second.value) => {
            second
        }
        Some(second) if first.value.is_empty() && !second.value.is_empty() => second,
        _ => first,
    }
}

fn number(record: &Record, names: &[&str]) -> Number {
    let found = names.iter().find_map(|name| {
        let field = record.find(&[name])?;
        Some(Number { field: field.name.to_owned(), value: text::truncate(field.text()?, text::MAX_PHONE) })
    });
    found.unwrap_or_else(|| Number { field: names[0].to_owned(), value: String::new() })
}

#[cfg(test)]
mod tests {
    use CallDirection::{Incoming, Internal, Outgoing};
    use serde_json::json;

    use super::*;

    #[test]
    fn customer_and_business_by_direction() {
        let business = "0771234567";
        let client = "0521234567";
        for (direction, record, expected) in [
            (Incoming, json!({"caller": client, "did": business}), (client, business)),
            (Incoming, json!({"CallerNumber": client, "DID": business}), (client, business)),
            (Incoming, json!({"callerPhone": client, "did": business}), (client, business)),
            (Incoming, json!({"caller": "SIP9", "callerPhone": client, "did": business}), (client, business)),
            (Incoming, json!({"caller": "anonymous", "did": business}), ("anonymous", business)),
            (
                Incoming,
                json!({"caller": "anonymous", "callerPhone": "private", "did": 771_234_567}),
                ("anonymous", "771234567"),
            ),
            (Incoming, json!({"caller": "", "target": client}), ("", "")),
            (Outgoing, json!({"caller": business, "target": client, "did": ""}), (client, business)),
            (
                Outgoing,
                json!({"caller": business, "target": "SIP7", "callerPhone": client}),
                (client, business),
            ),
            (
                Outgoing,
                json!({"caller": business, "target": "SIP7", "callerPhone": "077-123-4567"}),
                ("SIP7", business),
            ),
            (Outgoing, json!({"caller": "SIP7", "target": client, "did": business}), (client, business)),
            (Outgoing, json!({"caller": "SIP7", "TargetNumber": client}), (client, "SIP7")),
            (Internal, json!({"caller": "SIP7", "target": "SIP8"}), ("SIP7", "")),
        ] {
            let found = parties(&Record::from(record.as_object().unwrap()), direction);
            assert_eq!(
                (found.customer.value.as_str(), found.business.value.as_str()),
                expected,
                "{direction:?} {record}"
            );
        }
    }
}
