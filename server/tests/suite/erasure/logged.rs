//! The log is the proof that a customer was erased, and does not say who it was.

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::support::{
    calls::{LINE, missed, mobile},
    database::both_engines,
    process::start_process,
    server::present,
    wait::until,
};

both_engines! {
    async fn the_log_tells_each_erasure_once(db: TestDatabase) {
        let server = start_process(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        server.record(missed("1", &mobile(1), present())).await;
        let repeated = Uuid::from_u128(1).to_string();
        for (number, request_id) in [(1, repeated.as_str()), (1, &repeated), (2, "")] {
            let request = EraseCustomerRequest { request_id: request_id.to_owned(), ..erase(&tenant, &mobile(number)) };
            try_erase(&server, request).await.unwrap();
        }
        let told = until("both erasures in the log", async || {
            let lines = server.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
            let told: Vec<Value> = lines.filter(|line| line["message"] == "a customer was erased").collect();
            (told.len() >= 2).then_some(told)
        })
        .await;
        let counts: Vec<_> = told.iter().map(|line| json!([line["leads"], line["missed_calls"]])).collect();
        assert_eq!(counts, [json!([1, 1]), json!([0, 0])]);
        for line in &told {
            assert_eq!((&line["tenant"], &line["actor"]), (&json!(tenant.id), &json!("anonymous")));
        }
    }
}
