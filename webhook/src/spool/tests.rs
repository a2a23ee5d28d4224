//! The spool's file and its thread.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;

use super::*;
use crate::{
    cdr::{Format, TimeBasis, TimeRules},
    clock::Clock,
    config::SpoolSettings,
};

/// A clock that stands still until it is moved.
#[derive(Clone)]
struct ManualClock(Arc<Mutex<DateTime<Utc>>>);

impl ManualClock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(noon())))
    }

    fn advance(&self, time: TimeDelta) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

fn noon() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-02T10:00:00.123456Z").unwrap().to_utc()
}

fn delivery(body: &str) -> Delivery {
    Delivery {
        body: body.as_bytes().to_vec(),
        format: Format::Form,
        arrived_at: noon(),
        time: TimeRules { account_zone: chrono_tz::Tz::Europe__London, basis: TimeBasis::Account },
        tenant_id: Some("0198c0de-0000-7000-8000-000000000001".to_owned()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    }
}

fn open(folder: &TempDir) -> Store {
    Store::open(&folder.path().join("a/b/spool.db"), Duration::from_secs(10)).unwrap()
}

fn insert(store: &mut Store, body: &str, state: State) -> bool {
    store.change(|changes| changes.insert(&delivery(body), state, "why", noon(), 10_000)).unwrap()
}

fn due(store: &Store, now: DateTime<Utc>, count: usize, bytes: usize) -> Vec<i64> {
    let due = store.due(now, TimeDelta::minutes(5), count, bytes).unwrap();
    due.into_iter().map(|stored| stored.id).collect()
}

#[test]
fn a_delivery_is_kept_as_it_came() {
    let folder = TempDir::new().unwrap();
    assert!(insert(&mut open(&folder), "{\"a\": \"ש\"}", State::Waiting));
    let stored = open(&folder).get(1).unwrap().unwrap();
    assert_eq!(
        stored,
        Stored {
            id: 1,
            delivery: delivery("{\"a\": \"ש\"}"),
            state: State::Waiting,
            since: noon(),
            attempts: 0,
            next_attempt_at: noon(),
            problem: "why".to_owned(),
        }
    );
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder);
    insert(&mut store, "x", State::Waiting);
    for name in ["spool.db", "spool.db-wal", "spool.db-shm"] {
        let mode = folder.path().join("a/b").join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn the_oldest_are_due_first_within_count_and_bytes() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder);
    for body in ["aaaa", "bbbb", "cccc"] {
        insert(&mut store, body, State::Waiting);
    }
    insert(&mut store, "dead", State::Dead);
    assert_eq!(due(&store, noon(), 10, 100), [1, 2, 3]);
    assert_eq!(due(&store, noon(), 2, 100), [1, 2]);
    assert_eq!(due(&store, noon(), 10, 8), [1, 2]);
    assert_eq!(due(&store, noon(), 10, 1), [1], "one is always taken");

    let later = noon() + TimeDelta::seconds(10);
    store.change(|changes| changes.put_off(1, later, "still away")).unwrap();
    assert_eq!(due(&store, noon(), 10, 100), [2, 3]);
    assert_eq!(due(&store, later, 10, 100), [1, 2, 3]);
    let stored = store.get(1).unwrap().unwrap();
    assert_eq!((stored.attempts, stored.problem.as_str()), (1, "still away"));
    // The clock was set back by an hour.
    assert_eq!(due(&store, noon() - TimeDelta::hours(1), 10, 100), [1, 2, 3]);
}

#[test]
fn totals_follow_every_change() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder);
    let totals = |store: &Store| {
        let Totals { waiting, dead } = store.totals().unwrap();
        (waiting.deliveries, waiting.bytes, dead.deliveries, dead.bytes)
    };
    let size = 512 + 10;
    for _ in 0..3 {
        insert(&mut store, "0123456789", State::Waiting);
    }
    insert(&mut store, "0123456789", State::Dead);
    assert_eq!(totals(&store), (3, 3 * size, 1, size));
    assert_eq!(store.totals().unwrap().waiting.oldest, Some(noon()));
    store.change(|changes| changes.bury(1, "never", noon())).unwrap();
    assert_eq!(totals(&store), (2, 2 * size, 2, 2 * size));
    store.change(|changes| changes.remove(2)).unwrap();
    assert_eq!(totals(&store), (1, size, 2, 2 * size));
    assert_eq!(store.change(|changes| changes.revive_all(noon())).unwrap(), 2);
    assert_eq!(totals(&store), (3, 3 * size, 0, 0));
    // What another process has settled already stays so.
    store.change(|changes| changes.remove(2)).unwrap();
    store.change(|changes| changes.bury(2, "never", noon())).unwrap();
    assert!(!store.change(|changes| changes.revive(2, noon())).unwrap());
    assert_eq!(totals(&store), (3, 3 * size, 0, 0));
}

#[test]
fn nothing_is_added_beyond_the_limit() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder);
    assert!(insert(&mut store, &"x".repeat(9_000), State::Waiting));
    assert!(!insert(&mut store, "y", State::Dead));
    store.change(|changes| changes.remove(1)).unwrap();
    assert!(insert(&mut store, "y", State::Dead));
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let mut store = open(&folder);
    let failed = store.change(|changes| {
        changes.insert(&delivery("x"), State::Waiting, "", noon(), 10_000)?;
        Err::<(), _>(StoreError::NotASpool)
    });
    assert!(matches!(failed, Err(StoreError::NotASpool)));
    assert_eq!(store.totals().unwrap().bytes(), 0);
}

#[test]
fn deleted_space_is_given_back_and_overwritten() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a/b/spool.db");
    let mut store = open(&folder);
    let body = "0521234567".repeat(100_000);
    for _ in 0..8 {
        store
            .change(|changes| changes.insert(&delivery(&body), State::Waiting, "", noon(), u64::MAX))
            .unwrap();
    }
    for id in 1..=8 {
        store.change(|changes| changes.remove(id)).unwrap();
    }
    for _ in 0..3 {
        store.shrink().unwrap();
    }
    // Closing writes the log back into the file.
    drop(store);
    let file = std::fs::read(&path).unwrap();
    assert!(file.len() < 5 * 1024 * 1024, "{}", file.len());
    assert!(!String::from_utf8_lossy(&file).contains("0521234567"));
}

#[test]
fn another_file_is_no_spool() {
    let folder = TempDir::new().unwrap();
    let open = |path: &Path| Store::open(path, Duration::from_secs(1)).unwrap_err().to_string();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database at all, but long enough to be looked at as one".repeat(20))
        .unwrap();
    assert!(open(&text).contains("not a database"), "{}", open(&text));
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE leads (id INTEGER)").unwrap();
    assert!(open(&other).contains("no spool"), "{}", open(&other));
    let newer = folder.path().join("newer.db");
    drop(Store::open(&newer, Duration::from_secs(1)).unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 2).unwrap();
    assert!(open(&newer).contains("another version"), "{}", open(&newer));
    let missing = Store::open_existing(&folder.path().join("missing.db"), Duration::from_secs(1));
    assert!(matches!(missing, Err(StoreError::File(_))));
    assert!(!folder.path().join("missing.db").exists());
}

fn spool(folder: &TempDir, clock: &ManualClock) -> Spool {
    let settings = SpoolSettings { path: folder.path().join("spool.db"), ..SpoolSettings::default() };
    Spool::open(&settings, Arc::new(clock.clone())).unwrap()
}

#[tokio::test]
async fn what_waits_too_long_is_dead_and_what_is_dead_too_long_is_gone() {
    let folder = TempDir::new().unwrap();
    let clock = ManualClock::new();
    let spool = spool(&folder, &clock);
    let insert = async |body| {
        spool.insert(Arc::new(delivery(body)), State::Waiting, "away".to_owned()).await.unwrap();
    };
    insert("a").await;
    clock.advance(TimeDelta::days(30));
    insert("b").await;
    assert_eq!(spool.expire().await, Ok(Expired::default()));
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(spool.expire().await, Ok(Expired { buried: 1, purged: 0 }));
    let totals = spool.totals().await.unwrap();
    assert_eq!((totals.waiting.deliveries, totals.dead.deliveries), (1, 1));
    let store = Store::open_existing(&folder.path().join("spool.db"), Duration::from_secs(1)).unwrap();
    assert_eq!(store.get(1).unwrap().unwrap().problem, "waited too long; last: away");

    clock.advance(TimeDelta::days(30));
    assert_eq!(spool.expire().await, Ok(Expired { buried: 1, purged: 0 }));
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(spool.expire().await, Ok(Expired { buried: 0, purged: 1 }));
    assert_eq!(spool.totals().await.unwrap().dead.deliveries, 1);
}

#[tokio::test]
async fn a_dead_letter_that_is_retried_waits_anew() {
    let folder = TempDir::new().unwrap();
    let clock = ManualClock::new();
    let spool = spool(&folder, &clock);
    spool.insert(Arc::new(delivery("a")), State::Dead, "never".to_owned()).await.unwrap();
    clock.advance(TimeDelta::days(29));
    let mut store = Store::open_existing(&folder.path().join("spool.db"), Duration::from_secs(1)).unwrap();
    assert!(store.change(|changes| changes.revive(1, clock.now())).unwrap());
    clock.advance(TimeDelta::days(29));
    assert_eq!(spool.expire().await, Ok(Expired::default()));
    let due = spool.due(Due { count: 1, bytes: 1, longest: Duration::from_mins(5) }).await.unwrap();
    assert_eq!(due[0].delivery, delivery("a"));
}

#[tokio::test]
async fn many_at_once_are_all_kept_and_what_is_kept_survives_the_end() {
    let folder = TempDir::new().unwrap();
    let clock = ManualClock::new();
    let spool = spool(&folder, &clock);
    let inserts =
        (0..500).map(|number| {
            let spool = spool.clone();
            async move {
                spool.insert(Arc::new(delivery(&number.to_string())), State::Waiting, String::new()).await
            }
        });
    let inserted = inserts.map(tokio::spawn).collect::<Vec<_>>();
    for insert in inserted {
        insert.await.unwrap().unwrap();
    }
    spool.close().await;
    let store = Store::open_existing(&folder.path().join("spool.db"), Duration::from_secs(1)).unwrap();
    let mut bodies: Vec<u32> = store
        .list(None, 0, 1_000)
        .unwrap()
        .into_iter()
        .map(|stored| String::from_utf8(stored.delivery.body).unwrap().parse().unwrap())
        .collect();
    bodies.sort_unstable();
    assert_eq!(bodies, (0..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_told_and_used_again_once_it_can() {
    let folder = TempDir::new().unwrap();
    let clock = ManualClock::new();
    let path = folder.path().join("spool.db");
    let settings =
        SpoolSettings { path: path.clone(), timeout: Duration::from_millis(200), ..SpoolSettings::default() };
    let spool = Spool::open(&settings, Arc::new(clock)).unwrap();
    let insert = || spool.insert(Arc::new(delivery("a")), State::Waiting, String::new());
    let lock = rusqlite::Connection::open(&path).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = insert().await.unwrap_err();
    assert!(matches!(refused, SpoolError::Slow | SpoolError::Broken(_)), "{refused}");
    lock.execute_batch("COMMIT").unwrap();
    insert().await.unwrap();
}
