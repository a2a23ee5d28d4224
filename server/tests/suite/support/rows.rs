//! What stands in the database where no RPC shows it.

use leadcapture_proto::v1::Lead;
use leadcapture_server::storage::entities::{
    customer, follow_up, idempotency_record, lead, lead_event, missed_call, unrouted_call,
};
use sea_orm::{EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _};

use super::database::TestDatabase;

/// The follow-ups of a lead, in the order in which they are due.
pub(crate) async fn follow_ups(db: &TestDatabase, lead: &Lead) -> Vec<follow_up::Model> {
    let connection = db.connect().await;
    follow_up::Entity::find()
        .filter(follow_up::COLUMN.lead_id.eq(uuid::Uuid::parse_str(&lead.id).unwrap()))
        .order_by_asc(follow_up::COLUMN.due_at)
        .all(&connection)
        .await
        .unwrap()
}

/// How many rows there are in each table that recording a call may write to.
pub(crate) async fn recorded_rows(db: &TestDatabase) -> [(&'static str, u64); 7] {
    let connection = &db.connect().await;
    [
        ("customers", customer::Entity::find().count(connection).await.unwrap()),
        ("missed_calls", missed_call::Entity::find().count(connection).await.unwrap()),
        ("leads", lead::Entity::find().count(connection).await.unwrap()),
        ("lead_events", lead_event::Entity::find().count(connection).await.unwrap()),
        ("follow_ups", follow_up::Entity::find().count(connection).await.unwrap()),
        ("unrouted_calls", unrouted_call::Entity::find().count(connection).await.unwrap()),
        ("idempotency_records", idempotency_record::Entity::find().count(connection).await.unwrap()),
    ]
}
