//! Changing many rows, each in its own way, with one statement.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IdenStatic as _, Value,
    sea_query::{ColumnType, Expr, ExprTrait as _, Query, TableRef, ValueTuple},
};
use uuid::Uuid;

const ROWS: &str = "changed";

/// `UPDATE … SET column = changed.columnN … FROM (VALUES (id, …), …) AS changed WHERE id = changed.column1`.
///
/// `rows` gives for each id one value for each of `columns`. Rows of a batch stay below SQLite's limit of 32,766 parameters: at most
/// 1,000 calls, each changing a lead in ten columns.
pub(super) async fn update_by_id<E: EntityTrait>(
    transaction: &DatabaseTransaction,
    entity: E,
    id: E::Column,
    columns: &[E::Column],
    rows: Vec<(Uuid, Vec<Value>)>,
) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let tuples = rows
        .into_iter()
        .map(|(id, values)| ValueTuple::Many(std::iter::once(Value::from(id)).chain(values).collect()))
        .collect();
    let mut update = Query::update();
    update.table(entity).from(TableRef::ValuesList(tuples, ROWS.into()));
    for (index, column) in columns.iter().enumerate() {
        // Databases name the columns of a VALUES list column1, column2 and so on; the first is the id.
        let value = Expr::col((ROWS, format!("column{}", index + 2)));
        let value = match column.def().get_column_type() {
            ColumnType::Enum { name, .. } => value.as_enum(name.clone()),
            _ => value,
        };
        update.value(*column, value);
    }
    update.and_where(Expr::col((entity, id)).eq(Expr::col((ROWS, "column1"))));
    debug_assert!(id.as_str() == "id");
    transaction.execute(&update).await.map(drop)
}
