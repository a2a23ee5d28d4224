//! Claiming follow-ups: what is due goes to one worker at a time, on any number of replicas.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    ColumnTrait as _, Condition, DatabaseTransaction, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Select, Set,
    sea_query::{Expr, ExprTrait as _, LockBehavior, LockType},
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Storage, bulk, convert,
    entities::{customer, enums, follow_up, lead, lead_conversation, tenant},
    error::{Failure, surface},
    scope::Scope,
};
use crate::domain::{
    access::Reach,
    conversation::Conversation,
    customer::{Customer, CustomerKey},
    error::Error,
    follow_up::{FollowUp, FollowUpKind, FollowUpStatus},
    follow_up_claims::{DueFollowUp, Verdict, judge},
    lead::Lead,
    tenant::Tenant,
};

/// The most rounds of one claim: each looks past what the one before cancelled or postponed.
const MAX_ROUNDS: usize = 10;

/// What a worker asks for.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// Of these tenants only.
    pub reach: Reach,
    /// Of these kinds only; empty for all.
    pub kinds: Vec<FollowUpKind>,
    /// The most follow-ups.
    pub limit: u32,
    /// For how long.
    pub lease: TimeDelta,
}

/// A follow-up that was handed out, with what is needed to send it.
#[derive(Clone, Debug)]
pub struct ClaimedFollowUp {
    /// The follow-up, with claim token and lease.
    pub follow_up: FollowUp,
    /// Its lead.
    pub lead: Lead,
    /// The lead's conversation.
    pub conversation: Option<Conversation>,
    /// The tenant.
    pub tenant: Tenant,
}

impl Storage {
    /// Hands out what is due, the earliest first.
    ///
    /// # Errors
    /// When the database fails; nothing is handed out then, or its lease ends.
    #[instrument(name = "storage.claim_follow_ups", skip_all)]
    pub async fn claim_follow_ups(&self, request: &ClaimRequest) -> Result<Vec<ClaimedFollowUp>, Error> {
        let mut claimed = Vec::new();
        for _ in 0..MAX_ROUNDS {
            let left = request.limit.saturating_sub(u32::try_from(claimed.len()).unwrap_or(u32::MAX));
            if left == 0 {
                break;
            }
            let (looked_at, handed_out) = self
                .write(move |transaction| self.claim_round(transaction, request, left).scope_boxed())
                .await?;
            claimed.extend(handed_out);
            if looked_at < left as usize {
                break;
            }
        }
        claimed.sort_by_key(|claimed| (claimed.follow_up.due_at, claimed.follow_up.id));
        Ok(claimed)
    }

    /// When the next follow-up becomes due or free that the request would get, if any is scheduled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_follow_up_at(&self, request: &ClaimRequest) -> Result<Option<DateTime<Utc>>, Error> {
        let pending = wanted(request, Waiting::Pending).limit(1).one(&self.reader).await.map_err(surface)?;
        let leased = wanted(request, Waiting::Leased).limit(1).one(&self.reader).await.map_err(surface)?;
        Ok(pending.map(|row| row.due_at).into_iter().chain(leased.and_then(|row| row.lease_until)).min())
    }

    /// One transaction: locks what is due, judges it by what is true now, and writes the verdicts. Answers how many it looked at.
    async fn claim_round(
        &self,
        transaction: &DatabaseTransaction,
        request: &ClaimRequest,
        limit: u32,
    ) -> Result<(usize, Vec<ClaimedFollowUp>), Failure> {
        let now = self.environment().now();
        let mut rows = due(transaction, request, Waiting::Leased, limit, now).await?;
        let left = limit.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        if left > 0 {
            rows.extend(due(transaction, request, Waiting::Pending, left, now).await?);
        }
        if rows.is_empty() {
            return Ok((0, Vec::new()));
        }
        let context = Context::load(transaction, request.reach, &rows).await?;
        let (mut changed, mut claimed) = (Vec::new(), Vec::new());
        let looked_at = rows.len();
        for mut follow_up in rows {
            let Some(due) = context.of(&follow_up) else { continue };
            let verdict = judge(&due, request.lease, now);
            let (lead, tenant) = (due.lead.clone(), due.tenant.clone());
            let conversation = due.conversation.cloned();
            follow_up.updated_at = now;
            // The token stays until the next hand-out: a late report still counts.
            follow_up.lease_until = None;
            match verdict {
                Verdict::HandOut { lease_until } => {
                    follow_up.status = FollowUpStatus::Claimed;
                    follow_up.claim_token = Some(self.environment().new_token());
                    follow_up.lease_until = Some(lease_until);
                    follow_up.attempts += 1;
                    claimed.push(ClaimedFollowUp {
                        follow_up: follow_up.clone(),
                        lead,
                        conversation,
                        tenant,
                    });
                }
                Verdict::Postpone { due_at } => {
                    follow_up.status = FollowUpStatus::Pending;
                    follow_up.due_at = due_at;
                }
                Verdict::Cancel => {
                    follow_up.status = FollowUpStatus::Cancelled;
                    follow_up.completed_at = Some(now);
                }
            }
            changed.push(row(&follow_up));
        }
        write(transaction, request.reach, &changed).await?;
        Ok((looked_at, claimed))
    }
}

/// Which follow-ups wait: those for their time, or those for the end of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Pending,
    Leased,
}

/// The wanted follow-ups in the order in which they come up. The status stands in the statement as a literal: as a parameter it would keep
/// a generic plan from using the partial index.
fn wanted(request: &ClaimRequest, waiting: Waiting) -> Select<follow_up::Entity> {
    let (status, time) = match waiting {
        Waiting::Pending => ("pending", follow_up::Column::DueAt),
        Waiting::Leased => ("claimed", follow_up::Column::LeaseUntil),
    };
    let status =
        Expr::col((follow_up::Entity, follow_up::Column::Status)).eq(Expr::cust(format!("'{status}'")));
    let mut query = follow_up::Entity::find(request.reach)
        .filter(status)
        .order_by_asc(time)
        .order_by_asc(follow_up::Column::Id);
    if !request.kinds.is_empty() {
        let kinds = request.kinds.iter().map(|kind| enums::FollowUpKind::from(*kind));
        query = query.filter(follow_up::Column::Kind.is_in(kinds));
    }
    query
}

/// Locks follow-ups that are due, passing over those that another replica is handing out.
async fn due(
    transaction: &DatabaseTransaction,
    request: &ClaimRequest,
    waiting: Waiting,
    limit: u32,
    now: DateTime<Utc>,
) -> Result<Vec<FollowUp>, Failure> {
    let time = match waiting {
        Waiting::Pending => follow_up::Column::DueAt,
        Waiting::Leased => follow_up::Column::LeaseUntil,
    };
    let rows = wanted(request, waiting)
        .filter(time.lte(now))
        .limit(u64::from(limit))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(transaction)
        .await?;
    Ok(rows.into_iter().map(convert::follow_up).collect())
}

/// What must be known to judge a set of follow-ups, in a fixed number of queries.
struct Context {
    leads: HashMap<Uuid, Lead>,
    tenants: HashMap<Uuid, Tenant>,
    customers: HashMap<CustomerKey, Customer>,
    conversations: HashMap<Uuid, Conversation>,
    live_first_reminders: HashSet<Uuid>,
}

impl Context {
    async fn load(
        transaction: &DatabaseTransaction,
        reach: Reach,
        follow_ups: &[FollowUp],
    ) -> Result<Self, Failure> {
        let lead_ids: BTreeSet<_> = follow_ups.iter().map(|follow_up| follow_up.lead_id).collect();
        let tenant_ids: BTreeSet<_> = follow_ups.iter().map(|follow_up| follow_up.tenant_id).collect();
        let mut leads = HashMap::new();
        for row in
            lead::Entity::find(reach).filter(lead::COLUMN.id.is_in(lead_ids.clone())).all(transaction).await?
        {
            leads.insert(row.id, convert::lead(row)?);
        }
        let mut tenants = HashMap::new();
        for row in
            tenant::Entity::find(reach).filter(tenant::COLUMN.id.is_in(tenant_ids)).all(transaction).await?
        {
            tenants.insert(row.id, convert::tenant(row)?);
        }
        let conversations = lead_conversation::Entity::find(reach)
            .filter(lead_conversation::COLUMN.lead_id.is_in(lead_ids.clone()))
            .all(transaction)
            .await?;
        let first_reminders = follow_up::Entity::find(reach)
            .filter(follow_up::COLUMN.lead_id.is_in(lead_ids))
            .filter(follow_up::Column::Kind.eq(enums::FollowUpKind::Reminder1))
            .filter(
                follow_up::Column::Status
                    .is_in([enums::FollowUpStatus::Pending, enums::FollowUpStatus::Claimed]),
            )
            .all(transaction)
            .await?;
        Ok(Self {
            customers: Self::customers(transaction, reach, leads.values()).await?,
            leads,
            tenants,
            conversations: conversations
                .into_iter()
                .map(|row| (row.lead_id, convert::conversation(row)))
                .collect(),
            live_first_reminders: first_reminders.into_iter().map(|row| row.lead_id).collect(),
        })
    }

    async fn customers(
        transaction: &DatabaseTransaction,
        reach: Reach,
        leads: impl Iterator<Item = &Lead>,
    ) -> Result<HashMap<CustomerKey, Customer>, Failure> {
        let mut condition = Condition::any();
        for lead in leads {
            let of_lead = customer::COLUMN.tenant_id.eq(lead.tenant_id);
            condition = condition.add(of_lead.and(customer::COLUMN.phone.eq(lead.customer_phone.as_e164())));
        }
        let mut customers = HashMap::new();
        if !condition.is_empty() {
            for row in customer::Entity::find(reach).filter(condition).all(transaction).await? {
                let customer = convert::customer(row)?;
                customers.insert(customer.key.clone(), customer);
            }
        }
        Ok(customers)
    }

    fn of<'a>(&'a self, follow_up: &'a FollowUp) -> Option<DueFollowUp<'a>> {
        let lead = self.leads.get(&follow_up.lead_id)?;
        let key = CustomerKey { tenant_id: lead.tenant_id, phone: lead.customer_phone.clone() };
        Some(DueFollowUp {
            follow_up,
            lead,
            customer: self.customers.get(&key),
            conversation: self.conversations.get(&follow_up.lead_id),
            tenant: self.tenants.get(&follow_up.tenant_id)?,
            first_reminder_live: self.live_first_reminders.contains(&follow_up.lead_id),
        })
    }
}

/// A follow-up's row with what claims and reports change.
pub(super) fn row(follow_up: &FollowUp) -> follow_up::ActiveModel {
    follow_up::ActiveModel {
        id: Set(follow_up.id),
        due_at: Set(follow_up.due_at),
        status: Set(follow_up.status.into()),
        claim_token: Set(follow_up.claim_token),
        lease_until: Set(follow_up.lease_until),
        attempts: Set(follow_up.attempts),
        last_error: Set(follow_up.last_error.clone()),
        completed_at: Set(follow_up.completed_at),
        updated_at: Set(follow_up.updated_at),
        ..Default::default()
    }
}

pub(super) async fn write(
    transaction: &DatabaseTransaction,
    scope: impl Scope,
    rows: &[follow_up::ActiveModel],
) -> Result<(), Failure> {
    use follow_up::Column;
    let columns = [
        Column::DueAt,
        Column::Status,
        Column::ClaimToken,
        Column::LeaseUntil,
        Column::Attempts,
        Column::LastError,
        Column::CompletedAt,
        Column::UpdatedAt,
    ];
    Ok(bulk::update_by_id(transaction, scope, Column::Id, &columns, rows).await?)
}
