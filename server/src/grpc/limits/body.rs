//! The body of a request: read as a whole, and weighed, before it is decoded.

use axum::{body::Body, extract::Request};
use bytes::BytesMut;
use tokio_stream::StreamExt as _;

use super::{
    shares::Share,
    weight::{Shapes, Unweighed},
};
use crate::domain::error::Error;

/// What stands before a message: whether it is compressed, and its length (gRPC over HTTP/2, "Length-Prefixed-Message").
const HEAD: usize = 5;
/// What every request may take without asking: more than a call takes. So whoever fills the memory shuts out large requests alone, and the limit of
/// requests bounds the rest.
const FREE: usize = 16 * 1024;

/// Reads the message of a request, of at most `limit` bytes, and takes the memory for it and for what it will be decoded to.
///
/// # Errors
/// [`Error::MalformedMessage`] for what is no message; [`Error::MessageTooLarge`] for a message that has more bytes, or would take more memory than its caller could ever have; [`Error::Overloaded`]
/// and [`Error::TokenBusy`] where the memory is not there at the moment.
pub(super) async fn read(
    request: Request,
    limit: usize,
    shapes: &Shapes,
    memory: &mut Share<'_>,
) -> Result<Request, Error> {
    let (parts, body) = request.into_parts();
    let mut chunks = body.into_data_stream();
    let (mut read, mut end) = (BytesMut::new(), HEAD);
    let mut load = Load { weight: 0, memory };
    while let Some(chunk) = chunks.next().await {
        let mut chunk = chunk.map_err(|_| malformed("it was broken off"))?;
        // What follows the first message is left out: every method takes one.
        while !chunk.is_empty() && read.len() < end {
            let part = chunk.split_to(chunk.len().min(end - read.len()));
            load.add(part.len())?;
            read.extend_from_slice(&part);
            if let [_, length @ ..] = &read[..]
                && let Ok(length) = <[u8; HEAD - 1]>::try_from(length)
            {
                let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                if length > limit {
                    return Err(Error::MessageTooLarge { limit });
                }
                end = HEAD + length;
                read.reserve(length);
            }
        }
    }
    // The library refuses what is cut off or compressed, and decodes nothing of it.
    if read.len() == end && read[0] == 0 {
        let most = load.memory.most();
        let room = most.saturating_sub(load.weight);
        let weight = shapes.weigh(parts.uri.path(), &read[HEAD..], room).map_err(|why| match why {
            Unweighed::TooHeavy => Error::MessageTooLarge { limit: most },
            Unweighed::Overrun => malformed("a length in it leads out of the part that it is in"),
        })?;
        load.add(weight)?;
    }
    Ok(Request::from_parts(parts, Body::from(read.freeze())))
}

/// What a request takes, and the memory that it holds for it.
struct Load<'a, 'b> {
    weight: usize,
    memory: &'a mut Share<'b>,
}

impl Load<'_, '_> {
    fn add(&mut self, weight: usize) -> Result<(), Error> {
        self.weight += weight;
        let held = self.memory.amount();
        self.memory.grow(self.weight.saturating_sub(FREE).saturating_sub(held))
    }
}

fn malformed(problem: &str) -> Error {
    Error::MalformedMessage { field: String::new(), problem: problem.to_owned() }
}
