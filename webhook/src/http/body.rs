//! Reading a body within its limits of size and time.

use std::{future::poll_fn, pin::Pin, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    http::{HeaderMap, header},
};
use tokio::time::{Instant, timeout_at};

use super::reply::Reply;

/// How many times the limit is read and thrown away of a body that is too large, so that its sender gets to read the answer
/// instead of a broken connection.
const DRAIN_FACTOR: usize = 4;

/// The whole body.
///
/// # Errors
/// The reply for a body that is too large, too slow, or breaks off.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
    time: Duration,
) -> Result<Vec<u8>, Reply> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let is_too_large =
        announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit));
    // A sender that asks first has sent nothing yet.
    if is_too_large && headers.contains_key(header::EXPECT) {
        return Err(Reply::TooLarge(limit));
    }
    let deadline = Instant::now() + time;
    let mut bytes = Vec::new();
    let mut received = 0;
    loop {
        let frame = timeout_at(deadline, poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).await;
        let too_large = is_too_large || received > limit;
        match frame {
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                received += data.len();
                if is_too_large || received > limit {
                    bytes = Vec::new();
                    if received > limit.saturating_mul(DRAIN_FACTOR) {
                        return Err(Reply::TooLarge(limit));
                    }
                } else {
                    bytes.extend_from_slice(&data);
                }
            }
            _ if too_large => return Err(Reply::TooLarge(limit)),
            Ok(None) => return Ok(bytes),
            Ok(Some(Err(_))) => return Err(Reply::Incomplete("body: broke off")),
            Err(_) => return Err(Reply::Incomplete("body: did not arrive in time")),
        }
    }
}
