//! `Content-Encoding`: bodies that were compressed for the way.

use std::io::{self, Read};

use axum::http::{HeaderMap, header::CONTENT_ENCODING};
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};

/// The encodings that are taken, as an `Accept-Encoding` header lists them.
pub const ACCEPTED: &str = "gzip, deflate, identity";
/// How many encodings may lie over each other.
const MAX_LAYERS: usize = 3;
/// How many parts a gzip body may be of: each costs time, even an empty one.
const MAX_PARTS: usize = 100;

/// A way to compress a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Gzip,
    /// Zlib as the standard says, or raw as some senders have it.
    Deflate,
}

/// The encodings of a body in the order in which they were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentEncoding(Vec<Layer>);

/// An encoding that is not taken, or too many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("content-encoding: must be gzip, deflate or identity, at most {MAX_LAYERS} of them")]
pub struct NotTaken;

/// Why a body could not be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// It is larger than the limit once inflated, or between two encodings.
    #[error("body: is too large once inflated")]
    TooLarge,
    /// It is not in the encoding that its header names, or breaks off.
    #[error("body: is not what content-encoding says, or is incomplete")]
    Corrupt,
    /// It is of too many gzip parts.
    #[error("body: is of more than {MAX_PARTS} gzip parts")]
    TooManyParts,
}

impl ContentEncoding {
    /// What the headers of a request say.
    ///
    /// # Errors
    /// They name an encoding that is not taken.
    pub fn of(headers: &HeaderMap) -> Result<Self, NotTaken> {
        let mut layers = Vec::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            for name in value.to_str().map_err(|_| NotTaken)?.split(',') {
                match name.trim().to_ascii_lowercase().as_str() {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => layers.push(Layer::Gzip),
                    "deflate" | "x-deflate" => layers.push(Layer::Deflate),
                    _ => return Err(NotTaken),
                }
                if layers.len() > MAX_LAYERS {
                    return Err(NotTaken);
                }
            }
        }
        Ok(Self(layers))
    }

    /// Whether the body is sent as it is.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.0.is_empty()
    }

    /// The body as it was before it was encoded. Never holds more than `limit` bytes, of it or of what lies between two encodings.
    ///
    /// # Errors
    /// The body is larger than `limit`, or not in this encoding.
    pub fn decode(&self, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, Undecodable> {
        self.0.iter().rev().try_fold(body, |encoded, layer| layer.decode(&encoded, limit))
    }
}

impl Layer {
    fn decode(self, encoded: &[u8], limit: usize) -> Result<Vec<u8>, Undecodable> {
        match self {
            Self::Gzip => gunzip(encoded, limit),
            Self::Deflate => inflate_whole(encoded, limit),
        }
    }
}

fn inflate_whole(mut encoded: &[u8], limit: usize) -> Result<Vec<u8>, Undecodable> {
    let body = if has_zlib_header(encoded) {
        inflate(ZlibDecoder::new(&mut encoded), Vec::new(), limit)?
    } else {
        inflate(DeflateDecoder::new(&mut encoded), Vec::new(), limit)?
    };
    if encoded.is_empty() { Ok(body) } else { Err(Undecodable::Corrupt) }
}

/// One part after another, for that is what a gzip file may be.
fn gunzip(mut encoded: &[u8], limit: usize) -> Result<Vec<u8>, Undecodable> {
    let mut body = Vec::new();
    for _ in 0..MAX_PARTS {
        body = inflate(GzDecoder::new(&mut encoded), body, limit)?;
        if encoded.is_empty() {
            return Ok(body);
        }
    }
    Err(Undecodable::TooManyParts)
}

/// Raw data cannot look like this: it would begin with a stored block whose unused bits are not zero.
fn has_zlib_header(encoded: &[u8]) -> bool {
    matches!(encoded, [first, second, ..] if first & 0x0f == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0)
}

/// Appends what the decoder gives to the body.
fn inflate(decoder: impl Read, mut body: Vec<u8>, limit: usize) -> Result<Vec<u8>, Undecodable> {
    let one_more = u64::try_from(limit - body.len()).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(one_more).read_to_end(&mut body).map_err(|_: io::Error| Undecodable::Corrupt)?;
    if body.len() > limit { Err(Undecodable::TooLarge) } else { Ok(body) }
}
