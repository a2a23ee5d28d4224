//! A worker: claims the messages that are due, "sends" them by printing, and reports that they were sent.
//!
//! A real one differs in one place, [`send`]: it hands the message to WhatsApp or an SMS gateway, with the follow-up's id as the key
//! by which that avoids sending twice.

use std::time::Duration;

use leadcapture_proto::v1::{
    ClaimFollowUpsRequest, ClaimedFollowUp, CompleteFollowUpRequest, FailFollowUpRequest, FollowUpKind,
    StartConversationRequest,
};
use tonic::Code;

use crate::{error::Error, service::Service};

/// How many messages are claimed at once.
const LIMIT: i32 = 10;
/// For how long; ample time to send them all.
const LEASE: Duration = Duration::from_mins(1);
/// How long the server waits for something to become due before it answers that nothing is.
pub(crate) const WAIT: Duration = Duration::from_secs(30);
/// After how many waits in vain the program ends.
const IDLE_WAITS: u32 = 10;

/// When to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// When what is due now is done.
    Drained,
    /// When nothing was due for a while.
    Idle,
}

/// Works until nothing is left to do; answers how much was done.
#[expect(clippy::print_stdout, reason = "a program for the terminal")]
pub(crate) async fn run(until: Until) -> Result<String, Error> {
    let mut service = Service::connect().await?;
    let (wait, waits) = match until {
        Until::Drained => (Duration::ZERO, 1),
        Until::Idle => (WAIT, IDLE_WAITS),
    };
    let (mut sent, mut idle) = (0, 0);
    while idle < waits {
        let claims = service.claim_follow_ups(claim(wait)).await?;
        idle = if claims.is_empty() { idle + 1 } else { 0 };
        for claim in &claims {
            println!("{}", message(claim));
            match send(claim) {
                Ok(()) => sent += i32::from(report_sent(&mut service, claim).await?),
                Err(error) => report_failed(&mut service, claim, error).await?,
            }
        }
    }
    Ok(format!("Messages sent: {sent}. Nothing more is due."))
}

fn claim(wait: Duration) -> ClaimFollowUpsRequest {
    ClaimFollowUpsRequest {
        limit: LIMIT,
        lease: prost_types::Duration::try_from(LEASE).ok(),
        wait: prost_types::Duration::try_from(wait).ok(),
        ..ClaimFollowUpsRequest::default()
    }
}

/// Where the message would be sent.
#[expect(clippy::unnecessary_wraps, reason = "a real gateway fails now and then")]
const fn send(_claim: &ClaimedFollowUp) -> Result<(), &'static str> {
    Ok(())
}

/// Reports a message as sent; `false` if the claim ended before that.
async fn report_sent(service: &mut Service, claim: &ClaimedFollowUp) -> Result<bool, Error> {
    let follow_up = claim.follow_up.clone().unwrap_or_default();
    let reported = if follow_up.kind() == FollowUpKind::Opener {
        // It is the start of the conversation that completes an opener.
        let start = StartConversationRequest {
            tenant_id: follow_up.tenant_id,
            lead_id: follow_up.lead_id,
            follow_up_id: follow_up.id,
            claim_token: claim.claim_token.clone(),
            ..StartConversationRequest::default()
        };
        service.start_conversation(start).await
    } else {
        let complete = CompleteFollowUpRequest {
            tenant_id: follow_up.tenant_id,
            follow_up_id: follow_up.id,
            claim_token: claim.claim_token.clone(),
            ..CompleteFollowUpRequest::default()
        };
        service.complete_follow_up(complete).await
    };
    held(reported)
}

async fn report_failed(service: &mut Service, claim: &ClaimedFollowUp, error: &str) -> Result<(), Error> {
    let follow_up = claim.follow_up.clone().unwrap_or_default();
    let fail = FailFollowUpRequest {
        tenant_id: follow_up.tenant_id,
        follow_up_id: follow_up.id,
        claim_token: claim.claim_token.clone(),
        error: error.to_owned(),
        ..FailFollowUpRequest::default()
    };
    held(service.fail_follow_up(fail).await).map(drop)
}

/// Whether the claim was still held: one that expired, or whose lead was deleted, is somebody else's business or nobody's.
fn held(reported: Result<(), Error>) -> Result<bool, Error> {
    match reported {
        Ok(()) => Ok(true),
        Err(Error::Refused { status, .. })
            if matches!(status.code(), Code::FailedPrecondition | Code::NotFound) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The message, for the terminal.
fn message(claim: &ClaimedFollowUp) -> String {
    let text = match claim.follow_up.as_ref().map(leadcapture_proto::v1::FollowUp::kind) {
        Some(FollowUpKind::Reminder1) => "we would still like to help. What can we do for you?",
        Some(FollowUpKind::Reminder2) => "this is our last message. Write to us whenever you like.",
        _ => "we missed your call. What can we do for you?",
    };
    let again = if claim.attempt > 1 { format!(" (attempt {})", claim.attempt) } else { String::new() };
    format!("to {}{again}: {} here, {text}", claim.phone_local, claim.tenant_name)
}
