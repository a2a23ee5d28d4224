//! Page tokens: opaque to callers, and bound to the filter of the list they belong to.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use prost::Message;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::parse::Fields;
use crate::storage::{Cursor, EventPosition, Listed, Page, PageRequest};

/// The page size when none is given.
const DEFAULT_SIZE: u32 = 50;
/// The largest page; more is taken as this.
const MAX_SIZE: u32 = 500;
/// The most bytes of a page's items, and so of all the response but its token: gRPC's clients take messages of up to 4 MiB unless told otherwise.
const MAX_BYTES: usize = 3 * 1024 * 1024;
/// The most bytes that stand before a message in a repeated field: its number and its length.
const MAX_FIELD_HEAD_BYTES: usize = 6;
/// Bytes of a token that bind it to its filter; the position follows.
const FINGERPRINT_BYTES: usize = 8;

/// A position in a list that can travel in a token.
pub(super) trait TokenPosition: Sized {
    /// The position as bytes.
    fn to_bytes(&self) -> Vec<u8>;
    /// The position in these bytes, if they are one.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// Time in microseconds, then id.
impl TokenPosition for Cursor {
    fn to_bytes(&self) -> Vec<u8> {
        [self.at.timestamp_micros().to_be_bytes().as_slice(), self.id.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (at, id) = bytes.split_first_chunk()?;
        let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*at))?;
        Some(Self { at, id: Uuid::from_slice(id).ok()? })
    }
}

impl TokenPosition for EventPosition {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(i64::from_be_bytes(bytes.try_into().ok()?)))
    }
}

/// What a page token is bound to: a list's request without size and token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; FINGERPRINT_BYTES]);

impl Fingerprint {
    /// The fingerprint of a request from which size and token were removed.
    pub(super) fn of(list: &str, filter: &impl Message) -> Self {
        let hash = Sha256::new()
            .chain_update(list)
            .chain_update([0])
            .chain_update(filter.encode_to_vec())
            .finalize();
        let mut bytes = [0; FINGERPRINT_BYTES];
        bytes.copy_from_slice(&hash[..FINGERPRINT_BYTES]);
        Self(bytes)
    }
}

impl Fields {
    /// The wanted page of the list whose filter has `fingerprint`.
    pub(super) fn page<P: TokenPosition>(
        &mut self,
        size: i32,
        token: &str,
        fingerprint: Fingerprint,
    ) -> PageRequest<P> {
        let size = match u32::try_from(size) {
            Ok(0) => DEFAULT_SIZE,
            Ok(size) => size.min(MAX_SIZE),
            Err(_) => {
                self.bad("page_size", "must not be negative; 0 means 50, the most is 500");
                DEFAULT_SIZE
            }
        };
        let after = (!token.is_empty()).then(|| self.position(token, fingerprint)).flatten();
        PageRequest { size, after }
    }

    fn position<P: TokenPosition>(&mut self, token: &str, fingerprint: Fingerprint) -> Option<P> {
        match decode(token) {
            Some((bound_to, position)) if bound_to == fingerprint => return Some(position),
            Some(_) => self.bad(
                "page_token",
                "belongs to a list with another filter; repeat the filter of the first page",
            ),
            None => {
                self.bad("page_token", "is malformed; send back next_page_token exactly as it was answered");
            }
        }
        None
    }
}

/// The messages of a page, and the token of the next. The page ends early where a client would not take its bytes.
pub(super) fn messages<T, M>(
    mut page: Page<T>,
    fingerprint: Fingerprint,
    encode: impl Fn(&T) -> M,
) -> (Vec<M>, String)
where
    T: Listed<Position: TokenPosition>,
    M: Message,
{
    let mut bytes = 0;
    let messages: Vec<M> = (page.items.iter().map(encode).enumerate())
        .take_while(|(index, message)| {
            bytes += message.encoded_len() + MAX_FIELD_HEAD_BYTES;
            *index == 0 || bytes <= MAX_BYTES
        })
        .map(|(_, message)| message)
        .collect();
    page.shorten(messages.len());
    (messages, next_token(page.next, fingerprint))
}

/// The token of the page after `position`; empty when there is none.
fn next_token<P: TokenPosition>(position: Option<P>, fingerprint: Fingerprint) -> String {
    position.map_or_else(String::new, |position| {
        URL_SAFE_NO_PAD.encode([fingerprint.0.as_slice(), &position.to_bytes()].concat())
    })
}

fn decode<P: TokenPosition>(token: &str) -> Option<(Fingerprint, P)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (fingerprint, position) = bytes.split_first_chunk()?;
    Some((Fingerprint(*fingerprint), P::from_bytes(position)?))
}

#[cfg(test)]
mod tests {
    use leadcapture_proto::v1::ListLeadsRequest;

    use super::*;

    #[test]
    fn a_token_leads_back_to_its_position_and_only_with_its_filter() {
        let filter = ListLeadsRequest { tenant_id: "a".to_owned(), ..Default::default() };
        let fingerprint = Fingerprint::of("leads", &filter);
        let cursor = Cursor {
            at: DateTime::from_timestamp_micros(1_770_000_000_123_456).unwrap(),
            id: Uuid::from_u128(7),
        };
        let token = next_token(Some(cursor), fingerprint);
        assert_eq!(Fields::default().page(0, &token, fingerprint).after, Some(cursor));

        let other =
            Fingerprint::of("leads", &ListLeadsRequest { tenant_id: "b".to_owned(), ..Default::default() });
        for (token, fingerprint) in [(token.as_str(), other), ("x", fingerprint), ("", fingerprint)] {
            let mut fields = Fields::default();
            assert_eq!(fields.page::<Cursor>(0, token, fingerprint).after, None);
            assert_eq!(fields.check().is_err(), !token.is_empty());
        }
    }

    #[test]
    fn sizes_are_defaulted_clamped_and_checked() {
        let fingerprint = Fingerprint::of("leads", &ListLeadsRequest::default());
        for (size, expected, valid) in
            [(0, 50, true), (7, 7, true), (501, 500, true), (i32::MAX, 500, true), (-1, 50, false)]
        {
            let mut fields = Fields::default();
            assert_eq!(fields.page::<Cursor>(size, "", fingerprint).size, expected);
            assert_eq!(fields.check().is_ok(), valid);
        }
    }
}
