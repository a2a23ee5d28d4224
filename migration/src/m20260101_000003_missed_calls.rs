//! Missed calls, and calls to numbers that nobody owns yet.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, json_binary, json_binary_null, pk_uuid, text, text_null, uuid, uuid_null,
};
use sea_orm_migration::sea_orm::DbBackend;

use crate::ddl::{
    EnumType, at_least, create, drop, index, index_latest_first, owned_by, refers_to, time, time_null,
};

const CALL_OUTCOME: EnumType = EnumType::new(
    "call_outcome",
    &[
        "answered",
        "no_answer",
        "cancelled",
        "busy",
        "abandoned",
        "queue_timeout",
        "queue_full",
        "queue_empty",
        "congestion",
        "voicemail",
        "voice_end",
        "not_called",
        "failed",
        "queue_exit",
        "other",
    ],
);
const CALL_DISPOSITION: EnumType = EnumType::new(
    "call_disposition",
    &[
        "ignored",
        "unrouted",
        "duplicate",
        "no_caller_id",
        "returned",
        "answered",
        "already_returned",
        "suppressed",
        "attached",
        "lead_reopened",
        "existing_customer",
        "lead_created",
    ],
);
const TYPES: &[&EnumType] = &[&CALL_OUTCOME, &CALL_DISPOSITION];

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
        create(manager, TYPES, [missed_calls(backend), unrouted_calls()], indexes()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["unrouted_calls", "missed_calls"], TYPES).await
    }
}

fn missed_calls(backend: DbBackend) -> TableCreateStatement {
    Table::create()
        .table("missed_calls")
        .col(pk_uuid("id"))
        .col(uuid("tenant_id"))
        .col(text("provider"))
        .col(text("call_id"))
        .col(text_null("original_call_id"))
        .col(text_null("caller_phone"))
        .col(text("caller_raw"))
        .col(text("business_phone"))
        .col(CALL_OUTCOME.column(backend, "outcome"))
        .col(text_null("provider_status"))
        .col(time("called_at"))
        .col(time("ended_at"))
        .col(time("received_at"))
        .col(time("processed_at"))
        .col(big_integer("duration_ms"))
        .col(big_integer_null("ring_duration_ms"))
        .col(text_null("queue_name"))
        .col(text_null("representative_name"))
        .col(json_binary_null("ivr_path"))
        .col(text_null("recording_url"))
        .col(json_binary_null("custom_data"))
        .col(uuid_null("lead_id"))
        .col(CALL_DISPOSITION.column(backend, "disposition"))
        .col(time_null("returned_at"))
        .col(text_null("returned_by_call_id"))
        .foreign_key(&mut owned_by("missed_calls", "tenant_id", "tenants"))
        .foreign_key(&mut refers_to("missed_calls", "lead_id", "leads"))
        .check(at_least("missed_calls", "duration_ms", 0))
        .check(at_least("missed_calls", "ring_duration_ms", 0))
        .take()
}

/// Whole records: which tenant they belong to is not known yet.
pub(crate) fn unrouted_calls() -> TableCreateStatement {
    Table::create()
        .table("unrouted_calls")
        .col(pk_uuid("id"))
        .col(text("provider"))
        .col(text("call_id"))
        .col(text("business_phone"))
        .col(text_null("customer_phone"))
        .col(time("called_at"))
        .col(time("received_at"))
        .col(json_binary("record"))
        .take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let missed = "missed_calls";
    let mut indexes = vec![
        index("missed_calls_call_id", missed, ["tenant_id", "provider", "call_id"]).unique().take(),
        index_latest_first("missed_calls_tenant_called_at", missed, ["tenant_id"], "called_at"),
        index_latest_first(
            "missed_calls_tenant_caller_called_at",
            missed,
            ["tenant_id", "caller_phone"],
            "called_at",
        ),
        index_latest_first("missed_calls_lead_called_at", missed, ["lead_id"], "called_at"),
        index_latest_first("missed_calls_unreturned", missed, ["tenant_id"], "called_at")
            .and_where(Expr::col("returned_at").is_null())
            .take(),
    ];
    indexes.extend(unrouted_indexes());
    indexes
}

pub(crate) fn unrouted_indexes() -> Vec<IndexCreateStatement> {
    let unrouted = "unrouted_calls";
    vec![
        index("unrouted_calls_call_id", unrouted, ["provider", "call_id"]).unique().take(),
        index("unrouted_calls_business_phone", unrouted, ["business_phone", "received_at", "id"]),
        index("unrouted_calls_received_at", unrouted, ["received_at", "id"]),
    ]
}
