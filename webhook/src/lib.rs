//! The Voicenter webhook of leadcapture: takes call detail records over HTTP and records them through the gRPC API.
//!
//! [`serve`] runs it on a listener, in its own process or inside another. The parts: [`cdr`] reads records and is pure, [`http`] is
//! the door, [`forward`] brings what comes in to the server, [`spool`] keeps it meanwhile on the disk, [`server`] is the client of
//! the leadcapture server.

pub mod cdr;
pub mod cli;
pub mod clock;
pub mod config;
pub mod endpoint;
pub mod environment;
pub mod forward;
pub mod http;
pub mod in_process;
pub mod metrics;
pub mod random;
pub mod reload;
pub mod replay;
pub mod secrets;
pub mod server;
pub mod source;
pub mod spool;
pub mod telemetry;
pub mod tls;

pub use clock::{Clock, SystemClock};
pub use config::{DoorSettings, Settings, SettingsError, Token};
pub use environment::Environment;
pub use http::{ServeError, Webhook, check_door, serve};
pub use source::Source;
