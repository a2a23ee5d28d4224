//! The Voicenter webhook of leadcapture: takes call detail records over HTTP and records them through the gRPC API.
//!
//! [`serve`] runs it on a listener, in its own process or inside another. The parts: [`cdr`] reads records and is pure,
//! [`server`] is the client of the leadcapture server, [`http`] is the door.

pub mod cdr;
pub mod cli;
pub mod clock;
pub mod config;
pub mod http;
pub mod server;
pub mod telemetry;

pub use clock::{Clock, SystemClock};
pub use config::{Settings, SettingsError, Token};
pub use http::{ServeError, serve};
