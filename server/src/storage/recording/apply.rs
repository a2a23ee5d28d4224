//! Writing what was decided: one statement for each kind of effect that there is.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ColumnTrait as _, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _},
};
use uuid::Uuid;

use super::super::{
    bulk, convert,
    entities::{
        customer,
        enums::{ConversationEndReason, ConversationState, FollowUpStatus},
        follow_up, lead, lead_conversation, missed_call,
    },
    error::Failure,
};
use crate::domain::{call::MissedCall, customer::Customer, lead::Lead, recording::Effects};

/// Writes the effects of a batch. Leads go before the rows that refer to them.
pub(super) async fn apply(transaction: &DatabaseTransaction, effects: Effects, now: DateTime<Utc>) -> Result<(), Failure> {
    end_follow_up_work(transaction, &effects.contacted_leads, now).await?;
    insert(transaction, effects.new_leads.into_iter().map(convert::lead_row).collect()).await?;
    update_leads(transaction, effects.changed_leads).await?;
    let calls = effects.new_calls.iter().map(convert::missed_call_row).collect::<Result<Vec<_>, _>>()?;
    insert(transaction, calls).await?;
    update_calls(transaction, effects.changed_calls).await?;
    update_customers(transaction, effects.answered_customers).await?;
    let openers: Vec<_> = effects.openers.iter().map(|opener| convert::follow_up_row(opener, now)).collect();
    insert(transaction, openers).await?;
    insert(transaction, effects.events.into_iter().map(convert::lead_event_row).collect()).await
}

async fn insert<A>(transaction: &DatabaseTransaction, rows: Vec<A>) -> Result<(), Failure>
where
    A: ActiveModelTrait + Send,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    if !rows.is_empty() {
        A::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
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
    let rows = leads
        .into_iter()
        .map(|lead| {
            let lead_id = lead.id;
            let row = convert::lead_row(lead);
            (lead_id, columns.iter().map(|column| value(&row, *column)).collect())
        })
        .collect();
    Ok(bulk::update_by_id(transaction, lead::Entity, Column::Id, &columns, rows).await?)
}

async fn update_calls(transaction: &DatabaseTransaction, calls: Vec<MissedCall>) -> Result<(), Failure> {
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
    let rows = calls
        .iter()
        .map(|call| {
            let row = convert::missed_call_row(call)?;
            Ok((call.id, columns.iter().map(|column| value(&row, *column)).collect()))
        })
        .collect::<Result<_, Failure>>()?;
    Ok(bulk::update_by_id(transaction, missed_call::Entity, Column::Id, &columns, rows).await?)
}

async fn update_customers(transaction: &DatabaseTransaction, customers: Vec<Customer>) -> Result<(), Failure> {
    use customer::Column;
    let columns = [Column::LastAnsweredAt, Column::LastAnsweredCallId, Column::LastAnsweredOriginalCallId];
    let rows = customers
        .into_iter()
        .map(|customer| {
            let values = vec![
                customer.last_answered_at.into(),
                customer.last_answered_call_id.into(),
                customer.last_answered_original_call_id.into(),
            ];
            (customer.id, values)
        })
        .collect();
    Ok(bulk::update_by_id(transaction, customer::Entity, Column::Id, &columns, rows).await?)
}

/// Cancels the live follow-ups of leads that a person spoke with, and ends their running conversations.
async fn end_follow_up_work(transaction: &DatabaseTransaction, leads: &[Uuid], now: DateTime<Utc>) -> Result<(), Failure> {
    if leads.is_empty() {
        return Ok(());
    }
    let column = follow_up::COLUMN;
    follow_up::Entity::update_many()
        .col_expr(follow_up::Column::Status, ActiveEnum::as_enum(&FollowUpStatus::Cancelled))
        .col_expr(follow_up::Column::UpdatedAt, Expr::val(now))
        .filter(column.lead_id.is_in(leads.iter().copied()))
        .filter(follow_up::Column::Status.is_in([FollowUpStatus::Pending, FollowUpStatus::Claimed]))
        .exec(transaction)
        .await?;
    let column = lead_conversation::COLUMN;
    lead_conversation::Entity::update_many()
        .col_expr(lead_conversation::Column::State, ActiveEnum::as_enum(&ConversationState::Completed))
        .col_expr(lead_conversation::Column::EndReason, ActiveEnum::as_enum(&ConversationEndReason::Contacted))
        .col_expr(lead_conversation::Column::CompletedAt, Expr::val(now))
        .col_expr(lead_conversation::Column::UpdatedAt, Expr::val(now))
        .col_expr(lead_conversation::Column::Version, Expr::col(lead_conversation::Column::Version).add(1))
        .filter(column.lead_id.is_in(leads.iter().copied()))
        .filter(lead_conversation::Column::State.ne(ConversationState::Completed))
        .exec(transaction)
        .await?;
    Ok(())
}

/// The value that a row has for a column; every row here sets every column.
fn value<A: ActiveModelTrait>(row: &A, column: <A::Entity as EntityTrait>::Column) -> sea_orm::Value {
    row.get(column).into_value().unwrap_or(sea_orm::Value::String(None))
}
