//! Access: tokens and their life, the latch, what each token reaches, and the command line.

mod actors;
mod command;
mod cost;
mod exposure;
mod latch;
mod reach;
mod revocation;
mod timing;

use std::time::Duration;

use leadcapture_server::{auth::AuthSettings, config::Settings};
use tonic::{Code, Status};

use crate::support::{
    client::Client, database::TestDatabase, problem::Problem, server::settings, wait::until,
};

/// Servers that look at what they know of tokens again after a short while.
fn watchful(db: &TestDatabase) -> Settings {
    let settings = settings(db);
    Settings { auth: AuthSettings { cache_ttl: Duration::from_millis(300), ..settings.auth }, ..settings }
}

/// A request that any admin may send.
async fn knock(client: &Client) -> Result<(), Status> {
    client.tenants().list_tenants(leadcapture_proto::v1::ListTenantsRequest::default()).await.map(drop)
}

/// Waits until a client is refused with this reason.
async fn refused(client: &Client, reason: &str) {
    until(reason, async || {
        let problem = Problem::from(knock(client).await.err()?);
        (problem.kind() == (Code::Unauthenticated, reason)).then_some(())
    })
    .await;
}
