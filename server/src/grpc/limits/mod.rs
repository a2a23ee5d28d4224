//! How much the callers may ask: requests in flight, their memory, and the time that each may take.

mod body;
mod shares;
mod weight;

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};
use tokio::time::timeout;
use tonic::Status;

use self::{shares::Shares, weight::Shapes};
use super::{conversation_parse::MAX_WAIT, method_of};
use crate::{auth::Session, domain::error::Error};

/// The limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest request, in bytes.
    pub message_bytes: usize,
    /// How long a request may take whose caller sets no deadline. Waiting for follow-ups comes on top.
    pub request_timeout: Duration,
    /// The most requests in flight, apart from the claims.
    pub requests: usize,
    /// The most claims of follow-ups in flight: they may wait for a minute, and must not keep others out.
    pub claims: usize,
    /// The most memory that requests in flight may take together, in bytes: their messages as sent and as decoded.
    pub memory: usize,
    /// How much of `requests`, `claims` and `memory` one token may have, in percent.
    pub token_share: usize,
    /// The most connections; more wait to be accepted.
    pub connections: usize,
    /// How long a new connection may take for the first bytes of the protocol.
    pub handshake: Duration,
    /// The most requests in flight on one connection; more wait at the client.
    pub streams: u32,
    /// After what time a client is asked to connect anew; its requests in flight are finished.
    pub connection_age: Option<Duration>,
    /// How long a connection may be silent before it is probed, and how long the answer may take.
    pub keepalive: Duration,
}

/// The method that may wait.
const CLAIM: &str = "ClaimFollowUps";
/// By how much a request ends before its deadline, so that the caller gets this server's answer instead of none: the library's own
/// timer knows neither reason nor details.
const MARGIN: Duration = Duration::from_millis(20);

/// Lets requests in as far as there is room, and ends them at their deadline.
#[derive(Debug)]
pub(super) struct Gate {
    requests: Shares,
    claims: Shares,
    memory: Shares,
    message_bytes: usize,
    request_timeout: Duration,
    shapes: Shapes,
}

impl Gate {
    pub(super) fn new(limits: &Limits) -> Self {
        let shares = |all, least| Shares::new(all, limits.token_share, least);
        Self {
            requests: shares(limits.requests, 1),
            claims: shares(limits.claims, 1),
            // The largest request that there may be is let in from everybody.
            memory: shares(limits.memory, limits.message_bytes.saturating_mul(2)),
            message_bytes: limits.message_bytes,
            request_timeout: limits.request_timeout,
            shapes: Shapes::new(),
        }
    }

    async fn answer(&self, request: Request, next: Next) -> Result<Response, Error> {
        let token = request.extensions().get::<Session>().and_then(|session| session.principal().token_id());
        let may_wait = method_of(request.uri().path()) == Some(CLAIM);
        let (places, time) = if may_wait {
            (&self.claims, self.request_timeout + MAX_WAIT)
        } else {
            (&self.requests, self.request_timeout)
        };
        let _place = places.take(token, 1)?;
        let time = callers_timeout(request.headers()).unwrap_or(time);
        let answer = async {
            let mut memory = self.memory.take(token, 0)?;
            let read = body::read(request, self.message_bytes, &self.shapes, &mut memory);
            // However long the caller would wait for the answer: what comes drop by drop must not hold its place for ever.
            let request =
                timeout(self.request_timeout, read).await.map_err(|_| Error::DeadlineExceeded)??;
            Ok(next.run(request).await)
        };
        let time = time.saturating_sub(MARGIN).max(time / 2);
        timeout(time, answer).await.map_err(|_| Error::DeadlineExceeded)?
    }
}

/// Runs a request within the limits. What is past its deadline is dropped, and with it the transaction that it has begun.
pub(super) async fn within_limits(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    gate.answer(request, next).await.unwrap_or_else(|error| Status::from(error).into_http())
}

/// The header `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Timeout"). One that cannot be read is none.
fn callers_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_hours(count),
        "M" => Duration::from_mins(count),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", HeaderValue::from_str(text).unwrap());
            callers_timeout(&headers)
        };
        for (text, expected) in [
            ("2H", Duration::from_hours(2)),
            ("3M", Duration::from_mins(3)),
            ("99999999S", Duration::from_secs(99_999_999)),
            ("250m", Duration::from_millis(250)),
            ("5u", Duration::from_micros(5)),
            ("7n", Duration::from_nanos(7)),
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        for text in ["", "S", "1", "1s", "100000000S", "-1S", "+1S", "1 S"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(callers_timeout(&HeaderMap::new()), None);
    }
}
