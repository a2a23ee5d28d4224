//! The adapter's own disk: deliveries that the server has not recorded yet, and those that it never will.
//!
//! One SQLite file, which the running adapter and the command line use at the same time. A delivery is one HTTP body as it came,
//! with all that its reading depends on: whenever it is read, it gives the same calls.
//!
//! | subject | module |
//! |---|---|
//! | what is kept | [`delivery`] |
//! | the file and its statements | [`store`], `schema` |
//! | a delivery as a line of JSON | [`export`] |
//! | one thread that writes for all | [`writer`] |

pub mod delivery;
pub mod export;
mod schema;
pub mod store;
#[cfg(test)]
mod tests;
pub mod writer;

pub use delivery::{Delivery, State, Stored, Total, Totals};
pub use export::Exported;
pub use store::{Store, StoreError};
pub use writer::{Due, Expired, Settlement, Spool, SpoolError};
