//! A body of records comes in: read it, record every call in it, answer.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use tracing::{Instrument as _, Span, error, info, warn};

use super::{App, body, door::InFlight, reply::Reply};
use crate::{
    cdr::{self, Call, Format, Problem, phone},
    server::Failure,
    source::Source,
};

pub(super) async fn receive(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let source = head.extensions.remove::<Source>().unwrap_or_default();
    let place = head.extensions.remove::<InFlight>();
    let read = body::read(&head.headers, body, app.settings.body_limit, app.settings.body_timeout).await;
    let body::Received { format, bytes } = match read {
        Ok(received) => received,
        Err(reply) => {
            warn!(?reply, "body was not taken");
            return reply.into_response();
        }
    };
    let arrival = app.clock.now();
    // In a task of its own: what has begun is finished even if the sender hangs up, and a panic ends in an answer.
    let task = app.tasks.spawn({
        let app = Arc::clone(&app);
        async move {
            let reply = record_all(&app, &source, format, &bytes, arrival).await;
            drop(place);
            reply
        }
        .instrument(Span::current())
    });
    let reply = task.await.unwrap_or_else(|error| {
        error!(%error, "recording ended unexpectedly");
        Reply::Unavailable
    });
    reply.in_format(format)
}

/// Records every call of a body. Those that can be recorded are, whatever the others are like: recording twice is harmless, and
/// the sender repeats the whole body unless all of it was taken.
async fn record_all(
    app: &App,
    source: &Source,
    format: Format,
    body: &[u8],
    arrival: DateTime<Utc>,
) -> Reply {
    let calls = match cdr::read(format, body, app.settings.time, arrival) {
        Ok(calls) => calls,
        Err(problem) => {
            warn!(%problem, %format, bytes = body.len(), "body cannot be read");
            return Reply::Malformed(problem.to_string());
        }
    };
    let several = calls.len() > 1;
    let mut refusals = Vec::new();
    for (index, call) in calls.into_iter().enumerate() {
        let recorded = match call {
            Ok(mut call) => {
                call.request.tenant_id = source.tenant_id.clone().unwrap_or_default();
                record(app, &call, arrival).await
            }
            Err(problem) => Err(Reply::Malformed(problem.to_string())),
        };
        match recorded {
            Ok(()) => {}
            Err(Reply::Malformed(problem)) => {
                warn!(%problem, record = index + 1, "record is malformed");
                refusals.push(if several { format!("record {}: {problem}", index + 1) } else { problem });
            }
            Err(reply) => return reply,
        }
    }
    if refusals.is_empty() { Reply::Recorded } else { Reply::Malformed(refusals.join("; ")) }
}

async fn record(app: &App, call: &Call, arrival: DateTime<Utc>) -> Result<(), Reply> {
    let request = &call.request;
    let call_id = request.call_id.as_str();
    if call.ends_after(arrival) {
        warn!(call_id, ended_at = %call.ended_at, "call ends in the future; check account_zone and time_basis");
    }
    if !call.reduced.is_empty() {
        warn!(call_id, fields = ?call.reduced, "left out or cut short what the server does not take");
    }
    match app.server.record(request.clone()).await {
        Ok(disposition) => {
            info!(
                call_id,
                disposition = disposition.as_str_name(),
                direction = request.direction().as_str_name(),
                outcome = request.outcome().as_str_name(),
                customer = phone::mask(&request.customer_phone),
                business = phone::mask(&request.business_phone),
                "call is recorded"
            );
            Ok(())
        }
        Err(Failure::Refused(violations)) => {
            let problems =
                violations.into_iter().map(|(path, problem)| Problem::new(call.vendor_field(&path), problem));
            Err(Reply::Malformed(cdr::Malformed(problems.collect()).to_string()))
        }
        Err(Failure::NotNow(status)) => {
            warn!(call_id, code = ?status.code(), reason = status.message(), "call could not be recorded");
            Err(Reply::Unavailable)
        }
    }
}
