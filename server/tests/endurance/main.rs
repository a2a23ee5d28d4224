//! Longer tests of a sender, the adapter and the server as processes of their own, killed and stopped under load.
//!
//! Those that measure latencies run alone; the others share the machine with each other.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod adapter;
mod kill;
mod outage;
mod stage;
#[expect(dead_code, reason = "what only the other tests need")]
#[path = "../suite/support/mod.rs"]
mod support;

use tokio::sync::RwLock;

/// Read by tests that may run beside each other, written by those that must run alone.
static MACHINE: RwLock<()> = RwLock::const_new(());
