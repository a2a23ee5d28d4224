//! A body of records comes in: read it, hand it on, answer.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use tracing::{Instrument as _, Span, error, warn};

use super::{App, body, door::InFlight, reply::Reply};
use crate::{
    forward::Receipt,
    source::Source,
    spool::Delivery,
    telemetry::{panics, propagation},
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
    let delivery = Delivery {
        body: bytes,
        format,
        arrived_at: app.clock.now(),
        time: app.settings.time,
        tenant_id: source.tenant_id,
        traceparent: propagation::traceparent(&Span::current()),
    };
    // In a task of its own: what has begun is finished even if the sender hangs up, and a panic ends in an answer.
    let task = app.tasks.spawn({
        let relay = app.relay.clone();
        async move {
            let receipt = relay.take(delivery).await;
            drop(place);
            receipt
        }
        .instrument(Span::current())
    });
    let receipt = task.await.unwrap_or_else(|error| {
        error!(error = panics::end(&error), "recording ended unexpectedly");
        Receipt::Unavailable
    });
    let reply = match receipt {
        Receipt::Safe => Reply::Recorded,
        Receipt::Malformed(problem) => Reply::Malformed(problem),
        Receipt::Unavailable => Reply::Unavailable,
    };
    reply.in_format(format)
}
