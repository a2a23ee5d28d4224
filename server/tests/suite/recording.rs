//! Recording calls over the generated client: what each call does, and what is in the database after it.

mod batches;
mod dispositions;
mod own_numbers;
mod owners;
mod repeats;
mod statements;
mod unrouted;
