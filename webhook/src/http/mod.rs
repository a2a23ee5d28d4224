//! The HTTP side: routes, and a server that shuts down without losing what it has begun.

mod body;
pub mod encoding;
mod observe;
mod receive;
pub mod reply;

use std::{io, sync::Arc};

use axum::{
    Router,
    handler::Handler as _,
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse,
    routing::{get, post},
};
use tokio::{net::TcpListener, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    config::{Settings, SettingsError, require_loopback},
    server::Server,
};
use observe::observe;
use reply::Reply;

/// Where Voicenter posts its records.
pub const CDR_PATH: &str = "/webhooks/voicenter/cdr";
/// Answers 200 while the process serves. Says nothing of the server behind it: records are refused with 503 while that is away.
pub const HEALTH_PATH: &str = "/healthz";

/// What every request needs.
struct App {
    settings: Settings,
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
/// A setting cannot be used, or the listener is reachable from other machines or failed.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    require_loopback(address)?;
    let server = Server::new(&settings)?;
    let shutdown_timeout = settings.shutdown_timeout;
    let tasks = TaskTracker::new();
    let app = Arc::new(App { settings, server, clock, tasks: tasks.clone() });
    tracing::info!(%address, path = CDR_PATH, server = app.settings.server, "webhook is listening");

    let serving = async {
        let stopped = axum::serve(listener, router(app))
            .with_graceful_shutdown(shutdown.clone().cancelled_owned())
            .await;
        tasks.close();
        tasks.wait().await;
        stopped
    };
    let out_of_time = async {
        shutdown.cancelled().await;
        tracing::info!("webhook is shutting down");
        sleep(shutdown_timeout).await;
    };
    tokio::select! {
        stopped = serving => stopped?,
        () = out_of_time => tracing::warn!("requests were still in flight at the end of the shutdown timeout"),
    }
    tracing::info!("webhook has stopped");
    Ok(())
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route(
            CDR_PATH,
            post(receive::receive).fallback(wrong_method).layer(from_fn_with_state(CDR_PATH, observe)),
        )
        .route(
            HEALTH_PATH,
            get(health).fallback(wrong_method).layer(from_fn_with_state(HEALTH_PATH, observe)),
        )
        .fallback(not_found.layer(from_fn_with_state("unknown", observe)))
        .layer(from_fn(reply::in_senders_format))
        .with_state(app)
}

async fn health() -> impl IntoResponse {
    (StatusCode::OK, [(CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#)
}

async fn wrong_method() -> Reply {
    Reply::WrongMethod
}

async fn not_found() -> Reply {
    Reply::NotFound
}
