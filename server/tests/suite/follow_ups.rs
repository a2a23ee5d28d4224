//! Follow-ups: what is due, to whom it is handed, and what comes of it.

mod bad_input;
mod claims;
mod drain;
mod listing;
mod reports;
mod silence;
mod waiting;
mod windows;

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    ClaimFollowUpsRequest, ClaimedFollowUp, CompleteFollowUpRequest, Conversation, FailFollowUpRequest,
    FollowUp, FollowUpKind, GetConversationRequest, Lead, ListFollowUpsRequest, StartConversationRequest,
    Tenant, get_conversation_request::By,
};
use leadcapture_server::clock::{Clock as _, ManualClock};

use crate::support::{
    calls::{missed, mobile},
    client::Client,
    problem::Problem,
};

/// Claims up to a hundred.
fn claim_all() -> ClaimFollowUpsRequest {
    ClaimFollowUpsRequest { limit: 100, ..ClaimFollowUpsRequest::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "the value is that of an optional field")]
const fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// What a claim hands out.
async fn claimed(client: &Client, request: ClaimFollowUpsRequest) -> Vec<ClaimedFollowUp> {
    client.conversations().claim_follow_ups(request).await.unwrap().into_inner().follow_ups
}

/// The one follow-up that is due.
async fn claimed_one(client: &Client) -> ClaimedFollowUp {
    let [one] = <[_; 1]>::try_from(claimed(client, claim_all()).await).unwrap();
    one
}

fn follow_up(claim: &ClaimedFollowUp) -> &FollowUp {
    claim.follow_up.as_ref().unwrap()
}

/// The report that the claimed opener was sent.
fn start(claim: &ClaimedFollowUp) -> StartConversationRequest {
    let follow_up = follow_up(claim);
    StartConversationRequest {
        tenant_id: follow_up.tenant_id.clone(),
        lead_id: follow_up.lead_id.clone(),
        follow_up_id: follow_up.id.clone(),
        claim_token: claim.claim_token.clone(),
        ..StartConversationRequest::default()
    }
}

/// Reports that an opener was sent.
async fn started(client: &Client, request: StartConversationRequest) -> Result<Conversation, Problem> {
    Ok(client.conversations().start_conversation(request).await?.into_inner().conversation.unwrap())
}

fn complete(claim: &ClaimedFollowUp) -> CompleteFollowUpRequest {
    CompleteFollowUpRequest {
        tenant_id: follow_up(claim).tenant_id.clone(),
        follow_up_id: follow_up(claim).id.clone(),
        claim_token: claim.claim_token.clone(),
        ..CompleteFollowUpRequest::default()
    }
}

/// Reports that a reminder was sent.
async fn completed(client: &Client, claim: &ClaimedFollowUp) -> Result<(FollowUp, Conversation), Problem> {
    let answer = client.conversations().complete_follow_up(complete(claim)).await?.into_inner();
    Ok((answer.follow_up.unwrap(), answer.conversation.unwrap()))
}

fn fail(claim: &ClaimedFollowUp) -> FailFollowUpRequest {
    FailFollowUpRequest {
        tenant_id: follow_up(claim).tenant_id.clone(),
        follow_up_id: follow_up(claim).id.clone(),
        claim_token: claim.claim_token.clone(),
        error: "the gateway is away".to_owned(),
        ..FailFollowUpRequest::default()
    }
}

/// Reports that a message could not be sent.
async fn failed(client: &Client, request: FailFollowUpRequest) -> Result<FollowUp, Problem> {
    Ok(client.conversations().fail_follow_up(request).await?.into_inner().follow_up.unwrap())
}

fn list(tenant: &Tenant) -> ListFollowUpsRequest {
    ListFollowUpsRequest { tenant_id: tenant.id.clone(), page_size: 500, ..ListFollowUpsRequest::default() }
}

/// The first page of a list.
async fn listed(client: &Client, request: ListFollowUpsRequest) -> Vec<FollowUp> {
    client.conversations().list_follow_ups(request).await.unwrap().into_inner().follow_ups
}

/// The lead of a call that was missed just now.
async fn caller(client: &Client, clock: &ManualClock, number: u32) -> Lead {
    let id = format!("{number} {}", clock.now());
    client.record(missed(&id, &mobile(number), clock.now())).await.lead.unwrap()
}

/// A caller whose opener was sent three minutes later: the reminders wait. Nothing else may be due.
async fn talking(client: &Client, clock: &ManualClock, number: u32) -> Lead {
    let lead = caller(client, clock, number).await;
    clock.advance(TimeDelta::minutes(3));
    let opener = claimed_one(client).await;
    started(client, start(&opener)).await.unwrap();
    lead
}

/// The conversation of a lead.
async fn conversation(client: &Client, lead: &Lead) -> Conversation {
    let request =
        GetConversationRequest { tenant_id: lead.tenant_id.clone(), by: Some(By::LeadId(lead.id.clone())) };
    client.conversations().get_conversation(request).await.unwrap().into_inner().conversation.unwrap()
}

/// Moves the clock by so many hours and claims the one reminder that is due then.
async fn reminder_after(
    client: &Client,
    clock: &ManualClock,
    hours: i64,
    kind: FollowUpKind,
) -> ClaimedFollowUp {
    clock.advance(TimeDelta::hours(hours));
    let reminder = claimed_one(client).await;
    assert_eq!(follow_up(&reminder).kind(), kind);
    reminder
}
