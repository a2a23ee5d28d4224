//! Capturing: making, reopening and meeting again, and the opener that goes with it.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Capture, CaptureRequest, capture};
use crate::domain::{
    customer::{Customer, CustomerKey},
    details::LeadDetails,
    event::LeadEventKind,
    follow_up::{FollowUpKind, FollowUpStatus},
    lead::{Lead, LeadSource, LeadStatus, LostReason},
    phone::{PhoneNumber, Region},
    policy::TenantPolicy,
    recording::FreshIds,
    tenant::Tenant,
};

const TENANT: Uuid = Uuid::from_u128(1);
const MOBILE: &str = "+972501234567";
const LANDLINE: &str = "+97225551234";
const FRESH: FreshIds =
    FreshIds { missed_call: Uuid::from_u128(10), lead: Uuid::from_u128(11), opener: Uuid::from_u128(12) };
/// For a second capture.
const FRESHER: FreshIds =
    FreshIds { missed_call: Uuid::from_u128(20), lead: Uuid::from_u128(21), opener: Uuid::from_u128(22) };

/// A day, some days after the first.
fn day(number: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_366_400, 0).unwrap() + TimeDelta::days(number)
}

fn tenant() -> Tenant {
    Tenant {
        id: TENANT,
        name: "Locksmith".to_owned(),
        region: Region::ISRAEL,
        time_zone: chrono_tz::Asia::Jerusalem,
        policy: TenantPolicy::default(),
        version: 1,
        created_at: day(0),
        updated_at: day(0),
    }
}

fn customer(phone: &str) -> Customer {
    Customer {
        id: Uuid::from_u128(2),
        key: CustomerKey { tenant_id: TENANT, phone: PhoneNumber::from_e164(phone).unwrap() },
        last_answered_at: None,
        last_answered_call_id: None,
        answered_calls: Vec::new(),
        suppressed_at: None,
        do_not_contact_at: None,
        erased_at: None,
    }
}

fn named(name: &str) -> LeadDetails {
    LeadDetails { customer_name: Some(name.into()), ..LeadDetails::default() }
}

fn request<'a>(tenant: &'a Tenant, details: &'a LeadDetails, fresh: FreshIds) -> CaptureRequest<'a> {
    CaptureRequest {
        tenant,
        source: LeadSource::Website,
        details,
        schedule_opener: true,
        actor: "site",
        fresh,
    }
}

/// A lead captured without an opener on day 0 that went through `way`, one day after the other.
fn lead_after(way: &[LeadStatus], reason: Option<LostReason>) -> Lead {
    let (tenant, details) = (tenant(), LeadDetails::default());
    let request = CaptureRequest { schedule_opener: false, ..request(&tenant, &details, FRESH) };
    let mut lead = capture(&request, &customer(MOBILE), None, day(0)).lead;
    for (status, number) in way.iter().zip(1..) {
        lead.transition(*status, day(number)).unwrap();
    }
    lead.lost_reason = reason;
    lead
}

/// Captures again, with a name and a wish for an opener.
fn again(lead: &Lead, now: DateTime<Utc>) -> Capture {
    let (tenant, details) = (tenant(), named("Dana"));
    capture(&request(&tenant, &details, FRESHER), &customer(MOBILE), Some(lead.clone()), now)
}

#[test]
fn a_stranger_becomes_a_lead_with_an_opener() {
    let mut tenant = tenant();
    tenant.policy.opener_delay = TimeDelta::minutes(9);
    let details = named("Dana");
    let captured = capture(&request(&tenant, &details, FRESH), &customer(MOBILE), None, day(3));
    assert!(captured.created);
    let lead = &captured.lead;
    assert_eq!((lead.id, lead.tenant_id, lead.customer_phone.as_e164()), (FRESH.lead, TENANT, MOBILE));
    assert_eq!((lead.source, lead.status, lead.captured_at), (LeadSource::Website, LeadStatus::New, day(3)));
    assert_eq!((lead.version, lead.call_count, lead.last_call_at), (1, 0, None));
    assert_eq!((&lead.customer_name, lead.previous_lead_id), (&Some("Dana".into()), None));
    let event = captured.event.unwrap();
    assert_eq!((event.kind, event.lead_id), (LeadEventKind::Created, lead.id));
    assert_eq!((event.from_status, event.to_status), (None, Some(LeadStatus::New)));
    assert_eq!((event.actor.as_str(), event.reason.as_deref()), ("site", Some("website")));
    let opener = captured.opener.unwrap();
    assert_eq!((opener.id, opener.lead_id, opener.tenant_id), (FRESH.opener, lead.id, TENANT));
    assert_eq!(
        (opener.kind, opener.round, opener.status),
        (FollowUpKind::Opener, 1, FollowUpStatus::Pending)
    );
    assert_eq!(opener.due_at, day(3) + TimeDelta::minutes(9));
}

#[test]
fn an_opener_goes_only_to_whom_it_may() {
    let details = LeadDetails::default();
    let silent = |change: fn(&mut Customer)| {
        let mut customer = customer(MOBILE);
        change(&mut customer);
        customer
    };
    let suppressed = silent(|customer| customer.suppressed_at = Some(day(0)));
    let do_not_contact = silent(|customer| customer.do_not_contact_at = Some(day(0)));
    for (customer, wanted, non_mobile, expected) in [
        (customer(MOBILE), true, false, true),
        (customer(MOBILE), false, true, false),
        (customer(LANDLINE), true, false, false),
        (customer(LANDLINE), true, true, true),
        (suppressed, true, true, false),
        (do_not_contact, true, true, false),
    ] {
        let mut tenant = tenant();
        tenant.policy.opener_to_non_mobile = non_mobile;
        let request = CaptureRequest { schedule_opener: wanted, ..request(&tenant, &details, FRESH) };
        let captured = capture(&request, &customer, None, day(0));
        assert!(captured.created);
        assert_eq!(captured.opener.is_some(), expected, "{customer:?} {wanted} {non_mobile}");
    }
}

#[test]
fn an_open_lead_is_met_again_and_only_filled() {
    use LeadStatus::{Contacted, New, Qualified, Qualifying};
    for way in [&[][..], &[Qualifying], &[Qualified], &[Contacted]] {
        let lead = lead_after(way, None);
        let captured = again(&lead, day(9));
        assert!(!captured.created);
        let filled = Lead {
            customer_name: Some("Dana".into()),
            recaptured_at: Some(day(9)),
            opener_round: i32::from(lead.status == New),
            version: lead.version + 1,
            updated_at: day(9),
            ..lead.clone()
        };
        assert_eq!(captured.lead, filled);
        let event = captured.event.unwrap();
        assert_eq!(event.kind, LeadEventKind::Recaptured);
        assert_eq!((event.from_status, event.to_status), (None, None));
        // Only a new lead waits for its opener.
        assert_eq!(captured.opener.is_some(), lead.status == New, "{}", lead.status.name());
    }
}

#[test]
fn capturing_twice_is_only_asking_again() {
    let first = again(&lead_after(&[], None), day(2));
    let second = again(&first.lead, day(3));
    // No new version, but calls answered before this moment were about something else.
    let asked_again = Lead { recaptured_at: Some(day(3)), ..first.lead.clone() };
    assert_eq!(second, Capture { lead: asked_again, created: false, event: None, opener: None });
    assert_eq!((first.lead.last_asked_at(), second.lead.last_asked_at()), (day(2), day(3)));

    let (tenant, other) = (tenant(), named("Noa"));
    let renamed = capture(&request(&tenant, &other, FRESHER), &customer(MOBILE), Some(first.lead), day(4));
    assert_eq!(renamed.lead.customer_name, Some("Dana".into()), "a name is never overwritten");
    assert_eq!(renamed.event, None);
}

#[test]
fn a_silent_or_recently_lost_lead_is_reopened() {
    use LeadStatus::{Lost, New, Qualifying, Unresponsive};
    for (lead, now) in [
        (lead_after(&[Qualifying, Unresponsive], None), day(400)),
        (lead_after(&[Lost], Some(LostReason::Price)), day(1)),
        (lead_after(&[Lost], Some(LostReason::DoNotContact)), day(31)),
    ] {
        let captured = again(&lead, now);
        let reopened = &captured.lead;
        assert!(!captured.created);
        assert_eq!((reopened.id, reopened.status, reopened.lost_reason), (lead.id, New, None));
        assert_eq!((reopened.reopened_at, reopened.reopen_count), (Some(now), 1));
        assert_eq!(reopened.recaptured_at, Some(now));
        assert_eq!((reopened.version, reopened.captured_at), (lead.version + 1, lead.captured_at));
        assert_eq!(reopened.customer_name, Some("Dana".into()));
        let event = captured.event.unwrap();
        assert_eq!(event.kind, LeadEventKind::Reopened);
        assert_eq!((event.from_status, event.to_status), (Some(lead.status), Some(New)));
        assert_eq!(captured.opener.unwrap().round, 2, "each round has its own opener");
    }
}

#[test]
fn after_a_long_lost_or_converted_lead_comes_another() {
    use LeadStatus::{Contacted, Converted, Lost};
    for (lead, now) in [
        (lead_after(&[Lost], Some(LostReason::Price)), day(31) + TimeDelta::microseconds(1)),
        (lead_after(&[Contacted, Converted], None), day(2)),
        (lead_after(&[Contacted, Converted], None), day(400)),
    ] {
        let captured = again(&lead, now);
        assert!(captured.created);
        assert_eq!((captured.lead.id, captured.lead.previous_lead_id), (FRESHER.lead, Some(lead.id)));
        assert_eq!((captured.lead.captured_at, captured.lead.reopen_count), (now, 0));
        assert_eq!(captured.lead.recaptured_at, None);
        assert_eq!(captured.event.unwrap().kind, LeadEventKind::Created);
        assert_eq!(captured.opener.unwrap().round, 1);
    }
}
