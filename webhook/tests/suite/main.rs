//! The webhook over real HTTP, in front of a gRPC server that stands in for leadcapture and notes what it is asked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod adapter;
mod binary;
mod limits;
mod logs;
mod remote;
mod replies;
mod samples;
mod shutdown;
