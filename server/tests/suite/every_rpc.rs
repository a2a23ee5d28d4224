//! One row for each RPC of the API: what a good call, a bad tenant, an unknown id and another tenant's object are answered.
//!
//! An RPC without a row fails [`every_rpc_has_a_row`]; a new column is a field of [`Row`] that every row must give.

mod access;
mod rows;
mod world;

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Code;

use self::{
    rows::rows,
    world::{Failure, Target, World},
};
use crate::support::{database::both_engines, leaks::leak, server::TestServer, tokens::Tokens};

/// An id that nothing has.
const UNKNOWN_ID: &str = "0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f";

/// What is known of an RPC.
struct Row {
    /// Service and method.
    rpc: &'static str,
    /// How the request names its tenant.
    tenant: TenantField,
    /// What else the request names, and what is answered when the tenant has no such thing.
    object: Option<Object>,
    /// Sends a good request, but for what the target says.
    send: world::Send,
}

/// How a request names its tenant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TenantField {
    /// It has no such field.
    None,
    /// It must name one.
    Required,
    /// It may name one.
    Optional,
}

/// What a request names, beside its tenant.
#[derive(Clone, Copy)]
struct Object {
    /// The field.
    field: &'static str,
    /// Which of the things of [`World`] it names.
    kind: Kind,
    /// The reason of the answer when there is no such thing.
    reason: &'static str,
}

/// The things that a request may name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Line,
    Lead,
    LeadPhone,
    MissedCall,
    CallId,
    Conversation,
    Thread,
    FollowUp,
    SuppressedPhone,
}

impl Kind {
    /// A name of this kind that nothing has.
    fn unknown(self) -> &'static str {
        match self {
            Self::Line | Self::Lead | Self::MissedCall | Self::Conversation | Self::FollowUp => UNKNOWN_ID,
            Self::LeadPhone | Self::SuppressedPhone => "0529999999",
            Self::CallId => "no-such-call",
            Self::Thread => "no-such-thread",
        }
    }

    /// A name that nothing of this kind can have.
    fn malformed(self) -> &'static str {
        match self {
            Self::Line | Self::Lead | Self::MissedCall | Self::Conversation | Self::FollowUp => "7",
            Self::LeadPhone | Self::SuppressedPhone => "nobody",
            Self::CallId | Self::Thread => "\0",
        }
    }
}

/// All methods of the API, as `Service/Method`.
fn methods() -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(leadcapture_proto::FILE_DESCRIPTOR_SET).unwrap();
    let services =
        set.file.iter().filter(|file| file.package() == "leadcapture.v1").flat_map(|file| &file.service);
    services
        .flat_map(|service| {
            service.method.iter().map(move |method| format!("{}/{}", service.name(), method.name()))
        })
        .collect()
}

#[test]
fn every_rpc_has_a_row() {
    let rows: BTreeSet<_> = rows().iter().map(|row| row.rpc.to_owned()).collect();
    let methods = methods();
    assert_eq!(methods.len(), 34, "{methods:?}");
    assert_eq!(methods.difference(&rows).collect::<Vec<_>>(), Vec::<&String>::new(), "these have no row");
    assert_eq!(rows.difference(&methods).collect::<Vec<_>>(), Vec::<&String>::new(), "these are no methods");
}

/// Sends the row's request to a target, and checks the answer.
async fn expect(
    row: &Row,
    world: &World,
    target: &Target,
    case: &str,
    expected: Result<(), (Code, &str, &[&str])>,
) {
    let expected = expected.map_err(|(code, reason, fields)| Failure {
        code,
        reason: reason.to_owned(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    });
    let answered = (row.send)(world.client(), target.clone()).await;
    assert_eq!(answered.result, expected, "{} with {case}", row.rpc);
}

both_engines! {
    async fn a_good_call_of_an_admin_succeeds_and_leaves_nothing_personal_in_metrics(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let admin = server.with_token(&Tokens::of(&db).await.admin().await);
        for row in rows() {
            let world = World::of_one(&admin).await;
            expect(&row, &world, &world.own(&row), "a good request", Ok(())).await;
        }
        let url = format!("http://{}/metrics", server.metrics_address());
        let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
        assert!(metrics.contains("leadcapture_"), "{metrics}");
        for line in metrics.lines() {
            assert_eq!(leak(line), None, "a metric shows it: {line}");
        }
    }

    async fn a_bad_tenant_is_named_and_an_unknown_one_not_found(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let world = World::new(&server).await;
        for row in rows().iter().filter(|row| row.tenant != TenantField::None) {
            let target = |tenant_id: &str| Target { tenant_id: tenant_id.to_owned(), ..world.own(row) };
            let bad = Err((Code::InvalidArgument, "INVALID_FIELDS", ["tenant_id"].as_slice()));
            expect(row, &world, &target("7"), "a tenant id that is no UUID", bad).await;
            if row.tenant == TenantField::Required {
                expect(row, &world, &target(""), "no tenant id", bad).await;
            }
            let unknown = Err((Code::NotFound, "TENANT_NOT_FOUND", [].as_slice()));
            expect(row, &world, &target(UNKNOWN_ID), "a tenant id that nothing has", unknown).await;
        }
    }

    async fn objects_are_found_by_their_own_tenant_only(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let world = World::new(&server).await;
        for row in rows() {
            let Some(object) = row.object else { continue };
            let target = |name: &str| Target { object: name.to_owned(), ..world.own(&row) };
            let missing = Err((Code::NotFound, object.reason, [].as_slice()));
            expect(&row, &world, &target(object.kind.unknown()), "a name that nothing has", missing).await;
            expect(&row, &world, &target(&world.foreign(&row).object), "another tenant's object", missing).await;
            let crossed = Target { tenant_id: world.foreign(&row).tenant_id, ..world.own(&row) };
            expect(&row, &world, &crossed, "another tenant", missing).await;
            let fields = [object.field];
            let bad = Err((Code::InvalidArgument, "INVALID_FIELDS", fields.as_slice()));
            expect(&row, &world, &target(object.kind.malformed()), "a name that nothing can have", bad).await;
        }
        // Nothing above did anything.
        for row in rows() {
            let world = World::new(&server).await;
            expect(&row, &world, &world.own(&row), "a good request", Ok(())).await;
        }
    }
}
