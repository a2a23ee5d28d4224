//! `leadcapture-webhook`: the Voicenter webhook as a process of its own.

use std::{io::Write as _, process::ExitCode, sync::Arc};

use clap::Parser as _;
use leadcapture_webhook::{
    Settings, SystemClock, check_door,
    cli::{self, Cli, Command, DEFAULT_LISTEN, Options},
    serve, telemetry,
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
    let settings = options.settings()?;
    check_door(listen, &settings.door).map_err(|error| error.to_string())?;
    let runtime = runtime()?;
    let entered = runtime.enter();
    let telemetry = telemetry::init("leadcapture-webhook", &options.telemetry())?;
    drop(entered);
    let ended = runtime.block_on(run_webhook(listen, settings));
    telemetry.flush();
    ended
}

async fn run_webhook(listen: std::net::SocketAddr, settings: Settings) -> Result<(), String> {
    let shutdown = CancellationToken::new();
    let mut signals = Signals::new().map_err(|error| format!("cannot wait for signals: {error}"))?;
    let listener =
        TcpListener::bind(listen).await.map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            signals.received().await;
            shutdown.cancel();
        }
    });
    serve(listener, settings, Arc::new(SystemClock), shutdown).await.map_err(|error| error.to_string())
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
