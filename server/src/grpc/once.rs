//! `request_id`: the key by which a repeated mutation is recognised, and the answer that it gets.

use prost::Message;
use sha2::{Digest as _, Sha256};
use tonic::Response;
use uuid::Uuid;

use super::{caller::Caller, parse::Fields};
use crate::{
    domain::error::Error,
    storage::{Once, RequestKey},
};

/// Reads the request id, and makes the key of the request from it.
pub(super) struct RequestId {
    id: Option<Uuid>,
}

impl Fields {
    /// A request id, absent when empty.
    pub(super) fn request_id(&mut self, value: &str) -> RequestId {
        RequestId { id: self.optional_id("request_id", value) }
    }
}

impl RequestId {
    /// The key of `request`, from which the id itself was removed; absent when the caller gave none.
    pub(super) fn key(
        self,
        method: &'static str,
        caller: &Caller,
        request: &impl Message,
        tenant_id: Option<Uuid>,
    ) -> Option<RequestKey> {
        Some(RequestKey {
            principal: caller.request_key(),
            method,
            request_id: self.id?,
            request_hash: Sha256::digest(request.encode_to_vec()).to_vec(),
            tenant_id,
        })
    }
}

/// The response of a mutation: encoded from what it did, or the stored one.
pub(super) fn respond<T, R: Message + Default>(
    once: Once<T>,
    encode: impl FnOnce(&T) -> R,
) -> Result<Response<R>, Error> {
    let response = match once {
        Once::Fresh(value) => encode(&value),
        Once::Replayed(bytes) => R::decode(bytes.as_slice()).map_err(Error::internal)?,
    };
    Ok(Response::new(response))
}
