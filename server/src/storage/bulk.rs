//! Writing and finding many rows with one statement whose text does not depend on how many they are.
//!
//! PostgreSQL plans a statement text once for each connection. A `VALUES` list has a text for every number of rows, and planning it costs
//! more than running it; so several rows travel as one JSON parameter, and `jsonb_populate_recordset` gives them the table's own types.
//! SQLite plans in the process and cheaply, and takes ordinary lists.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    FromQueryResult as _, IntoActiveModel, Iterable as _, Value,
    sea_query::{
        Expr, ExprTrait as _, Func, InsertStatement, OnConflict, Query, SelectStatement, TableRef,
        UpdateStatement, ValueTuple, sea_value_to_json_value,
    },
};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::scope::{Scope, TenantOwned};
use crate::domain::access::TenantScope;

const ROWS: &str = "rows";
/// The most parameters of a statement of SQLite (sqlite.org/limits.html, `SQLITE_MAX_VARIABLE_NUMBER`).
const SQLITE_PARAMETERS: usize = 32_766;

/// Inserts rows, all with the same columns set.
pub(super) async fn insert<A>(transaction: &DatabaseTransaction, rows: Vec<A>) -> Result<(), DbErr>
where
    A: ActiveModelTrait + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    if rows.len() > 1 && transaction.get_database_backend() == DbBackend::Postgres {
        return transaction.execute(&insert_from_json(&rows)).await.map(drop);
    }
    let columns = <A::Entity as EntityTrait>::Column::iter().count();
    for rows in rows.chunks(SQLITE_PARAMETERS / columns) {
        A::Entity::insert_many(rows.to_vec()).exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// Inserts rows, or updates those that a conflict finds, and answers all of them as they are then, in no particular order.
pub(super) async fn upsert<A>(
    transaction: &DatabaseTransaction,
    rows: Vec<A>,
    on_conflict: OnConflict,
) -> Result<Vec<<A::Entity as EntityTrait>::Model>, DbErr>
where
    A: ActiveModelTrait + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    if rows.len() > 1 && transaction.get_database_backend() == DbBackend::Postgres {
        let mut statement = insert_from_json(&rows);
        let columns = <A::Entity as EntityTrait>::Column::iter();
        let returning = Query::returning().exprs(columns.map(|column| column.select_as(Expr::col(column))));
        statement.on_conflict(on_conflict).returning(returning);
        let rows = transaction.query_all(&statement).await?;
        return rows
            .iter()
            .map(|row| <A::Entity as EntityTrait>::Model::from_query_result(row, ""))
            .collect();
    }
    A::Entity::insert_many(rows).on_conflict(on_conflict).exec_with_returning(transaction).await
}

/// Sets `columns` of each row within the scope to its own values. Of each row the id and these columns must be set.
pub(super) async fn update_by_id<A>(
    transaction: &DatabaseTransaction,
    scope: impl Scope,
    id: <A::Entity as EntityTrait>::Column,
    columns: &[<A::Entity as EntityTrait>::Column],
    rows: &[A],
) -> Result<(), DbErr>
where
    A: ActiveModelTrait,
    A::Entity: TenantOwned,
{
    // One phone may have any number of calls that a single answered call returns.
    let at_once = match transaction.get_database_backend() {
        DbBackend::Postgres => rows.len().max(1),
        _ => SQLITE_PARAMETERS / (columns.len() + 1),
    };
    for rows in rows.chunks(at_once) {
        transaction.execute(&update_statement(transaction, scope.tenant(), id, columns, rows)).await?;
    }
    Ok(())
}

fn update_statement<A>(
    transaction: &DatabaseTransaction,
    tenant: Option<TenantScope>,
    id: <A::Entity as EntityTrait>::Column,
    columns: &[<A::Entity as EntityTrait>::Column],
    rows: &[A],
) -> UpdateStatement
where
    A: ActiveModelTrait,
    A::Entity: TenantOwned,
{
    let table = A::Entity::default();
    let mut update = Query::update();
    update.table(table);
    let id_value = if transaction.get_database_backend() == DbBackend::Postgres {
        update.from(TableRef::FunctionCall(recordset(rows, &[&[id], columns].concat()), ROWS.into()));
        for column in columns {
            update.value(*column, Expr::col((ROWS, *column)));
        }
        Expr::col((ROWS, id))
    } else {
        let values =
            |row: &A| std::iter::once(&id).chain(columns).map(|column| value(row, *column)).collect();
        let tuples = rows.iter().map(|row| ValueTuple::Many(values(row))).collect();
        update.from(TableRef::ValuesList(tuples, ROWS.into()));
        for (index, column) in columns.iter().enumerate() {
            // SQLite names the columns of a VALUES list column1, column2 and so on; the first is the id.
            update.value(*column, Expr::col((ROWS, format!("column{}", index + 2))));
        }
        Expr::col((ROWS, "column1"))
    };
    update.and_where(Expr::col((table, id)).eq(id_value));
    if let Some(tenant) = tenant {
        update.and_where(Expr::col((table, A::Entity::OWNER)).eq(tenant.id()));
    }
    update
}

/// `column IN (values)`, on PostgreSQL with one parameter whatever their number.
pub(super) fn is_any<C: ColumnTrait>(
    backend: DbBackend,
    column: C,
    values: impl IntoIterator<Item = impl AsRef<str>>,
) -> Expr {
    let values: Vec<_> = values.into_iter().map(|value| value.as_ref().to_owned()).collect();
    match values.as_slice() {
        // Planned for any values, an array stands for ten of them, and looking ten up costs more than reading a tenant with few rows.
        [value] => column.eq(value.as_str()),
        _ if backend != DbBackend::Postgres => column.is_in(values),
        _ => is_in_array(column, &values, "text[]"),
    }
}

/// As [`is_any`], for ids.
pub(super) fn is_any_id<C: ColumnTrait>(backend: DbBackend, column: C, ids: &[Uuid]) -> Expr {
    match ids {
        [id] => column.eq(*id),
        _ if backend != DbBackend::Postgres => column.is_in(ids.iter().copied()),
        _ => is_in_array(column, &ids.iter().map(Uuid::to_string).collect::<Vec<_>>(), "uuid[]"),
    }
}

fn is_in_array<C: ColumnTrait>(column: C, values: &[String], of: &'static str) -> Expr {
    let array = Expr::val(array_literal(values)).cast_as(of);
    column.into_expr().eq(Func::cust("ANY").arg(array))
}

/// A PostgreSQL array literal (PostgreSQL manual, 8.15.2): every element quoted, quotes and backslashes escaped.
fn array_literal(values: &[String]) -> String {
    let quoted: Vec<_> = values
        .iter()
        .map(|value| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    format!("{{{}}}", quoted.join(","))
}

fn insert_from_json<A: ActiveModelTrait>(rows: &[A]) -> InsertStatement {
    let columns: Vec<_> = <A::Entity as EntityTrait>::Column::iter()
        .filter(|column| rows.first().is_some_and(|row| !row.get(*column).is_not_set()))
        .collect();
    let select = SelectStatement::new()
        .columns(columns.iter().copied())
        .from_function(recordset(rows, &columns), ROWS)
        .to_owned();
    let mut insert = Query::insert();
    insert.into_table(A::Entity::default()).columns(columns);
    // The number of columns is the same on both sides by construction.
    let _ = insert.select_from(select);
    insert
}

/// `jsonb_populate_recordset(NULL::table, $1)`: the rows as records of the table's type.
fn recordset<A: ActiveModelTrait>(
    rows: &[A],
    columns: &[<A::Entity as EntityTrait>::Column],
) -> sea_orm::sea_query::FunctionCall {
    let object = |row: &A| {
        let members = columns
            .iter()
            .map(|column| (sea_orm::IdenStatic::as_str(column).to_owned(), json(value(row, *column))));
        Json::Object(members.collect::<Map<_, _>>())
    };
    let table = sea_orm::EntityName::table_name(&A::Entity::default()).to_owned();
    let rows = Json::Array(rows.iter().map(object).collect());
    Func::cust("jsonb_populate_recordset").arg(Expr::cust(format!("NULL::\"{table}\""))).arg(Expr::val(rows))
}

/// The value that a row has for a column; a column that is not set is left to its default.
fn value<A: ActiveModelTrait>(row: &A, column: <A::Entity as EntityTrait>::Column) -> Value {
    row.get(column).into_value().unwrap_or(Value::String(None))
}

/// A value as PostgreSQL reads it from JSON.
fn json(value: Value) -> Json {
    match value {
        Value::ChronoDateTimeUtc(Some(time)) => Json::String(time.to_rfc3339()),
        Value::Uuid(Some(id)) => Json::String(id.to_string()),
        Value::ChronoDateTimeUtc(None) | Value::Uuid(None) => Json::Null,
        other => sea_value_to_json_value(&other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_literals_escape_what_ends_them() {
        let literal = array_literal(&["+97250", "a\"b\\c", "{,}", ""].map(str::to_owned));
        assert_eq!(literal, r#"{"+97250","a\"b\\c","{,}",""}"#);
    }
}
