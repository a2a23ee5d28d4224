//! The history of leads.

use sea_orm::{QueryFilter as _, QueryOrder as _, QuerySelect as _};
use tracing::instrument;
use uuid::Uuid;

use super::{Page, PageRequest, Storage, convert, entities::lead_event, error::surface, page::Listed};
use crate::domain::{access::TenantScope, error::Error, event::LeadEvent};

/// The position of an event in the history of its lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPosition(pub i64);

impl Listed for LeadEvent {
    type Position = EventPosition;

    fn position(&self) -> EventPosition {
        EventPosition(self.seq)
    }
}

impl Storage {
    /// A lead's history, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the tenant has no such lead, or when the database fails.
    #[instrument(name = "storage.lead_events", skip_all)]
    pub async fn lead_events(
        &self,
        tenant: TenantScope,
        lead_id: Uuid,
        page: PageRequest<EventPosition>,
    ) -> Result<Page<LeadEvent>, Error> {
        self.lead(tenant, lead_id).await?;
        let mut query = lead_event::Entity::find(tenant)
            .filter(lead_event::COLUMN.lead_id.eq(lead_id))
            .order_by_asc(lead_event::Column::Seq)
            .limit(u64::from(page.size) + 1);
        if let Some(EventPosition(seq)) = page.after {
            query = query.filter(lead_event::COLUMN.seq.gt(seq));
        }
        let rows = query.all(&self.reader).await.map_err(surface)?;
        Ok(page.page(rows.into_iter().map(convert::lead_event).collect()))
    }
}
