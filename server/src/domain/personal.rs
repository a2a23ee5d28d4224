//! Personal data that shows itself only to who asks for it by name.
//!
//! Names, needs, notes, numbers as received: whatever tells of a person is a [`Personal`] from the request to the database, so that no
//! `{}`, `{:?}` or derived `Debug` around it can bring it into a log line, a panic message or an error text.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What `Debug` and `Display` show in place of the value, whatever the value is.
const MASK: &str = "***";

/// A value that tells of a person. `Debug` and `Display` show `***`: neither a character of it nor how long it is.
///
/// Stored as JSON, it is the value itself.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal<T = String>(T);

impl<T> Personal<T> {
    /// Marks a value as personal.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, to be stored or answered, never to be logged.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// The value itself, to be stored or answered, never to be logged.
    #[must_use]
    pub fn into_revealed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Personal<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Personal {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T> fmt::Display for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// The revealed text of an optional value, for messages.
#[must_use]
pub fn revealed<T: Clone>(value: Option<&Personal<T>>) -> Option<T> {
    value.map(|value| value.reveal().clone())
}

#[cfg(test)]
mod tests;
