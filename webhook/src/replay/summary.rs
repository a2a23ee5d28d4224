//! What a replay did.

use std::{collections::BTreeMap, fmt};

use leadcapture_proto::v1::CallDisposition;
use serde_json::{Value, json};

use super::input::Place;

/// What a replay did, or would do.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Whether nothing was recorded.
    pub validate_only: bool,
    /// How many bodies were read.
    pub bodies: usize,
    /// How many calls were recorded with each disposition, by its name without a prefix.
    pub dispositions: BTreeMap<&'static str, usize>,
    /// How many calls end in the future, most likely because their time was read wrongly.
    pub in_future: usize,
    /// What would become of each call; empty unless nothing was recorded.
    pub outcomes: Vec<Outcome>,
    /// The records that were not recorded.
    pub failures: Vec<Failure>,
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its number among all records, in the order in which they were read.
    pub number: usize,
    /// Where it stands.
    pub place: Place,
    /// The exchange's id of it.
    pub call_id: String,
    /// What recording it does.
    pub disposition: CallDisposition,
}

/// A record that was not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its number among all records, in the order in which they were read.
    pub number: usize,
    /// Where it stands.
    pub place: Place,
    /// The exchange's id of the call, where it could be read.
    pub call_id: Option<String>,
    /// Why not, in the sender's names. Never holds a phone.
    pub reason: String,
}

/// The name of a disposition without its prefix.
fn short(disposition: CallDisposition) -> &'static str {
    let name = disposition.as_str_name();
    name.strip_prefix("CALL_DISPOSITION_").unwrap_or(name)
}

impl Summary {
    /// A summary of nothing yet.
    #[must_use]
    pub fn new(validate_only: bool) -> Self {
        Self { validate_only, ..Self::default() }
    }

    pub(super) fn recorded(&mut self, outcome: Outcome) {
        *self.dispositions.entry(short(outcome.disposition)).or_default() += 1;
        if self.validate_only {
            self.outcomes.push(outcome);
        }
    }

    pub(super) fn in_order(&mut self) {
        self.outcomes.sort_by_key(|outcome| outcome.number);
        self.failures.sort_by_key(|failure| failure.number);
    }

    /// How many calls were recorded, or would be.
    #[must_use]
    pub fn recorded_count(&self) -> usize {
        self.dispositions.values().sum()
    }

    /// The summary as one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let place = |place: &Place| json!({"file": &*place.file, "line": place.line, "record": place.record});
        let with = |mut at: Value, fields: Value| {
            if let (Value::Object(at), Value::Object(fields)) = (&mut at, fields) {
                at.extend(fields);
            }
            at
        };
        let failures: Vec<Value> = self
            .failures
            .iter()
            .map(|failure| {
                with(place(&failure.place), json!({"call_id": failure.call_id, "reason": failure.reason}))
            })
            .collect();
        let mut summary = json!({
            "validate_only": self.validate_only,
            "bodies": self.bodies,
            "recorded": self.recorded_count(),
            "failed": self.failures.len(),
            "in_future": self.in_future,
            "dispositions": self.dispositions,
            "failures": failures,
        });
        if self.validate_only {
            let outcome = |outcome: &Outcome| {
                with(
                    place(&outcome.place),
                    json!({"call_id": outcome.call_id, "disposition": short(outcome.disposition)}),
                )
            };
            summary["calls"] = self.outcomes.iter().map(outcome).collect();
        }
        summary
    }
}

/// For people: several lines.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.outcomes {
            writeln!(f, "{}: {} {}", outcome.place, outcome.call_id, short(outcome.disposition))?;
        }
        let (recorded, failed) = (self.recorded_count(), self.failures.len());
        let done = if self.validate_only { "would be recorded" } else { "recorded" };
        writeln!(f, "{} bodies: {recorded} calls {done}, {failed} not", self.bodies)?;
        for (disposition, count) in &self.dispositions {
            writeln!(f, "  {disposition:<18} {count:>8}")?;
        }
        if self.in_future > 0 {
            writeln!(f, "{} calls end in the future; check account_zone and time_basis", self.in_future)?;
        }
        if failed > 0 {
            writeln!(f, "not {done}:")?;
        }
        for failure in &self.failures {
            writeln!(f, "  {}: {}", failure.place, failure.reason)?;
        }
        Ok(())
    }
}
