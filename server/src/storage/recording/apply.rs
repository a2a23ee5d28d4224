//! Writing what was decided: one statement for each kind of effect that there is.

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, Set};

use super::super::{
    bulk, convert,
    entities::{customer, lead, missed_call},
    error::Failure,
    lead_changes::end_follow_ups,
    scope::AllTenants,
};
use crate::domain::{
    call::MissedCall,
    customer::Customer,
    error::Error,
    lead::{Lead, LeadStatus},
    recording::Effects,
};

/// What is written are rows that were read by the tenants of the batch's calls.
const EVERY: AllTenants = AllTenants::because("a batch holds calls of several tenants");

/// Writes the effects of a batch. Leads go before the rows that refer to them.
pub(super) async fn apply(
    transaction: &DatabaseTransaction,
    effects: Effects,
    now: DateTime<Utc>,
) -> Result<(), Failure> {
    end_follow_ups(transaction, EVERY, &effects.contacted_leads, LeadStatus::Contacted, now).await?;
    bulk::insert(transaction, effects.new_leads.into_iter().map(convert::lead_row).collect()).await?;
    update_leads(transaction, effects.changed_leads).await?;
    bulk::insert(transaction, call_rows(&effects.new_calls)?).await?;
    update_calls(transaction, &effects.changed_calls).await?;
    update_customers(transaction, &effects.answered_customers).await?;
    let openers = effects.openers.iter().map(|opener| convert::follow_up_row(opener, now)).collect();
    bulk::insert(transaction, openers).await?;
    bulk::insert(transaction, effects.events.into_iter().map(convert::lead_event_row).collect()).await?;
    Ok(())
}

fn call_rows(calls: &[MissedCall]) -> Result<Vec<missed_call::ActiveModel>, Error> {
    calls.iter().map(convert::missed_call_row).collect()
}

async fn update_leads(transaction: &DatabaseTransaction, leads: Vec<Lead>) -> Result<(), Failure> {
    use lead::Column;
    let columns = [
        Column::Status,
        Column::LostReason,
        Column::CallCount,
        Column::LastCallAt,
        Column::ContactedAt,
        Column::ReopenedAt,
        Column::ReopenCount,
        Column::OpenerRound,
        Column::Version,
        Column::UpdatedAt,
    ];
    let rows: Vec<_> = leads.into_iter().map(convert::lead_row).collect();
    Ok(bulk::update_by_id(transaction, EVERY, Column::Id, &columns, &rows).await?)
}

async fn update_calls(transaction: &DatabaseTransaction, calls: &[MissedCall]) -> Result<(), Failure> {
    use missed_call::Column;
    let columns = [
        Column::OriginalCallId,
        Column::ProviderStatus,
        Column::RingDurationMs,
        Column::QueueName,
        Column::RepresentativeName,
        Column::IvrPath,
        Column::RecordingUrl,
        Column::CustomData,
        Column::ReturnedAt,
        Column::ReturnedByCallId,
    ];
    Ok(bulk::update_by_id(transaction, EVERY, Column::Id, &columns, &call_rows(calls)?).await?)
}

async fn update_customers(transaction: &DatabaseTransaction, customers: &[Customer]) -> Result<(), Failure> {
    use customer::Column;
    let columns = [Column::LastAnsweredAt, Column::LastAnsweredCallId, Column::AnsweredCalls];
    let row = |customer: &Customer| -> Result<_, Error> {
        Ok(customer::ActiveModel {
            id: Set(customer.id),
            last_answered_at: Set(customer.last_answered_at),
            last_answered_call_id: Set(customer.last_answered_call_id.clone()),
            answered_calls: Set(convert::answered_calls(customer)?),
            ..Default::default()
        })
    };
    let rows = customers.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    Ok(bulk::update_by_id(transaction, EVERY, Column::Id, &columns, &rows).await?)
}
