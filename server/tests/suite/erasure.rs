//! Erasure of a customer: nothing that tells who it was stays, nothing brings the person back, and nobody else loses anything.

mod keys;
mod late_records;
mod logged;
mod races;
mod random;
mod returning;
mod unrouted;
mod whole;

use leadcapture_proto::v1::{
    AddSuppressionRequest, EraseCustomerRequest, EraseCustomerResponse, SuppressionReason, Tenant,
};

use crate::support::{client::Client, problem::Problem};

fn erase(tenant: &Tenant, phone: &str) -> EraseCustomerRequest {
    EraseCustomerRequest { tenant_id: tenant.id.clone(), phone: phone.to_owned(), ..Default::default() }
}

async fn try_erase(client: &Client, request: EraseCustomerRequest) -> Result<EraseCustomerResponse, Problem> {
    Ok(client.leads().erase_customer(request).await?.into_inner())
}

/// Erases a customer, and answers the numbers of leads, calls, unrouted calls and stored responses.
async fn erased(client: &Client, tenant: &Tenant, phone: &str) -> [i32; 4] {
    numbers(&try_erase(client, erase(tenant, phone)).await.unwrap())
}

fn numbers(answer: &EraseCustomerResponse) -> [i32; 4] {
    [
        answer.leads_deleted,
        answer.missed_calls_redacted,
        answer.unrouted_calls_deleted,
        answer.stored_responses_deleted,
    ]
}

async fn suppress(client: &Client, tenant: &Tenant, phone: &str) {
    let request = AddSuppressionRequest {
        tenant_id: tenant.id.clone(),
        phone: phone.to_owned(),
        reason: SuppressionReason::Requested.into(),
        ..Default::default()
    };
    client.conversations().add_suppression(request).await.unwrap();
}

/// The digits by which a phone is known in any way of writing it.
fn digits(number: u32) -> String {
    format!("52{number:07}")
}
