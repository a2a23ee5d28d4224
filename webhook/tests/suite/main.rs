//! The webhook over real HTTP, in front of a gRPC server that stands in for leadcapture and notes what it is asked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod adapter;
mod binary;
mod connections;
mod crash;
mod door;
mod encodings;
mod golden;
mod hidden;
mod hostile;
#[path = "../../../server/tests/suite/support/leaks.rs"]
mod leaks;
mod limits;
mod logs;
mod memory;
mod properties;
mod raw;
mod readings;
mod remote;
mod replay;
mod replies;
mod shown;
mod shutdown;
mod spool;
mod spool_command;
mod spool_faults;
mod tls;
mod wait;
