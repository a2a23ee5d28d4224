//! An export shows one moment, whatever happens while it is read.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
    mpsc,
};
use std::{panic, sync::Arc};

use leadcapture_proto::v1::LeadStatus;
use leadcapture_server::{domain::phone::PhoneNumber, storage::Storage};

use super::*;
use crate::support::{
    leads::{moved, transition},
    server::{environment, scope, settings},
};

both_engines! {
    async fn a_lead_and_its_history_agree(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;

        // Stops after the leads were read until somebody has changed one.
        let mut storage = Storage::connect(&settings(&db).database, environment(clock)).await.unwrap();
        let (paused, mut is_paused) = tokio::sync::mpsc::unbounded_channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let (may_go_on, done) = (Arc::new(Mutex::new(may_go_on)), Arc::new(AtomicBool::new(false)));
        storage.observe_statements(move |info| {
            let is_leads = info.statement.sql.contains("FROM \"leads\"");
            if is_leads && !done.swap(true, Ordering::SeqCst) {
                paused.send(()).unwrap();
                tokio::task::block_in_place(|| may_go_on.lock().unwrap().recv().unwrap());
            }
        });
        let (tenant_scope, phone) = (scope(&tenant), PhoneNumber::from_e164(&mobile_e164(1)).unwrap());
        let export = tokio::spawn(async move { storage.export_customer(tenant_scope, &phone).await });
        is_paused.recv().await.unwrap();
        moved(&server, transition(&lead, LeadStatus::Contacted)).await.unwrap();
        go_on.send(()).unwrap();

        let during = match export.await {
            Ok(export) => serde_json::to_value(export.unwrap()).unwrap(),
            Err(error) => panic::resume_unwind(error.into_panic()),
        };
        let after = parsed(&exported(&server, &tenant, &mobile(1)).await);
        for (export, status, kinds) in
            [(during, "new", vec!["created"]), (after, "contacted", vec!["created", "status_changed"])]
        {
            let lead = &export["leads"][0];
            assert_eq!(lead["status"], status);
            let events = lead["events"].as_array().unwrap();
            assert_eq!(events.iter().map(|event| &event["kind"]).collect::<Vec<_>>(), kinds);
        }
    }
}
