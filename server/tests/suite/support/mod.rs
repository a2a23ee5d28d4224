//! What the tests share.

pub(crate) mod calls;
pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod dump;
pub(crate) mod leads;
pub(crate) mod leaks;
pub(crate) mod maintenance;
mod postgres;
pub(crate) mod problem;
pub(crate) mod process;
pub(crate) mod race;
pub(crate) mod rows;
pub(crate) mod server;
pub(crate) mod tokens;
pub(crate) mod wait;
