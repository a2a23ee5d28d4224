//! An export of a phone with very much: complete up to a size, and then the newest of it.

use leadcapture_proto::v1::LeadStatus;
use leadcapture_server::{domain::phone::PhoneNumber, storage::Storage};

use super::*;
use crate::support::{
    database::TestDatabase,
    leads::walked,
    server::{environment, scope, settings},
};

const CALLS: i64 = 450;

/// The export of the first phone by a server that makes none above `bytes`.
async fn limited(db: &TestDatabase, tenant: &Tenant, bytes: usize) -> String {
    let mut settings = settings(db).database;
    settings.export_bytes = bytes;
    let storage = Storage::connect(&settings, environment(noon())).await.unwrap();
    let phone = PhoneNumber::from_e164(&mobile_e164(1)).unwrap();
    let export = storage.export_customer(scope(tenant), &phone).await.unwrap();
    storage.close().await;
    serde_json::to_string(&export).unwrap()
}

fn list<'a>(export: &'a Value, name: &str) -> &'a [Value] {
    export[name].as_array().unwrap()
}

both_engines! {
    async fn many_calls_are_exported_whole_or_the_newest_of_them(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let calls = (0..CALLS).map(|n| missed(&format!("call-{n}"), &mobile(1), before(clock.now(), n + 20)));
        server.record_batch(calls.collect()).await.unwrap();
        let lead = server.all_leads(&tenant).await.remove(0);
        walked(&server, lead, &[LeadStatus::Lost, LeadStatus::New, LeadStatus::Lost]).await;

        let whole = exported(&server, &tenant, &mobile(1)).await;
        let export = parsed(&whole);
        assert_eq!(export["truncated"], json!([]));
        let ids: Vec<_> = list(&export, "missed_calls").iter().map(|call| call["call_id"].as_str().unwrap()).collect();
        assert_eq!(ids, (0..CALLS).map(|n| format!("call-{n}")).collect::<Vec<_>>());
        let whole_events = list(&export["leads"][0], "events");
        assert!(whole_events.len() > usize::try_from(CALLS).unwrap());
        let smallest = limited(&db, &tenant, 1).await.len();

        for part in 0..=10 {
            let limit = (whole.len() + 400) * part / 10;
            let json = limited(&db, &tenant, limit).await;
            assert!(json.len() <= limit.max(smallest), "{} bytes of {limit}", json.len());
            let cut = parsed(&json);
            let truncated: Vec<_> = list(&cut, "truncated").iter().map(|name| name.as_str().unwrap()).collect();
            let (calls, all) = (list(&cut, "missed_calls"), list(&export, "missed_calls"));
            assert_eq!(calls, &all[..calls.len()], "the newest");
            assert_eq!(calls.len() < all.len(), truncated.contains(&"missed_calls"), "{truncated:?}");
            let Some(lead) = list(&cut, "leads").first() else {
                assert!(truncated.contains(&"leads"), "{truncated:?}");
                continue;
            };
            let events = list(lead, "events");
            assert_eq!(events, &whole_events[whole_events.len() - events.len()..], "the newest");
            assert_eq!(events.len() < whole_events.len(), truncated.contains(&"leads.events"), "{truncated:?}");
            assert_eq!(truncated.is_empty(), part == 10, "{truncated:?}");
        }
    }
}
