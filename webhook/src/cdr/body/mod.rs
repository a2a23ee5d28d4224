//! Bodies to records. Each format has its own module; what follows does not know which it was.

mod json;
mod numbers;

pub(super) use json::value;

use super::{error::Problem, record::Record};

/// The most records that one body may hold. The vendor sends one; more are recorded all the same.
pub const MAX_RECORDS: usize = 100;

/// The records in a body. One that is no record leaves the others readable.
///
/// # Errors
/// The body cannot be read at all, or holds no record, or more than [`MAX_RECORDS`].
pub fn read(body: &[u8]) -> Result<Vec<Result<Record, Problem>>, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::body("is not UTF-8"))?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '\u{feff}'));
    if text.is_empty() {
        return Err(Problem::body("is empty"));
    }
    let records = json::records(text)?;
    match records.len() {
        0 => Err(Problem::body("holds no record")),
        1..=MAX_RECORDS => Ok(records),
        count => Err(Problem::body(format!("holds {count} records, more than {MAX_RECORDS}"))),
    }
}
