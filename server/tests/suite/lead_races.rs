//! Changes of one lead at the same moment: on SQLite through one server process, on PostgreSQL through two.

mod repeats;

use std::collections::{BTreeMap, BTreeSet};

use leadcapture_proto::v1::{
    CallDisposition, CaptureLeadRequest, Lead, LeadEvent, LeadEventKind,
    LeadStatus::{self, Contacted, Lost, New, Unspecified},
    QualifyLeadRequest, UpdateLeadRequest,
};
use leadcapture_server::storage::entities::lead;
use sea_orm::EntityTrait as _;
use tonic::Code;
use uuid::Uuid;

use crate::support::{
    calls::{LINE, before, missed, mobile},
    client::Client,
    database::both_engines,
    leads::{capture, captured, history, moved, qualified, qualify, read, transition, update, updated},
    problem::Problem,
    race::{at_once, servers},
    server::present,
};

/// How many requests race for one lead.
const TASKS: usize = 32;
/// How many leads they race for, one after the other.
const RACES: u32 = 5;

/// The statuses that a lead went through, read from its history.
async fn path(client: &Client, lead: &Lead) -> Vec<LeadStatus> {
    let events = history(client, lead).await;
    let mut path = vec![Unspecified];
    for event in events {
        assert_eq!(event.from_status(), *path.last().unwrap(), "each begins where the one before ended");
        path.push(event.to_status());
    }
    path.split_off(1)
}

/// Splits the results, and counts the failures by code and reason.
fn split<T>(results: Vec<Result<T, Problem>>) -> (Vec<T>, BTreeMap<(i32, String), usize>) {
    let (mut good, mut bad) = (Vec::new(), BTreeMap::new());
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(problem) => *bad.entry((problem.code.into(), problem.reason)).or_default() += 1,
        }
    }
    (good, bad)
}

/// Failures that are all of one kind.
fn all(number: usize, code: Code, reason: &str) -> BTreeMap<(i32, String), usize> {
    let failures = BTreeMap::from([((code.into(), reason.to_owned()), number)]);
    failures.into_iter().filter(|(_, number)| *number > 0).collect()
}

fn etags<'a>(leads: impl IntoIterator<Item = &'a Lead>) -> BTreeSet<&'a str> {
    leads.into_iter().map(|lead| lead.etag.as_str()).collect()
}

both_engines! {
    async fn of_transitions_from_one_version_one_wins(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].create_tenant("Shop").await;
        for race in 0..RACES {
            let lead = captured(&servers[0], capture(&tenant, &mobile(race))).await;
            let requests = (0..TASKS).map(|n| {
                let mut request = transition(&lead, if n % 4 < 2 { Contacted } else { Lost });
                request.etag.clone_from(&lead.etag);
                request
            });
            let results = at_once(&servers, requests, |client, request| async move { moved(&client, request).await }).await;
            let (winners, losers) = split(results);
            assert_eq!(losers, all(TASKS - 1, Code::Aborted, "ETAG_MISMATCH"));
            let now = read(&servers[0], &lead).await;
            assert_eq!(winners, std::slice::from_ref(&now));
            assert_eq!(path(&servers[0], &lead).await, [New, now.status()]);
            assert_eq!((now.contacted_at.is_some(), now.lost_at.is_some()), (now.status() == Contacted, now.status() == Lost));
        }
    }

    async fn of_transitions_from_any_version_one_wins_each(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].create_tenant("Shop").await;
        for race in 0..RACES {
            let lead = captured(&servers[0], capture(&tenant, &mobile(race))).await;
            let requests = (0..TASKS).map(|n| transition(&lead, if n % 4 < 2 { Contacted } else { Lost }));
            let results = at_once(&servers, requests, |client, request| async move { moved(&client, request).await }).await;
            let (mut winners, losers) = split(results);
            // Lost is the end here; being contacted first is the only way to be both.
            winners.sort_unstable_by_key(Lead::status);
            let won: Vec<_> = winners.iter().map(Lead::status).collect();
            assert!(won == [Lost] || won == [Contacted, Lost], "{won:?}");
            assert_eq!(losers, all(TASKS - won.len(), Code::FailedPrecondition, "INVALID_TRANSITION"));
            assert_eq!(etags([&lead].into_iter().chain(&winners)).len(), won.len() + 1);
            assert_eq!(read(&servers[0], &lead).await, *winners.last().unwrap());
            assert_eq!(path(&servers[0], &lead).await, [&[New], won.as_slice()].concat());
        }
    }

    async fn of_updates_with_one_etag_one_wins(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].create_tenant("Shop").await;
        let mut lead = captured(&servers[0], capture(&tenant, &mobile(1))).await;
        for race in 0..RACES {
            let requests = (0..TASKS).map(|n| UpdateLeadRequest {
                note: Some(format!("{race} {n}")),
                etag: lead.etag.clone(),
                ..update(&lead)
            });
            let results = at_once(&servers, requests, |client, request| async move { updated(&client, request).await }).await;
            let (winners, losers) = split(results);
            assert_eq!(losers, all(TASKS - 1, Code::Aborted, "ETAG_MISMATCH"));
            lead = read(&servers[0], &lead).await;
            assert_eq!(winners, [lead.clone()]);
        }
        assert_eq!(history(&servers[0], &lead).await.len(), 1 + RACES as usize);
    }

    async fn answers_at_once_are_filled_once_and_qualify_once(db: TestDatabase) {
        use LeadEventKind::{Created, DetailsUpdated, StatusChanged};
        let servers = servers(&db).await;
        let tenant = servers[0].create_tenant("Shop").await;
        for race in 0..RACES {
            let lead = captured(&servers[0], capture(&tenant, &mobile(race))).await;
            let requests = (0..TASKS).map(|n| {
                let text = Some(n.to_string());
                let request = qualify(&lead);
                match n % 3 {
                    0 => QualifyLeadRequest { customer_name: text, ..request },
                    1 => QualifyLeadRequest { need: text, ..request },
                    _ => QualifyLeadRequest { contact_preference: text, ..request },
                }
            });
            let results = at_once(&servers, requests, |client, request| async move { qualified(&client, request).await }).await;
            let (answers, failures) = split(results);
            assert_eq!(failures, BTreeMap::new());
            let now = read(&servers[0], &lead).await;
            assert_eq!(now.status(), LeadStatus::Qualified);
            // Whoever came after the last change saw it.
            assert!(answers.iter().any(|(lead, missing)| *lead == now && missing.is_empty()));
            let kinds: Vec<_> = history(&servers[0], &lead).await.iter().map(LeadEvent::kind).collect();
            assert_eq!(kinds, [Created, DetailsUpdated, DetailsUpdated, DetailsUpdated, StatusChanged]);
        }
    }

    async fn updates_beside_calls_of_the_same_phone_lose_nothing(db: TestDatabase) {
        let servers = servers(&db).await;
        let tenant = servers[0].tenant_with_line(LINE).await;
        let now = present();
        let first = servers[0].record(missed("first", &mobile(1), before(now, 60))).await.lead.unwrap();
        let results = at_once(&servers, 0..TASKS, |client, n| {
            let change = UpdateLeadRequest { note: Some(n.to_string()), ..update(&first) };
            let capture = CaptureLeadRequest { schedule_opener: true, ..capture(&tenant, &mobile(1)) };
            let call = missed(&n.to_string(), &mobile(1), before(now, 30));
            async move {
                match n % 4 {
                    0 | 1 => updated(&client, change).await.unwrap(),
                    2 => {
                        let answer = client.record(call).await;
                        assert_eq!(answer.disposition(), CallDisposition::Attached);
                        answer.lead.unwrap()
                    }
                    // Finds nothing to add: the opener was scheduled by the first call.
                    _ => captured(&client, capture).await,
                }
            }
        })
        .await;
        let lead = read(&servers[0], &first).await;
        assert_eq!(servers[0].all_leads(&tenant).await, std::slice::from_ref(&lead));
        assert_eq!(usize::try_from(lead.call_count).unwrap(), 1 + TASKS / 4);
        // Each change made a version of its own, and told it.
        let events = history(&servers[0], &lead).await;
        let count = |kind| events.iter().filter(|event| event.kind() == kind).count();
        assert_eq!(count(LeadEventKind::DetailsUpdated), TASKS / 2);
        assert_eq!(count(LeadEventKind::CallRecorded), TASKS / 4);
        assert_eq!(events.len(), 1 + TASKS / 2 + TASKS / 4);
        let id: Uuid = lead.id.parse().unwrap();
        let row = lead::Entity::find_by_id(id).one(&db.connect().await).await.unwrap().unwrap();
        assert_eq!(usize::try_from(row.version).unwrap(), events.len());
        assert!(results.contains(&lead), "the last answer is what is stored");
    }
}
