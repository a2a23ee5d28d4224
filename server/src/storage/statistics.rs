//! Statistics for PostgreSQL's planner, while a database is new.
//!
//! A session plans a statement once, for any values, and keeps the plan until the statistics change. A plan that was made for an empty table
//! may find a tenant's rows by any index that begins with the tenant, and read them all. Autovacuum gathers statistics too, but looks once a
//! minute, and a table may have tens of thousands of rows by then.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, EntityName as _, Statement};
use tracing::instrument;

use super::{
    Storage,
    entities::{
        business_line, customer, follow_up, idempotency_record, lead, lead_conversation, lead_event,
        missed_call, tenant, unrouted_call,
    },
    error::surface,
};
use crate::domain::error::Error;

/// The tables that have changed more than they had rows when their statistics were gathered, and more than a little. `reltuples` is -1 where
/// that never happened (PostgreSQL manual, 53.11). Only their owner may gather them.
const OUTGROWN: &str = "SELECT t.relname::text AS name FROM pg_stat_user_tables t JOIN pg_class c ON c.oid = t.relid \
    WHERE t.schemaname = current_schema() AND pg_has_role(c.relowner, 'USAGE') \
    AND t.n_mod_since_analyze >= 100 + greatest(c.reltuples, 0)";

impl Storage {
    /// Gathers the statistics of the tables that have doubled since that was last done, by whomever; answers of how many.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.refresh_statistics", skip_all)]
    pub async fn refresh_statistics(&self) -> Result<usize, Error> {
        if self.writer.get_database_backend() != DbBackend::Postgres {
            return Ok(0);
        }
        let outgrown = self.outgrown().await.map_err(surface)?;
        for table in &outgrown {
            // Skipped where another server or autovacuum is at it.
            let analyze = format!("ANALYZE (SKIP_LOCKED) \"{table}\"");
            self.writer.execute_unprepared(&analyze).await.map_err(surface)?;
        }
        Ok(outgrown.len())
    }

    /// The tables of ours whose statistics are too old.
    async fn outgrown(&self) -> Result<Vec<&'static str>, DbErr> {
        let growing = [
            tenant::Entity.table_name(),
            business_line::Entity.table_name(),
            customer::Entity.table_name(),
            lead::Entity.table_name(),
            lead_event::Entity.table_name(),
            lead_conversation::Entity.table_name(),
            missed_call::Entity.table_name(),
            unrouted_call::Entity.table_name(),
            follow_up::Entity.table_name(),
            idempotency_record::Entity.table_name(),
        ];
        let rows = self.reader.query_all_raw(Statement::from_string(DbBackend::Postgres, OUTGROWN)).await?;
        let outgrown: Vec<String> =
            rows.iter().map(|row| row.try_get("", "name")).collect::<Result<_, _>>()?;
        Ok(growing.into_iter().filter(|table| outgrown.iter().any(|name| name == table)).collect())
    }
}
