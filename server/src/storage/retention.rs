//! Retention: the personal texts of leads that were closed long ago are blanked.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use scoped_futures::ScopedFutureExt as _;
use sea_orm::{
    DatabaseTransaction, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select, Set,
    sea_query::{Expr, ExprTrait as _},
};
use tracing::instrument;
use uuid::Uuid;

use super::{
    Storage, bulk, convert,
    customers::Contact,
    entities::{lead, lead_event, missed_call},
    error::{Failure, surface},
    scope::AllTenants,
};
use crate::domain::{customer::CustomerKey, error::Error, retention::redact};

/// How many leads one transaction blanks.
const BATCH: u64 = 200;
/// Who is named in the history.
const ACTOR: &str = "system:retention";
/// The sweep is the server's own.
const EVERY: AllTenants = AllTenants::because("the sweep blanks the closed leads of all tenants");

impl Storage {
    /// Blanks the personal texts of leads that are closed and have not changed for `age`, and of their calls; answers how many leads.
    ///
    /// The phone stays: by it a customer who calls again, a suppression and an erasure find what is there.
    ///
    /// # Errors
    /// When the database fails; what was blanked until then stays so.
    #[instrument(name = "storage.redact_closed_leads", skip_all)]
    pub async fn redact_closed_leads(&self, age: TimeDelta) -> Result<u64, Error> {
        let mut redacted = 0;
        loop {
            // No lead is as old as that.
            let Some(until) = self.environment().now().checked_sub_signed(age) else { return Ok(redacted) };
            let leads: Vec<Uuid> = outlived(until)
                .select_only()
                .column(lead::Column::Id)
                .order_by_asc(lead::Column::UpdatedAt)
                .order_by_asc(lead::Column::Id)
                .limit(BATCH)
                .into_tuple()
                .all(&self.reader)
                .await
                .map_err(surface)?;
            if leads.is_empty() {
                return Ok(redacted);
            }
            let leads = &leads;
            let batch = self
                .write(move |transaction| self.redact_in(transaction, leads, until).scope_boxed())
                .await?;
            if batch == 0 {
                // Another replica was faster; what is left comes with the next sweep.
                return Ok(redacted);
            }
            redacted += batch;
        }
    }

    async fn redact_in(
        &self,
        transaction: &DatabaseTransaction,
        ids: &[Uuid],
        until: DateTime<Utc>,
    ) -> Result<u64, Failure> {
        // Phones never change, so they may be read before the locks; all else is read after.
        let keys: BTreeSet<_> = find(transaction, ids, until)
            .await?
            .into_iter()
            .map(|lead| CustomerKey { tenant_id: lead.tenant_id, phone: lead.customer_phone })
            .collect();
        self.lock_customers(transaction, keys, |_| Contact::Old).await?;
        let now = self.environment().now();
        let (mut rows, mut events) = (Vec::new(), Vec::new());
        for mut lead in find(transaction, ids, until).await? {
            events.extend(redact(&mut lead, ACTOR, now));
            rows.push(lead::ActiveModel { redacted_at: Set(Some(now)), ..convert::lead_row(lead) });
        }
        let columns = {
            use lead::Column;
            [
                Column::CustomerName,
                Column::Need,
                Column::ContactPreference,
                Column::Note,
                Column::RedactedAt,
                Column::Version,
                Column::UpdatedAt,
            ]
        };
        bulk::update_by_id(transaction, EVERY, lead::Column::Id, &columns, &rows).await?;
        let blanked: Vec<Uuid> = rows.iter().filter_map(|row| row.id.try_as_ref().copied()).collect();
        missed_call::Entity::update_many(EVERY)
            .set(missed_call::ActiveModel {
                representative_name: Set(None),
                ivr_path: Set(None),
                recording_url: Set(None),
                custom_data: Set(None),
                redacted_at: Set(Some(now)),
                ..Default::default()
            })
            .filter(missed_call::COLUMN.lead_id.is_in(blanked))
            .filter(missed_call::COLUMN.redacted_at.is_null())
            .exec(transaction)
            .await?;
        bulk::insert::<lead_event::ActiveModel>(
            transaction,
            events.into_iter().map(convert::lead_event_row).collect(),
        )
        .await?;
        Ok(rows.len() as u64)
    }
}

/// Closed leads without a change since `until` that were not blanked after it; the condition is that of the index `leads_to_redact`.
fn outlived(until: DateTime<Utc>) -> Select<lead::Entity> {
    let column = |column| Expr::col((lead::Entity, column));
    let redacted_at = || column(lead::Column::RedactedAt);
    // The index is used only where the states stand in the statement's text.
    let closed = column(lead::Column::Status).is_in([Expr::cust("'converted'"), Expr::cust("'lost'")]);
    lead::Entity::find(EVERY)
        .filter(closed)
        .filter(redacted_at().is_null().or(redacted_at().lt(column(lead::Column::UpdatedAt))))
        .filter(lead::COLUMN.updated_at.lte(until))
}

async fn find(
    transaction: &DatabaseTransaction,
    ids: &[Uuid],
    until: DateTime<Utc>,
) -> Result<Vec<crate::domain::lead::Lead>, Failure> {
    let rows = outlived(until).filter(lead::COLUMN.id.is_in(ids.iter().copied())).all(transaction).await?;
    rows.into_iter().map(|row| convert::lead(row).map_err(Failure::from)).collect()
}
