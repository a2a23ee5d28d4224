//! Voicenter call detail records, read. Pure: the same body and time of arrival give the same calls.
//!
//! | subject | module |
//! |---|---|
//! | formats of the body | [`mod@format`], [`body`] |
//! | fields in any spelling | [`names`], [`record`] |
//! | how the call ended, who called whom | [`status`], [`kind`], [`parties`] |
//! | when it began | [`time`] |
//! | what the server takes | [`text`], [`ivr`], [`custom_data`] |
//! | whatever else was sent | [`extras`] |
//! | all of it as one request | [`call`] |

pub mod body;
pub mod call;
pub mod custom_data;
pub mod error;
pub mod extras;
pub mod format;
pub mod ivr;
pub mod kind;
pub mod names;
pub mod parties;
pub mod phone;
pub mod record;
pub mod status;
pub mod text;
pub mod time;

use chrono::{DateTime, Utc};

pub use call::Call;
pub use error::{Malformed, Problem};
pub use format::{Format, format};
pub use time::{TimeBasis, TimeRules};

/// The calls in a body of this format that arrived at `arrival`, each readable or not by itself.
///
/// # Errors
/// The body cannot be read at all, or holds no record, or too many.
pub fn read(
    format: Format,
    body: &[u8],
    rules: TimeRules,
    arrival: DateTime<Utc>,
) -> Result<Vec<Result<Call, Malformed>>, Malformed> {
    let records = body::read(format, body)?;
    Ok(records.into_iter().map(|record| call::read(&record?, rules, arrival)).collect())
}
