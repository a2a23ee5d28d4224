//! Which role may call which RPC: the one place that says so.
//!
//! An RPC that is not here is nobody's, and a test fails.

use std::{collections::HashMap, str::FromStr, sync::LazyLock};

use serde::Deserialize;

use crate::domain::access::Role::{self, Admin, Ingest, Tenant, Worker};

/// The RPCs, as `Service/Method` within `leadcapture.v1`, and the roles that may call them.
pub const ROLES: &[(&str, &[Role])] = &[
    ("TenantService/CreateTenant", &[Admin]),
    ("TenantService/GetTenant", &[Admin]),
    ("TenantService/ListTenants", &[Admin]),
    ("TenantService/UpdateTenant", &[Admin]),
    ("TenantService/DeleteTenant", &[Admin]),
    ("TenantService/AddBusinessLine", &[Admin]),
    ("TenantService/RemoveBusinessLine", &[Admin]),
    ("TenantService/ListBusinessLines", &[Admin]),
    ("MissedCallService/RecordCall", &[Admin, Tenant, Ingest]),
    ("MissedCallService/BatchRecordCalls", &[Admin, Tenant, Ingest]),
    ("MissedCallService/GetMissedCall", &[Admin, Tenant]),
    ("MissedCallService/ListMissedCalls", &[Admin, Tenant]),
    ("MissedCallService/ListUnroutedCalls", &[Admin]),
    ("LeadService/CaptureLead", &[Admin, Tenant]),
    ("LeadService/GetLead", &[Admin, Tenant]),
    ("LeadService/FindLeadByPhone", &[Admin, Tenant]),
    ("LeadService/ListLeads", &[Admin, Tenant]),
    ("LeadService/UpdateLead", &[Admin, Tenant]),
    ("LeadService/QualifyLead", &[Admin, Tenant]),
    ("LeadService/TransitionLead", &[Admin, Tenant]),
    ("LeadService/ListLeadEvents", &[Admin, Tenant]),
    ("LeadService/EraseCustomer", &[Admin, Tenant]),
    ("LeadService/ExportCustomer", &[Admin, Tenant]),
    ("ConversationService/StartConversation", &[Admin, Tenant, Worker]),
    ("ConversationService/GetConversation", &[Admin, Tenant, Worker]),
    ("ConversationService/RecordReply", &[Admin, Tenant, Worker]),
    ("ConversationService/CloseConversation", &[Admin, Tenant, Worker]),
    ("ConversationService/ClaimFollowUps", &[Admin, Tenant, Worker]),
    ("ConversationService/CompleteFollowUp", &[Admin, Tenant, Worker]),
    ("ConversationService/FailFollowUp", &[Admin, Tenant, Worker]),
    ("ConversationService/ListFollowUps", &[Admin, Tenant, Worker]),
    ("ConversationService/AddSuppression", &[Admin, Tenant]),
    ("ConversationService/RemoveSuppression", &[Admin, Tenant]),
    ("ConversationService/ListSuppressions", &[Admin, Tenant, Worker]),
];

/// Who may ask the server which services and messages it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reflection {
    /// Anybody.
    Open,
    /// Whoever has a good token, of any role.
    #[default]
    Authenticated,
    /// Nobody: it is not served.
    Off,
}

impl FromStr for Reflection {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "open" => Ok(Self::Open),
            "authenticated" => Ok(Self::Authenticated),
            "off" => Ok(Self::Off),
            _ => Err("must be open, authenticated or off".to_owned()),
        }
    }
}

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Anybody, without a token.
    Open,
    /// Whoever has a good token.
    Authenticated,
    /// Whoever has a good token of one of these roles.
    Roles(&'static [Role]),
}

const OWN: &str = "/leadcapture.v1.";
const HEALTH: &str = "/grpc.health.v1.Health/";
const REFLECTION: &[&str] =
    &["/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

/// The rule of the method at `path`.
pub(super) fn rule(path: &str, reflection: Reflection) -> Rule {
    static TABLE: LazyLock<HashMap<&str, &[Role]>> = LazyLock::new(|| ROLES.iter().copied().collect());
    if let Some(method) = path.strip_prefix(OWN) {
        // A method that does not exist is answered by the router, to whoever may ask at all.
        return TABLE.get(method).map_or(Rule::Authenticated, |roles| Rule::Roles(roles));
    }
    let is_reflection = || REFLECTION.iter().any(|service| path.starts_with(service));
    if path.starts_with(HEALTH) || (reflection == Reflection::Open && is_reflection()) {
        return Rule::Open;
    }
    Rule::Authenticated
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_rpc_is_in_the_table_once() {
        let set = FileDescriptorSet::decode(leadcapture_proto::FILE_DESCRIPTOR_SET).unwrap();
        let services =
            set.file.iter().filter(|file| file.package() == "leadcapture.v1").flat_map(|file| &file.service);
        let methods: BTreeSet<_> = services
            .flat_map(|service| {
                service.method.iter().map(|method| format!("{}/{}", service.name(), method.name()))
            })
            .collect();
        let table: Vec<_> = ROLES.iter().map(|(method, _)| (*method).to_owned()).collect();
        assert_eq!(table.iter().cloned().collect::<BTreeSet<_>>(), methods);
        assert_eq!(table.len(), methods.len(), "no RPC is there twice");
        for (method, roles) in ROLES {
            assert!(roles.contains(&Role::Admin), "an admin may call everything, and {method} too");
            assert_eq!(rule(&format!("/leadcapture.v1.{method}"), Reflection::Open), Rule::Roles(roles));
        }
    }

    #[test]
    fn what_is_not_in_the_table_needs_a_token_at_least() {
        for path in
            ["", "/", "/leadcapture.v1.LeadService/Steal", "/leadcapture.v1.", "/other/Method", "GetLead"]
        {
            assert_eq!(rule(path, Reflection::Open), Rule::Authenticated, "{path}");
        }
        assert_eq!(rule("/grpc.health.v1.Health/Check", Reflection::Off), Rule::Open);
        for service in REFLECTION {
            let path = format!("{service}ServerReflectionInfo");
            assert_eq!(rule(&path, Reflection::Open), Rule::Open);
            assert_eq!(rule(&path, Reflection::Authenticated), Rule::Authenticated);
        }
    }
}
