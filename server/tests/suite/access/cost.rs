//! What checking a token costs, and that the cost does not depend on what the token says.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use leadcapture_server::{
    auth::{AuthSettings, Authenticator},
    clock::{Clock as _, ManualClock},
    domain::{
        access::Role,
        api_token::{ApiTokenSecret, TokenHash},
    },
    storage::{NewToken, Storage},
};

use crate::support::{
    database::{TestDatabase, both_engines},
    server::{environment, noon, settings},
    tokens::Tokens,
    wait::until,
};

/// An authenticator that keeps what it knows for ten seconds, the statements that it sends, and its clock.
async fn counted(db: &TestDatabase) -> (Authenticator, Arc<AtomicUsize>, ManualClock) {
    let clock = noon();
    let mut storage = Storage::connect(&settings(db).database, environment(clock.clone())).await.unwrap();
    let statements = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&statements);
    storage.observe_statements(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let auth = AuthSettings { cache_ttl: Duration::from_secs(10), lookup_timeout: Duration::from_secs(3) };
    (Authenticator::new(storage, auth).0, statements, clock)
}

fn presented(token: &str) -> TokenHash {
    TokenHash::presented(token.as_bytes()).unwrap()
}

both_engines! {
    async fn a_token_in_use_costs_no_query_per_request(db: TestDatabase) {
        let token = Tokens::of(&db).await.admin().await;
        let unknown = ApiTokenSecret::new([5; 32]);
        let (authenticator, statements, _) = counted(&db).await;
        for _ in 0..1_000 {
            authenticator.authenticate(Some(presented(&token))).await.unwrap();
        }
        assert_eq!(statements.load(Ordering::Relaxed), 1);
        for _ in 0..1_000 {
            let error = authenticator.authenticate(Some(unknown.hash())).await.unwrap_err();
            assert_eq!(error.reason(), "TOKEN_UNKNOWN");
        }
        assert_eq!(statements.load(Ordering::Relaxed), 2);
        for _ in 0..1_000 {
            authenticator.authenticate(None).await.unwrap_err();
        }
        assert_eq!(statements.load(Ordering::Relaxed), 2, "a token was seen, so one was made");
    }

    async fn an_open_server_asks_once_whether_it_still_is(db: TestDatabase) {
        let (authenticator, statements, _) = counted(&db).await;
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let authenticator = authenticator.clone();
            requests.spawn(async move { authenticator.authenticate(None).await.map(drop) });
        }
        assert!(requests.join_all().await.into_iter().all(|request| request.is_ok()));
        assert_eq!(statements.load(Ordering::Relaxed), 1);
    }

    /// Timing cannot tell how much of a guess is right: every well-formed guess is hashed whole, and looked up by that hash with one statement,
    /// whether it shares no digit with a token that is good or all but the last. That hashes of like tokens have nothing in common is shown
    /// beside [`TokenHash`], which has no constructor but the hash.
    async fn a_guess_takes_the_same_steps_however_much_of_it_is_right(db: TestDatabase) {
        let good = Tokens::of(&db).await.admin().await;
        let (authenticator, statements, _) = counted(&db).await;
        let digits: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&good[4 + 2 * at..6 + 2 * at], 16).unwrap()).collect();
        for right in 0..32 {
            let mut guess = [0; 32];
            for (at, byte) in guess.iter_mut().enumerate() {
                *byte = if at < right { digits[at] } else { !digits[at] };
            }
            statements.store(0, Ordering::Relaxed);
            let error = authenticator.authenticate(Some(ApiTokenSecret::new(guess).hash())).await.unwrap_err();
            assert_eq!((error.reason(), statements.load(Ordering::Relaxed)), ("TOKEN_UNKNOWN", 1), "{right} bytes");
        }
    }

    async fn the_last_use_is_written_now_and_then(db: TestDatabase) {
        let tokens = Tokens::of(&db).await;
        let new = NewToken { role: Role::Admin, tenant_id: None, label: "crm".to_owned(), expires_at: None };
        let created = tokens.create(new).await;
        let (authenticator, statements, clock) = counted(&db).await;
        for _ in 0..100 {
            authenticator.authenticate(Some(created.secret.hash())).await.unwrap();
            clock.advance(TimeDelta::milliseconds(1));
        }
        let last = clock.now() - TimeDelta::milliseconds(1);
        assert_eq!(tokens.all().await[0].last_used_at, None);
        statements.store(0, Ordering::Relaxed);
        authenticator.note_uses().await.unwrap();
        assert_eq!(tokens.all().await[0].last_used_at, Some(last));
        // Nothing new, nothing to write.
        let written = statements.load(Ordering::Relaxed);
        authenticator.note_uses().await.unwrap();
        assert_eq!(statements.load(Ordering::Relaxed), written);
        // A server whose clock is behind does not take it back.
        clock.advance(TimeDelta::hours(-1));
        authenticator.authenticate(Some(created.secret.hash())).await.unwrap();
        authenticator.note_uses().await.unwrap();
        assert_eq!(tokens.all().await[0].last_used_at, Some(last));
    }

    async fn a_busy_token_is_looked_up_again_beside_its_requests(db: TestDatabase) {
        let token = Tokens::of(&db).await.admin().await;
        let mut storage = Storage::connect(&settings(&db).database, environment(noon())).await.unwrap();
        let statements = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&statements);
        storage.observe_statements(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let auth = AuthSettings { cache_ttl: Duration::from_millis(200), lookup_timeout: Duration::from_secs(3) };
        let authenticator = Authenticator::new(storage, auth).0;
        until("the token to be looked up again", async || {
            authenticator.authenticate(Some(presented(&token))).await.unwrap();
            (statements.load(Ordering::Relaxed) >= 5).then_some(())
        })
        .await;
    }
}
