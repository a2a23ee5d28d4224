//! Changes of a lead that exists: details, qualification, transitions. Each holds the lock of the lead's customer.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    ActiveEnum, ActiveModelTrait as _, ColumnTrait as _, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, Set,
    sea_query::{Expr, ExprTrait as _},
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Storage, convert,
    customers::Contact,
    entities::{customer, enums::ConversationState, lead, lead_conversation, lead_event},
    error::Failure,
    idempotency::{Once, OnceRequest},
    recording::load::leads_of_phones,
    scope::Scope,
    suppressions::cancel_follow_ups,
};
use crate::domain::{
    access::TenantScope,
    customer::{Customer, CustomerKey},
    details::{DetailField, LeadDetails, note_change},
    error::{Error, Resource},
    event::NewLeadEvent,
    lead::{Lead, LeadStatus, LostReason},
    qualification::qualify,
    transition::{FollowUpEnd, TransitionRequest, follow_up_end, transition},
};

/// Which lead is to be changed, by whom, and from which version if that matters.
#[derive(Clone, Debug)]
pub struct LeadReference {
    /// The tenant.
    pub tenant: TenantScope,
    /// The lead.
    pub lead_id: Uuid,
    /// The version that the change is based on.
    pub version: Option<i64>,
    /// Who changes it.
    pub actor: String,
}

/// A lead that is locked by its customer's row, with the other leads of the phone.
pub(super) struct LockedLead {
    pub(super) lead: Lead,
    pub(super) others: Vec<Lead>,
    pub(super) customer: Customer,
    pub(super) now: DateTime<Utc>,
}

impl Storage {
    /// Sets or clears details of a lead.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::EtagMismatch`]; [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.update_lead", skip_all)]
    pub async fn update_lead(
        &self,
        reference: &LeadReference,
        details: &LeadDetails,
        fields: &[DetailField],
        once: OnceRequest<'_, Lead>,
    ) -> Result<Once<Lead>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                let LockedLead { mut lead, now, .. } = self.lock_lead(transaction, reference).await?;
                let changed = details.set(&mut lead, fields);
                let event = note_change(&mut lead, &changed, &reference.actor, now);
                save(transaction, reference.tenant, &lead, Vec::from_iter(event)).await?;
                Ok(lead)
            }
            .scope_boxed()
        })
        .await
    }

    /// Fills what is not known of a lead, and qualifies it by that.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::EtagMismatch`]; [`Error::NeedUnknown`] and [`Error::InvalidTransition`] when asked to qualify;
    /// [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.qualify_lead", skip_all)]
    pub async fn qualify_lead(
        &self,
        reference: &LeadReference,
        answers: &LeadDetails,
        mark_qualified: bool,
        once: OnceRequest<'_, Lead>,
    ) -> Result<Once<Lead>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                let LockedLead { mut lead, now, .. } = self.lock_lead(transaction, reference).await?;
                let events = qualify(&mut lead, answers, mark_qualified, &reference.actor, now)?;
                save(transaction, reference.tenant, &lead, events).await?;
                Ok(lead)
            }
            .scope_boxed()
        })
        .await
    }

    /// Moves a lead to another status.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::EtagMismatch`]; [`Error::InvalidTransition`]; [`Error::NeedUnknown`]; [`Error::OpenLeadExists`];
    /// [`Error::RequestIdReused`]; or when the database fails.
    #[instrument(name = "storage.transition_lead", skip_all)]
    pub async fn transition_lead(
        &self,
        reference: &LeadReference,
        request: &TransitionRequest,
        once: OnceRequest<'_, Lead>,
    ) -> Result<Once<Lead>, Error> {
        self.write_once(once, move |transaction| {
            async move {
                let LockedLead { mut lead, others, customer, now } =
                    self.lock_lead(transaction, reference).await?;
                let event = transition(&mut lead, request, &reference.actor, now)?;
                if let Some(open) =
                    others.iter().find(|other| other.status.is_open() && lead.status.is_open())
                {
                    return Err(Error::OpenLeadExists { lead_id: open.id }.into());
                }
                if request.lost_reason == Some(LostReason::DoNotContact) {
                    remember_do_not_contact(transaction, reference.tenant, customer.id, now).await?;
                }
                end_follow_ups(transaction, reference.tenant, &[lead.id], request.to, now).await?;
                save(transaction, reference.tenant, &lead, vec![event]).await?;
                Ok(lead)
            }
            .scope_boxed()
        })
        .await
    }

    /// Locks a lead's customer, then reads the lead: what is decided next is decided on what is true.
    pub(super) async fn lock_lead(
        &self,
        transaction: &DatabaseTransaction,
        reference: &LeadReference,
    ) -> Result<LockedLead, Failure> {
        let tenant = reference.tenant;
        let not_found = || Failure::from(Error::NotFound(Resource::Lead));
        let row = lead::Entity::find_by_id(tenant, reference.lead_id)
            .one(transaction)
            .await?
            .ok_or_else(not_found)?;
        // A lead's phone never changes, so it may be read before the lock.
        let customer = CustomerKey { tenant_id: tenant.id(), phone: convert::lead(row)?.customer_phone };
        let customers =
            self.lock_customers(transaction, BTreeSet::from([customer]), |_| Contact::Old).await?;
        let mut others = leads_of_phones(transaction, &customers).await?;
        let position = others.iter().position(|lead| lead.id == reference.lead_id).ok_or_else(not_found)?;
        let lead = others.swap_remove(position);
        if reference.version.is_some_and(|version| version != lead.version) {
            return Err(Error::EtagMismatch.into());
        }
        let customer = customers.into_iter().next().ok_or_else(not_found)?;
        Ok(LockedLead { lead, others, customer, now: self.environment().now() })
    }
}

/// Writes a lead and its history; nothing when nothing happened.
pub(super) async fn save(
    transaction: &DatabaseTransaction,
    tenant: TenantScope,
    lead: &Lead,
    events: Vec<NewLeadEvent>,
) -> Result<(), Failure> {
    if events.is_empty() {
        return Ok(());
    }
    convert::lead_row(lead.clone()).reset_all().update(tenant, transaction).await?;
    let rows = events.into_iter().map(convert::lead_event_row);
    lead_event::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    Ok(())
}

async fn remember_do_not_contact(
    transaction: &DatabaseTransaction,
    tenant: TenantScope,
    customer_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let change = customer::ActiveModel {
        id: Set(customer_id),
        do_not_contact_at: Set(Some(now)),
        ..Default::default()
    };
    change.update(tenant, transaction).await?;
    Ok(())
}

/// Cancels the live follow-ups of leads that entered `status`, and ends their running conversations, where that status does so.
pub(super) async fn end_follow_ups(
    transaction: &DatabaseTransaction,
    scope: impl Scope + Copy,
    leads: &[Uuid],
    status: LeadStatus,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    let Some(end) = follow_up_end(status).filter(|_| !leads.is_empty()) else { return Ok(()) };
    cancel_follow_ups(transaction, scope, leads, now).await?;
    let update = lead_conversation::Entity::update_many(scope)
        .col_expr(lead_conversation::Column::UpdatedAt, Expr::val(now))
        .col_expr(lead_conversation::Column::GiveUpAt, Expr::val(None::<DateTime<Utc>>))
        .col_expr(lead_conversation::Column::Version, Expr::col(lead_conversation::Column::Version).add(1))
        .filter(lead_conversation::COLUMN.lead_id.is_in(leads.iter().copied()));
    let state = |state: ConversationState| ActiveEnum::as_enum(&state);
    match end {
        FollowUpEnd::Completed(reason) => {
            let reason: super::entities::enums::ConversationEndReason = reason.into();
            update
                .col_expr(lead_conversation::Column::State, state(ConversationState::Completed))
                .col_expr(lead_conversation::Column::EndReason, ActiveEnum::as_enum(&reason))
                .col_expr(lead_conversation::Column::CompletedAt, Expr::val(now))
                .filter(lead_conversation::Column::State.ne(ConversationState::Completed))
                .exec(transaction)
                .await?
        }
        FollowUpEnd::Unresponsive => {
            update
                .col_expr(lead_conversation::Column::State, state(ConversationState::Unresponsive))
                .filter(
                    lead_conversation::Column::State
                        .is_not_in([ConversationState::Completed, ConversationState::Unresponsive]),
                )
                .exec(transaction)
                .await?
        }
    };
    Ok(())
}
