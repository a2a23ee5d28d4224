//! Page tokens: opaque to callers, and bound to the filter of the list they belong to.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::DateTime;
use prost::Message;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::parse::Fields;
use crate::storage::{Cursor, PageRequest};

/// The page size when none is given.
const DEFAULT_SIZE: u32 = 50;
/// The largest page; more is taken as this.
const MAX_SIZE: u32 = 500;
/// Bytes of a token: fingerprint of the filter, time in microseconds, id.
const TOKEN_BYTES: usize = FINGERPRINT_BYTES + 8 + 16;
const FINGERPRINT_BYTES: usize = 8;

/// What a page token is bound to: a list's request without size and token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; FINGERPRINT_BYTES]);

impl Fingerprint {
    /// The fingerprint of a request from which size and token were removed.
    pub(super) fn of(list: &str, filter: &impl Message) -> Self {
        let hash = Sha256::new().chain_update(list).chain_update([0]).chain_update(filter.encode_to_vec()).finalize();
        let mut bytes = [0; FINGERPRINT_BYTES];
        bytes.copy_from_slice(&hash[..FINGERPRINT_BYTES]);
        Self(bytes)
    }
}

impl Fields {
    /// The wanted page of the list whose filter has `fingerprint`.
    pub(super) fn page(&mut self, size: i32, token: &str, fingerprint: Fingerprint) -> PageRequest {
        let size = match u32::try_from(size) {
            Ok(0) => DEFAULT_SIZE,
            Ok(size) => size.min(MAX_SIZE),
            Err(_) => {
                self.bad("page_size", "must not be negative; 0 means 50, the most is 500");
                DEFAULT_SIZE
            }
        };
        let after = (!token.is_empty()).then(|| self.cursor(token, fingerprint)).flatten();
        PageRequest { size, after }
    }

    fn cursor(&mut self, token: &str, fingerprint: Fingerprint) -> Option<Cursor> {
        match decode(token) {
            Some((bound_to, cursor)) if bound_to == fingerprint => return Some(cursor),
            Some(_) => self.bad("page_token", "belongs to a list with another filter; repeat the filter of the first page"),
            None => self.bad("page_token", "is malformed; send back next_page_token exactly as it was answered"),
        }
        None
    }
}

/// The token of the page after `cursor`; empty when there is none.
pub(super) fn next_token(next: Option<Cursor>, fingerprint: Fingerprint) -> String {
    let Some(cursor) = next else { return String::new() };
    let mut bytes = Vec::with_capacity(TOKEN_BYTES);
    bytes.extend(fingerprint.0);
    bytes.extend(cursor.at.timestamp_micros().to_be_bytes());
    bytes.extend(cursor.id.into_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(token: &str) -> Option<(Fingerprint, Cursor)> {
    let bytes: [u8; TOKEN_BYTES] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let (fingerprint, rest) = bytes.split_first_chunk::<FINGERPRINT_BYTES>()?;
    let (at, id) = rest.split_first_chunk::<8>()?;
    let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*at))?;
    let id = Uuid::from_slice(id).ok()?;
    Some((Fingerprint(*fingerprint), Cursor { at, id }))
}

#[cfg(test)]
mod tests {
    use leadcapture_proto::v1::ListLeadsRequest;

    use super::*;

    #[test]
    fn a_token_leads_back_to_its_position_and_only_with_its_filter() {
        let filter = ListLeadsRequest { tenant_id: "a".to_owned(), ..Default::default() };
        let fingerprint = Fingerprint::of("leads", &filter);
        let cursor = Cursor { at: DateTime::from_timestamp_micros(1_770_000_000_123_456).unwrap(), id: Uuid::from_u128(7) };
        let token = next_token(Some(cursor), fingerprint);
        assert_eq!(Fields::default().page(0, &token, fingerprint).after, Some(cursor));

        let other = Fingerprint::of("leads", &ListLeadsRequest { tenant_id: "b".to_owned(), ..Default::default() });
        for (token, fingerprint) in [(token.as_str(), other), ("x", fingerprint), ("", fingerprint)] {
            let mut fields = Fields::default();
            assert_eq!(fields.page(0, token, fingerprint).after, None);
            assert_eq!(fields.check().is_err(), !token.is_empty());
        }
    }

    #[test]
    fn sizes_are_defaulted_clamped_and_checked() {
        let fingerprint = Fingerprint::of("leads", &ListLeadsRequest::default());
        for (size, expected, valid) in [(0, 50, true), (7, 7, true), (501, 500, true), (i32::MAX, 500, true), (-1, 50, false)] {
            let mut fields = Fields::default();
            assert_eq!(fields.page(size, "", fingerprint).size, expected);
            assert_eq!(fields.check().is_ok(), valid);
        }
    }
}
