//! The leadcapture database schema, forward and back, for `SQLite` and PostgreSQL.
//!
//! Each migration covers one subject. A migration that has been released is never edited: a change is a new migration.

mod ddl;
mod m20260101_000001_tenants;
mod m20260101_000002_leads;
mod m20260101_000003_missed_calls;
mod m20260101_000004_conversations;
mod m20260101_000005_access;
mod m20260101_000006_access_latch;
mod m20260101_000007_answered_calls;
mod m20260101_000008_erasure;
mod m20260101_000009_unrouted_tenant;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

/// All migrations in order. Use it through [`MigratorTrait`].
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20260101_000001_tenants::Migration),
            Box::new(m20260101_000002_leads::Migration),
            Box::new(m20260101_000003_missed_calls::Migration),
            Box::new(m20260101_000004_conversations::Migration),
            Box::new(m20260101_000005_access::Migration),
            Box::new(m20260101_000006_access_latch::Migration),
            Box::new(m20260101_000007_answered_calls::Migration),
            Box::new(m20260101_000008_erasure::Migration),
            Box::new(m20260101_000009_unrouted_tenant::Migration),
        ]
    }
}
