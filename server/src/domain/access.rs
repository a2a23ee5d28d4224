//! Who calls, what the caller may do, and for which tenants.

use std::{fmt, sync::Arc};

use uuid::Uuid;

use crate::named_enum;

named_enum! {
    /// What a caller may do; the table of RPCs says which role may call which.
    Role {
        /// Everything, for every tenant.
        Admin = "admin",
        /// The leads, conversations and missed calls of its own tenant.
        Tenant = "tenant",
        /// Recording calls, for every tenant or for one.
        Ingest = "ingest",
        /// Conversations and follow-ups, for every tenant or for one.
        Worker = "worker",
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a token of `role` must, may or must not be bound to a tenant; `Err` says what is wrong with `bound`.
///
/// # Errors
/// A sentence for the operator.
pub const fn check_binding(role: Role, bound: bool) -> Result<(), &'static str> {
    match (role, bound) {
        (Role::Tenant, false) => Err("a tenant token needs a tenant"),
        (Role::Admin, true) => Err("an admin token is for every tenant; leave the tenant out"),
        _ => Ok(()),
    }
}

/// An authenticated caller; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    role: Role,
    tenant: Option<Uuid>,
    /// Under which its stored responses are kept; no two principals share one.
    key: Arc<str>,
    /// What the history shows.
    name: Arc<str>,
    /// Nobody was asked who it is: no token was ever made.
    anonymous: bool,
    /// The token from the database, if it has one.
    token_id: Option<Uuid>,
}

impl Principal {
    /// Whoever calls a server for which no token was ever made.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            role: Role::Admin,
            tenant: None,
            key: "open".into(),
            name: "anonymous".into(),
            anonymous: true,
            token_id: None,
        }
    }

    /// The holder of a token.
    #[must_use]
    pub fn token(id: Uuid, role: Role, tenant: Option<Uuid>, label: &str) -> Self {
        Self {
            role,
            tenant,
            key: format!("token:{id}").into(),
            name: format!("{label} (token {id})").into(),
            anonymous: false,
            token_id: Some(id),
        }
    }

    /// A part of the server itself, for every tenant.
    #[must_use]
    pub fn system(name: &str, role: Role) -> Self {
        let name: Arc<str> = format!("system:{name}").into();
        Self { role, tenant: None, key: Arc::clone(&name), name, anonymous: false, token_id: None }
    }

    /// What it may do.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The only tenant that it may act for; absent for all.
    #[must_use]
    pub const fn bound_to(&self) -> Option<Uuid> {
        self.tenant
    }

    /// The token that it holds; absent for callers of an open server, and for parts of the server itself.
    #[must_use]
    pub const fn token_id(&self) -> Option<Uuid> {
        self.token_id
    }

    /// Whether the caller may name on whose behalf it acts.
    #[must_use]
    pub const fn may_name_actor(&self) -> bool {
        self.anonymous || matches!(self.role, Role::Admin | Role::Tenant)
    }

    /// Who is named in the history: the caller, and before it whom it acts for. Without authentication the caller's word is all there is.
    #[must_use]
    pub fn actor(&self, named: Option<&str>) -> String {
        match named.filter(|_| self.may_name_actor()) {
            Some(named) if self.anonymous => named.to_owned(),
            Some(named) => format!("{named} via {}", self.name),
            None => self.name.to_string(),
        }
    }

    /// The key of its stored responses. Two tokens never share one, so no token can read what another was answered. Without authentication
    /// the caller's word keeps callers apart.
    #[must_use]
    pub fn request_key(&self, named: Option<&str>) -> String {
        match named.filter(|_| self.anonymous) {
            Some(named) => format!("{}:{named}", self.key),
            None => self.key.to_string(),
        }
    }

    /// The one tenant that a request may touch: the one it names, else the one that the caller is bound to; absent if it is neither
    /// named nor bound. A tenant that the caller may not know of is one that does not exist.
    #[must_use]
    pub fn scope(&self, named: Option<Uuid>) -> Option<TenantScope> {
        match (self.tenant, named) {
            (Some(own), Some(named)) if own != named => Some(TenantScope::NOWHERE),
            (Some(own), _) => Some(TenantScope(own)),
            (None, named) => named.map(TenantScope),
        }
    }

    /// As [`Principal::scope`], where a request that names no tenant means all that the caller may act for.
    #[must_use]
    pub fn reach(&self, named: Option<Uuid>) -> Reach {
        self.scope(named).map_or(Reach::AllTenants, Reach::Tenant)
    }
}

/// The one tenant whose rows may be read and written.
///
/// Made of a [`Principal`], who must be allowed it, or of a row that was read within such a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantScope(Uuid);

impl TenantScope {
    /// A tenant that does not exist: ids of tenants have a version, and this has none.
    pub(crate) const NOWHERE: Self = Self(Uuid::nil());

    /// The tenant that owns a row which was read or locked already.
    #[must_use]
    pub(crate) const fn of_row(tenant_id: Uuid) -> Self {
        Self(tenant_id)
    }

    /// The tenant's id.
    #[must_use]
    pub const fn id(self) -> Uuid {
        self.0
    }
}

/// Which tenants a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// One.
    Tenant(TenantScope),
    /// Every one.
    AllTenants,
}

impl Reach {
    /// The tenant, where it is one.
    #[must_use]
    pub const fn tenant(self) -> Option<TenantScope> {
        match self {
            Self::Tenant(scope) => Some(scope),
            Self::AllTenants => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Uuid = Uuid::from_u128(1);
    const FOREIGN: Uuid = Uuid::from_u128(2);

    fn token(role: Role, tenant: Option<Uuid>) -> Principal {
        Principal::token(Uuid::from_u128(9), role, tenant, "crm")
    }

    #[test]
    fn a_bound_caller_reaches_its_own_tenant_and_nothing_else() {
        for role in [Role::Tenant, Role::Ingest, Role::Worker] {
            let caller = token(role, Some(OWN));
            assert_eq!(caller.scope(None), Some(TenantScope(OWN)));
            assert_eq!(caller.scope(Some(OWN)), Some(TenantScope(OWN)));
            assert_eq!(caller.scope(Some(FOREIGN)), Some(TenantScope(Uuid::nil())));
            assert_eq!(caller.reach(None), Reach::Tenant(TenantScope(OWN)));
            assert_eq!(caller.reach(Some(FOREIGN)).tenant(), Some(TenantScope::NOWHERE));
        }
    }

    #[test]
    fn an_unbound_caller_must_name_the_tenant_or_means_all() {
        for caller in [Principal::anonymous(), token(Role::Admin, None), token(Role::Worker, None)] {
            assert_eq!(caller.scope(None), None);
            assert_eq!(caller.scope(Some(FOREIGN)), Some(TenantScope(FOREIGN)));
            assert_eq!(caller.reach(None), Reach::AllTenants);
        }
    }

    #[test]
    fn the_history_names_the_token_and_whom_it_acts_for() {
        let id = Uuid::from_u128(9);
        for role in [Role::Admin, Role::Tenant] {
            assert_eq!(token(role, None).actor(Some("dana")), format!("dana via crm (token {id})"));
        }
        for role in [Role::Ingest, Role::Worker] {
            assert_eq!(token(role, None).actor(Some("dana")), format!("crm (token {id})"));
        }
        assert_eq!(Principal::anonymous().actor(Some("dana")), "dana");
        assert_eq!(Principal::anonymous().actor(None), "anonymous");
        assert_eq!(Principal::system("webhook", Role::Ingest).actor(Some("dana")), "system:webhook");
    }

    #[test]
    fn stored_responses_of_different_callers_never_meet() {
        let id = Uuid::from_u128(9);
        let caller = token(Role::Admin, None);
        // Whom it acts for makes no difference: the token is the caller.
        assert_eq!(caller.request_key(Some("dana")), caller.request_key(None));
        assert_eq!(caller.request_key(None), format!("token:{id}"));
        // Nor can an anonymous caller pass for a token by its word.
        let claimed = Principal::anonymous().request_key(Some(&format!("token:{id}")));
        assert_ne!(claimed, caller.request_key(None));
        assert_ne!(
            Principal::anonymous().request_key(Some("dana")),
            Principal::anonymous().request_key(None)
        );
    }

    #[test]
    fn roles_are_bound_as_they_must_be() {
        assert!(check_binding(Role::Tenant, false).is_err());
        assert!(check_binding(Role::Admin, true).is_err());
        for (role, bound) in
            [(Role::Tenant, true), (Role::Admin, false), (Role::Ingest, true), (Role::Worker, false)]
        {
            assert_eq!(check_binding(role, bound), Ok(()));
        }
    }
}
