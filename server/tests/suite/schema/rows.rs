//! What the schema accepts, refuses and removes.

use leadcapture_migration::{Migrator, MigratorTrait as _};
use leadcapture_server::storage::entities::enums::{
    ApiTokenRole, FollowUpStatus, LeadEventKind, LeadStatus, SuppressionReason,
};
use leadcapture_server::storage::entities::{
    api_token, business_line, customer, follow_up, idempotency_record, lead, lead_conversation, lead_event,
    missed_call, released_number, unrouted_call,
};
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{
    ActiveModelTrait, DatabaseConnection, DbErr, EntityTrait, IntoActiveModel, ModelTrait as _,
    PaginatorTrait as _, QueryOrder as _, RuntimeErr, SqlErr,
};
use serde_json::json;
use uuid::Uuid;

use super::samples::{LEAD, PHONE, TENANT, conversation, follow_up, lead, missed_call, now, tenant, token};
use crate::support::database::both_engines;

async fn insert<M>(db: &DatabaseConnection, model: M) -> Result<M, DbErr>
where
    M: IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel> + sea_orm::ModelTrait,
    M::Entity: EntityTrait<Model = M>,
{
    let active = model.into_active_model().reset_all();
    <M::Entity as EntityTrait>::insert(active).exec_with_returning(db).await
}

/// Stores `model`, and reads the same back.
async fn store<M>(db: &DatabaseConnection, model: M)
where
    M: IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>
        + sea_orm::ModelTrait
        + Clone
        + PartialEq
        + std::fmt::Debug,
    M::Entity: EntityTrait<Model = M>,
{
    let stored = insert(db, model.clone()).await.unwrap();
    assert_eq!(stored, model);
}

async fn is_empty<E: EntityTrait>(db: &DatabaseConnection) -> bool
where
    E::Model: Sync,
{
    E::find().count(db).await.unwrap() == 0
}

/// `model` is refused by a unique index.
async fn is_duplicate<M>(db: &DatabaseConnection, model: M) -> bool
where
    M: IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel> + sea_orm::ModelTrait,
    M::Entity: EntityTrait<Model = M>,
{
    matches!(insert(db, model).await.unwrap_err().sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// `model` is refused by a CHECK.
async fn is_refused<M>(db: &DatabaseConnection, model: M) -> bool
where
    M: IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel> + sea_orm::ModelTrait,
    M::Entity: EntityTrait<Model = M>,
{
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        insert(db, model).await.unwrap_err()
    else {
        return false;
    };
    // check_violation of PostgreSQL, SQLITE_CONSTRAINT_CHECK of SQLite.
    matches!(error.as_database_error().and_then(DatabaseError::code).as_deref(), Some("23514" | "275"))
}

both_engines! {
    /// Every entity can be stored and read back, and what belongs to the tenant goes with it.
    async fn rows_are_kept_until_their_tenant_goes(db: TestDatabase) {
        let db = db.connect().await;
        store(&db, tenant()).await;
        store(&db, business_line::Model {
            id: Uuid::from_u128(8),
            tenant_id: TENANT,
            phone: "+97231234567".into(),
            label: None,
            calls_since: None,
            released_at: None,
            created_at: now(),
            updated_at: now(),
        }).await;
        store(&db, customer::Model {
            id: Uuid::from_u128(9),
            tenant_id: TENANT,
            phone: PHONE.into(),
            last_answered_at: Some(now()),
            last_answered_call_id: Some("call-0".into()),
            answered_calls: Some(json!([{ "provider": "voicenter", "call_id": "call-0" }])),
            suppressed_at: Some(now()),
            suppression_reason: Some(SuppressionReason::OptOut),
            do_not_contact_at: None,
            erased_at: None,
            created_at: now(),
            updated_at: now(),
        }).await;
        store(&db, lead(LEAD, LeadStatus::New)).await;
        store(&db, lead_event::Model {
            seq: 1,
            tenant_id: TENANT,
            lead_id: LEAD,
            kind: LeadEventKind::Created,
            from_status: None,
            to_status: Some(LeadStatus::New),
            actor: "exchange".into(),
            reason: None,
            details: Some(json!({"call_id": "call-1"}).into()),
            occurred_at: now(),
        }).await;
        store(&db, follow_up()).await;
        store(&db, conversation()).await;
        store(&db, missed_call()).await;
        store(&db, token(ApiTokenRole::Tenant, Some(TENANT))).await;
        store(&db, idempotency_record::Model {
            principal: "website".into(),
            method: "CaptureLead".into(),
            request_id: Uuid::from_u128(10),
            tenant_id: Some(TENANT),
            customer_phone: Some(PHONE.into()),
            request_hash: vec![1],
            response: vec![2].into(),
            created_at: now(),
            expires_at: now(),
        }).await;
        store(&db, released_number::Model { phone: PHONE.into(), released_at: now() }).await;
        store(&db, unrouted_call::Model {
            id: Uuid::from_u128(11),
            tenant_id: None,
            provider: "exchange".into(),
            call_id: "call-2".into(),
            business_phone: "*1234".into(),
            customer_phone: None,
            called_at: now(),
            received_at: now(),
            record: json!({}).into(),
        }).await;

        tenant().delete(&db).await.unwrap();
        assert!(is_empty::<business_line::Entity>(&db).await);
        assert!(is_empty::<customer::Entity>(&db).await);
        assert!(is_empty::<lead::Entity>(&db).await);
        assert!(is_empty::<lead_event::Entity>(&db).await);
        assert!(is_empty::<follow_up::Entity>(&db).await);
        assert!(is_empty::<lead_conversation::Entity>(&db).await);
        assert!(is_empty::<missed_call::Entity>(&db).await);
        assert!(is_empty::<api_token::Entity>(&db).await);
        assert!(is_empty::<idempotency_record::Entity>(&db).await);
        assert!(!is_empty::<released_number::Entity>(&db).await);
        assert!(!is_empty::<unrouted_call::Entity>(&db).await);
    }

    /// The record says which tenant it names, from before there was a column for it.
    async fn unrouted_calls_keep_their_tenant_from_version_to_version(db: TestDatabase) {
        let db = db.connect().await;
        store(&db, tenant()).await;
        let waiting = |id, tenant_id: Option<Uuid>, record: serde_json::Value| unrouted_call::Model {
            id: Uuid::from_u128(id),
            tenant_id,
            provider: "exchange".into(),
            call_id: format!("call-{id}"),
            business_phone: "*1234".into(),
            customer_phone: Some(PHONE.into()),
            called_at: now(),
            received_at: now(),
            record: record.into(),
        };
        let of_tenant = json!({ "tenant_id": TENANT });
        store(&db, waiting(1, Some(TENANT), of_tenant.clone())).await;
        store(&db, waiting(2, None, json!({ "tenant_id": null }))).await;
        store(&db, waiting(3, None, json!({ "tenant_id": Uuid::from_u128(99) }))).await;
        // The same call, named by a tenant and by nobody: the schema before keeps one.
        store(&db, unrouted_call::Model { call_id: "call-1".into(), ..waiting(4, None, json!({})) }).await;
        Migrator::down(&db, Some(1)).await.unwrap();
        Migrator::up(&db, None).await.unwrap();
        let rows = unrouted_call::Entity::find().order_by_asc(unrouted_call::Column::Id).all(&db).await.unwrap();
        let tenants: Vec<_> = rows.iter().map(|row| (row.id.as_u128(), row.tenant_id)).collect();
        assert_eq!(tenants, [(1, Some(TENANT)), (2, None), (3, None)]);
        assert_eq!(rows[0], waiting(1, Some(TENANT), of_tenant));
    }

    async fn a_phone_has_one_open_lead(db: TestDatabase) {
        let db = db.connect().await;
        store(&db, tenant()).await;
        store(&db, lead(Uuid::from_u128(20), LeadStatus::Lost)).await;
        store(&db, lead(Uuid::from_u128(21), LeadStatus::Converted)).await;
        store(&db, lead(Uuid::from_u128(22), LeadStatus::Unresponsive)).await;
        assert!(is_duplicate(&db, lead(Uuid::from_u128(23), LeadStatus::New)).await);
        store(&db, lead(Uuid::from_u128(24), LeadStatus::Lost)).await;
    }

    async fn a_call_outlives_its_lead(db: TestDatabase) {
        let db = db.connect().await;
        store(&db, tenant()).await;
        let previous = Uuid::from_u128(20);
        store(&db, lead(previous, LeadStatus::Lost)).await;
        store(&db, lead::Model { previous_lead_id: Some(previous), ..lead(LEAD, LeadStatus::New) }).await;
        store(&db, missed_call()).await;

        lead::Entity::delete_by_id(previous).exec(&db).await.unwrap();
        let successor = lead::Entity::find_by_id(LEAD).one(&db).await.unwrap().unwrap();
        assert_eq!(successor.previous_lead_id, None);

        lead::Entity::delete_by_id(LEAD).exec(&db).await.unwrap();
        let call = missed_call::Entity::find().one(&db).await.unwrap().unwrap();
        assert_eq!(call.lead_id, None);
    }

    async fn contradictions_are_refused(db: TestDatabase) {
        let db = db.connect().await;
        store(&db, tenant()).await;
        store(&db, lead(LEAD, LeadStatus::New)).await;

        let other = lead(Uuid::from_u128(20), LeadStatus::Lost);
        assert!(is_refused(&db, lead::Model { lost_reason: None, ..other.clone() }).await);
        assert!(is_refused(&db, lead::Model { status: LeadStatus::Converted, ..other.clone() }).await);
        assert!(is_refused(&db, lead::Model { call_count: -1, ..other.clone() }).await);
        assert!(is_refused(&db, lead::Model { version: 0, ..other }).await);
        assert!(is_refused(&db, follow_up::Model { claim_token: None, ..follow_up() }).await);
        assert!(is_refused(&db, follow_up::Model { round: 0, ..follow_up() }).await);
        assert!(is_refused(&db, lead_conversation::Model { end_reason: None, ..conversation() }).await);
        assert!(is_refused(&db, missed_call::Model { duration_ms: -1, ..missed_call() }).await);
        assert!(is_refused(&db, token(ApiTokenRole::Tenant, None)).await);
        assert!(is_refused(&db, token(ApiTokenRole::Admin, Some(TENANT))).await);
    }

    async fn a_leased_follow_up_blocks_another_of_its_kind(db: TestDatabase) {
        let db = db.connect().await;
        store(&db, tenant()).await;
        store(&db, lead(LEAD, LeadStatus::New)).await;
        store(&db, follow_up()).await;

        let another = follow_up::Model {
            id: Uuid::from_u128(30),
            status: FollowUpStatus::Pending,
            claim_token: None,
            lease_until: None,
            ..follow_up()
        };
        assert!(is_duplicate(&db, another.clone()).await);
        store(&db, follow_up::Model { status: FollowUpStatus::Done, ..another }).await;
    }
}
