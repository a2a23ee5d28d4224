//! Where a request came from.

/// What the door knows of the sender of a request, as a request extension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The tenant, a UUID, that the secret in the path names: the request's calls are this tenant's or nobody's. `None` where the
    /// secret names none, or none is configured: the business number alone decides.
    pub tenant_id: Option<String>,
}
