//! Conversations: started, answered and closed under the lock of the lead's customer.

use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    ActiveEnum, ActiveModelTrait as _, ColumnTrait as _, DatabaseTransaction, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, sea_query::Expr,
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Storage, bulk, convert,
    entities::{
        enums::{ConversationState, FollowUpKind, FollowUpStatus},
        follow_up, lead_conversation,
    },
    error::{Failure, surface},
    idempotency::{Once, OnceRequest},
    lead_changes::{LeadReference, LockedLead, save},
    suppressions::{self, cancel_follow_ups},
    tenants::tenant_in,
};
use crate::domain::{
    access::TenantScope,
    conversation::{self, Conversation, ConversationEndReason, Reply, ReplyEffects, Start, Started},
    customer::SuppressionReason,
    details::LeadDetails,
    error::{Error, Resource},
    follow_up::FollowUpKind as MessageKind,
    lead::Lead,
    personal::Personal,
    tenant::Tenant,
};

/// How a conversation is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConversationReference {
    /// By its id.
    Id(Uuid),
    /// By its lead.
    Lead(Uuid),
    /// By the WhatsApp thread: the conversation that was opened last.
    Whatsapp(Personal),
}

/// Which conversation is to be changed, by whom, and from which version if that matters.
#[derive(Clone, Debug)]
pub struct ConversationChange {
    /// The tenant.
    pub tenant: TenantScope,
    /// The conversation.
    pub conversation: ConversationReference,
    /// The version that the change is based on.
    pub version: Option<i64>,
    /// Who changes it.
    pub actor: String,
}

/// The opener that was sent, as its worker names it.
#[derive(Clone, Copy, Debug)]
pub struct SentOpener {
    /// The follow-up.
    pub follow_up_id: Uuid,
    /// Proves the claim.
    pub claim_token: Uuid,
}

/// A conversation with its lead.
#[derive(Clone, Debug)]
pub struct ConversationAndLead {
    /// The conversation.
    pub conversation: Conversation,
    /// The lead.
    pub lead: Lead,
}

impl Storage {
    /// Starts a lead's conversation: the opener was sent.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::EtagMismatch`]; [`Error::ClaimExpired`]; [`Error::WhatsappConversationTaken`];
    /// [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.start_conversation", skip_all)]
    pub async fn start_conversation(
        &self,
        reference: &LeadReference,
        whatsapp_conversation_id: Option<&Personal>,
        opener: Option<SentOpener>,
        once: OnceRequest<'_, ConversationAndLead>,
    ) -> Result<Once<ConversationAndLead>, Error> {
        let ids = [(); 3].map(|()| self.environment().new_id());
        self.write_once(once, move |transaction| {
            async move {
                let LockedLead { mut lead, customer, now, .. } =
                    self.lock_lead(transaction, reference).await?;
                let tenant = tenant_in(transaction, reference.tenant).await?;
                if let Some(opener) = opener {
                    check_opener(transaction, reference.tenant, &lead, opener).await?;
                }
                let existing = of_lead(transaction, reference.tenant, lead.id).await?;
                let start = Start {
                    tenant: &tenant,
                    whatsapp_conversation_id,
                    actor: &reference.actor,
                    conversation_id: ids[0],
                    reminder_ids: [ids[1], ids[2]],
                };
                let started = conversation::start(&start, &mut lead, &customer, existing.as_ref(), now)?;
                finish_openers(transaction, reference.tenant, lead.id, now).await?;
                let conversation = match (started, existing) {
                    (Started::Already, Some(existing)) => existing,
                    (Started::Already, None) => {
                        return Err(Error::internal("a conversation that is not there").into());
                    }
                    (Started::Now { conversation, reminders, events }, existing) => {
                        refuse_taken_thread(transaction, reference.tenant, &conversation).await?;
                        let row = convert::conversation_row(&conversation);
                        if existing.is_some() {
                            cancel_follow_ups(transaction, reference.tenant, &[lead.id], now).await?;
                            row.reset_all().update(reference.tenant, transaction).await?;
                        } else {
                            row.insert(transaction).await?;
                        }
                        let rows =
                            reminders.iter().map(|reminder| convert::follow_up_row(reminder, now)).collect();
                        bulk::insert(transaction, rows).await?;
                        save(transaction, reference.tenant, &lead, events).await?;
                        *conversation
                    }
                };
                Ok(ConversationAndLead { conversation, lead })
            }
            .scope_boxed()
        })
        .await
    }

    /// A conversation with its lead.
    ///
    /// # Errors
    /// [`Error::NotFound`], or when the database fails.
    #[instrument(name = "storage.conversation", skip_all)]
    pub async fn conversation(
        &self,
        tenant: TenantScope,
        reference: &ConversationReference,
    ) -> Result<ConversationAndLead, Error> {
        let found = find(&self.reader, tenant, reference).await.map_err(surface)?;
        let Some(conversation) = found else {
            self.tenant(tenant).await?;
            return Err(Error::NotFound(Resource::Conversation));
        };
        let lead = self.lead(tenant, conversation.lead_id).await?;
        Ok(ConversationAndLead { conversation, lead })
    }

    /// Takes what a customer said.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::ConversationEnded`]; [`Error::EtagMismatch`]; [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.record_reply", skip_all)]
    pub async fn record_reply(
        &self,
        change: &ConversationChange,
        answers: &LeadDetails,
        opt_out: bool,
        once: OnceRequest<'_, ConversationAndLead>,
    ) -> Result<Once<ConversationAndLead>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                let (locked, mut conversation) = self.lock_conversation(transaction, change).await?;
                let LockedLead { mut lead, mut customer, now, .. } = locked;
                let tenant = tenant_in(transaction, change.tenant).await?;
                let unresponsive_delay = tenant.policy.unresponsive_delay;
                let reply = Reply { answers, opt_out, actor: &change.actor, unresponsive_delay };
                let ReplyEffects { events, cancel_reminders } =
                    conversation::reply(&reply, &mut lead, &mut conversation, now)?;
                if opt_out {
                    suppressions::suppress(transaction, &mut customer, SuppressionReason::OptOut, now)
                        .await?;
                    // The reply may be to an earlier lead's conversation, while another of the phone is running.
                    suppressions::give_up_later(transaction, &customer.key, unresponsive_delay, now).await?;
                } else if cancel_reminders {
                    cancel_follow_ups(transaction, change.tenant, &[lead.id], now).await?;
                } else {
                    move_reminders(transaction, change.tenant, &tenant, lead.id, now).await?;
                }
                convert::conversation_row(&conversation)
                    .reset_all()
                    .update(change.tenant, transaction)
                    .await?;
                save(transaction, change.tenant, &lead, events).await?;
                Ok(ConversationAndLead { conversation, lead })
            }
            .scope_boxed()
        })
        .await
    }

    /// Ends a conversation by hand.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::ConversationEnded`]; [`Error::EtagMismatch`]; [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.close_conversation", skip_all)]
    pub async fn close_conversation(
        &self,
        change: &ConversationChange,
        reason: ConversationEndReason,
        once: OnceRequest<'_, ConversationAndLead>,
    ) -> Result<Once<ConversationAndLead>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                let (LockedLead { lead, now, .. }, mut conversation) =
                    self.lock_conversation(transaction, change).await?;
                let event = conversation::close(&lead, &mut conversation, reason, &change.actor, now)?;
                cancel_follow_ups(transaction, change.tenant, &[lead.id], now).await?;
                convert::conversation_row(&conversation)
                    .reset_all()
                    .update(change.tenant, transaction)
                    .await?;
                save(transaction, change.tenant, &lead, vec![event]).await?;
                Ok(ConversationAndLead { conversation, lead })
            }
            .scope_boxed()
        })
        .await
    }

    /// Locks the customer of a conversation's lead, then reads both.
    async fn lock_conversation(
        &self,
        transaction: &DatabaseTransaction,
        change: &ConversationChange,
    ) -> Result<(LockedLead, Conversation), Failure> {
        let not_found = || Failure::from(Error::NotFound(Resource::Conversation));
        let found = find(transaction, change.tenant, &change.conversation).await?.ok_or_else(not_found)?;
        let reference = LeadReference {
            tenant: change.tenant,
            lead_id: found.lead_id,
            version: None,
            actor: change.actor.clone(),
        };
        let locked = self.lock_lead(transaction, &reference).await?;
        let conversation = of_lead(transaction, change.tenant, found.lead_id).await?.ok_or_else(not_found)?;
        if change.version.is_some_and(|version| version != conversation.version) {
            return Err(Error::EtagMismatch.into());
        }
        Ok((locked, conversation))
    }
}

async fn find(
    connection: &impl sea_orm::ConnectionTrait,
    tenant: TenantScope,
    reference: &ConversationReference,
) -> Result<Option<Conversation>, sea_orm::DbErr> {
    let column = lead_conversation::COLUMN;
    let query = lead_conversation::Entity::find(tenant);
    let query = match reference {
        ConversationReference::Id(id) => query.filter(column.id.eq(*id)),
        ConversationReference::Lead(lead_id) => query.filter(column.lead_id.eq(*lead_id)),
        ConversationReference::Whatsapp(thread) => query
            .filter(column.whatsapp_conversation_id.eq(thread.reveal().as_str()))
            .order_by_desc(lead_conversation::Column::OpenedAt),
    };
    Ok(query.one(connection).await?.map(convert::conversation))
}

/// The conversation of a lead.
pub(super) async fn of_lead(
    transaction: &DatabaseTransaction,
    tenant: TenantScope,
    lead_id: Uuid,
) -> Result<Option<Conversation>, Failure> {
    let query = lead_conversation::Entity::find(tenant).filter(lead_conversation::COLUMN.lead_id.eq(lead_id));
    Ok(query.one(transaction).await?.map(convert::conversation))
}

/// Refuses a WhatsApp thread that another running conversation has. Of two that take it at once the unique index lets one through; the
/// other runs again and is refused here.
async fn refuse_taken_thread(
    transaction: &DatabaseTransaction,
    tenant: TenantScope,
    conversation: &Conversation,
) -> Result<(), Failure> {
    let Some(thread) = &conversation.whatsapp_conversation_id else { return Ok(()) };
    if conversation.state == conversation::ConversationState::Completed {
        return Ok(());
    }
    let holder = lead_conversation::Entity::find(tenant)
        .filter(lead_conversation::COLUMN.whatsapp_conversation_id.eq(thread.reveal().as_str()))
        .filter(lead_conversation::Column::State.ne(ConversationState::Completed))
        .filter(lead_conversation::COLUMN.id.ne(conversation.id))
        .one(transaction)
        .await?;
    if holder.is_some() { Err(Error::WhatsappConversationTaken.into()) } else { Ok(()) }
}

/// Locks a sent opener, and checks that it is one of this lead and that its claim is the latest.
async fn check_opener(
    transaction: &DatabaseTransaction,
    tenant: TenantScope,
    lead: &Lead,
    opener: SentOpener,
) -> Result<(), Failure> {
    // Locked, or it could be handed out again between this look and the end of the transaction.
    let row = follow_up::Entity::find_by_id(tenant, opener.follow_up_id)
        .lock_exclusive()
        .one(transaction)
        .await?
        .ok_or(Error::NotFound(Resource::FollowUp))?;
    let follow_up = convert::follow_up(row);
    if follow_up.kind != MessageKind::Opener || follow_up.lead_id != lead.id {
        return Err(Error::invalid(
            "follow_up_id",
            "is no opener of this lead; give the one that was claimed",
        )
        .into());
    }
    if follow_up.claim_token != Some(opener.claim_token) {
        return Err(Error::ClaimExpired.into());
    }
    Ok(())
}

/// The opener of a lead whose conversation starts is done, whoever sent it.
async fn finish_openers(
    transaction: &DatabaseTransaction,
    tenant: TenantScope,
    lead_id: Uuid,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), Failure> {
    follow_up::Entity::update_many(tenant)
        .col_expr(follow_up::Column::Status, ActiveEnum::as_enum(&FollowUpStatus::Done))
        .col_expr(follow_up::Column::CompletedAt, Expr::val(now))
        .col_expr(follow_up::Column::UpdatedAt, Expr::val(now))
        .filter(follow_up::COLUMN.lead_id.eq(lead_id))
        .filter(follow_up::Column::Kind.eq(FollowUpKind::Opener))
        .filter(follow_up::Column::Status.is_in([FollowUpStatus::Pending, FollowUpStatus::Claimed]))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Counts the reminders that were not sent from now on, and cancels an opener: the customer is talking already.
async fn move_reminders(
    transaction: &DatabaseTransaction,
    scope: TenantScope,
    tenant: &Tenant,
    lead_id: Uuid,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), Failure> {
    for (kind, delay) in [
        (FollowUpKind::Reminder1, tenant.policy.reminder_1_delay),
        (FollowUpKind::Reminder2, tenant.policy.reminder_2_delay),
    ] {
        follow_up::Entity::update_many(scope)
            .col_expr(follow_up::Column::DueAt, Expr::val(tenant.next_open(now + delay)))
            .col_expr(follow_up::Column::UpdatedAt, Expr::val(now))
            .filter(follow_up::COLUMN.lead_id.eq(lead_id))
            .filter(follow_up::Column::Kind.eq(kind))
            .filter(follow_up::Column::Status.eq(FollowUpStatus::Pending))
            .exec(transaction)
            .await?;
    }
    follow_up::Entity::update_many(scope)
        .col_expr(follow_up::Column::Status, ActiveEnum::as_enum(&FollowUpStatus::Cancelled))
        .col_expr(follow_up::Column::CompletedAt, Expr::val(now))
        .col_expr(follow_up::Column::UpdatedAt, Expr::val(now))
        .filter(follow_up::COLUMN.lead_id.eq(lead_id))
        .filter(follow_up::Column::Kind.eq(FollowUpKind::Opener))
        .filter(follow_up::Column::Status.is_in([FollowUpStatus::Pending, FollowUpStatus::Claimed]))
        .exec(transaction)
        .await?;
    Ok(())
}
