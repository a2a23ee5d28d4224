//! Leads.

use chrono::{DateTime, Utc};
use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, DatabaseTransaction, EntityTrait as _, PaginatorTrait as _,
    QueryFilter as _, Set,
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Page, PageRequest, Storage, convert,
    entities::{business_line, enums, lead, lead_event},
    error::{Failure, surface},
    idempotency::{Once, OnceRequest},
    page::{Cursor, Listed, Order},
    recording::load::{current_leads, leads_of_phones},
    tenants::tenant_in,
};
use crate::domain::{
    access::TenantScope,
    capture::{self, Capture, CaptureRequest},
    customer::CustomerKey,
    details::LeadDetails,
    error::{Error, Resource},
    lead::{Lead, LeadSource, LeadStatus},
    phone::PhoneNumber,
};

/// Which leads to list.
#[derive(Clone, Debug)]
pub struct LeadFilter {
    /// Of this tenant.
    pub tenant: TenantScope,
    /// In one of these states; empty for any.
    pub statuses: Vec<LeadStatus>,
    /// From one of these sources; empty for any.
    pub sources: Vec<LeadSource>,
    /// Of this phone.
    pub customer_phone: Option<PhoneNumber>,
    /// Captured at this time or later.
    pub captured_from: Option<DateTime<Utc>>,
    /// Captured before this time.
    pub captured_until: Option<DateTime<Utc>>,
}

/// A customer to capture.
#[derive(Clone, Debug)]
pub struct NewCapture {
    /// The tenant.
    pub tenant: TenantScope,
    /// The customer's phone.
    pub phone: PhoneNumber,
    /// How the lead comes about.
    pub source: LeadSource,
    /// What is known.
    pub details: LeadDetails,
    /// Whether an opener is wanted.
    pub schedule_opener: bool,
    /// Who captures.
    pub actor: String,
}

/// A captured lead.
#[derive(Clone, Debug)]
pub struct CapturedLead {
    /// The lead.
    pub lead: Lead,
    /// Whether it was made now.
    pub created: bool,
}

impl Storage {
    /// Captures a customer by hand or from a website.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown tenant; [`Error::InvalidFields`] for the tenant's own number; [`Error::RequestIdReused`]; or when the
    /// database fails.
    #[instrument(name = "storage.capture_lead", skip_all)]
    pub async fn capture_lead(
        &self,
        new: &NewCapture,
        once: OnceRequest<'_, CapturedLead>,
    ) -> Result<Once<CapturedLead>, Error> {
        let fresh = self.fresh_ids();
        let key = CustomerKey { tenant_id: new.tenant.id(), phone: new.phone.clone() };
        let key = &key;
        self.write_once(once, move |transaction| {
            async move {
                let tenant = tenant_in(transaction, new.tenant).await?;
                refuse_own_number(transaction, new.tenant, &new.phone).await?;
                let customer = self.lock_customer(transaction, key.clone()).await?;
                let now = self.environment().now();
                let leads = leads_of_phones(transaction, std::slice::from_ref(&customer)).await?;
                let current = current_lead(leads, key);
                let request = CaptureRequest {
                    tenant: &tenant,
                    source: new.source,
                    details: &new.details,
                    schedule_opener: new.schedule_opener,
                    actor: &new.actor,
                    fresh,
                };
                let Capture { lead, created, event, opener } =
                    capture::capture(&request, &customer, current, now);
                let row = convert::lead_row(lead.clone());
                if created {
                    row.insert(transaction).await?;
                } else if event.is_none() {
                    // No news for anybody, but a call answered before this moment was about something else.
                    let asked_again = lead::ActiveModel {
                        id: Set(lead.id),
                        recaptured_at: Set(lead.recaptured_at),
                        ..Default::default()
                    };
                    asked_again.update(new.tenant, transaction).await?;
                } else {
                    row.reset_all().update(new.tenant, transaction).await?;
                }
                if let Some(opener) = opener {
                    convert::follow_up_row(&opener, now).insert(transaction).await?;
                }
                if let Some(event) = event {
                    lead_event::Entity::insert(convert::lead_event_row(event))
                        .exec_without_returning(transaction)
                        .await?;
                }
                Ok(CapturedLead { lead, created })
            }
            .scope_boxed()
        })
        .await
    }

    /// A lead by its id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the tenant has no such lead, or when the database fails.
    #[instrument(name = "storage.lead", skip_all)]
    pub async fn lead(&self, tenant: TenantScope, id: Uuid) -> Result<Lead, Error> {
        let query = lead::Entity::find_by_id(tenant, id);
        if let Some(row) = query.one(&self.reader).await.map_err(surface)? {
            return convert::lead(row);
        }
        self.tenant(tenant).await?;
        Err(Error::NotFound(Resource::Lead))
    }

    /// A phone's open lead, else its latest.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the phone has no lead, or when the database fails.
    #[instrument(name = "storage.lead_of_phone", skip_all)]
    pub async fn lead_of_phone(&self, tenant: TenantScope, phone: &PhoneNumber) -> Result<Lead, Error> {
        let rows = lead::Entity::find(tenant)
            .filter(lead::COLUMN.customer_phone.eq(phone.as_e164()))
            .all(&self.reader)
            .await
            .map_err(surface)?;
        let leads = rows.into_iter().map(convert::lead).collect::<Result<Vec<_>, _>>()?;
        let customer = CustomerKey { tenant_id: tenant.id(), phone: phone.clone() };
        current_lead(leads, &customer).ok_or(Error::NotFound(Resource::Lead))
    }

    /// A tenant's leads, newest first.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.leads", skip_all)]
    pub async fn leads(&self, filter: &LeadFilter, page: PageRequest) -> Result<Page<Lead>, Error> {
        let column = lead::COLUMN;
        let mut query = lead::Entity::find(filter.tenant);
        if !filter.statuses.is_empty() {
            query = query.filter(
                lead::Column::Status.is_in(filter.statuses.iter().map(|s| enums::LeadStatus::from(*s))),
            );
        }
        if !filter.sources.is_empty() {
            query = query.filter(
                lead::Column::Source.is_in(filter.sources.iter().map(|s| enums::LeadSource::from(*s))),
            );
        }
        if let Some(phone) = &filter.customer_phone {
            query = query.filter(column.customer_phone.eq(phone.as_e164()));
        }
        if let Some(from) = filter.captured_from {
            query = query.filter(column.captured_at.gte(from));
        }
        if let Some(until) = filter.captured_until {
            query = query.filter(column.captured_at.lt(until));
        }
        let columns = (lead::Column::CapturedAt, lead::Column::Id);
        let rows = page.apply(query, columns, Order::NewestFirst).all(&self.reader).await.map_err(surface)?;
        let leads = rows.into_iter().map(convert::lead).collect::<Result<_, _>>()?;
        Ok(page.page(leads))
    }
}

impl Listed for Lead {
    type Position = Cursor;

    fn position(&self) -> Cursor {
        Cursor { at: self.captured_at, id: self.id }
    }
}

fn current_lead(leads: Vec<Lead>, customer: &CustomerKey) -> Option<Lead> {
    let id = *current_leads(&leads).get(customer)?;
    leads.into_iter().find(|lead| lead.id == id)
}

/// A business that captures itself would chase its own line.
async fn refuse_own_number(
    transaction: &DatabaseTransaction,
    tenant: TenantScope,
    phone: &PhoneNumber,
) -> Result<(), Failure> {
    let own = business_line::Entity::find(tenant)
        .filter(business_line::COLUMN.phone.eq(phone.as_e164()))
        .filter(business_line::COLUMN.released_at.is_null())
        .count(transaction)
        .await?;
    if own > 0 {
        let text = "is one of the tenant's own business lines; give the customer's number";
        return Err(Error::invalid("customer_phone", text).into());
    }
    Ok(())
}
