//! Follow-ups: what workers report of them, and lists.

use chrono::{DateTime, TimeDelta, Utc};
use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, DatabaseTransaction, QueryFilter as _, QuerySelect as _,
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Page, PageRequest, Storage,
    conversations::of_lead,
    convert,
    entities::{enums, follow_up},
    error::{Failure, surface},
    follow_up_claims::{row, write},
    idempotency::{Once, OnceRequest},
    lead_changes::{LeadReference, LockedLead, save},
    page::{Cursor, Listed, Order},
    tenants::tenant_in,
};
use crate::domain::{
    access::TenantScope,
    conversation::{Conversation, reminder_sent},
    error::{Error, Resource},
    follow_up::{FollowUp, FollowUpKind, FollowUpStatus},
    follow_up_claims::retry_pause,
    lead::Lead,
    personal::Personal,
};

/// A worker's report on a follow-up that it holds.
#[derive(Clone, Debug)]
pub struct FollowUpReport {
    /// The tenant.
    pub tenant: TenantScope,
    /// The follow-up.
    pub follow_up_id: Uuid,
    /// Proves the claim.
    pub claim_token: Uuid,
    /// Who reports.
    pub actor: String,
}

/// Why a message could not be sent, and when to try again.
#[derive(Clone, Debug)]
pub struct SendFailure {
    /// What went wrong.
    pub error: Personal,
    /// When to try again, from now on; absent for a pause that grows with each attempt.
    pub retry_after: Option<TimeDelta>,
}

/// A follow-up after a report, with what hangs on it.
#[derive(Clone, Debug)]
pub struct ReportedFollowUp {
    /// The follow-up.
    pub follow_up: FollowUp,
    /// The lead.
    pub lead: Lead,
    /// The lead's conversation.
    pub conversation: Option<Conversation>,
}

/// Which follow-ups to list.
#[derive(Clone, Debug)]
pub struct FollowUpFilter {
    /// Of this tenant.
    pub tenant: TenantScope,
    /// Of this lead.
    pub lead_id: Option<Uuid>,
    /// In one of these states; empty for any.
    pub statuses: Vec<FollowUpStatus>,
    /// Of these kinds; empty for any.
    pub kinds: Vec<FollowUpKind>,
    /// Due at this time or later.
    pub due_from: Option<DateTime<Utc>>,
    /// Due before this time.
    pub due_until: Option<DateTime<Utc>>,
}

impl Storage {
    /// Takes the report that a reminder was sent.
    ///
    /// It counts after the lease ended too, unless the follow-up was handed out again; after a cancellation it is only noted.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::ClaimExpired`]; [`Error::InvalidFields`] for an opener; [`Error::RequestIdReused`]; or when the
    /// database fails.
    #[instrument(name = "storage.complete_follow_up", skip_all)]
    pub async fn complete_follow_up(
        &self,
        report: &FollowUpReport,
        once: OnceRequest<'_, ReportedFollowUp>,
    ) -> Result<Once<ReportedFollowUp>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                let (LockedLead { lead, now, .. }, mut follow_up) =
                    self.lock_follow_up(transaction, report).await?;
                if follow_up.kind == FollowUpKind::Opener {
                    let text = "is an opener; report it with StartConversation";
                    return Err(Error::invalid("follow_up_id", text).into());
                }
                let mut conversation = of_lead(transaction, report.tenant, lead.id).await?;
                if follow_up.status.is_live() {
                    follow_up.status = FollowUpStatus::Done;
                    follow_up.lease_until = None;
                    follow_up.completed_at = Some(now);
                    follow_up.updated_at = now;
                    write(transaction, report.tenant, &[row(&follow_up)]).await?;
                }
                if follow_up.status != FollowUpStatus::Failed
                    && let Some(conversation) = &mut conversation
                    // A reminder is scheduled by the start of its round; one of an earlier round says nothing of this one.
                    && follow_up.created_at >= conversation.opened_at
                {
                    let delay = tenant_in(transaction, report.tenant).await?.policy.unresponsive_delay;
                    let event = reminder_sent(&lead, conversation, follow_up.kind, delay, &report.actor, now);
                    if let Some(event) = event {
                        convert::conversation_row(conversation)
                            .reset_all()
                            .update(report.tenant, transaction)
                            .await?;
                        save(transaction, report.tenant, &lead, vec![event]).await?;
                    }
                }
                Ok(ReportedFollowUp { follow_up, lead, conversation })
            }
            .scope_boxed()
        })
        .await
    }

    /// Takes the report that a message could not be sent.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::ClaimExpired`] for a claim that is not the latest or no longer held; [`Error::RequestIdReused`]; or when
    /// the database fails.
    #[instrument(name = "storage.fail_follow_up", skip_all)]
    pub async fn fail_follow_up(
        &self,
        report: &FollowUpReport,
        failure: &SendFailure,
        once: OnceRequest<'_, ReportedFollowUp>,
    ) -> Result<Once<ReportedFollowUp>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                let (LockedLead { lead, now, .. }, mut follow_up) =
                    self.lock_follow_up(transaction, report).await?;
                if follow_up.status != FollowUpStatus::Claimed {
                    return Err(Error::ClaimExpired.into());
                }
                let tenant = tenant_in(transaction, report.tenant).await?;
                let mut conversation = of_lead(transaction, report.tenant, lead.id).await?;
                follow_up.last_error = Some(failure.error.clone());
                follow_up.claim_token = None;
                follow_up.lease_until = None;
                follow_up.updated_at = now;
                if follow_up.attempts < self.max_attempts {
                    let pause = failure.retry_after.unwrap_or_else(|| retry_pause(follow_up.attempts));
                    follow_up.status = FollowUpStatus::Pending;
                    follow_up.due_at = tenant.next_open(now + pause);
                } else {
                    follow_up.status = FollowUpStatus::Failed;
                    follow_up.completed_at = Some(now);
                    if follow_up.kind == FollowUpKind::Reminder2
                        && let Some(conversation) = &mut conversation
                    {
                        conversation.give_up_after(tenant.policy.unresponsive_delay, now);
                        conversation.touch(now);
                        convert::conversation_row(conversation)
                            .reset_all()
                            .update(report.tenant, transaction)
                            .await?;
                    }
                }
                write(transaction, report.tenant, &[row(&follow_up)]).await?;
                Ok(ReportedFollowUp { follow_up, lead, conversation })
            }
            .scope_boxed()
        })
        .await
    }

    /// A tenant's follow-ups, the earliest due first.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.follow_ups", skip_all)]
    pub async fn follow_ups(
        &self,
        filter: &FollowUpFilter,
        page: PageRequest,
    ) -> Result<Page<FollowUp>, Error> {
        let column = follow_up::COLUMN;
        let mut query = follow_up::Entity::find(filter.tenant);
        if let Some(lead_id) = filter.lead_id {
            query = query.filter(column.lead_id.eq(lead_id));
        }
        if !filter.statuses.is_empty() {
            let statuses = filter.statuses.iter().map(|status| enums::FollowUpStatus::from(*status));
            query = query.filter(follow_up::Column::Status.is_in(statuses));
        }
        if !filter.kinds.is_empty() {
            let kinds = filter.kinds.iter().map(|kind| enums::FollowUpKind::from(*kind));
            query = query.filter(follow_up::Column::Kind.is_in(kinds));
        }
        if let Some(from) = filter.due_from {
            query = query.filter(column.due_at.gte(from));
        }
        if let Some(until) = filter.due_until {
            query = query.filter(column.due_at.lt(until));
        }
        let columns = (follow_up::Column::DueAt, follow_up::Column::Id);
        let rows = page.apply(query, columns, Order::OldestFirst).all(&self.reader).await.map_err(surface)?;
        let follow_ups = rows.into_iter().map(convert::follow_up).collect();
        Ok(page.page(follow_ups))
    }

    /// Locks the customer of a follow-up's lead, then the follow-up, and checks that the claim is the latest.
    async fn lock_follow_up(
        &self,
        transaction: &DatabaseTransaction,
        report: &FollowUpReport,
    ) -> Result<(LockedLead, FollowUp), Failure> {
        let not_found = || Failure::from(Error::NotFound(Resource::FollowUp));
        let find = || follow_up::Entity::find_by_id(report.tenant, report.follow_up_id);
        let lead_id = find().one(transaction).await?.ok_or_else(not_found)?.lead_id;
        let reference =
            LeadReference { tenant: report.tenant, lead_id, version: None, actor: report.actor.clone() };
        let locked = self.lock_lead(transaction, &reference).await?;
        let row = find().lock_exclusive().one(transaction).await?.ok_or_else(not_found)?;
        if row.claim_token != Some(report.claim_token) {
            return Err(Error::ClaimExpired.into());
        }
        Ok((locked, convert::follow_up(row)))
    }
}

impl Listed for FollowUp {
    type Position = Cursor;

    fn position(&self) -> Cursor {
        Cursor { at: self.due_at, id: self.id }
    }
}
