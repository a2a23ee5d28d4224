//! The HTTP side: routes, and a server that shuts down without losing what it has begun.

mod body;
mod connections;
mod door;
pub mod encoding;
mod observe;
mod receive;
pub mod reply;

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    handler::Handler as _,
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse,
    routing::{any, get},
};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    config::{DoorSettings, Settings, SettingsError},
    server::Server,
};
use door::Door;
use observe::observe;
use reply::Reply;

/// Where Voicenter posts its records where no secret is configured.
pub const CDR_PATH: &str = "/webhooks/voicenter/cdr";
/// Where it posts them otherwise. Stands for the path in logs, too.
pub const SECRET_CDR_PATH: &str = "/webhooks/voicenter/cdr/{secret}";
/// Answers 200 while the process serves. Says nothing of the server behind it: records are refused with 503 while that is away.
pub const HEALTH_PATH: &str = "/healthz";

/// What every request needs.
struct App {
    settings: Settings,
    door: Door,
    server: Server,
    clock: Arc<dyn Clock>,
    /// Records being recorded. They go on when their sender hangs up.
    tasks: TaskTracker,
}

/// Why the adapter could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The listener failed.
    #[error("cannot listen: {0}")]
    Listener(#[from] io::Error),
}

/// Serves the webhook on `listener` until `shutdown` is cancelled. Then it takes no new connection, finishes the requests in
/// flight, and returns within `settings.shutdown_timeout`. Does not need the server to be there yet.
///
/// # Errors
/// A setting cannot be used: see [`check_door`]; or the server's address or token.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    let door = Door::new(address, &settings.door)?;
    let server = Server::new(&settings)?;
    let shutdown_timeout = settings.shutdown_timeout;
    let tasks = TaskTracker::new();
    door.keep_fresh(settings.door.reload_interval, &tasks, &shutdown);
    let (tls, path) = (door.tls(), if door.has_secrets() { SECRET_CDR_PATH } else { CDR_PATH });
    tracing::info!(%address, path, tls = tls.is_some(), server = settings.server, "webhook is listening");
    let app = Arc::new(App { settings, door, server, clock, tasks: tasks.clone() });

    let serving = async {
        let router = router(Arc::clone(&app));
        connections::serve(listener, tls, router, &app.settings.door, shutdown.clone()).await;
        tasks.close();
        tasks.wait().await;
    };
    let out_of_time = async {
        shutdown.cancelled().await;
        tracing::info!("webhook is shutting down");
        sleep(shutdown_timeout).await;
    };
    tokio::select! {
        () = serving => {}
        () = out_of_time => tracing::warn!("requests were still in flight at the end of the shutdown timeout"),
    }
    tracing::info!("webhook has stopped");
    Ok(())
}

/// Whether the webhook may listen at `address` with these settings, and whether it could. [`serve`] checks the same.
///
/// # Errors
/// Other machines can reach the address, and there is no secret, or neither TLS nor the word that it is not wanted; secrets or
/// certificates cannot be read.
pub fn check_door(address: SocketAddr, settings: &DoorSettings) -> Result<(), SettingsError> {
    Door::new(address, settings).map(drop)
}

fn router(app: Arc<App>) -> Router {
    let cdr_path = if app.door.has_secrets() { SECRET_CDR_PATH } else { CDR_PATH };
    Router::new()
        .route(cdr_path, any(door::enter).layer(from_fn_with_state(cdr_path, observe)))
        .route(
            HEALTH_PATH,
            get(health).fallback(wrong_method).layer(from_fn_with_state(HEALTH_PATH, observe)),
        )
        .fallback(door::enter.layer(from_fn_with_state("unknown", observe)))
        .layer(from_fn(reply::in_senders_format))
        .with_state(app)
}

async fn health() -> impl IntoResponse {
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#)
}

async fn wrong_method() -> Reply {
    Reply::WrongMethod
}
