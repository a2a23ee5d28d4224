//! Which tenant a call belongs to.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    LINE, MOBILE, SECOND_LINE, answered, at, called_back, missed, phone,
    world::{TENANT, World, line, tenant},
};
use crate::domain::{
    call::{CallDirection, CallOutcome, CallRecord, Disposition},
    error::{Error, Resource},
    phone::Region,
    recording::{
        FreshIds, ReportedCall,
        routing::{CallKind, Directory, Route},
    },
    tenant::BusinessLine,
};

const OTHER: Uuid = Uuid::from_u128(99);
const OTHERS_LINE: &str = "08-600-0000";

/// What a route comes to: the tenant and customer of a routed call.
#[derive(Debug, PartialEq)]
enum To {
    Nobody,
    Unrouted,
    Foreign,
    Tenant(Uuid, Option<String>),
}

fn owned(
    tenant_id: Uuid,
    raw: &str,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
) -> BusinessLine {
    BusinessLine { calls_since: since, released_at: until, ..line(tenant_id, raw) }
}

fn two_tenants() -> Vec<BusinessLine> {
    vec![line(TENANT, LINE), line(TENANT, SECOND_LINE), line(OTHER, OTHERS_LINE)]
}

fn route_with(lines: Vec<BusinessLine>, record: CallRecord) -> Result<To, Error> {
    route_of(lines, record, false)
}

/// Where a call of a reporter goes that may report calls of the named tenant alone.
fn route_confined(record: CallRecord) -> Result<To, Error> {
    route_of(two_tenants(), record, true)
}

fn route_of(lines: Vec<BusinessLine>, record: CallRecord, confined: bool) -> Result<To, Error> {
    let fresh = FreshIds { missed_call: Uuid::nil(), lead: Uuid::nil(), opener: Uuid::nil() };
    let call = ReportedCall { record, received_at: at(60), actor: "adapter".into(), confined, fresh };
    let directory = Directory::new(lines, vec![tenant(TENANT), tenant(OTHER)]);
    Ok(match directory.route(&call, Region::ISRAEL)? {
        Route::Ignored => To::Nobody,
        Route::Unrouted => To::Unrouted,
        Route::Foreign => To::Foreign,
        Route::Routed(routed) => {
            assert_eq!(routed.is_answered(), call.record.outcome == CallOutcome::Answered);
            let customer = routed.customer.map(|key| {
                assert_eq!(key.tenant_id, routed.tenant.id);
                key.phone.as_e164().to_owned()
            });
            To::Tenant(routed.tenant.id, customer)
        }
    })
}

fn route(record: CallRecord) -> Result<To, Error> {
    route_with(two_tenants(), record)
}

fn dialled(business: &str, call: CallRecord) -> CallRecord {
    CallRecord { business_raw: business.into(), ..call }
}

fn named(tenant_id: Uuid, call: CallRecord) -> CallRecord {
    CallRecord { tenant_id: Some(tenant_id), ..call }
}

fn to(tenant_id: Uuid) -> To {
    To::Tenant(tenant_id, Some(phone(MOBILE).as_e164().to_owned()))
}

#[test]
fn the_dialled_number_finds_the_tenant_in_any_form() {
    for business in [LINE, "037000001", "+972-3-700-0001", "97237000001", "00972 3 7000001"] {
        for call in [missed("1", MOBILE, 0), answered("1", MOBILE, 0), called_back("1", MOBILE, 0)] {
            assert_eq!(route(dialled(business, call)).unwrap(), to(TENANT), "{business}");
        }
    }
    assert_eq!(route(dialled(OTHERS_LINE, missed("1", MOBILE, 0))).unwrap(), to(OTHER));
    for business in ["03-799-9999", "", "anonymous", "*2421", "201"] {
        assert_eq!(route(dialled(business, missed("1", MOBILE, 0))).unwrap(), To::Unrouted, "{business}");
    }
}

#[test]
fn a_line_without_its_tenant_is_no_line() {
    let stray = vec![line(Uuid::from_u128(500), LINE)];
    assert_eq!(route_with(stray, missed("1", MOBILE, 0)).unwrap(), To::Unrouted);
}

#[test]
fn calls_belong_to_the_owner_of_their_time() {
    let lines = || {
        vec![
            owned(TENANT, LINE, None, Some(at(10))),
            owned(OTHER, LINE, Some(at(20)), Some(at(30))),
            owned(TENANT, LINE, Some(at(40)), None),
        ]
    };
    for (minute, expected) in [
        (0, to(TENANT)),
        (9, to(TENANT)),
        (10, To::Unrouted),
        (19, To::Unrouted),
        (20, to(OTHER)),
        (29, to(OTHER)),
        (30, To::Unrouted),
        (40, to(TENANT)),
        (4_000, to(TENANT)),
    ] {
        for reversed in [false, true] {
            let mut lines = lines();
            if reversed {
                lines.reverse();
            }
            assert_eq!(route_with(lines, missed("1", MOBILE, minute)).unwrap(), expected, "{minute}");
        }
    }
}

#[test]
fn a_named_tenant_must_own_the_line() {
    for call in [missed("1", MOBILE, 0), answered("1", MOBILE, 0), called_back("1", MOBILE, 0)] {
        assert_eq!(route(named(TENANT, call.clone())).unwrap(), to(TENANT));
        let Err(Error::InvalidFields(violations)) = route(named(OTHER, call.clone())) else {
            panic!("the line is another tenant's")
        };
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["tenant_id"]);
        let nobody = named(Uuid::from_u128(500), call);
        assert!(matches!(route(nobody), Err(Error::NotFound(Resource::Tenant))));
    }
}

#[test]
fn a_named_tenant_must_have_owned_the_line_at_the_time() {
    let lines = || vec![owned(TENANT, LINE, None, Some(at(10))), owned(OTHER, LINE, Some(at(10)), None)];
    for (minute, owner, other) in [(9, TENANT, OTHER), (10, OTHER, TENANT)] {
        assert_eq!(route_with(lines(), named(owner, missed("1", MOBILE, minute))).unwrap(), to(owner));
        let refused = route_with(lines(), named(other, missed("1", MOBILE, minute)));
        assert!(matches!(refused, Err(Error::InvalidFields(_))), "{minute}");
    }
}

#[test]
fn an_outgoing_call_may_show_any_number_if_it_names_its_tenant() {
    for shown in ["03-799-9999", "", "anonymous", "201"] {
        let call = dialled(shown, called_back("1", MOBILE, 0));
        assert_eq!(route(named(OTHER, call.clone())).unwrap(), to(OTHER), "{shown}");
        assert_eq!(route(call).unwrap(), To::Unrouted, "{shown}");
        for incoming in [missed("1", MOBILE, 0), answered("1", MOBILE, 0)] {
            assert_eq!(route(named(OTHER, dialled(shown, incoming))).unwrap(), To::Unrouted, "{shown}");
        }
    }
    let mut world = World::new();
    world.record(missed("1", MOBILE, 0));
    let call = named(TENANT, dialled("anonymous", called_back("talk", MOBILE, 10)));
    assert_eq!(world.disposition(call), Disposition::Returned);
}

#[test]
fn a_business_does_not_become_its_own_customer() {
    for customer in [LINE, SECOND_LINE, "+97237000002", "97237000001"] {
        for call in [missed("1", customer, 0), answered("1", customer, 0), called_back("1", customer, 0)] {
            assert_eq!(route(call).unwrap(), To::Tenant(TENANT, None), "{customer}");
        }
    }
    // Another business is a customer like any other.
    let call = missed("1", OTHERS_LINE, 0);
    assert_eq!(route(call).unwrap(), To::Tenant(TENANT, Some(phone(OTHERS_LINE).as_e164().to_owned())));
}

#[test]
fn a_number_is_the_businesss_own_while_it_has_it() {
    let lines = |since, until| vec![line(TENANT, LINE), owned(TENANT, SECOND_LINE, since, until)];
    let customer = || Some(phone(SECOND_LINE).as_e164().to_owned());
    for (since, until, minute, expected) in [
        // Given up: own in calls from before, free afterwards.
        (None, Some(at(10)), 9, None),
        (None, Some(at(10)), 10, customer()),
        // A number that is a line now makes no lead, whoever had it at the time.
        (Some(at(10)), None, 9, None),
        (Some(at(10)), None, 10, None),
        (Some(at(10)), Some(at(20)), 5, customer()),
        (Some(at(10)), Some(at(20)), 15, None),
    ] {
        let call = missed("1", SECOND_LINE, minute);
        let expected = To::Tenant(TENANT, expected);
        assert_eq!(route_with(lines(since, until), call).unwrap(), expected, "{since:?} {until:?} {minute}");
    }
}

#[test]
fn extensions_are_nobody() {
    for customer in ["1", "12", "201", "4004", "*9", "#31#"] {
        assert_eq!(route(missed("1", customer, 0)).unwrap(), To::Tenant(TENANT, None), "{customer}");
    }
}

#[test]
fn the_customers_number_is_read_in_the_tenants_region() {
    let mut american = tenant(TENANT);
    american.region = "US".parse().unwrap();
    let directory = Directory::new(vec![line(TENANT, LINE)], vec![american]);
    let fresh = FreshIds { missed_call: Uuid::nil(), lead: Uuid::nil(), opener: Uuid::nil() };
    let record = missed("1", "(212) 555-0123", 0);
    let call = ReportedCall { record, received_at: at(60), actor: "adapter".into(), confined: false, fresh };
    // The line itself is written in the service's region.
    let Route::Routed(routed) = directory.route(&call, Region::ISRAEL).unwrap() else { panic!("unrouted") };
    assert_eq!(routed.customer.unwrap().phone.as_e164(), "+12125550123");
    assert_eq!(routed.kind, CallKind::Missed { line: phone(LINE) });
}

#[test]
fn a_confined_reporter_reaches_its_tenant_alone_and_learns_of_no_other() {
    let own = |call| named(TENANT, call);
    for call in [missed("1", MOBILE, 0), answered("1", MOBILE, 0)] {
        assert_eq!(route_confined(own(call.clone())).unwrap(), route(call.clone()).unwrap());
        assert_eq!(route_confined(own(dialled(OTHERS_LINE, call.clone()))).unwrap(), To::Foreign);
        assert_eq!(route_confined(own(dialled("03-799-9999", call.clone()))).unwrap(), To::Unrouted);
        assert!(route_confined(named(Uuid::from_u128(77), call)).is_err());
    }
    let outgoing = |business| {
        let call = CallRecord { direction: CallDirection::Outgoing, ..answered("1", MOBILE, 0) };
        route_confined(own(dialled(business, call))).unwrap()
    };
    assert_eq!(outgoing("anonymous"), to(TENANT));
    assert_eq!(outgoing(OTHERS_LINE), To::Foreign);
}

#[test]
fn internal_calls_go_nowhere_whatever_else_they_say() {
    let internal = |call| CallRecord { direction: CallDirection::Internal, ..call };
    for call in [missed("1", MOBILE, 0), answered("1", MOBILE, 0), dialled("201", missed("1", "202", 0))] {
        assert_eq!(route(internal(call.clone())).unwrap(), To::Nobody);
        assert_eq!(route(named(OTHER, internal(call))).unwrap(), To::Nobody);
    }
}
