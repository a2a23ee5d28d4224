//! A running server: its listeners, its background work, and an orderly end.

use std::{net::SocketAddr, time::Duration};

use leadcapture_webhook::{
    Environment as WebhookEnvironment, Webhook, config::Token as WebhookToken, in_process::InProcess,
    telemetry::panics, tls::ServerTls,
};
use tokio::{io::DuplexStream, net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic_health::ServingStatus;

use crate::{
    auth::{Authenticator, TokenRates},
    background,
    clock::Environment,
    config::Settings,
    domain::error::Error,
    erasure_key,
    exposure::{Exposure, Protection, check_grpc, check_metrics},
    grpc::{self, Api, GuardLayer, Reflection, health_names},
    incoming::Entrance,
    metrics::{self, Metrics},
    storage::{RecordingQueue, Storage, connect_for_migrations, migrate_up},
};

/// A server that was started.
#[derive(Debug)]
pub struct RunningServer {
    /// Where gRPC listens.
    pub grpc: SocketAddr,
    /// Where the webhook listens, if it runs.
    pub webhook: Option<SocketAddr>,
    /// Where metrics are served.
    pub metrics: SocketAddr,
    shutdown: CancellationToken,
    ended: JoinHandle<()>,
}

impl RunningServer {
    /// Ends the server: it takes no new connections, finishes the requests in flight, and returns within the shutdown timeout.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.ended().await;
    }

    /// A token that begins the end of the server when it is cancelled.
    #[must_use]
    pub fn shutdown_token(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Waits for the end of the server.
    pub async fn ended(self) {
        // The task is never aborted; a panic in it was reported by the panic hook.
        drop(self.ended.await);
    }
}

/// Connects to the database, brings its schema up to date and starts to serve.
///
/// # Errors
/// A sentence that says what is wrong: an address in use or open to strangers, a database that cannot be reached.
pub async fn start(settings: Settings, environment: Environment) -> Result<RunningServer, String> {
    check_metrics(settings.metrics_listen)?;
    if let Some(address) = settings.webhook_listen {
        leadcapture_webhook::check_door(address, &settings.webhook.door)
            .map_err(|error| format!("--webhook-listen: {error}"))?;
    }
    let metrics_listener = listen("--metrics-listen", settings.metrics_listen).await?;
    let webhook_listener = match settings.webhook_listen {
        Some(address) => Some(listen("--webhook-listen", address).await?),
        None => None,
    };
    if settings.migrate_on_start {
        let connection =
            connect_for_migrations(&settings.database).await.map_err(|error| error.to_string())?;
        migrate_up(&connection).await.map_err(|error| format!("cannot migrate the database: {error}"))?;
        connection.close().await.map_err(|error| error.to_string())?;
    }
    let storage =
        Storage::connect(&settings.database, environment).await.map_err(|error| error.to_string())?;
    let storage = erasure_key::attach(storage, &settings.erasure_key).await?;
    let (authenticator, webhook_token) = Authenticator::new(storage.clone(), settings.auth);
    let tls = settings.tls.clone().map(|files| ServerTls::load(files, &["h2"])).transpose();
    let tls = tls.map_err(|error| format!("--tls-cert, --tls-key: {error}"))?;
    // Before the first listener: nobody may get in by a server that is about to refuse to start.
    let protection = Protection {
        tokens: authenticator.tokens_required().await.map_err(|error| describe(&error))?,
        encrypted: tls.is_some(),
        insecure: settings.insecure,
    };
    if check_grpc(settings.listen, protection)? == Exposure::Plaintext {
        tracing::warn!(address = %settings.listen, "gRPC is served unencrypted to other machines, as --insecure asks");
    }
    let listener = listen("--listen", settings.listen).await?;

    let address = |listener: &TcpListener| listener.local_addr().map_err(|error| error.to_string());
    let (grpc, metrics_address) = (address(&listener)?, address(&metrics_listener)?);
    let webhook_address = webhook_listener.as_ref().map(address).transpose()?;
    let metrics = Metrics::new();
    let mut settings = settings;
    settings.webhook.token = settings.webhook.token.or_else(|| WebhookToken::new(webhook_token.reveal()));
    let (in_process, from_within) = InProcess::new();
    let webhook = match webhook_listener {
        Some(listener) => Some((open_webhook(&settings, in_process, &metrics)?, listener)),
        None => None,
    };
    let shutdown = CancellationToken::new();
    let parts = Parts {
        settings,
        storage,
        authenticator,
        metrics,
        listener,
        tls,
        from_within,
        metrics_listener,
        webhook,
        grpc,
    };
    let ended = tokio::spawn(parts.run(shutdown.clone()));
    Ok(RunningServer { grpc, webhook: webhook_address, metrics: metrics_address, shutdown, ended })
}

async fn listen(flag: &str, address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("{flag}: cannot listen on {address}: {error}"))
}

/// All that a server is made of, before it runs.
struct Parts {
    settings: Settings,
    storage: Storage,
    authenticator: Authenticator,
    metrics: Metrics,
    listener: TcpListener,
    tls: Option<ServerTls>,
    from_within: mpsc::Receiver<DuplexStream>,
    metrics_listener: TcpListener,
    webhook: Option<(Webhook, TcpListener)>,
    grpc: SocketAddr,
}

impl Parts {
    /// Serves until `shutdown`, then ends in the order of dependence: the webhook, which needs gRPC; gRPC, which needs the
    /// recording workers; those, which need the database.
    async fn run(self, shutdown: CancellationToken) {
        let Self {
            settings,
            storage,
            authenticator,
            metrics,
            listener,
            tls,
            from_within,
            metrics_listener,
            webhook,
            grpc,
        } = self;
        let (stop_grpc, stop_rest) = (CancellationToken::new(), CancellationToken::new());
        let tasks = TaskTracker::new();
        let (health, health_service) = tonic_health::server::health_reporter();
        for name in health_names() {
            health.set_service_status(name, ServingStatus::Serving).await;
        }
        background::start(&storage, &authenticator, &settings, &health, &tasks, &stop_rest);
        tasks.spawn(metrics::serve(metrics_listener, metrics.clone(), stop_rest.clone()));

        let recordings = RecordingQueue::start(&storage, settings.recording, &tasks);
        let api = Api::new(storage.clone(), recordings, metrics.clone()).stopped_by(stop_grpc.clone());
        let limits = settings.limits;
        let rates = settings
            .token_rate
            .map(|rate| TokenRates::new(rate, storage.environment().clone(), metrics.clone()));
        let mut server = tonic::transport::Server::builder();
        if let Some(age) = limits.connection_age {
            server = server.max_connection_age(age);
        }
        let mut router = server
            .max_concurrent_streams(limits.streams)
            .http2_keepalive_interval(Some(limits.keepalive))
            .http2_keepalive_timeout(Some(limits.keepalive))
            .layer(metrics.layer())
            .layer(GuardLayer::new(authenticator.clone(), settings.reflection, rates))
            .add_routes(grpc::routes(&api, &limits))
            .add_service(health_service);
        if settings.reflection != Reflection::Off {
            router = router.add_service(reflection_v1()).add_service(reflection_v1alpha());
        }
        drop(api);
        if let Some(tls) = tls.clone() {
            tasks.spawn(tls.keep_fresh(settings.reload_interval, stop_rest.clone()));
        }
        let encrypted = tls.is_some();
        let (limit, handshake) = (limits.connections, limits.handshake);
        let incoming = Entrance { listener, tls, limit, handshake, in_process: from_within }.connections();
        let serving =
            tokio::spawn(router.serve_with_incoming_shutdown(incoming, stop_grpc.clone().cancelled_owned()));
        tracing::info!(address = %grpc, tls = encrypted, "gRPC is listening");
        let webhook =
            webhook.map(|(webhook, listener)| tokio::spawn(run_webhook(webhook, listener, shutdown.clone())));

        shutdown.cancelled().await;
        tracing::info!("shutting down");
        for name in health_names() {
            health.set_service_status(name, ServingStatus::NotServing).await;
        }
        let orderly = async {
            if let Some(webhook) = webhook {
                report("webhook", webhook.await);
            }
            stop_grpc.cancel();
            report("gRPC", serving.await.map(|result| result.map_err(|error| error.to_string())));
            stop_rest.cancel();
            tasks.close();
            tasks.wait().await;
            if let Err(error) = authenticator.note_uses().await {
                tracing::warn!(%error, "when tokens were last used could not be written down");
            }
            storage.close().await;
        };
        if timeout(settings.shutdown_timeout, orderly).await.is_err() {
            tracing::warn!(after = ?settings.shutdown_timeout, "requests in flight were cut off");
        }
    }
}

/// A webhook whose server is this one.
fn open_webhook(settings: &Settings, server: InProcess, metrics: &Metrics) -> Result<Webhook, String> {
    let mut webhook = settings.webhook.clone();
    // Reached without the network, so neither its address nor its certificates matter.
    webhook.server = "http://in-process".to_owned();
    webhook.server_tls = None;
    // The rest of the server ends after the webhook and needs some of the time.
    webhook.shutdown_timeout =
        webhook.shutdown_timeout.min(settings.shutdown_timeout.mul_f64(0.6)).max(Duration::from_millis(1));
    let environment = WebhookEnvironment { in_process: Some(server), ..WebhookEnvironment::system() };
    metrics.register_webhook(&environment.metrics);
    Webhook::open(webhook, environment).map_err(|error| format!("--webhook-listen: {error}"))
}

async fn run_webhook(
    webhook: Webhook,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), String> {
    webhook.serve(listener, shutdown).await.map_err(|error| error.to_string())
}

pub(crate) fn describe(error: &Error) -> String {
    match error {
        Error::Internal(cause) => {
            format!(
                "the database does not answer as expected ({cause}); is its schema up to date? `leadcapture migrate up` brings it there"
            )
        }
        error => error.to_string(),
    }
}

fn report(part: &str, ended: Result<Result<(), String>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(part, error, "ended with an error"),
        Err(error) => tracing::error!(part, error = panics::end(&error), "ended unexpectedly"),
    }
}

fn reflection_v1()
-> tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection> {
    reflection()
        .build_v1()
        .unwrap_or_else(|error| unreachable!("the descriptors were compiled with the program: {error}"))
}

fn reflection_v1alpha() -> tonic_reflection::server::v1alpha::ServerReflectionServer<
    impl tonic_reflection::server::v1alpha::ServerReflection,
> {
    reflection()
        .build_v1alpha()
        .unwrap_or_else(|error| unreachable!("the descriptors were compiled with the program: {error}"))
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(leadcapture_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // So that grpcurl shows the details of errors in words.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}
