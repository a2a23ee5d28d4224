//! Work that nobody asks for: replaying and purging unrouted calls, giving silent conversations up, blanking what has outlived its purpose,
//! writing down when tokens were used, and watching the database and its statistics. Safe on any number of replicas.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{auth::Authenticator, config::Settings, grpc::health_names, storage::Storage};

/// How often tables are looked at that may have outgrown their statistics: soon enough that reading all rows that have come since takes a moment.
const STATISTICS_INTERVAL: Duration = Duration::from_secs(2);

/// Starts the background work; it ends with `stop`.
pub fn start(
    storage: &Storage,
    authenticator: &Authenticator,
    settings: &Settings,
    health: &HealthReporter,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let (sweeping, purging, watching) = (storage.clone(), storage.clone(), storage.clone());
    let listening = storage.clone();
    let retention = settings.unrouted_retention;
    let reporter = health.clone();
    tasks.spawn(every(settings.sweep_interval, stop.clone(), async move || {
        match sweeping.replay_unrouted(None).await {
            Ok(0) => {}
            Ok(calls) => tracing::info!(calls, "unrouted calls were replayed"),
            Err(error) => tracing::warn!(%error, "unrouted calls could not be replayed"),
        }
    }));
    tasks.spawn(every(settings.sweep_interval, stop.clone(), async move || {
        match listening.give_up_silent().await {
            Ok(0) => {}
            Ok(conversations) => tracing::info!(conversations, "silent conversations were given up"),
            Err(error) => tracing::warn!(%error, "silent conversations could not be given up"),
        }
    }));
    tasks.spawn(every(settings.purge_interval, stop.clone(), async move || {
        for (what, purged) in [
            ("unrouted calls", purging.purge_unrouted(retention).await),
            ("answered requests", purging.purge_requests().await),
        ] {
            match purged {
                Ok(0) => {}
                Ok(rows) => tracing::info!(what, rows, "outlived rows were deleted"),
                Err(error) => tracing::warn!(what, %error, "outlived rows could not be deleted"),
            }
        }
    }));
    if let Some(age) = settings.closed_lead_retention {
        let storage = storage.clone();
        tasks.spawn(every(settings.purge_interval, stop.clone(), async move || {
            match storage.redact_closed_leads(age).await {
                Ok(0) => {}
                Ok(leads) => tracing::info!(leads, "personal texts of closed leads were blanked"),
                Err(error) => tracing::warn!(%error, "personal texts of closed leads could not be blanked"),
            }
        }));
    }
    let growing = storage.clone();
    tasks.spawn(every(STATISTICS_INTERVAL, stop.clone(), async move || {
        match growing.refresh_statistics().await {
            Ok(0) => {}
            Ok(tables) => tracing::debug!(tables, "the planner's statistics were gathered"),
            Err(error) => tracing::debug!(%error, "the planner's statistics could not be gathered"),
        }
    }));
    let authenticator = authenticator.clone();
    tasks.spawn(every(settings.token_use_interval, stop.clone(), async move || {
        if let Err(error) = authenticator.note_uses().await {
            tracing::warn!(%error, "when tokens were last used could not be written down");
        }
    }));
    let was_away = AtomicBool::new(false);
    tasks.spawn(every(settings.health_interval, stop.clone(), async move || {
        let answer = watching.ping().await;
        let is_away = answer.is_err();
        match (was_away.swap(is_away, Ordering::Relaxed), answer) {
            (false, Err(error)) => tracing::error!(%error, "requests cannot be served"),
            (true, Ok(())) => tracing::info!("requests can be served again"),
            _ => {}
        }
        let status = if is_away { ServingStatus::NotServing } else { ServingStatus::Serving };
        for name in health_names() {
            reporter.set_service_status(name, status).await;
        }
    }));
}

/// Runs `work` at once and then at every `period`, one run at a time, until `stop`.
async fn every(period: Duration, stop: CancellationToken, work: impl AsyncFn() + Send + 'static) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        work().await;
    }
}
