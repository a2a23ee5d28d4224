//! Random stories of two customers of two tenants: at every moment, nothing tells of whom was erased and not in touch since.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use leadcapture_proto::v1::{LeadStatus, RecordCallRequest};
use leadcapture_server::clock::Clock as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;
use crate::support::{
    calls::{LINE, answered, before, missed, mobile},
    database::both_engines,
    dump::rows,
    leads::{capture, captured, moved, transition},
    server::{TestServer, noon},
};

const LINES: [&str; 2] = [LINE, "0771234568"];
const STEPS: usize = 60;

both_engines! {
    async fn nothing_tells_of_the_erased(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenants = [server.tenant_with_line(LINES[0]).await, server.create_tenant("Other Plumbing").await];
        server.add_line(&tenants[1], LINES[1]).await;
        for seed in 0..6 {
            let mut random = StdRng::seed_from_u64(seed);
            let mut gone: BTreeSet<(usize, u32)> = BTreeSet::new();
            let mut story = Vec::new();
            for step in 0..STEPS {
                clock.advance(TimeDelta::minutes(1));
                let (owner, number) = (random.random_range(0..2), random.random_range(1..=2) + 10 * u32::try_from(seed).unwrap());
                let (tenant, phone) = (&tenants[owner], mobile(number));
                // Old calls are older than every step.
                let age = if random.random_bool(0.5) { 0 } else { 86_400 };
                let called_at = before(clock.now(), age);
                // Some calls are sent again.
                let id = format!("{seed}-{owner}-{number}-{}-{age}", random.random_range(0..=step / 2));
                let call = |call: RecordCallRequest| RecordCallRequest { business_phone: LINES[owner].to_owned(), ..call };
                let action = random.random_range(0..7);
                story.push((owner, number, action, age));
                match action {
                    0 | 1 => drop(server.record(call(missed(&id, &phone, called_at))).await),
                    2 => drop(server.record(call(answered(&format!("talk-{id}"), &phone, called_at))).await),
                    3 => drop(captured(&server, capture(tenant, &phone)).await),
                    4 => suppress(&server, tenant, &phone).await,
                    5 => {
                        for lead in server.all_leads(tenant).await {
                            // Some are closed already.
                            drop(moved(&server, transition(&lead, LeadStatus::Lost)).await);
                        }
                    }
                    _ => drop(erased(&server, tenant, &phone).await),
                }
                match action {
                    6 => drop(gone.insert((owner, number))),
                    3 | 4 => drop(gone.remove(&(owner, number))),
                    0..=2 if age == 0 => drop(gone.remove(&(owner, number))),
                    _ => {}
                }
                let rows = rows(&db).await;
                for (owner, number) in &gone {
                    let told = rows.iter().find(|row| row.tells(&digits(*number)) && row.tells(&tenants[*owner].id));
                    assert!(told.is_none(), "seed {seed}, {story:?}: {told:?}");
                }
            }
        }
    }
}
