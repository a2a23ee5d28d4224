//! The Voicenter webhook of leadcapture: takes call detail records over HTTP and records them through the gRPC API.
//!
//! [`serve`] runs it on a listener, in its own process or inside another. The parts: [`cdr`] reads records and is pure,
//! [`server`] is the client of the leadcapture server, [`http`] is the door.

pub mod cdr;
pub mod cli;
pub mod clock;
pub mod config;
pub mod endpoint;
pub mod http;
pub mod reload;
pub mod replay;
pub mod secrets;
pub mod server;
pub mod source;
pub mod telemetry;
pub mod tls;

pub use clock::{Clock, SystemClock};
pub use config::{DoorSettings, Settings, SettingsError, Token};
pub use http::{ServeError, check_door, serve};
pub use source::Source;
