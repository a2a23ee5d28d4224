//! Conversations: the chatbot's memory from the opener to the end, and who may not be written to.

mod bad_input;
mod opt_out;
mod repeats;
mod rounds;
mod silence;
mod starts;
mod story;
mod suppressions;

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    ClaimFollowUpsRequest, ClaimedFollowUp, CloseConversationRequest, CompleteFollowUpRequest, Conversation,
    ConversationEndReason, FollowUp, FollowUpKind, FollowUpStatus, GetConversationRequest, Lead,
    LeadEventKind, LeadStatus, ListFollowUpsRequest, RecordReplyRequest, StartConversationRequest, Tenant,
    close_conversation_request, get_conversation_request::By, record_reply_request,
};
use leadcapture_server::{
    clock::{Clock as _, ManualClock},
    storage::Storage,
};

use crate::support::{
    calls::{before, missed, mobile},
    client::Client,
    database::TestDatabase,
    leads::history,
    problem::Problem,
    server::{environment, settings},
};

/// From the end of a missed call until its opener is due.
const OPENER_AFTER: TimeDelta = TimeDelta::minutes(2);

/// The lead of a call from a mobile phone that nobody answered and that ended now.
async fn caller(client: &Client, clock: &ManualClock, number: u32) -> Lead {
    let id = format!("{number} at {}", clock.now());
    client.record(missed(&id, &mobile(number), before(clock.now(), 20))).await.lead.unwrap()
}

/// All that is due, as a worker gets it.
async fn claimed(client: &Client) -> Vec<ClaimedFollowUp> {
    let request = ClaimFollowUpsRequest { limit: 100, ..ClaimFollowUpsRequest::default() };
    client.conversations().claim_follow_ups(request).await.unwrap().into_inner().follow_ups
}

/// The one follow-up that is due.
async fn claimed_one(client: &Client, kind: FollowUpKind) -> ClaimedFollowUp {
    let [claim] = <[_; 1]>::try_from(claimed(client).await).unwrap();
    assert_eq!(claim.follow_up.as_ref().unwrap().kind(), kind);
    claim
}

/// The report of an opener that was sent without a claim.
fn start(lead: &Lead) -> StartConversationRequest {
    StartConversationRequest {
        tenant_id: lead.tenant_id.clone(),
        lead_id: lead.id.clone(),
        ..StartConversationRequest::default()
    }
}

/// The report of an opener that was claimed.
fn start_claimed(claim: &ClaimedFollowUp) -> StartConversationRequest {
    StartConversationRequest {
        follow_up_id: claim.follow_up.as_ref().unwrap().id.clone(),
        claim_token: claim.claim_token.clone(),
        ..start(claim.lead.as_ref().unwrap())
    }
}

async fn started(
    client: &Client,
    request: StartConversationRequest,
) -> Result<(Conversation, Lead), Problem> {
    let answer = client.conversations().start_conversation(request).await?.into_inner();
    Ok((answer.conversation.unwrap(), answer.lead.unwrap()))
}

/// A caller whose opener was sent as soon as it was due.
async fn talking(client: &Client, clock: &ManualClock, number: u32) -> (Conversation, Lead) {
    caller(client, clock, number).await;
    clock.advance(OPENER_AFTER);
    let opener = claimed_one(client, FollowUpKind::Opener).await;
    started(client, start_claimed(&opener)).await.unwrap()
}

/// Reports that a claimed reminder was sent.
async fn completed(client: &Client, claim: &ClaimedFollowUp) -> (FollowUp, Conversation) {
    let follow_up = claim.follow_up.as_ref().unwrap();
    let request = CompleteFollowUpRequest {
        tenant_id: follow_up.tenant_id.clone(),
        follow_up_id: follow_up.id.clone(),
        claim_token: claim.claim_token.clone(),
        ..CompleteFollowUpRequest::default()
    };
    let answer = client.conversations().complete_follow_up(request).await.unwrap().into_inner();
    (answer.follow_up.unwrap(), answer.conversation.unwrap())
}

/// A reply that says nothing yet.
fn reply(conversation: &Conversation) -> RecordReplyRequest {
    RecordReplyRequest {
        tenant_id: conversation.tenant_id.clone(),
        by: Some(record_reply_request::By::Id(conversation.id.clone())),
        ..RecordReplyRequest::default()
    }
}

/// A reply that answers all there is to ask.
fn all_answers(conversation: &Conversation) -> RecordReplyRequest {
    RecordReplyRequest {
        customer_name: Some("Dana".to_owned()),
        need: Some("A tap".to_owned()),
        contact_preference: Some("A call after five".to_owned()),
        ..reply(conversation)
    }
}

/// The wish to get no more messages.
fn opt_out(conversation: &Conversation) -> RecordReplyRequest {
    RecordReplyRequest { opt_out: true, ..reply(conversation) }
}

async fn replied(client: &Client, request: RecordReplyRequest) -> Result<(Conversation, Lead), Problem> {
    let answer = client.conversations().record_reply(request).await?.into_inner();
    let conversation = answer.conversation.unwrap();
    assert_eq!(answer.missing, conversation.missing);
    Ok((conversation, answer.lead.unwrap()))
}

fn close(conversation: &Conversation, reason: ConversationEndReason) -> CloseConversationRequest {
    CloseConversationRequest {
        tenant_id: conversation.tenant_id.clone(),
        by: Some(close_conversation_request::By::Id(conversation.id.clone())),
        reason: reason.into(),
        ..CloseConversationRequest::default()
    }
}

async fn closed(client: &Client, request: CloseConversationRequest) -> Result<(Conversation, Lead), Problem> {
    let answer = client.conversations().close_conversation(request).await?.into_inner();
    Ok((answer.conversation.unwrap(), answer.lead.unwrap()))
}

/// The conversation of a lead, as it is now.
async fn conversation(client: &Client, lead: &Lead) -> Conversation {
    found(client, &lead.tenant_id, By::LeadId(lead.id.clone())).await.unwrap()
}

async fn found(client: &Client, tenant_id: &str, by: By) -> Result<Conversation, Problem> {
    let request = GetConversationRequest { tenant_id: tenant_id.to_owned(), by: Some(by) };
    Ok(client.conversations().get_conversation(request).await?.into_inner().conversation.unwrap())
}

/// Kind and status of all follow-ups of a tenant, the earliest due first.
async fn follow_ups(client: &Client, tenant: &Tenant) -> Vec<(FollowUpKind, FollowUpStatus)> {
    let request = ListFollowUpsRequest {
        tenant_id: tenant.id.clone(),
        page_size: 500,
        ..ListFollowUpsRequest::default()
    };
    let listed = client.conversations().list_follow_ups(request).await.unwrap().into_inner().follow_ups;
    listed.iter().map(|follow_up| (follow_up.kind(), follow_up.status())).collect()
}

/// What happened to a lead: the kind of each event, with the new status where it changed.
async fn steps(client: &Client, lead: &Lead) -> Vec<(LeadEventKind, LeadStatus)> {
    history(client, lead).await.iter().map(|event| (event.kind(), event.to_status())).collect()
}

/// The database as the sweeper sees it.
async fn sweeper(db: &TestDatabase, clock: &ManualClock) -> Storage {
    Storage::connect(&settings(db).database, environment(clock.clone())).await.unwrap()
}
