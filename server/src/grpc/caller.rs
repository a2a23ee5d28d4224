//! Who sent a request, as the access layer found out.

use tonic::Request;

use super::parse::Fields;
use crate::{
    auth::Session,
    domain::{
        access::{Principal, Reach, TenantScope},
        error::Error,
    },
};

/// The metadata key by which a caller names on whose behalf it acts, for the history.
pub const ACTOR_METADATA: &str = "x-leadcapture-actor";
/// The most characters of an actor.
const MAX_ACTOR: usize = 128;

/// The caller of a mutation.
pub(super) struct Caller {
    principal: Principal,
    named: Option<String>,
}

impl Caller {
    /// Who calls.
    pub(super) const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Who is named in the history.
    pub(super) fn actor(&self) -> String {
        self.principal.actor(self.named.as_deref())
    }

    /// The key of the caller's stored responses.
    pub(super) fn request_key(&self) -> String {
        self.principal.request_key(self.named.as_deref())
    }
}

/// The session of a request. There is one on every request that came through the access layer; without one nothing is done.
pub(super) fn session<T>(request: &Request<T>) -> Result<Session, Error> {
    let session = request.extensions().get::<Session>();
    session.cloned().ok_or_else(|| Error::internal("a request that did not pass the access layer"))
}

/// The caller of a request that changes nothing.
pub(super) fn principal<T>(request: &Request<T>) -> Result<Principal, Error> {
    Ok(session(request)?.principal().clone())
}

/// The caller of a mutation, with the name that it acts for.
pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Error> {
    let principal = principal(request)?;
    let named = request.metadata().get(ACTOR_METADATA).filter(|_| principal.may_name_actor());
    let Some(value) = named else { return Ok(Caller { principal, named: None }) };
    let mut fields = Fields::default();
    let field = format!("metadata {ACTOR_METADATA}");
    let named = if let Ok(value) = value.to_str() {
        fields.optional_text(&field, Some(value), MAX_ACTOR)
    } else {
        fields.bad(field, "must be printable ASCII; leave other characters out");
        None
    };
    fields.check()?;
    Ok(Caller { principal, named })
}

impl Fields {
    /// The tenant of a request: the one it names, else the one that the caller is bound to. It is written into the request, so that the same
    /// request with and without it is one to page tokens and request ids.
    pub(super) fn tenant(&mut self, principal: &Principal, value: &mut String) -> TenantScope {
        let named = self.optional_id("tenant_id", value);
        let scope = principal.scope(named).unwrap_or_else(|| {
            if value.is_empty() {
                self.bad("tenant_id", "is required; give a UUID");
            }
            TenantScope::NOWHERE
        });
        *value = scope.id().to_string();
        scope
    }

    /// The tenants of a request that may leave them open.
    pub(super) fn reach(&mut self, principal: &Principal, value: &str) -> Reach {
        principal.reach(self.optional_id("tenant_id", value))
    }
}
