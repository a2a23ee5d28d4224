//! `leadcapture-webhook`: the Voicenter webhook as a process of its own.

use std::{io::Write as _, net::SocketAddr, process::ExitCode};

use clap::Parser as _;
use leadcapture_webhook::{
    Environment, Settings, check_door,
    cli::{self, Cli, Command, DEFAULT_LISTEN, Options},
    metrics, serve, telemetry,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let Cli { options, command } = Cli::parse();
    let done = match command {
        None => serve_until_told(options),
        Some(Command::Replay(args)) => {
            runtime().and_then(|runtime| runtime.block_on(cli::replay::run(*args)))
        }
        Some(Command::Secret(args)) => cli::secret::run(&args, rand::random()),
        Some(Command::Spool(args)) => cli::spool::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if even standard error is closed.
            let _ = writeln!(std::io::stderr(), "leadcapture-webhook: {error}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| format!("cannot start: {error}"))
}

fn serve_until_told(options: Options) -> Result<(), String> {
    let options = options.with_secrets_of_environment()?.with_file()?;
    let listen = options.listen.unwrap_or(DEFAULT_LISTEN);
    if let Some(address) = options.metrics_listen
        && !address.ip().to_canonical().is_loopback()
    {
        return Err(format!(
            "metrics-listen: {address} can be reached from other machines; listen on 127.0.0.1"
        ));
    }
    let settings = options.settings()?;
    check_door(listen, &settings.door).map_err(|error| error.to_string())?;
    let runtime = runtime()?;
    let entered = runtime.enter();
    let telemetry = telemetry::init("leadcapture-webhook", &options.telemetry())?;
    drop(entered);
    let ended = runtime.block_on(run_webhook(listen, options.metrics_listen, settings));
    telemetry.flush();
    ended
}

async fn run_webhook(
    listen: SocketAddr,
    metrics_listen: Option<SocketAddr>,
    settings: Settings,
) -> Result<(), String> {
    let shutdown = CancellationToken::new();
    let mut signals = Signals::new().map_err(|error| format!("cannot wait for signals: {error}"))?;
    let listener = bind(listen).await?;
    let environment = Environment::system();
    if let Some(address) = metrics_listen {
        let listener = bind(address).await?;
        tokio::spawn(metrics::serve(listener, environment.metrics.clone(), shutdown.clone()));
    }
    tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            signals.received().await;
            shutdown.cancel();
        }
    });
    serve(listener, settings, environment, shutdown).await.map_err(|error| error.to_string())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))
}

/// SIGTERM and SIGINT, or their like elsewhere.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg_attr(not(unix), expect(clippy::unnecessary_wraps, reason = "only Unix can fail here"))]
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    async fn received(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
