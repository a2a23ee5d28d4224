//! From a delivery to recorded calls: straight to the server while that is well, by way of the spool while it is not.
//!
//! | subject | module |
//! |---|---|
//! | a new delivery | [`relay`] |
//! | whether the server is well | [`gate`] |
//! | the way from the spool to the server | [`forwarder`] |
//! | what the server's answers mean for a delivery | [`reading`] |

pub mod forwarder;
pub mod gate;
pub mod reading;
pub mod relay;

pub use gate::Gate;
pub use relay::{Receipt, Relay};
