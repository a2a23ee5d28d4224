//! What the database itself says about its schema.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, QueryResult, Statement};

/// A column as the entity declares it or as the catalog shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) type_name: String,
    pub(super) nullable: bool,
    pub(super) primary_key: bool,
}

const PG_COLUMNS: &str = "
    SELECT a.attname::text AS name, t.typname::text AS type_name, NOT a.attnotnull AS nullable,
           COALESCE(a.attnum = ANY (i.indkey), false) AS primary_key
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped";
const SQLITE_COLUMNS: &str = r#"
    SELECT name, lower(type) AS type_name, "notnull" = 0 AS nullable, pk > 0 AS primary_key FROM pragma_table_info($1)"#;

const PG_TABLES: &str = "SELECT tablename::text AS line FROM pg_tables WHERE schemaname = 'public'";
const SQLITE_TABLES: &str =
    "SELECT name AS line FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

const PG_TENANT_CASCADE: &str = "
    SELECT conname::text AS line FROM pg_constraint
    WHERE conrelid = $1::regclass AND contype = 'f' AND confrelid = 'tenants'::regclass AND confdeltype = 'c'
      AND conkey = (SELECT ARRAY[attnum] FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'tenant_id')";
const SQLITE_TENANT_CASCADE: &str = r#"
    SELECT "table" AS line FROM pragma_foreign_key_list($1)
    WHERE "table" = 'tenants' AND "from" = 'tenant_id' AND "to" = 'id' AND on_delete = 'CASCADE'"#;

const PG_LABELS: &str = "
    SELECT e.enumlabel::text AS line FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
    WHERE t.typname = $1 ORDER BY e.enumsortorder";

const PG_EVERYTHING: &str = "
    SELECT format('column %s.%s %s %s %s %s', table_name, column_name, udt_name, is_nullable, column_default,
                  identity_generation) AS line
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT format('enum %s %s', t.typname, string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder))
    FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY t.typname";
const SQLITE_EVERYTHING: &str = "
    SELECT type || ' ' || name || ' ' || COALESCE(sql, '') AS line FROM sqlite_master
    WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/// The columns of `table` by name.
pub(super) async fn columns(db: &DatabaseConnection, table: &str) -> BTreeMap<String, Column> {
    let rows = rows(db, pick(db, PG_COLUMNS, SQLITE_COLUMNS), Some(table)).await;
    rows.iter()
        .map(|row| {
            let column = Column {
                type_name: row.try_get("", "type_name").expect("a type"),
                nullable: row.try_get("", "nullable").expect("whether it may be empty"),
                primary_key: row.try_get("", "primary_key").expect("whether it is part of the key"),
            };
            (row.try_get("", "name").expect("a name"), column)
        })
        .collect()
}

/// The names of all tables.
pub(super) async fn tables(db: &DatabaseConnection) -> BTreeSet<String> {
    lines(db, pick(db, PG_TABLES, SQLITE_TABLES), None).await.into_iter().collect()
}

/// Whether `tenant_id` of `table` refers to the tenant and its rows go with it.
pub(super) async fn goes_with_its_tenant(db: &DatabaseConnection, table: &str) -> bool {
    !lines(db, pick(db, PG_TENANT_CASCADE, SQLITE_TENANT_CASCADE), Some(table)).await.is_empty()
}

/// The values that the enum type `name` allows in `column` of `table`, in order.
pub(super) async fn labels(db: &DatabaseConnection, name: &str, table: &str, column: &str) -> Vec<String> {
    if db.get_database_backend() == DbBackend::Postgres {
        return lines(db, PG_LABELS, Some(name)).await;
    }
    let statement = "SELECT sql AS line FROM sqlite_master WHERE type = 'table' AND name = $1";
    let definition = lines(db, statement, Some(table)).await.concat();
    let list = definition
        .split_once(&format!("CHECK (\"{column}\" IN ("))
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(list, _)| list)
        .unwrap_or_default();
    list.split(", ").map(|label| label.trim_matches('\'').to_owned()).collect()
}

/// Every column, index, constraint and type, in a fixed order.
pub(super) async fn everything(db: &DatabaseConnection) -> Vec<String> {
    let mut all = lines(db, pick(db, PG_EVERYTHING, SQLITE_EVERYTHING), None).await;
    all.sort_unstable();
    all
}

fn pick(db: &DatabaseConnection, postgres: &'static str, sqlite: &'static str) -> &'static str {
    if db.get_database_backend() == DbBackend::Postgres { postgres } else { sqlite }
}

async fn lines(db: &DatabaseConnection, sql: &str, argument: Option<&str>) -> Vec<String> {
    rows(db, sql, argument).await.iter().map(|row| row.try_get("", "line").expect("a line")).collect()
}

async fn rows(db: &DatabaseConnection, sql: &str, argument: Option<&str>) -> Vec<QueryResult> {
    let arguments = argument.map(Into::into);
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, arguments);
    db.query_all_raw(statement).await.expect("the catalog can be read")
}
