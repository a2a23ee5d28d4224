//! All that a tenant holds on a phone, read from one state of the database.
//!
//! One query for each table, and another for each further [`CHUNK`] of rows: memory holds the export, which is limited, and one chunk.

mod rows;

use std::collections::HashMap;

use sea_orm::{
    ConnectionTrait as _, DatabaseTransaction, EntityTrait, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select,
};
use serde::Serialize;
use tracing::instrument;
use uuid::Uuid;

use super::{
    Storage, bulk,
    entities::{customer, follow_up, idempotency_record, lead, lead_conversation, lead_event, missed_call},
    error::{Failure, surface},
    unrouted_calls::unrouted_calls_of,
};
use crate::domain::{
    access::TenantScope,
    error::Error,
    export::{Budget, CustomerExport, ExportedLead, FORMAT},
    phone::PhoneNumber,
};

/// How many rows one query answers at most.
const CHUNK: usize = 200;

/// The lists that may be cut short, by the paths of their members.
const LEADS: &str = "leads";
const CONVERSATIONS: &str = "leads.conversation";
const FOLLOW_UPS: &str = "leads.follow_ups";
const EVENTS: &str = "leads.events";
const MISSED_CALLS: &str = "missed_calls";
const UNROUTED_CALLS: &str = "unrouted_calls";
const STORED_RESPONSES: &str = "stored_responses";
const LISTS: &[&str] =
    &[LEADS, CONVERSATIONS, FOLLOW_UPS, EVENTS, MISSED_CALLS, UNROUTED_CALLS, STORED_RESPONSES];

impl Storage {
    /// All that a tenant holds on a phone, as it was at one moment; of too much, the newest.
    ///
    /// # Errors
    /// When the database fails.
    #[instrument(name = "storage.export_customer", skip_all)]
    pub async fn export_customer(
        &self,
        tenant: TenantScope,
        phone: &PhoneNumber,
    ) -> Result<CustomerExport, Error> {
        let transaction = self.snapshot().await?;
        let export = self.export_in(&transaction, tenant, phone).await;
        // Nothing was written, so it matters to nobody how it ends.
        drop(transaction.rollback().await);
        export.map_err(|failure| match failure {
            Failure::Rule(error) => error,
            Failure::Database(error) => surface(error),
        })
    }

    async fn export_in(
        &self,
        transaction: &DatabaseTransaction,
        tenant: TenantScope,
        phone: &PhoneNumber,
    ) -> Result<CustomerExport, Failure> {
        let customer = customer::Entity::find(tenant)
            .filter(customer::COLUMN.phone.eq(phone.as_e164()))
            .one(transaction)
            .await?;
        let mut export = CustomerExport {
            format: FORMAT,
            exported_at: self.environment().now(),
            tenant_id: tenant.id(),
            phone: phone.as_e164().into(),
            truncated: LISTS.to_vec(),
            customer: customer.map(rows::customer).transpose()?,
            leads: Vec::new(),
            missed_calls: Vec::new(),
            unrouted_calls: Vec::new(),
            stored_responses: Vec::new(),
        };
        let mut budget = Budget::new(self.export_bytes);
        // What is there in any case; where not even this fits, no list has room either.
        if !budget.take(&export).map_err(Error::internal)? {
            budget = Budget::new(0);
        }
        let mut reader = Reader { transaction, tenant, budget, truncated: Vec::new() };

        // Calls come last, as they may be very many: they must not displace the rest.
        export.leads = reader.leads(phone).await?;
        export.unrouted_calls =
            reader.list(UNROUTED_CALLS, unrouted_calls_of(tenant, phone), rows::unrouted_call).await?;
        let responses = idempotency_record::Entity::find()
            .filter(idempotency_record::COLUMN.tenant_id.eq(tenant.id()))
            .filter(idempotency_record::COLUMN.customer_phone.eq(phone.as_e164()))
            .order_by_desc(idempotency_record::Column::CreatedAt)
            .order_by_desc(idempotency_record::Column::RequestId)
            .order_by_desc(idempotency_record::Column::Method)
            .order_by_desc(idempotency_record::Column::Principal);
        export.stored_responses =
            reader.list(STORED_RESPONSES, responses, |row| Ok(rows::response(row))).await?;
        let calls = missed_call::Entity::find(tenant)
            .filter(missed_call::COLUMN.caller_phone.eq(phone.as_e164()))
            .order_by_desc(missed_call::Column::CalledAt)
            .order_by_desc(missed_call::Column::Id);
        export.missed_calls = reader.list(MISSED_CALLS, calls, rows::missed_call).await?;

        export.truncated = reader.truncated;
        Ok(export)
    }
}

/// Reads lists until there is no more room for them.
struct Reader<'a> {
    transaction: &'a DatabaseTransaction,
    tenant: TenantScope,
    budget: Budget,
    truncated: Vec<&'static str>,
}

impl Reader<'_> {
    /// As many rows of a query as there is room for. The query has an order in which no two rows are equal.
    async fn list<E: EntityTrait, T: Serialize>(
        &mut self,
        name: &'static str,
        query: Select<E>,
        entry: impl Fn(E::Model) -> Result<T, Error>,
    ) -> Result<Vec<T>, Failure> {
        let mut entries = Vec::new();
        // Once a list is cut short, an older entry would leave a gap.
        while !self.truncated.contains(&name) {
            let (rows, more) = self.chunk(&query, entries.len()).await?;
            for row in rows {
                let entry = entry(row)?;
                if !self.budget.take(&entry).map_err(Error::internal)? {
                    self.truncated.push(name);
                    break;
                }
                entries.push(entry);
            }
            if !more {
                break;
            }
        }
        Ok(entries)
    }

    /// The rows of a query after the first `offset`, and whether there may be more: the state of the database stands still.
    async fn chunk<E: EntityTrait>(
        &self,
        query: &Select<E>,
        offset: usize,
    ) -> Result<(Vec<E::Model>, bool), Failure> {
        let rows = query.clone().limit(CHUNK as u64).offset(offset as u64).all(self.transaction).await?;
        let more = rows.len() == CHUNK;
        Ok((rows, more))
    }

    /// The leads of a phone, newest first, with what hangs on them.
    async fn leads(&mut self, phone: &PhoneNumber) -> Result<Vec<ExportedLead>, Failure> {
        let query = lead::Entity::find(self.tenant)
            .filter(lead::COLUMN.customer_phone.eq(phone.as_e164()))
            .order_by_desc(lead::Column::CapturedAt)
            .order_by_desc(lead::Column::Id);
        let mut leads = self.list(LEADS, query, |row| Ok(rows::lead(row))).await?;
        for leads in leads.chunks_mut(CHUNK) {
            self.fill(leads).await?;
        }
        Ok(leads)
    }

    /// Adds conversations, follow-ups and histories.
    async fn fill(&mut self, leads: &mut [ExportedLead]) -> Result<(), Failure> {
        let backend = self.transaction.get_database_backend();
        let ids: Vec<_> = leads.iter().map(|lead| lead.id).collect();
        let position: HashMap<Uuid, usize> = ids.iter().copied().zip(0..).collect();

        let conversations = lead_conversation::Entity::find(self.tenant)
            .filter(bulk::is_any_id(backend, lead_conversation::Column::LeadId, &ids))
            .order_by_desc(lead_conversation::Column::LeadId);
        let conversations = self
            .list(CONVERSATIONS, conversations, |row| Ok(OfLead::new(row.lead_id, rows::conversation(row))))
            .await?;
        for OfLead { lead_id, entry } in conversations {
            if let Some(position) = position.get(&lead_id) {
                leads[*position].conversation = Some(entry);
            }
        }

        let follow_ups = follow_up::Entity::find(self.tenant)
            .filter(bulk::is_any_id(backend, follow_up::Column::LeadId, &ids))
            .order_by_desc(follow_up::Column::LeadId)
            .order_by_desc(follow_up::Column::DueAt)
            .order_by_desc(follow_up::Column::Id);
        let follow_ups = self
            .list(FOLLOW_UPS, follow_ups, |row| Ok(OfLead::new(row.lead_id, rows::follow_up(row))))
            .await?;
        // Read from the newest on, shown from the oldest on.
        for OfLead { lead_id, entry } in follow_ups.into_iter().rev() {
            if let Some(position) = position.get(&lead_id) {
                leads[*position].follow_ups.push(entry);
            }
        }

        let events = lead_event::Entity::find(self.tenant)
            .filter(bulk::is_any_id(backend, lead_event::Column::LeadId, &ids))
            .order_by_desc(lead_event::Column::LeadId)
            .order_by_desc(lead_event::Column::Seq);
        let events = self.list(EVENTS, events, |row| Ok(OfLead::new(row.lead_id, rows::event(row)))).await?;
        for OfLead { lead_id, entry } in events.into_iter().rev() {
            if let Some(position) = position.get(&lead_id) {
                leads[*position].events.push(entry);
            }
        }
        Ok(())
    }
}

/// An entry and the lead under which it stands.
struct OfLead<T> {
    lead_id: Uuid,
    entry: T,
}

impl<T> OfLead<T> {
    const fn new(lead_id: Uuid, entry: T) -> Self {
        Self { lead_id, entry }
    }
}

impl<T: Serialize> Serialize for OfLead<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.entry.serialize(serializer)
    }
}
