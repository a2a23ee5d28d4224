//! The tests of the service.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod concurrency;
mod conversations;
mod end_to_end;
mod erasure;
mod errors;
mod every_rpc;
mod export;
mod faults;
mod follow_ups;
mod lead_changes;
mod lead_model;
mod lead_races;
mod leads;
mod limits;
mod plans;
mod recording;
mod retention;
mod schema;
mod support;
mod tenants;
mod tls;
mod traces;
