//! What a body, or a part of it, may be, whatever its format: a record, a list of them, or a JSON text that holds either.

use super::{
    super::{error::Problem, record::Record},
    MAX_RECORDS, json,
};

/// How many arrays and JSON texts may be wrapped around a record.
const MAX_WRAPPERS: usize = 4;

/// A part of a body.
#[derive(Debug)]
pub(super) enum Shape {
    /// The fields of one call.
    Record(Record),
    /// Several parts.
    List(Vec<Shape>),
    /// A text, which should be JSON.
    Text(String),
    /// No record: what it is instead.
    Other(&'static str),
}

impl Shape {
    /// The records in this part. What is none leaves the others readable.
    pub(super) fn records(self) -> Result<Vec<Result<Record, Problem>>, Problem> {
        let mut records = Vec::new();
        self.collect(0, &mut records)?;
        Ok(records)
    }

    fn collect(self, wrappers: usize, records: &mut Vec<Result<Record, Problem>>) -> Result<(), Problem> {
        if wrappers > MAX_WRAPPERS {
            return Err(Problem::body("is wrapped in too many arrays or texts"));
        }
        match self {
            Self::Record(record) => records.push(Ok(record)),
            Self::List(items) => {
                for item in items {
                    item.collect(wrappers + 1, records)?;
                }
            }
            Self::Text(text) => match json::shape(text.trim()) {
                Ok(inner) => inner.collect(wrappers + 1, records)?,
                Err(problem) => records.push(Err(problem)),
            },
            Self::Other(kind) => {
                records.push(Err(Problem::body(format!("holds {kind} where a record should be"))));
            }
        }
        if records.len() > MAX_RECORDS {
            return Err(Problem::body(format!("holds more than {MAX_RECORDS} records")));
        }
        Ok(())
    }
}
