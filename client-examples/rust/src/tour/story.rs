//! One customer from first contact to won. Every step prints one line.

use std::time::Duration;

use leadcapture_proto::v1::{
    CaptureLeadRequest, CaptureLeadResponse, ClaimFollowUpsRequest, ClaimedFollowUp, CompleteFollowUpRequest,
    CreateTenantRequest, FollowUpKind, GetLeadRequest, Lead, LeadSource, LeadStatus, ListLeadsRequest,
    QualifyLeadRequest, StartConversationRequest, TenantPolicy, TransitionLeadRequest,
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    client::Client,
    problem::{Problem, bad_fields, reason},
};

const LEASE: Duration = Duration::from_mins(1);
/// How long the server waits for something to become due before it answers that nothing is.
const WAIT: Duration = Duration::from_secs(20);
/// By how much a call's deadline is later than what the server waits.
const GRACE: Duration = Duration::from_secs(5);
const WAITS: u32 = 3;
const PAGE_SIZE: i32 = 2;

/// Makes a tenant whose openers are due at once and whose first reminders a second later. Answers its id.
pub(crate) async fn make_tenant(client: &Client, name: &str) -> Result<String, Problem> {
    let request = CreateTenantRequest {
        name: name.to_owned(),
        policy: Some(TenantPolicy {
            opener_delay: duration(Duration::ZERO),
            reminder_1_delay: duration(Duration::from_secs(1)),
            ..TenantPolicy::default()
        }),
        request_id: new_request_id(),
        ..CreateTenantRequest::default()
    };
    let answer = client
        .call("TenantService", "CreateTenant", request, async |r| {
            client.tenants.clone().create_tenant(r).await
        })
        .await
        .map_err(client.problem())?;
    answer.tenant.map(|tenant| tenant.id).ok_or(Problem::Unexpected("a tenant"))
}

/// Tells the whole story.
pub(crate) async fn tell(client: &Client) -> Result<(), Problem> {
    let lead = capture_three(client).await?;
    list(client, &lead).await?;
    send_what_is_due(client, &lead).await?;
    let lead = qualify(client, &lead).await?;
    win(client, &lead).await
}

#[expect(clippy::print_stdout, reason = "a program for the terminal")]
fn say(line: impl AsRef<str>) {
    println!("{}", line.as_ref());
}

/// Captures three customers; answers the lead of the first, who is to get a message.
async fn capture_three(client: &Client) -> Result<Lead, Problem> {
    let phone = |number: u32| format!("050-{number}");
    let first = rand::random_range(2_000_000..9_000_000);
    let request = CaptureLeadRequest {
        tenant_id: client.tenant_id.clone(),
        source: LeadSource::Website.into(),
        customer_phone: phone(first),
        schedule_opener: true,
        request_id: new_request_id(),
        ..CaptureLeadRequest::default()
    };
    let problem = client.problem();
    let captured = capture(client, request.clone()).await.map_err(&problem)?;
    let lead = captured.lead.ok_or(Problem::Unexpected("a lead"))?;
    say(format!("captured: {}, {}", status_word(lead.status()), made(captured.created)));

    // As after a lost answer: with the same request_id a request may be sent again.
    let again = capture(client, request.clone()).await.map_err(&problem)?;
    let same = again.lead.is_some_and(|again| again.id == lead.id && again.etag == lead.etag);
    say(format!(
        "sent again: {}, {}",
        if same { "the same lead" } else { "another lead" },
        made(again.created)
    ));

    let other = CaptureLeadRequest { customer_phone: phone(first + 1), ..request.clone() };
    let refused = refusal(capture(client, other).await, "a used request_id to be refused")?;
    say(format!("another request with that request_id: {}", reason_word(&refused)));

    let bad = CaptureLeadRequest {
        customer_phone: "12".to_owned(),
        request_id: new_request_id(),
        ..request.clone()
    };
    let refused = refusal(capture(client, bad).await, "a bad phone to be refused")?;
    say(format!("a phone that is none: {} {}", reason_word(&refused), bad_fields(&refused).join(", ")));

    for number in [first + 1, first + 2] {
        let more = CaptureLeadRequest {
            customer_phone: phone(number),
            schedule_opener: false,
            request_id: new_request_id(),
            ..request.clone()
        };
        capture(client, more).await.map_err(&problem)?;
    }
    say("captured two more");
    Ok(lead)
}

async fn capture(client: &Client, request: CaptureLeadRequest) -> Result<CaptureLeadResponse, Status> {
    client
        .call("LeadService", "CaptureLead", request, async |r| client.leads.clone().capture_lead(r).await)
        .await
}

/// Lists the leads captured since the first one, page by page.
async fn list(client: &Client, first: &Lead) -> Result<(), Problem> {
    let mut request = ListLeadsRequest {
        tenant_id: client.tenant_id.clone(),
        captured_from: first.captured_at,
        page_size: PAGE_SIZE,
        ..ListLeadsRequest::default()
    };
    let (mut leads, mut pages) = (0, 0);
    loop {
        let page = client
            .call("LeadService", "ListLeads", request.clone(), async |r| {
                client.leads.clone().list_leads(r).await
            })
            .await
            .map_err(client.problem())?;
        leads += page.leads.len();
        pages += 1;
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    say(format!("listed: {leads} leads on {pages} pages"));
    Ok(())
}

/// Does what a worker does: claims the opener and the reminder as they become due, and reports them as sent.
async fn send_what_is_due(client: &Client, lead: &Lead) -> Result<(), Problem> {
    let opener = claim(client, lead, FollowUpKind::Opener).await?;
    let start = StartConversationRequest {
        tenant_id: client.tenant_id.clone(),
        lead_id: lead.id.clone(),
        follow_up_id: follow_up_id(&opener),
        claim_token: opener.claim_token,
        request_id: new_request_id(),
        ..StartConversationRequest::default()
    };
    let started = client
        .call("ConversationService", "StartConversation", start, async |r| {
            client.conversations.clone().start_conversation(r).await
        })
        .await
        .map_err(client.problem())?;
    let conversation = started.conversation.unwrap_or_default();
    say(format!(
        "opener sent: lead {}, conversation {}",
        status_word(started.lead.unwrap_or_default().status()),
        word(conversation.state().as_str_name(), "CONVERSATION_STATE_"),
    ));

    let reminder = claim(client, lead, FollowUpKind::Reminder1).await?;
    let complete = CompleteFollowUpRequest {
        tenant_id: client.tenant_id.clone(),
        follow_up_id: follow_up_id(&reminder),
        claim_token: reminder.claim_token,
        request_id: new_request_id(),
    };
    let completed = client
        .call("ConversationService", "CompleteFollowUp", complete, async |r| {
            client.conversations.clone().complete_follow_up(r).await
        })
        .await
        .map_err(client.problem())?;
    let status = completed.follow_up.unwrap_or_default().status();
    say(format!("reminder sent: {}", word(status.as_str_name(), "FOLLOW_UP_STATUS_")));
    Ok(())
}

/// Waits until the lead's message of a kind is due, and claims it.
async fn claim(client: &Client, lead: &Lead, kind: FollowUpKind) -> Result<ClaimedFollowUp, Problem> {
    for _ in 0..WAITS {
        let request = ClaimFollowUpsRequest {
            tenant_id: client.tenant_id.clone(),
            kinds: vec![kind.into()],
            lease: duration(LEASE),
            wait: duration(WAIT),
            ..ClaimFollowUpsRequest::default()
        };
        // The call waits on the server; its deadline is later than that.
        let answer = client
            .call_within(WAIT + GRACE, "ConversationService", "ClaimFollowUps", request, async |r| {
                client.conversations.clone().claim_follow_ups(r).await
            })
            .await
            .map_err(client.problem())?;
        let own = |claim: &ClaimedFollowUp| claim.lead.as_ref().is_some_and(|of| of.id == lead.id);
        if let Some(claim) = answer.follow_ups.into_iter().find(own) {
            let kind = word(kind.as_str_name(), "FOLLOW_UP_KIND_");
            say(format!("due: {kind}, attempt {}", claim.attempt));
            return Ok(claim);
        }
    }
    Err(Problem::Unexpected("a message to become due; give the tour a tenant of its own, see the README"))
}

/// Writes down what the customer answered.
async fn qualify(client: &Client, lead: &Lead) -> Result<Lead, Problem> {
    let request = QualifyLeadRequest {
        tenant_id: client.tenant_id.clone(),
        lead_id: lead.id.clone(),
        customer_name: Some("Dana".to_owned()),
        need: Some("a leaking tap".to_owned()),
        mark_qualified: true,
        request_id: new_request_id(),
        ..QualifyLeadRequest::default()
    };
    let answer = client
        .call("LeadService", "QualifyLead", request, async |r| client.leads.clone().qualify_lead(r).await)
        .await
        .map_err(client.problem())?;
    let missing: Vec<&str> = answer
        .missing()
        .map(|field| field.as_str_name().trim_start_matches("QUALIFICATION_FIELD_"))
        .collect();
    let lead = answer.lead.ok_or(Problem::Unexpected("a lead"))?;
    say(format!("qualified: {}, still to ask: {}", status_word(lead.status()), missing.join(", ")));
    Ok(lead)
}

/// Moves the lead to CONTACTED and CONVERTED, from where it goes nowhere.
async fn win(client: &Client, qualified: &Lead) -> Result<(), Problem> {
    let contacted = transition(client, qualified, LeadStatus::Contacted).await.map_err(client.problem())?;
    say(format!("moved: {}", status_word(contacted.status())));

    // The mark of a state that is gone by now: somebody else's change would look the same.
    let won = match transition(client, qualified, LeadStatus::Converted).await {
        Err(status) if reason(&status).as_deref() == Some("ETAG_MISMATCH") => {
            say("moved with an old etag: ETAG_MISMATCH, so read again");
            let present = get(client, qualified).await?;
            transition(client, &present, LeadStatus::Converted).await
        }
        other => other,
    };
    let won = won.map_err(client.problem())?;
    say(format!("moved: {}", status_word(won.status())));

    let refused =
        refusal(transition(client, &won, LeadStatus::New).await, "a move from CONVERTED to be refused")?;
    let allowed = if won.allowed_transitions.is_empty() { "nowhere" } else { "on" };
    say(format!("moved to NEW: {}, CONVERTED goes {allowed}", reason_word(&refused)));
    Ok(())
}

async fn transition(client: &Client, lead: &Lead, to: LeadStatus) -> Result<Lead, Status> {
    let request = TransitionLeadRequest {
        tenant_id: client.tenant_id.clone(),
        lead_id: lead.id.clone(),
        to_status: to.into(),
        etag: lead.etag.clone(),
        request_id: new_request_id(),
        ..TransitionLeadRequest::default()
    };
    let answer = client
        .call("LeadService", "TransitionLead", request, async |r| {
            client.leads.clone().transition_lead(r).await
        })
        .await?;
    Ok(answer.lead.unwrap_or_default())
}

async fn get(client: &Client, lead: &Lead) -> Result<Lead, Problem> {
    let request = GetLeadRequest { tenant_id: client.tenant_id.clone(), lead_id: lead.id.clone() };
    let answer = client
        .call("LeadService", "GetLead", request, async |r| client.leads.clone().get_lead(r).await)
        .await
        .map_err(client.problem())?;
    answer.lead.ok_or(Problem::Unexpected("a lead"))
}

/// The status of a call that must fail.
fn refusal<T>(answer: Result<T, Status>, expected: &'static str) -> Result<Status, Problem> {
    answer.err().ok_or(Problem::Unexpected(expected))
}

fn reason_word(status: &Status) -> String {
    reason(status).unwrap_or_else(|| format!("{:?}", status.code()))
}

fn made(created: bool) -> &'static str {
    if created { "made by this request" } else { "there already" }
}

fn status_word(status: LeadStatus) -> &'static str {
    word(status.as_str_name(), "LEAD_STATUS_")
}

/// An enum value's name without the prefix of its enum.
fn word(name: &'static str, prefix: &str) -> &'static str {
    name.strip_prefix(prefix).unwrap_or(name)
}

fn follow_up_id(claim: &ClaimedFollowUp) -> String {
    claim.follow_up.as_ref().map(|follow_up| follow_up.id.clone()).unwrap_or_default()
}

/// An id under which a request may be sent again. A new request gets a new one.
fn new_request_id() -> String {
    Uuid::new_v4().to_string()
}

fn duration(duration: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(duration).ok()
}
