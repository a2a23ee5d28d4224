//! Calls while their line is added, or their tenant deleted.

use leadcapture_proto::v1::{
    CallDisposition, DeleteTenantRequest, RecordCallRequest, RemoveBusinessLineRequest,
};

use super::{at_once, dispositions, servers};
use crate::support::{
    calls::{LINE, before, missed, mobile},
    database::both_engines,
    process::start_process,
    rows::recorded_rows,
    server::present,
    wait::until,
};

/// Sixty calls of twenty phones, and `None` in their middle for the other thing that happens.
fn sixty_calls() -> Vec<Option<RecordCallRequest>> {
    let now = present();
    let call = |n: u32| Some(missed(&n.to_string(), &mobile(n % 20), before(now, n.into())));
    let mut steps: Vec<_> = (0..60).map(call).collect();
    steps.insert(30, None);
    steps
}

both_engines! {
    async fn calls_that_come_with_their_line_are_all_recorded(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].create_tenant("Demo Plumbing").await;
        let answers = at_once(&servers, sixty_calls(), |client, step| {
            let tenant = tenant.clone();
            async move {
                let Some(call) = step else {
                    client.add_line(&tenant, LINE).await;
                    return None;
                };
                Some(client.record(call).await)
            }
        })
        .await;
        assert_eq!(answers.iter().flatten().count(), 60);

        // What came a moment too early for the line and too late for its replay waits for the sweep of a server that starts.
        drop(servers);
        let server = start_process(&db).await;
        until("the sweep", async || {
            server.unrouted_calls().await.is_empty().then_some(())
        })
        .await;
        assert_eq!(server.all_missed_calls(&tenant).await.len(), 60);
        let leads = server.all_leads(&tenant).await;
        assert_eq!(leads.len(), 20);
        assert!(leads.iter().all(|lead| lead.call_count == 3), "{leads:?}");
    }

    async fn a_line_that_moves_takes_no_calls_of_its_old_owner_along(db: TestDatabase) {
        let servers = servers(&db).await;
        let mut line = None;
        for round in 0..30 {
            let owner = servers[0].create_tenant(&format!("Owner {round}")).await;
            let Some(old) = line.take() else {
                line = Some(servers[0].add_line(&owner, LINE).await.0);
                continue;
            };
            // The number is taken away while the next owner asks for it.
            let release = RemoveBusinessLineRequest {
                tenant_id: old.tenant_id,
                business_line_id: old.id,
                ..RemoveBusinessLineRequest::default()
            };
            let mut steps = vec![None; 8];
            steps.insert(3, Some(release));
            let lines = at_once(&servers, steps, |client, step| {
                let owner = owner.clone();
                async move {
                    let Some(release) = step else { return client.try_add_line(&owner, LINE).await };
                    client.tenants().remove_business_line(release).await.unwrap().into_inner().business_line
                }
            })
            .await;
            let (old, new): (Vec<_>, Vec<_>) = lines.into_iter().flatten().partition(|line| line.released_at.is_some());
            let new = match new.into_iter().next() {
                Some(line) => line,
                None => servers[0].add_line(&owner, LINE).await.0,
            };
            assert_eq!(new.calls_since, old[0].released_at, "round {round}");
            line = Some(new);
        }
    }

    async fn calls_to_a_tenant_that_is_being_deleted_do_not_fail(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].tenant_with_line(LINE).await;
        let answers = at_once(&servers, sixty_calls(), |client, step| {
            let request = DeleteTenantRequest {
                tenant_id: tenant.id.clone(),
                name: tenant.name.clone(),
                ..DeleteTenantRequest::default()
            };
            async move {
                let Some(call) = step else {
                    client.tenants().delete_tenant(request).await.unwrap();
                    return None;
                };
                Some(client.record(call).await)
            }
        })
        .await;
        let answers: Vec<_> = answers.into_iter().flatten().collect();
        let counts = dispositions(&answers);
        let unrouted = counts.get(&CallDisposition::Unrouted).copied().unwrap_or_default();
        let recorded = [CallDisposition::LeadCreated, CallDisposition::Attached];
        let recorded: usize = recorded.iter().filter_map(|disposition| counts.get(disposition)).sum();
        assert_eq!(unrouted + recorded, 60, "{counts:?}");
        for (table, rows) in recorded_rows(&db).await {
            assert_eq!(rows, if table == "unrouted_calls" { unrouted as u64 } else { 0 }, "{table}");
        }
    }
}
