//! Conversations that nobody answers: given up in batches, on any number of replicas, each once.

use std::collections::BTreeSet;

use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    ActiveModelTrait as _, DatabaseTransaction, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Storage, convert,
    customers::Contact,
    entities::{lead, lead_conversation},
    error::{Failure, surface},
    lead_changes::save,
    scope::AllTenants,
    suppressions::cancel_follow_ups,
};
use crate::domain::{access::TenantScope, conversation::give_up, customer::CustomerKey, error::Error};

/// How many conversations one transaction gives up.
const BATCH: u64 = 100;
/// Who is named in the history.
const ACTOR: &str = "system:silence";
/// The sweep is the server's own; what it writes goes by the tenants of the rows it found.
const EVERY: AllTenants = AllTenants::because("the sweep gives up the conversations of all tenants");

impl Storage {
    /// Gives up the conversations whose time is over; answers how many.
    ///
    /// # Errors
    /// When the database fails; what was given up until then stays so.
    #[instrument(name = "storage.give_up_silent", skip_all)]
    pub async fn give_up_silent(&self) -> Result<u64, Error> {
        let mut given_up = 0;
        loop {
            let now = self.environment().now();
            let leads: Vec<Uuid> = lead_conversation::Entity::find(EVERY)
                .select_only()
                .column(lead_conversation::Column::LeadId)
                .filter(lead_conversation::COLUMN.give_up_at.lte(now))
                .order_by_asc(lead_conversation::Column::GiveUpAt)
                .limit(BATCH)
                .into_tuple()
                .all(&self.reader)
                .await
                .map_err(surface)?;
            if leads.is_empty() {
                return Ok(given_up);
            }
            let leads = &leads;
            let batch = self.write(move |transaction| self.give_up(transaction, leads).scope_boxed()).await?;
            if batch == 0 {
                // Another replica was faster; what is left comes with the next sweep.
                return Ok(given_up);
            }
            given_up += batch;
        }
    }

    async fn give_up(&self, transaction: &DatabaseTransaction, leads: &[Uuid]) -> Result<u64, Failure> {
        // Phones never change, so they may be read before the locks; all else is read after.
        let rows = find_leads(transaction, leads).await?;
        let keys: BTreeSet<_> = rows
            .iter()
            .map(|lead| CustomerKey { tenant_id: lead.tenant_id, phone: lead.customer_phone.clone() })
            .collect();
        self.lock_customers(transaction, keys, |_| Contact::Old).await?;
        let now = self.environment().now();
        let conversations = lead_conversation::Entity::find(EVERY)
            .filter(lead_conversation::COLUMN.lead_id.is_in(leads.iter().copied()))
            .all(transaction)
            .await?;
        let mut locked = find_leads(transaction, leads).await?;
        let mut given_up = Vec::new();
        for mut conversation in conversations.into_iter().map(convert::conversation) {
            let Some(lead) = locked.iter_mut().find(|lead| lead.id == conversation.lead_id) else { continue };
            let Some(events) = give_up(lead, &mut conversation, ACTOR, now) else { continue };
            let tenant = TenantScope::of_row(lead.tenant_id);
            convert::conversation_row(&conversation).reset_all().update(tenant, transaction).await?;
            save(transaction, tenant, lead, events).await?;
            given_up.push(lead.id);
        }
        cancel_follow_ups(transaction, EVERY, &given_up, now).await?;
        Ok(given_up.len() as u64)
    }
}

async fn find_leads(
    transaction: &DatabaseTransaction,
    ids: &[Uuid],
) -> Result<Vec<crate::domain::lead::Lead>, Failure> {
    let rows =
        lead::Entity::find(EVERY).filter(lead::COLUMN.id.is_in(ids.iter().copied())).all(transaction).await?;
    rows.into_iter().map(|row| convert::lead(row).map_err(Failure::from)).collect()
}
