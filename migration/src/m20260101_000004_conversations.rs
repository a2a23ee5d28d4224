//! Chatbot conversations and the messages that are due in them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, pk_uuid, text_null, uuid, uuid_null};
use sea_orm_migration::sea_orm::DbBackend;

use crate::ddl::{
    EnumType, at_least, check, create, created_and_updated, drop, index, owned_by, time, time_null,
};

const CONVERSATION_STATE: EnumType = EnumType::new(
    "conversation_state",
    &[
        "awaiting_response",
        "awaiting_name",
        "awaiting_need",
        "awaiting_preference",
        "completed",
        "unresponsive",
    ],
);
const CONVERSATION_END_REASON: EnumType = EnumType::new(
    "conversation_end_reason",
    &[
        "all_answered",
        "contacted",
        "converted",
        "lost",
        "opt_out",
        "agent_took_over",
        "not_interested",
        "undeliverable",
        "other",
    ],
);
const FOLLOW_UP_KIND: EnumType = EnumType::new("follow_up_kind", &["opener", "reminder_1", "reminder_2"]);
const FOLLOW_UP_STATUS: EnumType =
    EnumType::new("follow_up_status", &["pending", "claimed", "done", "cancelled", "failed"]);
const TYPES: &[&EnumType] =
    &[&CONVERSATION_STATE, &CONVERSATION_END_REASON, &FOLLOW_UP_KIND, &FOLLOW_UP_STATUS];

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
        create(manager, TYPES, [lead_conversations(backend), follow_ups(backend)], indexes()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["follow_ups", "lead_conversations"], TYPES).await
    }
}

fn lead_conversations(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("lead_conversations")
        .col(pk_uuid("id"))
        .col(uuid("tenant_id"))
        .col(uuid("lead_id"))
        .col(CONVERSATION_STATE.column(backend, "state"))
        .col(integer("round"))
        .col(text_null("whatsapp_conversation_id"))
        .col(time("opened_at"))
        .col(time_null("last_reply_at"))
        .col(time_null("reminder1_sent_at"))
        .col(time_null("reminder2_sent_at"))
        .col(time_null("give_up_at"))
        .col(time_null("completed_at"))
        .col(CONVERSATION_END_REASON.column_null(backend, "end_reason"))
        .col(big_integer("version"))
        .foreign_key(&mut owned_by("lead_conversations", "tenant_id", "tenants"))
        .foreign_key(&mut owned_by("lead_conversations", "lead_id", "leads"))
        .check(check(
            "lead_conversations_completed_with_reason",
            Expr::col("state")
                .ne("completed")
                .or(Expr::col("completed_at").is_not_null().and(Expr::col("end_reason").is_not_null())),
        ))
        .check(at_least("lead_conversations", "round", 1))
        .check(at_least("lead_conversations", "version", 1));
    created_and_updated(&mut table).take()
}

fn follow_ups(backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("follow_ups")
        .col(pk_uuid("id"))
        .col(uuid("tenant_id"))
        .col(uuid("lead_id"))
        .col(FOLLOW_UP_KIND.column(backend, "kind"))
        .col(integer("round"))
        .col(time("due_at"))
        .col(FOLLOW_UP_STATUS.column(backend, "status"))
        .col(uuid_null("claim_token"))
        .col(time_null("lease_until"))
        .col(integer("attempts").default(0))
        .col(text_null("last_error"))
        .col(time_null("completed_at"))
        .foreign_key(&mut owned_by("follow_ups", "tenant_id", "tenants"))
        .foreign_key(&mut owned_by("follow_ups", "lead_id", "leads"))
        .check(check(
            "follow_ups_claimed_with_lease",
            Expr::col("status")
                .ne("claimed")
                .or(Expr::col("claim_token").is_not_null().and(Expr::col("lease_until").is_not_null())),
        ))
        .check(at_least("follow_ups", "round", 1))
        .check(at_least("follow_ups", "attempts", 0));
    created_and_updated(&mut table).take()
}

fn indexes() -> Vec<IndexCreateStatement> {
    let (conversations, follow_ups) = ("lead_conversations", "follow_ups");
    let thread = ["tenant_id", "whatsapp_conversation_id"];
    vec![
        index("lead_conversations_lead_id", conversations, ["lead_id"]).unique().take(),
        index("lead_conversations_one_running_per_thread", conversations, thread)
            .unique()
            .and_where(Expr::col("state").ne("completed"))
            .take(),
        index("lead_conversations_thread_opened_at", conversations, thread).col("opened_at").take(),
        index("lead_conversations_give_up_at", conversations, ["give_up_at", "id"])
            .and_where(Expr::col("give_up_at").is_not_null())
            .take(),
        index("follow_ups_one_live_per_kind", follow_ups, ["lead_id", "kind"])
            .unique()
            .and_where(Expr::col("status").is_in(["pending", "claimed"]))
            .take(),
        index("follow_ups_due", follow_ups, ["due_at", "id"])
            .and_where(Expr::col("status").eq("pending"))
            .take(),
        index("follow_ups_leased", follow_ups, ["lease_until", "id"])
            .and_where(Expr::col("status").eq("claimed"))
            .take(),
        index("follow_ups_tenant_due_at", follow_ups, ["tenant_id", "due_at", "id"]),
        index("follow_ups_lead_id", follow_ups, ["lead_id"]),
    ]
}
