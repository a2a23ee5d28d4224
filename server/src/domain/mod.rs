//! The rules of the product, as pure code: no gRPC, no database, no clock, no I/O.
//!
//! | subject | module |
//! |---|---|
//! | lead lifecycle: the table of allowed transitions | [`lifecycle`] |
//! | what a call does: dispositions and effects | [`recording`] |
//! | telephone numbers | [`phone`] |
//! | text that no log may show | [`personal`] |
//! | what a tenant may configure | [`policy`] |
//! | every error a caller can get | [`error`] |
//! | who may act for which tenant | [`access`] |
//! | bearer tokens | [`api_token`] |
//! | what a customer is shown of what is held | [`export`] |

pub mod access;
pub mod api_token;
pub mod call;
pub mod capture;
pub mod conversation;
pub mod customer;
pub mod details;
pub mod erasure;
pub mod error;
pub mod event;
pub mod export;
pub mod follow_up;
pub mod follow_up_claims;
pub mod lead;
pub mod lifecycle;
pub mod names;
pub mod personal;
pub mod phone;
pub mod policy;
pub mod qualification;
pub mod recording;
pub mod retention;
pub mod send_windows;
pub mod tenant;
pub mod text;
pub mod transition;
