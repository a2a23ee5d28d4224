//! Customers, their leads and the history of these.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_pk_auto, integer, json_binary_null, pk_uuid, text, text_null, uuid, uuid_null,
};
use sea_orm_migration::sea_orm::DbBackend;

use crate::ddl::{
    EnumType, at_least, check, create, created_and_updated, drop, index, index_latest_first, owned_by,
    refers_to, time, time_null,
};

const SUPPRESSION_REASON: EnumType =
    EnumType::new("suppression_reason", &["opt_out", "requested", "complaint", "other"]);
const LEAD_SOURCE: EnumType = EnumType::new("lead_source", &["missed_call", "manual", "website"]);
const LEAD_STATUS: EnumType = EnumType::new(
    "lead_status",
    &["new", "qualifying", "qualified", "contacted", "converted", "lost", "unresponsive"],
);
const LOST_REASON: EnumType = EnumType::new(
    "lost_reason",
    &[
        "price",
        "competitor",
        "not_relevant",
        "no_response",
        "duplicate",
        "spam",
        "wrong_number",
        "do_not_contact",
        "other",
    ],
);
const LEAD_EVENT_KIND: EnumType = EnumType::new(
    "lead_event_kind",
    &[
        "created",
        "call_recorded",
        "call_returned",
        "recaptured",
        "status_changed",
        "reopened",
        "details_updated",
        "conversation_started",
        "reply_received",
        "conversation_ended",
        "reminder_sent",
        "opted_out",
        "redacted",
    ],
);
const TYPES: &[&EnumType] =
    &[&SUPPRESSION_REASON, &LEAD_SOURCE, &LEAD_STATUS, &LOST_REASON, &LEAD_EVENT_KIND];

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    // A migration that fails halfway must leave nothing behind on SQLite either.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        create(manager, TYPES, [customers(backend), leads(backend), lead_events(backend)], indexes()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["lead_events", "leads", "customers"], TYPES).await
    }
}

fn customers(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("customers")
        .col(pk_uuid("id"))
        .col(uuid("tenant_id"))
        .col(text("phone"))
        .col(time_null("last_answered_at"))
        .col(text_null("last_answered_call_id"))
        .col(text_null("last_answered_original_call_id"))
        .col(time_null("suppressed_at"))
        .col(SUPPRESSION_REASON.column_null(backend, "suppression_reason"))
        .col(time_null("do_not_contact_at"))
        .col(time_null("erased_at"))
        .foreign_key(&mut owned_by("customers", "tenant_id", "tenants"))
        .check(check(
            "customers_suppressed_with_reason",
            Expr::col("suppressed_at").is_null().eq(Expr::col("suppression_reason").is_null()),
        ));
    created_and_updated(&mut table).take()
}

fn leads(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("leads")
        .col(pk_uuid("id"))
        .col(uuid("tenant_id"))
        .col(LEAD_SOURCE.column(backend, "source"))
        .col(text("customer_phone"))
        .col(text_null("customer_name"))
        .col(text_null("need"))
        .col(text_null("contact_preference"))
        .col(text_null("note"))
        .col(LEAD_STATUS.column(backend, "status"))
        .col(LOST_REASON.column_null(backend, "lost_reason"))
        .col(integer("call_count").default(0))
        .col(time_null("last_call_at"))
        .col(time("captured_at"))
        .col(time_null("qualifying_at"))
        .col(time_null("qualified_at"))
        .col(time_null("contacted_at"))
        .col(time_null("converted_at"))
        .col(time_null("lost_at"))
        .col(time_null("unresponsive_at"))
        .col(time_null("reopened_at"))
        .col(time_null("recaptured_at"))
        .col(integer("reopen_count").default(0))
        .col(integer("opener_round").default(0))
        .col(uuid_null("previous_lead_id"))
        .col(big_integer("version"))
        .foreign_key(&mut owned_by("leads", "tenant_id", "tenants"))
        .foreign_key(&mut refers_to("leads", "previous_lead_id", "leads"))
        .check(check(
            "leads_lost_with_reason",
            Expr::col("status").eq("lost").eq(Expr::col("lost_reason").is_not_null()),
        ))
        .check(at_least("leads", "call_count", 0))
        .check(at_least("leads", "reopen_count", 0))
        .check(at_least("leads", "opener_round", 0))
        .check(at_least("leads", "version", 1));
    created_and_updated(&mut table).take()
}

fn lead_events(backend: DbBackend) -> TableCreateStatement {
    Table::create()
        .table("lead_events")
        .col(big_pk_auto("seq"))
        .col(uuid("tenant_id"))
        .col(uuid("lead_id"))
        .col(LEAD_EVENT_KIND.column(backend, "kind"))
        .col(LEAD_STATUS.column_null(backend, "from_status"))
        .col(LEAD_STATUS.column_null(backend, "to_status"))
        .col(text("actor"))
        .col(text_null("reason"))
        .col(json_binary_null("details"))
        .col(time("occurred_at"))
        .foreign_key(&mut owned_by("lead_events", "tenant_id", "tenants"))
        .foreign_key(&mut owned_by("lead_events", "lead_id", "leads"))
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    vec![
        index("customers_tenant_phone", "customers", ["tenant_id", "phone"]).unique().take(),
        index("customers_suppressed", "customers", ["tenant_id", "suppressed_at", "id"])
            .and_where(Expr::col("suppressed_at").is_not_null())
            .take(),
        index("leads_one_open_per_phone", "leads", ["tenant_id", "customer_phone"])
            .unique()
            .and_where(Expr::col("status").is_not_in(["converted", "lost"]))
            .take(),
        index_latest_first("leads_tenant_captured_at", "leads", ["tenant_id"], "captured_at"),
        index_latest_first(
            "leads_tenant_status_captured_at",
            "leads",
            ["tenant_id", "status"],
            "captured_at",
        ),
        index_latest_first(
            "leads_tenant_phone_captured_at",
            "leads",
            ["tenant_id", "customer_phone"],
            "captured_at",
        ),
        index("leads_previous_lead_id", "leads", ["previous_lead_id"]),
        index("lead_events_lead_seq", "lead_events", ["lead_id", "seq"]),
        index("lead_events_tenant_id", "lead_events", ["tenant_id"]),
    ]
}
