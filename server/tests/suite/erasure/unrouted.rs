//! Unrouted calls: whose they are, and what comes again after an erasure.

use leadcapture_proto::v1::{
    CallDisposition, CreateTenantRequest, ExportCustomerRequest, RecordCallRequest, RemoveBusinessLineRequest,
};
use leadcapture_server::{
    clock::{Clock as _, ManualClock},
    storage::entities::{business_line, unrouted_call},
};
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, Set};
use uuid::Uuid;

use super::*;
use crate::support::{
    calls::{LINE, before, missed, mobile},
    database::{TestDatabase, both_engines},
    dump::telling,
    server::{TestServer, noon},
};

/// A number that is nobody's.
const NEW_LINE: &str = "0779990001";

/// A call to [`NEW_LINE`] whose record names this tenant, or nobody.
fn waiting(id: &str, tenant: Option<&Tenant>, clock: &ManualClock) -> RecordCallRequest {
    RecordCallRequest {
        business_phone: NEW_LINE.to_owned(),
        tenant_id: tenant.map(|tenant| tenant.id.clone()).unwrap_or_default(),
        queue_name: tenant.map(|tenant| format!("queue of {}", tenant.name)),
        ..missed(id, &mobile(1), before(clock.now(), 60))
    }
}

async fn unrouted(client: &Client, call: RecordCallRequest) {
    assert_eq!(client.disposition(call).await, CallDisposition::Unrouted);
}

async fn exported(client: &Client, tenant: &Tenant) -> String {
    let request = ExportCustomerRequest { tenant_id: tenant.id.clone(), phone: mobile(1) };
    client.leads().export_customer(request).await.unwrap().into_inner().json
}

async fn two_tenants(db: &TestDatabase, clock: &ManualClock) -> (TestServer, Tenant, Tenant) {
    let server = TestServer::start_at(db, clock).await;
    let tenant = server.tenant_with_line(LINE).await;
    let other = server.create_tenant("Other Plumbing").await;
    (server, tenant, other)
}

both_engines! {
    async fn a_call_that_names_a_tenant_is_that_tenants(db: TestDatabase) {
        let clock = noon();
        let (server, tenant, other) = two_tenants(&db, &clock).await;
        // The same id of the exchange: what one tenant reports is not in the way of another.
        unrouted(&server, waiting("1", Some(&other), &clock)).await;
        unrouted(&server, waiting("1", Some(&tenant), &clock)).await;
        unrouted(&server, waiting("1", Some(&tenant), &clock)).await;
        assert_eq!(server.unrouted_calls().await.len(), 2);
        for (of, not_of) in [(&tenant, &other), (&other, &tenant)] {
            let json = exported(&server, of).await;
            assert!(json.contains(&format!("queue of {}", of.name)) && !json.contains(&not_of.name), "{json}");
        }
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [0, 0, 1, 0]);
        assert!(exported(&server, &other).await.contains("queue of Other Plumbing"));
        assert_eq!(server.add_line(&other, NEW_LINE).await.1, 1);
        assert_eq!(server.all_leads(&other).await.len(), 1);
    }

    async fn a_call_that_names_another_than_the_owner_stays_the_named_ones(db: TestDatabase) {
        let clock = noon();
        let (server, tenant, other) = two_tenants(&db, &clock).await;
        unrouted(&server, waiting("1", Some(&other), &clock)).await;
        assert_eq!(server.add_line(&tenant, NEW_LINE).await.1, 0, "it does not wait for this tenant");
        assert!(!exported(&server, &tenant).await.contains("queue of"));
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [0; 4]);
        assert_eq!(erased(&server, &other, &mobile(1)).await, [0, 0, 1, 0]);
        assert!(telling(&db, &[&digits(1)]).await.is_empty());
    }

    async fn a_call_to_a_number_of_nobody_goes_with_whoever_erases_first(db: TestDatabase) {
        let clock = noon();
        let (server, tenant, _) = two_tenants(&db, &clock).await;
        unrouted(&server, waiting("1", None, &clock)).await;
        assert!(exported(&server, &tenant).await.contains("\"unrouted_calls\":[]"));
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [0, 0, 1, 0]);
    }

    async fn the_owner_at_the_time_of_the_call_counts(db: TestDatabase) {
        let clock = noon();
        let (server, tenant, other) = two_tenants(&db, &clock).await;
        let (line, _) = server.add_line(&other, NEW_LINE).await;
        let in_others_time = clock.now();
        clock.advance(chrono::TimeDelta::minutes(1));
        let remove = RemoveBusinessLineRequest {
            tenant_id: other.id.clone(),
            business_line_id: line.id,
            ..Default::default()
        };
        server.tenants().remove_business_line(remove).await.unwrap();
        let released = clock.now();
        clock.advance(chrono::TimeDelta::hours(1));
        unrouted(&server, waiting("1", None, &clock)).await;
        // The tenant has the line now, and the sweep has not come by yet.
        let connection = db.connect().await;
        let rows = business_line::Entity::find().all(&connection).await.unwrap();
        let own = rows.into_iter().find(|row| row.tenant_id.to_string() == tenant.id).unwrap();
        let line = business_line::ActiveModel {
            id: Set(Uuid::from_u128(6)),
            phone: Set("+972779990001".into()),
            calls_since: Set(Some(released)),
            ..own.into()
        };
        line.insert(&connection).await.unwrap();
        let held = async |tenant: &Tenant| {
            let json: serde_json::Value = serde_json::from_str(&exported(&server, tenant).await).unwrap();
            json["unrouted_calls"].as_array().unwrap().len()
        };
        assert_eq!((held(&tenant).await, held(&other).await), (1, 0));
        assert_eq!(erased(&server, &other, &mobile(1)).await, [0; 4], "it is the present owner's");
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [0, 0, 1, 0]);

        // One from the time of the owner before is not the present owner's.
        let elsewhere = RecordCallRequest { business_phone: "0779990002".to_owned(), ..waiting("2", None, &clock) };
        unrouted(&server, elsewhere).await;
        let early = unrouted_call::ActiveModel {
            business_phone: Set("+972779990001".to_owned().into()),
            called_at: Set(in_others_time),
            ..Default::default()
        };
        unrouted_call::Entity::update_many().set(early).exec(&connection).await.unwrap();
        assert_eq!((held(&tenant).await, held(&other).await), (0, 1));
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [0; 4]);
        assert_eq!(erased(&server, &other, &mobile(1)).await, [0, 0, 1, 0]);
    }

    async fn one_that_comes_again_after_the_erasure_is_not_kept(db: TestDatabase) {
        let clock = noon();
        let (server, tenant, other) = two_tenants(&db, &clock).await;
        let call = waiting("1", Some(&tenant), &clock);
        unrouted(&server, call.clone()).await;
        clock.advance(chrono::TimeDelta::minutes(1));
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [0, 0, 1, 0]);
        unrouted(&server, call.clone()).await;
        assert!(telling(&db, &[&digits(1)]).await.is_empty());
        // Another tenant's customer is somebody else, and a call from after the erasure is kept.
        unrouted(&server, waiting("2", Some(&other), &clock)).await;
        clock.advance(chrono::TimeDelta::minutes(5));
        unrouted(&server, waiting("3", Some(&tenant), &clock)).await;
        assert_eq!(server.unrouted_calls().await.len(), 2);
        // In touch again, the customer is still not told of what was before.
        server.record(missed("4", &mobile(1), clock.now())).await;
        unrouted(&server, call).await;
        assert_eq!(server.unrouted_calls().await.len(), 2);
    }

    async fn numbers_are_read_as_the_named_tenant_writes_them(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let request =
            CreateTenantRequest { name: "Abroad".to_owned(), region: "GB".to_owned(), ..Default::default() };
        let tenant = server.tenants().create_tenant(request).await.unwrap().into_inner().tenant.unwrap();
        let call = RecordCallRequest {
            business_phone: "+442079460000".to_owned(),
            tenant_id: tenant.id.clone(),
            ..missed("1", "07700900123", before(clock.now(), 60))
        };
        unrouted(&server, call).await;
        assert_eq!(erased(&server, &tenant, "07700900123").await, [0, 0, 1, 0]);
        assert!(telling(&db, &["7700900123"]).await.is_empty());
    }
}
