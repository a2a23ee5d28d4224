//! The leadcapture service: missed calls become leads, over gRPC.
//!
//! Dependencies point inward: `grpc` parses requests, calls `storage` and encodes what it answers; `storage` runs transactions and asks
//! `domain` for every rule; `domain` depends on nothing but the standard library and a few types.

pub mod background;
pub mod clock;
pub mod config;
pub mod domain;
pub mod grpc;
mod incoming;
pub mod metrics;
pub mod serve;
pub mod storage;
