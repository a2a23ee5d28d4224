//! The leadcapture service: missed calls become leads, over gRPC.
//!
//! Dependencies point inward: `grpc` parses requests, calls `storage` and encodes what it answers; `storage` runs transactions and asks
//! `domain` for every rule; `domain` depends on nothing but the standard library and a few types.

pub mod auth;
pub mod background;
pub mod clock;
pub mod config;
pub mod domain;
/// The tables of [`storage::entities`]. Beside `storage`, not inside: what hides SeaORM's unscoped functions there must not be seen by the
/// code that SeaORM generates here.
#[doc(hidden)]
#[path = "storage/entities/mod.rs"]
pub mod entities;
pub mod erasure_key;
pub mod exposure;
pub mod grpc;
mod incoming;
pub mod metrics;
pub mod serve;
pub mod storage;
pub mod token_command;
