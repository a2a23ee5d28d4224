//! Erasures beside calls of the same phone.

use leadcapture_proto::v1::{CallDisposition, CaptureLeadRequest, RecordCallRequest};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use super::*;
use crate::support::{
    calls::{LINE, before, missed, mobile, mobile_e164},
    database::{Engine, TestDatabase, both_engines},
    dump::{rows, telling, waiting_for_locks},
    leads::capture,
    race::{at_once, servers},
    server::{TestServer, present},
};

enum Step {
    Call(Box<RecordCallRequest>),
    Erase,
}

/// A record that comes again with another number while the customer of the first is erased.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_under_another_number_writes_nothing_back() {
    // SQLite has one writer at a time.
    let db = TestDatabase::new(Engine::Postgres).await;
    let server = TestServer::start(&db).await;
    let tenant = server.tenant_with_line(LINE).await;
    let call = RecordCallRequest {
        representative_name: Some("Yossi Cohen".to_owned()),
        ..missed("1", &mobile(1), before(present(), 600))
    };
    server.record(call.clone()).await;
    let request = CaptureLeadRequest {
        request_id: uuid::Uuid::from_u128(1).to_string(),
        ..capture(&tenant, &mobile(1))
    };
    server.leads().capture_lead(request).await.unwrap();
    // Holds the erasure up after it has blanked the calls.
    let connection = db.connect().await;
    let hold = connection.begin().await.unwrap();
    hold.execute_unprepared("SELECT 1 FROM idempotency_records FOR UPDATE").await.unwrap();
    let (client, of) = ((*server).clone(), tenant.clone());
    let erasing = tokio::spawn(async move { erased(&client, &of, &mobile(1)).await });
    waiting_for_locks(&db, 1).await;
    let client = (*server).clone();
    let again = RecordCallRequest {
        customer_phone: "anonymous".to_owned(),
        recording_url: Some("https://recordings.example/1".to_owned()),
        ..call
    };
    let again = tokio::spawn(async move { client.record(again).await });
    waiting_for_locks(&db, 2).await;
    hold.rollback().await.unwrap();
    assert_eq!(erasing.await.unwrap(), [1, 1, 0, 1]);
    assert_eq!(again.await.unwrap().disposition(), CallDisposition::Duplicate);
    let told = telling(&db, &["Yossi", "recordings.example"]).await;
    assert!(told.is_empty(), "{told:#?}");
}

/// A record that names its tenant comes again while its customer is erased.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unrouted_record_beside_an_erasure_is_not_kept() {
    let db = TestDatabase::new(Engine::Postgres).await;
    let server = TestServer::start(&db).await;
    let tenant = server.tenant_with_line(LINE).await;
    let request = CaptureLeadRequest {
        request_id: uuid::Uuid::from_u128(1).to_string(),
        ..capture(&tenant, &mobile(1))
    };
    server.leads().capture_lead(request).await.unwrap();
    // Holds the erasure up after it has deleted the unrouted calls.
    let connection = db.connect().await;
    let hold = connection.begin().await.unwrap();
    hold.execute_unprepared("SELECT 1 FROM idempotency_records FOR UPDATE").await.unwrap();
    let (client, of) = ((*server).clone(), tenant.clone());
    let erasing = tokio::spawn(async move { erased(&client, &of, &mobile(1)).await });
    waiting_for_locks(&db, 1).await;
    let client = (*server).clone();
    let call = RecordCallRequest {
        business_phone: "0779990001".to_owned(),
        tenant_id: tenant.id.clone(),
        ..missed("1", &mobile(1), before(present(), 600))
    };
    let again = tokio::spawn(async move { client.record(call).await });
    waiting_for_locks(&db, 2).await;
    hold.rollback().await.unwrap();
    erasing.await.unwrap();
    assert_eq!(again.await.unwrap().disposition(), CallDisposition::Unrouted);
    let told = telling(&db, &[&digits(1)]).await;
    assert!(told.is_empty(), "{told:#?}");
}

both_engines! {
    async fn old_calls_beside_erasures_leave_no_trace(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].tenant_with_line(LINE).await;
        let now = present();
        for round in 0..5 {
            let phone = mobile(1);
            let steps: Vec<_> = (0..32_i64)
                .map(|n| match n % 8 {
                    7 => Step::Erase,
                    _ => Step::Call(Box::new(missed(&format!("{round}-{n}"), &phone, before(now, 600 + n)))),
                })
                .collect();
            at_once(&servers, steps, |client, step| {
                let tenant = tenant.clone();
                async move {
                    match step {
                        Step::Call(call) => drop(client.record(*call).await),
                        Step::Erase => drop(erased(&client, &tenant, &mobile(1)).await),
                    }
                }
            })
            .await;
            let told = telling(&db, &[&digits(1)]).await;
            assert!(told.is_empty(), "{told:#?}");
        }
        assert_eq!(servers[0].all_leads(&tenant).await, []);
        assert_eq!(servers[0].all_missed_calls(&tenant).await.len(), 5 * 28);
        let customers = rows(&db).await.into_iter().filter(|row| row.table == "customers").count();
        assert_eq!(customers, 1, "one row of the erased customer");
    }

    async fn new_calls_beside_an_erasure_make_one_lead(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].tenant_with_line(LINE).await;
        servers[0].leads().capture_lead(capture(&tenant, &mobile(1))).await.unwrap();
        suppress(&servers[0], &tenant, &mobile(1)).await;
        erased(&servers[0], &tenant, &mobile(1)).await;
        // They begin after the erasure before, and the one among them.
        let later = present() + chrono::TimeDelta::seconds(60);
        let calls: Vec<_> = (0..32).map(|n| missed(&n.to_string(), &mobile(1), later)).collect();
        let mut answers = at_once(&servers, calls, |client, call| async move { client.disposition(call).await }).await;
        answers.sort_unstable();
        assert_eq!(answers.iter().filter(|answer| **answer == CallDisposition::LeadCreated).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == CallDisposition::Attached).count(), 31, "{answers:?}");
        let leads = servers[0].all_leads(&tenant).await;
        assert_eq!((leads.len(), leads[0].call_count, &*leads[0].customer_phone), (1, 32, &*mobile_e164(1)));
        let customers: Vec<_> = rows(&db).await.into_iter().filter(|row| row.table == "customers").collect();
        assert_eq!(customers.len(), 1, "{customers:#?}");
        assert!(customers[0].tells("requested"), "the suppression came along: {customers:#?}");
    }
}
