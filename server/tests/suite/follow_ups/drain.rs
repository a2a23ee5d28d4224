//! Many workers, of which some are killed at any point, on servers of which one is killed: each item is completed once, none is
//! lost, and none is held by two at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, RwLock},
};

use chrono::{DateTime, Utc};
use leadcapture_proto::v1::FollowUpStatus;
use leadcapture_server::storage::entities::{enums::LeadEventKind, lead_conversation, lead_event};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use sea_orm::{ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};
use tokio::{sync::mpsc, task::JoinHandle};

use super::*;
use crate::support::{
    calls::{LINE, before, moment},
    database::{Engine, TestDatabase},
    process::{ServerProcess, start_process},
    race::servers,
    server::present,
};

const WORKERS: usize = 8;
/// The shortest that there is.
const LEASE_SECONDS: i64 = 5;
/// After how many messages of the workers one of them is killed.
const KILL_EVERY: u32 = 30;

/// What a worker was handed.
struct Held {
    follow_up_id: String,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// What all workers share; it outlives those that are killed.
#[derive(Default)]
struct Shared {
    clients: RwLock<Vec<Client>>,
    held: Mutex<Vec<Held>>,
    /// The follow-ups whose completion was acknowledged.
    acknowledged: Mutex<Vec<String>>,
}

enum Message {
    /// Something was claimed or completed.
    Progress,
    /// Nothing was due, or the server did not answer.
    Idle,
}

/// Claims and completes until it is killed.
async fn work(shared: Arc<Shared>, number: usize, messages: mpsc::UnboundedSender<Message>) {
    let mut server = number;
    loop {
        let client = {
            let clients = shared.clients.read().unwrap();
            clients[server % clients.len()].clone()
        };
        let request = ClaimFollowUpsRequest {
            limit: 20,
            lease: seconds(LEASE_SECONDS),
            wait: seconds(1),
            kinds: vec![FollowUpKind::Opener.into()],
            ..ClaimFollowUpsRequest::default()
        };
        let Ok(answer) = client.conversations().claim_follow_ups(request).await else {
            // Another server may be there.
            server += 1;
            messages.send(Message::Idle).unwrap();
            continue;
        };
        let claims = answer.into_inner().follow_ups;
        // Noted before anything is awaited, so that no kill comes between.
        shared.held.lock().unwrap().extend(claims.iter().map(|claim| {
            let until = moment(claim.lease_until);
            let from = until - TimeDelta::seconds(LEASE_SECONDS);
            Held { follow_up_id: follow_up(claim).id.clone(), from, until }
        }));
        messages.send(if claims.is_empty() { Message::Idle } else { Message::Progress }).unwrap();
        for claim in claims {
            if client.conversations().start_conversation(start(&claim)).await.is_ok() {
                shared.acknowledged.lock().unwrap().push(follow_up(&claim).id.clone());
            }
            messages.send(Message::Progress).unwrap();
        }
    }
}

/// The workers, and the hand that kills them.
struct Workers {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
    sender: mpsc::UnboundedSender<Message>,
}

impl Workers {
    fn start(clients: Vec<Client>) -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { clients: RwLock::new(clients), ..Shared::default() });
        let spawn = |number| tokio::spawn(work(Arc::clone(&shared), number, sender.clone()));
        let tasks = (0..WORKERS).map(spawn).collect();
        (Self { shared, tasks, sender }, receiver)
    }

    /// Ends a worker wherever it is, and lets another begin.
    fn kill(&mut self, number: usize) {
        let next = tokio::spawn(work(Arc::clone(&self.shared), number, self.sender.clone()));
        std::mem::replace(&mut self.tasks[number], next).abort();
    }

    async fn stop(self) -> Arc<Shared> {
        for task in self.tasks {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        self.shared
    }
}

async fn all_of(client: &Client, tenant: &Tenant) -> Vec<FollowUp> {
    let mut request = ListFollowUpsRequest { kinds: vec![FollowUpKind::Opener.into()], ..list(tenant) };
    let mut all = Vec::new();
    loop {
        let page = client.conversations().list_follow_ups(request.clone()).await.unwrap().into_inner();
        all.extend(page.follow_ups);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

async fn is_drained(client: &Client, tenant: &Tenant) -> bool {
    let live = ListFollowUpsRequest {
        statuses: vec![FollowUpStatus::Pending.into(), FollowUpStatus::Claimed.into()],
        kinds: vec![FollowUpKind::Opener.into()],
        page_size: 1,
        ..list(tenant)
    };
    listed(client, live).await.is_empty()
}

/// Due openers of as many callers.
async fn fill(client: &Client, items: u32) -> Tenant {
    let tenant = client.tenant_with_line(LINE).await;
    let now = present();
    let numbers: Vec<_> = (0..items).collect();
    for chunk in numbers.chunks(1_000) {
        let calls =
            chunk.iter().map(|number| missed(&number.to_string(), &mobile(*number), before(now, 600)));
        client.record_batch(calls.collect()).await.unwrap();
    }
    tenant
}

async fn drain(db: &TestDatabase, mut servers: Vec<ServerProcess>, items: u32) {
    let tenant = fill(&servers[0], items).await;
    let clients = servers.iter().map(|server| Client::clone(server)).collect();
    let (mut workers, mut messages) = Workers::start(clients);
    let mut random = StdRng::seed_from_u64(4);
    let (mut progress, mut server_killed) = (0, false);
    while let Some(message) = messages.recv().await {
        match message {
            Message::Progress => progress += 1,
            Message::Idle if server_killed && is_drained(&servers[0], &tenant).await => break,
            Message::Idle => continue,
        }
        if progress % KILL_EVERY == 0 {
            workers.kill(random.random_range(0..WORKERS));
        }
        if progress >= items / 3 && !server_killed {
            server_killed = true;
            servers[0].kill();
            servers[0] = start_process(db).await;
            workers.shared.clients.write().unwrap()[0] = Client::clone(&servers[0]);
        }
    }
    let shared = workers.stop().await;
    assert_completed_once(db, &all_of(&servers[0], &tenant).await, &shared, items).await;
    assert_held_by_one(&all_of(&servers[0], &tenant).await, &shared);
}

async fn assert_completed_once(db: &TestDatabase, follow_ups: &[FollowUp], shared: &Shared, items: u32) {
    assert_eq!(follow_ups.len(), items as usize);
    assert!(follow_ups.iter().all(|follow_up| follow_up.status() == FollowUpStatus::Done));
    let mut acknowledged = shared.acknowledged.lock().unwrap().clone();
    acknowledged.sort_unstable();
    assert!(acknowledged.windows(2).all(|pair| pair[0] != pair[1]), "completed twice");
    let connection = db.connect().await;
    let started = lead_event::Entity::find()
        .filter(lead_event::Column::Kind.eq(LeadEventKind::ConversationStarted))
        .count(&connection)
        .await
        .unwrap();
    let conversations = lead_conversation::Entity::find().count(&connection).await.unwrap();
    assert_eq!((started, conversations), (items.into(), items.into()));
}

fn assert_held_by_one(follow_ups: &[FollowUp], shared: &Shared) {
    let mut intervals = BTreeMap::<&str, Vec<_>>::new();
    let held = shared.held.lock().unwrap();
    for claim in held.iter() {
        intervals.entry(&claim.follow_up_id).or_default().push((claim.from, claim.until));
    }
    let mut again = 0;
    for follow_up in follow_ups {
        let intervals = intervals.entry(&follow_up.id).or_default();
        intervals.sort_unstable();
        let completed_at = moment(follow_up.completed_at);
        assert!(
            usize::try_from(follow_up.attempts).unwrap() >= intervals.len(),
            "{follow_up:?} {intervals:?}"
        );
        assert!(intervals.iter().all(|(from, _)| *from <= completed_at), "{follow_up:?} {intervals:?}");
        for pair in intervals.windows(2) {
            again += 1;
            assert!(pair[0].1 <= pair[1].0, "held by two at once: {follow_up:?} {intervals:?}");
        }
    }
    assert!(again > 0, "no killed worker held anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let db = TestDatabase::new(Engine::Postgres).await;
    drain(&db, servers(&db).await, 2_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let db = TestDatabase::new(Engine::Sqlite).await;
    drain(&db, servers(&db).await, 200).await;
}
