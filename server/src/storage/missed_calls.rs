//! Missed calls, as kept.

use chrono::{DateTime, Utc};
use sea_orm::{QueryFilter as _, sea_query::ExprTrait as _};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Page, PageRequest, Storage, convert,
    entities::missed_call,
    error::surface,
    page::{Cursor, Listed, Order},
};
use crate::domain::{
    access::TenantScope,
    call::MissedCall,
    error::{Error, Resource},
    phone::PhoneNumber,
};

/// How a missed call is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallReference {
    /// By its id.
    Id(Uuid),
    /// By the telephone exchange's id.
    Provider {
        /// The exchange.
        provider: String,
        /// Its id of the call.
        call_id: String,
    },
}

/// Which missed calls to list.
#[derive(Clone, Debug)]
pub struct MissedCallFilter {
    /// Of this tenant.
    pub tenant: TenantScope,
    /// From this phone.
    pub caller_phone: Option<PhoneNumber>,
    /// Of this lead.
    pub lead_id: Option<Uuid>,
    /// Begun at this time or later.
    pub called_from: Option<DateTime<Utc>>,
    /// Begun before this time.
    pub called_until: Option<DateTime<Utc>>,
    /// Only those that nobody returned.
    pub unreturned_only: bool,
}

impl Storage {
    /// A missed call.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the tenant or the call, or when the database fails.
    #[instrument(name = "storage.missed_call", skip_all)]
    pub async fn missed_call(
        &self,
        tenant: TenantScope,
        reference: &CallReference,
    ) -> Result<MissedCall, Error> {
        let column = missed_call::COLUMN;
        let query = missed_call::Entity::find(tenant);
        let query = match reference {
            CallReference::Id(id) => query.filter(column.id.eq(*id)),
            CallReference::Provider { provider, call_id } => {
                query.filter(column.provider.eq(provider)).filter(column.call_id.eq(call_id))
            }
        };
        if let Some(row) = query.one(&self.reader).await.map_err(surface)? {
            return convert::missed_call(row);
        }
        self.tenant(tenant).await?;
        Err(Error::NotFound(Resource::MissedCall))
    }

    /// A tenant's missed calls, newest first.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.missed_calls", skip_all)]
    pub async fn missed_calls(
        &self,
        filter: &MissedCallFilter,
        page: PageRequest,
    ) -> Result<Page<MissedCall>, Error> {
        let column = missed_call::COLUMN;
        let mut query = missed_call::Entity::find(filter.tenant);
        if let Some(phone) = &filter.caller_phone {
            query = query.filter(column.caller_phone.eq(phone.as_e164()));
        }
        if let Some(lead_id) = filter.lead_id {
            query = query.filter(column.lead_id.eq(lead_id));
        }
        if let Some(from) = filter.called_from {
            query = query.filter(column.called_at.gte(from));
        }
        if let Some(until) = filter.called_until {
            query = query.filter(column.called_at.lt(until));
        }
        if filter.unreturned_only {
            // Nobody can call an erased customer back.
            let erased = column.redacted_at.is_not_null().and(column.caller_phone.is_null());
            query = query.filter(column.returned_at.is_null()).filter(erased.not());
        }
        let columns = (missed_call::Column::CalledAt, missed_call::Column::Id);
        let rows = page.apply(query, columns, Order::NewestFirst).all(&self.reader).await.map_err(surface)?;
        let calls = rows.into_iter().map(convert::missed_call).collect::<Result<_, _>>()?;
        Ok(page.page(calls))
    }
}

impl Listed for MissedCall {
    type Position = Cursor;

    fn position(&self) -> Cursor {
        Cursor { at: self.called_at, id: self.id }
    }
}
