//! Erasures beside calls of the same phone.

use leadcapture_proto::v1::{CallDisposition, RecordCallRequest};

use super::*;
use crate::support::{
    calls::{LINE, before, missed, mobile, mobile_e164},
    database::both_engines,
    dump::{rows, telling},
    leads::capture,
    race::{at_once, servers},
    server::present,
};

enum Step {
    Call(Box<RecordCallRequest>),
    Erase,
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
