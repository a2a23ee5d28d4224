//! The tests of the service.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod errors;
mod recording;
mod schema;
mod support;
