//! Requests at the same moment, through as many servers as the engine allows.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

use super::{
    client::Client,
    database::{Engine, TestDatabase},
    process::{ServerProcess, start_process},
};

/// Server processes on one database: two on PostgreSQL, one on SQLite.
pub(crate) async fn servers(db: &TestDatabase) -> Vec<ServerProcess> {
    let mut servers = vec![start_process(db).await];
    if db.engine() == Engine::Postgres {
        servers.push(start_process(db).await);
    }
    servers
}

/// Runs `request` for each item at the same moment, the servers taking turns, and answers the results in any order.
pub(crate) async fn at_once<I, T, F>(
    servers: &[ServerProcess],
    items: impl IntoIterator<Item = I, IntoIter: ExactSizeIterator>,
    request: impl Fn(Client, I) -> F,
) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let items = items.into_iter();
    let barrier = Arc::new(Barrier::new(items.len()));
    let mut requests = JoinSet::new();
    for (item, server) in items.zip(servers.iter().cycle()) {
        let (barrier, request) = (Arc::clone(&barrier), request((**server).clone(), item));
        requests.spawn(async move {
            barrier.wait().await;
            request.await
        });
    }
    requests.join_all().await
}
