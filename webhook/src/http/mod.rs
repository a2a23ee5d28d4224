//! The HTTP side: routes, and a server that shuts down without losing what it has begun.

mod body;
mod connections;
mod door;
pub mod encoding;
mod observe;
mod receive;
pub mod reply;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    handler::Handler as _,
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::{from_fn, from_fn_with_state},
    response::IntoResponse,
    routing::{any, get},
};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    config::{DoorSettings, Settings, SettingsError},
    environment::Environment,
    forward::{Relay, forwarder::Forwarder, relay::RelayError},
};
use door::Door;
use observe::observe;
use reply::Reply;

/// Where Voicenter posts its records where no secret is configured.
pub const CDR_PATH: &str = "/webhooks/voicenter/cdr";
/// Where it posts them otherwise. Stands for the path in logs, too.
pub const SECRET_CDR_PATH: &str = "/webhooks/voicenter/cdr/{secret}";
/// Answers 200 while the process serves. Says nothing of the server behind it: records are kept in the spool while that is away.
pub const HEALTH_PATH: &str = "/healthz";

/// What every request needs.
struct App {
    settings: Settings,
    door: Door,
    relay: Relay,
    clock: Arc<dyn Clock>,
    /// Deliveries being taken. They go on when their sender hangs up.
    tasks: TaskTracker,
}

/// Why the adapter could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A setting cannot be used, or the spool.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The listener failed.
    #[error("cannot listen: {0}")]
    Listener(#[from] io::Error),
}

/// How long closing the spool may take beyond the shutdown timeout: it is a write to the disk that is seldom needed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A webhook that is ready to serve: its spool is open.
pub struct Webhook {
    settings: Settings,
    environment: Environment,
    relay: Relay,
    forwarder: Forwarder,
}

impl Webhook {
    /// Opens the spool. Does not need the server to be there yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A setting or the spool's file cannot be used.
    pub fn open(settings: Settings, environment: Environment) -> Result<Self, ServeError> {
        let (relay, forwarder) = Relay::open(&settings, &environment)?;
        Ok(Self { settings, environment, relay, forwarder })
    }

    /// Serves on `listener` until `shutdown` is cancelled. Then it takes no new connection, finishes the requests in flight, and
    /// returns within `settings.shutdown_timeout`. What is not forwarded yet stays in the spool.
    ///
    /// # Errors
    /// A setting of the door cannot be used: see [`check_door`]; or the listener failed.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> Result<(), ServeError> {
        let Self { settings, environment, relay, forwarder } = self;
        let address = listener.local_addr()?;
        let door = Door::new(address, &settings.door)?;
        let shutdown_timeout = settings.shutdown_timeout;
        let tasks = TaskTracker::new();
        door.keep_fresh(settings.door.reload_interval, &tasks, &shutdown);
        tasks.spawn(relay.clone().keep_fresh(settings.door.reload_interval, shutdown.clone()));
        let (tls, path) = (door.tls(), if door.has_secrets() { SECRET_CDR_PATH } else { CDR_PATH });
        tracing::info!(
            %address, path, tls = tls.is_some(), server = settings.server, spool = %settings.spool.path.display(),
            "webhook is listening"
        );
        let app = Arc::new(App {
            settings,
            door,
            relay: relay.clone(),
            clock: environment.clock,
            tasks: tasks.clone(),
        });
        let stop_forwarding = CancellationToken::new();
        let forwarding = tokio::spawn(forwarder.run(stop_forwarding.clone()));

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
            () = out_of_time => {
                tracing::warn!("requests were still in flight at the end of the shutdown timeout");
            }
        }
        // The spool closes once nothing holds it any more.
        drop(app);
        stop_forwarding.cancel();
        // A panic in it was reported by the panic hook.
        let _ = forwarding.await;
        if timeout(CLOSE_TIMEOUT, relay.close()).await.is_err() {
            tracing::warn!("spool was still being written");
        }
        tracing::info!("webhook has stopped");
        Ok(())
    }
}

/// Opens a webhook and serves it on `listener`: see [`Webhook`].
///
/// # Errors
/// Those of [`Webhook::open`] and [`Webhook::serve`].
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    environment: Environment,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    Webhook::open(settings, environment)?.serve(listener, shutdown).await
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
