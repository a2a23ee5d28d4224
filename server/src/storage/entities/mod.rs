//! The tables as SeaORM entities, one module each, and the enum types of their columns.
//!
//! The migration crate makes the schema; these describe it. A test compares the two on both engines.

pub mod access_latch;
pub mod api_token;
pub mod business_line;
pub mod customer;
pub mod enums;
pub mod erasure_key;
pub mod follow_up;
pub mod idempotency_record;
pub mod lead;
pub mod lead_conversation;
pub mod lead_event;
pub mod missed_call;
mod personal;
pub mod released_number;
pub mod tenant;
pub mod unrouted_call;
