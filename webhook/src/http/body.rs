//! Reading a body within its limits of size and time, and making it what its sender meant: inflated, in UTF-8, of a known format.

use std::{future::poll_fn, pin::Pin, time::Duration};

use axum::{
    body::{Body, HttpBody as _},
    http::{HeaderMap, header},
};
use tokio::time::{Instant, timeout_at};

use super::{
    encoding::{ContentEncoding, Undecodable},
    reply::Reply,
};
use crate::cdr::{self, Format};

/// How many times the limit is read and thrown away of a body that is refused, so that its sender gets to read the answer
/// instead of a broken connection. The time limit holds all the while.
const DRAIN_FACTOR: usize = 32;

/// A body as it is to be read.
pub(super) struct Received {
    /// Its format, which is that of the reply too.
    pub(super) format: Format,
    /// The body, inflated and in UTF-8 where its headers say that it was not.
    pub(super) bytes: Vec<u8>,
}

/// The format that the headers name; JSON where they name none.
pub(super) fn named_format(headers: &HeaderMap) -> Format {
    content_type(headers).and_then(Format::of_content_type).unwrap_or_default()
}

/// The whole body. Holds no more than twice `limit` bytes at any time.
///
/// # Errors
/// The reply for a body that is too large, too slow, breaks off, or is encoded in a way that cannot be read.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
    time: Duration,
) -> Result<Received, Reply> {
    let encoding = ContentEncoding::of(headers);
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let is_too_large =
        announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit));
    let refusal = match encoding {
        Err(_) => Some(Reply::UnknownEncoding),
        Ok(_) => is_too_large.then_some(Reply::TooLarge(limit)),
    };
    if let Some(refusal) = &refusal
        && headers.contains_key(header::EXPECT)
    {
        // A sender that asks first has sent nothing yet.
        return Err(refusal.clone());
    }
    let sent = collect(body, refusal, limit, Instant::now() + time).await?;
    let bytes = encoding.unwrap_or_default().decode(sent, limit).map_err(|error| match error {
        Undecodable::TooLarge => Reply::TooLarge(limit),
        Undecodable::Corrupt | Undecodable::TooManyParts => Reply::Undecodable(error.to_string()),
    })?;
    let content_type = content_type(headers);
    let format = cdr::format(content_type, &bytes);
    Ok(Received { format, bytes: cdr::body::to_utf8(content_type, format, bytes) })
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

/// The bytes as sent, or the refusal once they have been thrown away.
async fn collect(
    mut body: Body,
    mut refusal: Option<Reply>,
    limit: usize,
    deadline: Instant,
) -> Result<Vec<u8>, Reply> {
    let mut bytes = Vec::new();
    let mut received = 0_usize;
    loop {
        let frame = timeout_at(deadline, poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).await;
        match (frame, refusal.take()) {
            (Ok(Some(Ok(frame))), refused) => {
                let data = frame.into_data().unwrap_or_default();
                received = received.saturating_add(data.len());
                if refused.is_none() && received <= limit {
                    bytes.extend_from_slice(&data);
                    continue;
                }
                bytes = Vec::new();
                let refused = refused.unwrap_or(Reply::TooLarge(limit));
                if received > limit.saturating_mul(DRAIN_FACTOR) {
                    return Err(refused);
                }
                refusal = Some(refused);
            }
            (_, Some(refused)) => return Err(refused),
            (Ok(None), None) => return Ok(bytes),
            (Ok(Some(Err(_))), None) => return Err(Reply::Incomplete("body: broke off")),
            (Err(_), None) => return Err(Reply::Incomplete("body: did not arrive in time")),
        }
    }
}
