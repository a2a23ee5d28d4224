//! `LeadService`: changes of a lead that exists, and the history that they leave.

mod ends;
mod history;
mod qualify;
mod transitions;
mod update;
