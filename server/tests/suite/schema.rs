//! The migrated schema: it agrees with the entities, and it can be undone.

mod catalog;
mod hidden;
mod rows;
mod samples;

use std::collections::{BTreeMap, BTreeSet};

use leadcapture_migration::{Migrator, MigratorTrait as _};
use leadcapture_server::domain;
use leadcapture_server::storage::entities::{
    access_latch, api_token, business_line, customer, enums, erasure_key, follow_up, idempotency_record,
    lead, lead_conversation, lead_event, missed_call, released_number, tenant, unrouted_call,
};
use sea_orm::sea_query::ColumnType;
use sea_orm::{
    ActiveEnum, ColumnTrait as _, EntityName, EntityTrait, IdenStatic as _, Iterable, PrimaryKeyToColumn as _,
};

use crate::support::database::{Engine, both_engines};

/// An entity as data.
struct Table {
    name: &'static str,
    columns: BTreeMap<String, ColumnType>,
    nullable: BTreeSet<String>,
    key: BTreeSet<String>,
}

fn table<E: EntityTrait + EntityName>(entity: E) -> Table {
    let name = |column: E::Column| column.as_str().to_owned();
    Table {
        name: entity.table_name(),
        columns: E::Column::iter()
            .map(|column| (name(column), column.def().get_column_type().clone()))
            .collect(),
        nullable: E::Column::iter().filter(|column| column.def().is_null()).map(name).collect(),
        key: E::PrimaryKey::iter().map(|key| name(key.into_column())).collect(),
    }
}

fn entities() -> Vec<Table> {
    vec![
        table(access_latch::Entity),
        table(api_token::Entity),
        table(business_line::Entity),
        table(customer::Entity),
        table(erasure_key::Entity),
        table(follow_up::Entity),
        table(idempotency_record::Entity),
        table(lead::Entity),
        table(lead_conversation::Entity),
        table(lead_event::Entity),
        table(missed_call::Entity),
        table(released_number::Entity),
        table(tenant::Entity),
        table(unrouted_call::Entity),
    ]
}

/// The name the engine gives to a type.
fn type_name(engine: Engine, column_type: &ColumnType) -> String {
    let (postgres, sqlite) = match column_type {
        ColumnType::Uuid => ("uuid", "uuid_text"),
        ColumnType::Text => ("text", "text"),
        ColumnType::Integer => ("int4", "integer"),
        ColumnType::BigInteger => ("int8", "integer"),
        ColumnType::TimestampWithTimeZone => ("timestamptz", "timestamp_with_timezone_text"),
        ColumnType::JsonBinary => ("jsonb", "jsonb_text"),
        ColumnType::Blob => ("bytea", "blob"),
        ColumnType::Enum { name, .. } => {
            return if engine == Engine::Postgres { name.to_string() } else { "text".to_owned() };
        }
        other => panic!("no table should have a column of type {other:?}"),
    };
    if engine == Engine::Postgres { postgres } else { sqlite }.to_owned()
}

both_engines! {
    async fn entities_and_schema_agree(db: TestDatabase) {
        let connection = db.connect().await;
        for table in entities() {
            let expected: BTreeMap<_, _> = table
                .columns
                .iter()
                .map(|(name, column_type)| {
                    let column = catalog::Column {
                        type_name: type_name(db.engine(), column_type),
                        nullable: table.nullable.contains(name),
                        primary_key: table.key.contains(name),
                    };
                    (name.clone(), column)
                })
                .collect();
            assert_eq!(catalog::columns(&connection, table.name).await, expected, "{}", table.name);
        }

        let mut tables: BTreeSet<_> = entities().iter().map(|table| table.name.to_owned()).collect();
        tables.insert("seaql_migrations".to_owned());
        assert_eq!(catalog::tables(&connection).await, tables);
    }

    async fn enums_and_schema_agree(db: TestDatabase) {
        let connection = db.connect().await;
        let mut checked = 0;
        for table in entities() {
            for (column, column_type) in &table.columns {
                let ColumnType::Enum { name, variants } = column_type else { continue };
                let expected: Vec<_> = variants.iter().map(ToString::to_string).collect();
                let found = catalog::labels(&connection, &name.to_string(), table.name, column).await;
                assert_eq!(found, expected, "{}.{column}", table.name);
                checked += 1;
            }
        }
        assert_eq!(checked, 14);
    }

    async fn up_down_up_leaves_the_same_schema(db: TestDatabase) {
        let connection = db.connect().await;
        let before = catalog::everything(&connection).await;
        assert!(before.iter().any(|line| line.contains("leads_one_open_per_phone")));

        Migrator::down(&connection, None).await.unwrap();
        for line in catalog::everything(&connection).await {
            assert!(line.contains("seaql_migrations"), "left behind: {line}");
        }

        Migrator::up(&connection, None).await.unwrap();
        assert_eq!(catalog::everything(&connection).await, before);
    }

    async fn every_table_of_a_tenant_goes_with_it(db: TestDatabase) {
        let connection = db.connect().await;
        let of_a_tenant: Vec<_> =
            entities().into_iter().filter(|table| table.columns.contains_key("tenant_id")).collect();
        assert_eq!(of_a_tenant.len(), 10);
        for table in of_a_tenant {
            assert!(catalog::goes_with_its_tenant(&connection, table.name).await, "{}", table.name);
        }
    }
}

/// The stored enum has the same names in the same order as the enum of the domain.
fn assert_mirrors<S, D>(all: &[D], name: impl Fn(D) -> &'static str)
where
    S: ActiveEnum<Value = String> + Iterable + From<D> + Into<D> + Copy,
    D: Copy + PartialEq + std::fmt::Debug,
{
    let stored: Vec<_> = S::iter().map(|value| value.to_value()).collect();
    let named: Vec<_> = all.iter().map(|&value| name(value).to_owned()).collect();
    assert_eq!(stored, named);
    for &value in all {
        assert_eq!(S::from(value).to_value(), name(value));
        assert_eq!(S::from(value).into(), value);
    }
}

#[test]
fn stored_enums_mirror_the_domain() {
    use domain::{call, conversation, customer, event, follow_up, lead};
    assert_mirrors::<enums::LeadSource, _>(lead::LeadSource::ALL, lead::LeadSource::name);
    assert_mirrors::<enums::LeadStatus, _>(lead::LeadStatus::ALL, lead::LeadStatus::name);
    assert_mirrors::<enums::LostReason, _>(lead::LostReason::ALL, lead::LostReason::name);
    assert_mirrors::<enums::CallOutcome, _>(call::CallOutcome::ALL, call::CallOutcome::name);
    assert_mirrors::<enums::CallDisposition, _>(call::Disposition::ALL, call::Disposition::name);
    assert_mirrors::<enums::ConversationState, _>(
        conversation::ConversationState::ALL,
        conversation::ConversationState::name,
    );
    assert_mirrors::<enums::ConversationEndReason, _>(
        conversation::ConversationEndReason::ALL,
        conversation::ConversationEndReason::name,
    );
    assert_mirrors::<enums::FollowUpKind, _>(follow_up::FollowUpKind::ALL, follow_up::FollowUpKind::name);
    assert_mirrors::<enums::FollowUpStatus, _>(
        follow_up::FollowUpStatus::ALL,
        follow_up::FollowUpStatus::name,
    );
    assert_mirrors::<enums::SuppressionReason, _>(
        customer::SuppressionReason::ALL,
        customer::SuppressionReason::name,
    );
    assert_mirrors::<enums::LeadEventKind, _>(event::LeadEventKind::ALL, event::LeadEventKind::name);
}
