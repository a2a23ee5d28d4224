//! What every migration needs: enum types on either engine, column and constraint shorthands, and running it all.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{timestamp_with_time_zone, timestamp_with_time_zone_null};
use sea_orm_migration::sea_orm::DbBackend;
use sea_query::extension::postgres::Type;

/// An enum type: native on PostgreSQL, text with a CHECK on `SQLite`.
pub(crate) struct EnumType {
    name: &'static str,
    labels: &'static [&'static str],
}

impl EnumType {
    pub(crate) const fn new(name: &'static str, labels: &'static [&'static str]) -> Self {
        Self { name, labels }
    }

    /// A column of this type that is never empty.
    pub(crate) fn column(&self, backend: DbBackend, column: &'static str) -> ColumnDef {
        self.definition(backend, column).not_null().take()
    }

    /// A column of this type that may be empty.
    pub(crate) fn column_null(&self, backend: DbBackend, column: &'static str) -> ColumnDef {
        self.definition(backend, column).null().take()
    }

    fn definition(&self, backend: DbBackend, column: &'static str) -> ColumnDef {
        let mut definition = ColumnDef::new(column);
        if backend == DbBackend::Postgres {
            definition.enumeration(self.name, self.labels.iter().copied());
        } else {
            definition.text().check(Expr::col(column).is_in(self.labels.iter().copied()));
        }
        definition
    }
}

/// `created_at` and `updated_at`.
pub(crate) fn created_and_updated(table: &mut TableCreateStatement) -> &mut TableCreateStatement {
    table.col(time("created_at")).col(time("updated_at"))
}

/// A point in time.
pub(crate) fn time(column: &'static str) -> ColumnDef {
    timestamp_with_time_zone(column)
}

/// A point in time that may be empty.
pub(crate) fn time_null(column: &'static str) -> ColumnDef {
    timestamp_with_time_zone_null(column)
}

/// The foreign key `column` of `table` to the id of `parent`; rows go with their parent.
pub(crate) fn owned_by(
    table: &'static str,
    column: &'static str,
    parent: &'static str,
) -> ForeignKeyCreateStatement {
    foreign_key(table, column, parent, ForeignKeyAction::Cascade)
}

/// The foreign key `column` of `table` to the id of `parent`; emptied when the parent goes.
pub(crate) fn refers_to(
    table: &'static str,
    column: &'static str,
    parent: &'static str,
) -> ForeignKeyCreateStatement {
    foreign_key(table, column, parent, ForeignKeyAction::SetNull)
}

fn foreign_key(
    table: &'static str,
    column: &'static str,
    parent: &'static str,
    on_delete: ForeignKeyAction,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fkey"))
        .from(table, column)
        .to(parent, "id")
        .on_delete(on_delete)
        .take()
}

/// CHECK that the number in `column` is at least `minimum`.
pub(crate) fn at_least(table: &'static str, column: &'static str, minimum: i32) -> Check {
    check(format!("{table}_{column}_check"), Expr::col(column).gte(minimum))
}

/// A CHECK with an explicit name.
pub(crate) fn check(name: impl Into<String>, condition: Expr) -> Check {
    Check::named(Alias::new(name), condition)
}

/// An index named `name` on `table`.
pub(crate) fn index(
    name: &'static str,
    table: &'static str,
    columns: impl IntoIterator<Item = &'static str>,
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(column);
    }
    index.take()
}

/// An index for lists of the rows that share `columns`: latest `time` first, then latest id.
pub(crate) fn index_latest_first(
    name: &'static str,
    table: &'static str,
    columns: impl IntoIterator<Item = &'static str>,
    time: &'static str,
) -> IndexCreateStatement {
    index(name, table, columns).col((time, IndexOrder::Desc)).col(("id", IndexOrder::Desc)).take()
}

/// Creates types, tables and indexes in the order given.
pub(crate) async fn create(
    manager: &SchemaManager<'_>,
    types: &[&EnumType],
    tables: impl IntoIterator<Item = TableCreateStatement>,
    indexes: impl IntoIterator<Item = IndexCreateStatement>,
) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        for kind in types {
            manager
                .create_type(Type::create().as_enum(kind.name).values(kind.labels.iter().copied()).to_owned())
                .await?;
        }
    }
    for table in tables {
        manager.create_table(table).await?;
    }
    for index in indexes {
        manager.create_index(index).await?;
    }
    Ok(())
}

/// Drops tables, with their indexes, in the order given, then types.
pub(crate) async fn drop(
    manager: &SchemaManager<'_>,
    tables: &[&'static str],
    types: &[&EnumType],
) -> Result<(), DbErr> {
    for &table in tables {
        manager.drop_table(Table::drop().table(table).take()).await?;
    }
    if manager.get_database_backend() == DbBackend::Postgres {
        for kind in types {
            manager.drop_type(Type::drop().name(kind.name).to_owned()).await?;
        }
    }
    Ok(())
}
