//! `LeadService`: capturing, finding and listing leads.

mod listing;

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1::{
    CaptureLeadRequest, CaptureLeadResponse, CreateTenantRequest, FindLeadByPhoneRequest, GetLeadRequest,
    Lead, LeadSource, LeadStatus, LostReason, Tenant, TenantPolicy,
};
use leadcapture_server::{
    clock::Clock as _,
    storage::entities::{customer, enums, follow_up, lead},
};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, Set,
};
use tonic::Code;
use uuid::Uuid;

use crate::support::{
    calls::{mobile, mobile_e164, moment},
    client::Client,
    database::both_engines,
    problem::Problem,
    server::{TestServer, noon},
};

fn capture(tenant: &Tenant, phone: &str) -> CaptureLeadRequest {
    CaptureLeadRequest {
        tenant_id: tenant.id.clone(),
        source: LeadSource::Manual.into(),
        customer_phone: phone.to_owned(),
        ..CaptureLeadRequest::default()
    }
}

async fn captured(client: &Client, request: CaptureLeadRequest) -> CaptureLeadResponse {
    client.leads().capture_lead(request).await.unwrap().into_inner()
}

async fn get(client: &Client, lead: &Lead) -> Lead {
    let request = GetLeadRequest { tenant_id: lead.tenant_id.clone(), lead_id: lead.id.clone() };
    client.leads().get_lead(request).await.unwrap().into_inner().lead.unwrap()
}

fn uuid(text: &str) -> Uuid {
    text.parse().unwrap()
}

/// Puts a lead into a final or unresponsive status, as the lifecycle would at that time.
async fn close(db: &DatabaseConnection, lead: &Lead, status: enums::LeadStatus, at: DateTime<Utc>) {
    let mut row = lead::ActiveModel { id: Set(uuid(&lead.id)), status: Set(status), ..Default::default() };
    match status {
        enums::LeadStatus::Lost => {
            (row.lost_at, row.lost_reason) = (Set(Some(at)), Set(Some(enums::LostReason::Price)));
        }
        enums::LeadStatus::Converted => row.converted_at = Set(Some(at)),
        enums::LeadStatus::Unresponsive => row.unresponsive_at = Set(Some(at)),
        other => panic!("{other:?} is not closed"),
    }
    row.update(db).await.unwrap();
    let cancelled =
        follow_up::ActiveModel { status: Set(enums::FollowUpStatus::Cancelled), ..Default::default() };
    let of_lead = follow_up::Column::LeadId.eq(uuid(&lead.id));
    follow_up::Entity::update_many().set(cancelled).filter(of_lead).exec(db).await.unwrap();
}

async fn openers(db: &DatabaseConnection, lead: &Lead) -> Vec<follow_up::Model> {
    let of_lead = follow_up::Column::LeadId.eq(uuid(&lead.id));
    follow_up::Entity::find().filter(of_lead).order_by_asc(follow_up::Column::Id).all(db).await.unwrap()
}

both_engines! {
    async fn a_captured_lead_is_new_and_can_be_read_back(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Shop").await;
        let request = CaptureLeadRequest {
            source: LeadSource::Website.into(),
            customer_name: Some("דנה כהן".to_owned()),
            need: Some("A leaking tap".to_owned()),
            ..capture(&tenant, "052 000-0001")
        };
        let CaptureLeadResponse { lead, created } = captured(&server, request).await;
        let lead = lead.unwrap();
        assert!(created);
        assert_eq!((lead.status(), lead.source(), lead.lost_reason()), (LeadStatus::New, LeadSource::Website, LostReason::Unspecified));
        assert_eq!((lead.customer_phone.as_str(), lead.customer_phone_local.as_str()), (&*mobile_e164(1), "052-000-0001"));
        assert_eq!((lead.customer_name.as_deref(), lead.need.as_deref()), (Some("דנה כהן"), Some("A leaking tap")));
        assert_eq!((&lead.contact_preference, &lead.note, &lead.previous_lead_id), (&None, &None, &None));
        assert_eq!((lead.call_count, lead.reopen_count, lead.last_call_at), (0, 0, None));
        assert_eq!(moment(lead.captured_at), clock.now());
        assert!(!lead.etag.is_empty());
        let allowed = [LeadStatus::Qualifying, LeadStatus::Qualified, LeadStatus::Contacted, LeadStatus::Lost];
        assert_eq!(lead.allowed_transitions().collect::<Vec<_>>(), allowed);
        assert_eq!(get(&server, &lead).await, lead);
        assert!(openers(&db.connect().await, &lead).await.is_empty(), "no opener unless the request asks for it");
    }

    async fn an_open_lead_is_returned_with_its_empty_fields_filled(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.create_tenant("Shop").await;
        let request = CaptureLeadRequest { need: Some("A boiler".to_owned()), ..capture(&tenant, &mobile(1)) };
        let first = captured(&server, request).await.lead.unwrap();

        clock.advance(TimeDelta::hours(1));
        let request = CaptureLeadRequest {
            source: LeadSource::Website.into(),
            customer_name: Some("Dana".to_owned()),
            need: Some("Something else".to_owned()),
            note: Some("  ".to_owned()),
            ..capture(&tenant, "+972-52-0000001")
        };
        let second = captured(&server, request.clone()).await;
        assert!(!second.created);
        let second = second.lead.unwrap();
        assert_eq!((second.customer_name.as_deref(), second.need.as_deref()), (Some("Dana"), Some("A boiler")));
        assert_eq!((&second.note, second.source(), &second.id), (&None, LeadSource::Manual, &first.id));
        assert_eq!((second.captured_at, moment(second.updated_at)), (first.captured_at, clock.now()));
        assert_ne!(second.etag, first.etag);

        // With nothing to add, nothing changes.
        clock.advance(TimeDelta::hours(1));
        let third = captured(&server, request).await;
        assert_eq!((third.lead, third.created), (Some(second), false));
    }

    async fn an_unresponsive_or_recently_lost_lead_is_reopened(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let connection = db.connect().await;
        let tenant = server.create_tenant("Shop").await;
        for (number, status, age, reopened) in [
            (1, enums::LeadStatus::Unresponsive, TimeDelta::days(300), true),
            (2, enums::LeadStatus::Lost, TimeDelta::days(30), true),
            (3, enums::LeadStatus::Lost, TimeDelta::days(30) + TimeDelta::microseconds(1), false),
            (4, enums::LeadStatus::Converted, TimeDelta::zero(), false),
        ] {
            let first = captured(&server, capture(&tenant, &mobile(number))).await.lead.unwrap();
            close(&connection, &first, status, clock.now() - age).await;
            let request = CaptureLeadRequest { note: Some("again".to_owned()), ..capture(&tenant, &mobile(number)) };
            let CaptureLeadResponse { lead, created } = captured(&server, request).await;
            let lead = lead.unwrap();
            assert_eq!((lead.status(), lead.note.as_deref(), created), (LeadStatus::New, Some("again"), !reopened), "{number}");
            if reopened {
                assert_eq!((&lead.id, lead.lost_reason(), lead.reopen_count), (&first.id, LostReason::Unspecified, 1));
                assert_eq!(moment(lead.reopened_at), clock.now());
                assert_ne!(lead.etag, first.etag);
            } else {
                assert_eq!(lead.previous_lead_id.as_ref(), Some(&first.id));
                assert_eq!((lead.reopen_count, lead.reopened_at), (0, None));
            }
            assert_eq!(get(&server, &lead).await, lead);
        }
    }

    async fn an_opener_is_scheduled_only_when_asked_for_and_allowed(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let connection = db.connect().await;
        let tenant = server.create_tenant("Shop").await;
        let asking = |phone: &str| CaptureLeadRequest { schedule_opener: true, ..capture(&tenant, phone) };

        let plain = captured(&server, capture(&tenant, &mobile(1))).await.lead.unwrap();
        assert!(openers(&connection, &plain).await.is_empty());
        // Asking later for a lead that is still new schedules one, asking again does not.
        for _ in 0..2 {
            captured(&server, asking(&mobile(1))).await;
            let openers = openers(&connection, &plain).await;
            assert_eq!(openers.len(), 1);
            assert_eq!((openers[0].round, openers[0].due_at), (1, clock.now() + TimeDelta::minutes(2)));
        }
        // A reopened lead gets one of its new round.
        close(&connection, &plain, enums::LeadStatus::Lost, clock.now()).await;
        captured(&server, asking(&mobile(1))).await;
        let rounds: Vec<_> = openers(&connection, &plain).await.into_iter().map(|opener| opener.round).collect();
        assert!(rounds.contains(&2), "{rounds:?}");

        let landline = captured(&server, asking("03-1234567")).await.lead.unwrap();
        assert!(openers(&connection, &landline).await.is_empty(), "a landline takes no texts");

        let barred = captured(&server, capture(&tenant, &mobile(3))).await.lead.unwrap();
        let now = clock.now();
        let change = customer::ActiveModel {
            suppressed_at: Set(Some(now)),
            suppression_reason: Set(Some(enums::SuppressionReason::OptOut)),
            ..Default::default()
        };
        let of_phone = customer::Column::Phone.eq(mobile_e164(3));
        customer::Entity::update_many().set(change).filter(of_phone).exec(&connection).await.unwrap();
        captured(&server, asking(&mobile(3))).await;
        assert!(openers(&connection, &barred).await.is_empty(), "the phone is suppressed");

        let policy = Some(TenantPolicy { opener_to_non_mobile: true, ..TenantPolicy::default() });
        let request = CreateTenantRequest { name: "Other".to_owned(), policy, ..Default::default() };
        let other = server.tenants().create_tenant(request).await.unwrap().into_inner().tenant.unwrap();
        let request = CaptureLeadRequest { schedule_opener: true, ..capture(&other, "03-1234567") };
        let allowed = captured(&server, request).await.lead.unwrap();
        assert_eq!(openers(&connection, &allowed).await.len(), 1, "the policy allows it");
    }

    async fn a_lead_is_found_by_its_phone_in_any_format(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let connection = db.connect().await;
        let (tenant, other) = (server.create_tenant("Shop").await, server.create_tenant("Other").await);
        let find = async |tenant: &Tenant, phone: &str| {
            let request = FindLeadByPhoneRequest { tenant_id: tenant.id.clone(), phone: phone.to_owned() };
            server.leads().find_lead_by_phone(request).await
        };
        let first = captured(&server, capture(&tenant, &mobile(1))).await.lead.unwrap();
        for phone in ["0520000001", "052-000-0001", " (052) 000 0001", "+972 52 000 0001", "972520000001", "+972 (0)52-0000001"] {
            assert_eq!(find(&tenant, phone).await.unwrap().into_inner().lead.unwrap().id, first.id, "{phone}");
        }
        for (tenant, phone) in [(&other, mobile(1)), (&tenant, mobile(2))] {
            assert_eq!(Problem::of(find(tenant, &phone).await).kind(), (Code::NotFound, "LEAD_NOT_FOUND"));
        }
        // The latest of closed leads, but the open one before them all.
        close(&connection, &first, enums::LeadStatus::Converted, clock.now()).await;
        assert_eq!(find(&tenant, &mobile(1)).await.unwrap().into_inner().lead.unwrap().id, first.id);
        clock.advance(TimeDelta::days(1));
        let second = captured(&server, capture(&tenant, &mobile(1))).await.lead.unwrap();
        assert_eq!(find(&tenant, &mobile(1)).await.unwrap().into_inner().lead.unwrap().id, second.id);
        close(&connection, &second, enums::LeadStatus::Converted, clock.now()).await;
        assert_eq!(find(&tenant, &mobile(1)).await.unwrap().into_inner().lead.unwrap().id, second.id);
    }
}
