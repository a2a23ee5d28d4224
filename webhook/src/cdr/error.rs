//! What is wrong with a record, in the sender's own field names.

use std::fmt;

/// The name that stands for the whole body in a [`Problem`].
pub const BODY: &str = "body";

/// One field that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Problem {
    /// Voicenter's name of the field as sent; its published name where it is absent; [`BODY`] for the body itself.
    pub field: String,
    /// What is wrong with it. Never holds the value, which may be personal.
    pub problem: String,
}

impl Problem {
    /// A problem with `field`.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// A problem with the body as a whole.
    pub fn body(problem: impl Into<String>) -> Self {
        Self::new(BODY, problem)
    }
}

/// A record that can never be recorded: every problem found in it, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub Vec<Problem>);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Malformed {}

impl From<Problem> for Malformed {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
