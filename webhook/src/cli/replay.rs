//! `leadcapture-webhook replay`: its arguments and its answer.

use std::{
    io::{self, Write as _},
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use clap::Args;

use super::{Options, Span, Zone};
use crate::{
    cdr::TimeBasis,
    clock::SystemClock,
    replay::{Replay, replay},
};

/// Records bodies that were recorded in files, through the same reading and the same API as those that come over HTTP
///
/// A file holds one body (JSON, form or XML), or JSON lines: a record each, or a delivery as `spool export` writes it. Calls that are
/// recorded already change nothing, so a replay that was cut short is simply run again. Late calls make leads, but text nobody: the
/// server sends no opener for a call older than the tenant's `stale_call_after`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Files to replay, in this order; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Show what each call would do, and record nothing
    #[arg(long)]
    pub validate_only: bool,
    /// When the bodies arrived, for those that do not say so themselves, as in 2026-01-27T11:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub arrived_at: Option<DateTime<Utc>>,
    /// Answer as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Most calls of a batch, 1 to 1000 [default: 500]
    #[arg(long, value_name = "NUMBER", value_parser = batch)]
    pub batch: Option<usize>,
    /// Batches under way at the same time; calls of one phone are sent one after another [default: 4]
    #[arg(long, value_name = "NUMBER")]
    pub concurrency: Option<NonZeroUsize>,
    /// How long the server may take for a batch [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub batch_timeout: Option<Span>,
    /// For how long a batch is tried again while the server is away or overloaded [default: 1m]
    #[arg(long, value_name = "TIME")]
    pub retry_for: Option<Span>,
    /// Address of the leadcapture server [default: `http://127.0.0.1:50051`]
    #[arg(long, env = "LEADCAPTURE_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// Token that the server asks for; better given by the environment or the file than as a flag
    #[arg(long, env = "LEADCAPTURE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Certificates of the authorities of an https server (PEM)
    #[arg(long, env = "LEADCAPTURE_SERVER_CA", value_name = "FILE")]
    pub server_ca: Option<PathBuf>,
    /// Certificate to show to a server that asks for one (PEM)
    #[arg(long, env = "LEADCAPTURE_SERVER_CERT", value_name = "FILE")]
    pub server_cert: Option<PathBuf>,
    /// Private key of that certificate (PEM)
    #[arg(long, env = "LEADCAPTURE_SERVER_KEY", value_name = "FILE")]
    pub server_key: Option<PathBuf>,
    /// Time zone of the Voicenter account [default: Asia/Jerusalem]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_ACCOUNT_ZONE", value_name = "ZONE")]
    pub account_zone: Option<Zone>,
    /// How a record's time is read: auto, account or utc [default: auto]
    #[arg(long, env = "LEADCAPTURE_WEBHOOK_TIME_BASIS", value_name = "BASIS")]
    pub time_basis: Option<TimeBasis>,
    /// Configuration file of the adapter (TOML)
    #[arg(long, env = "LEADCAPTURE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The most calls of a batch that the server takes.
const MAX_BATCH: usize = 1_000;

fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    time.map_err(|_| "must be a time with its offset, as in 2026-01-27T11:00:00Z".to_owned())
}

fn batch(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX_BATCH).contains(number));
    number.ok_or_else(|| format!("must be 1 to {MAX_BATCH}"))
}

/// Replays the files and answers on standard output what came of it.
///
/// # Errors
/// A sentence: what could not be read or sent, or that some records were not recorded.
pub async fn run(args: ReplayArgs) -> Result<(), String> {
    let plan = Replay {
        files: args.files,
        arrived_at: args.arrived_at,
        validate_only: args.validate_only,
        batch: args.batch.unwrap_or(500),
        concurrency: args.concurrency.map_or(4, NonZeroUsize::get),
        batch_timeout: args.batch_timeout.map_or(Duration::from_secs(30), |span| span.0),
        retry_for: args.retry_for.map_or(Duration::from_mins(1), |span| span.0),
        progress: true,
    };
    let options = Options {
        server: args.server,
        token: args.token,
        server_ca: args.server_ca,
        server_cert: args.server_cert,
        server_key: args.server_key,
        account_zone: args.account_zone,
        time_basis: args.time_basis,
        config: args.config,
        ..Options::default()
    };
    let settings = options.with_file()?.settings()?;
    let (summary, result) = replay(plan, &settings, Arc::new(SystemClock)).await;
    if summary.bodies == 0 && !args.json {
        result.map_err(|error| error.to_string())?;
        return Err("the files hold nothing".to_owned());
    }
    let mut out = io::stdout().lock();
    let written = if args.json { writeln!(out, "{}", summary.json()) } else { write!(out, "{summary}") };
    match written.and_then(|()| out.flush()) {
        // Whoever read the answer has read enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(format!("cannot write the answer: {error}"));
        }
        _ => {}
    }
    result.map_err(|error| error.to_string())?;
    match summary.failures.len() {
        0 => Ok(()),
        1 => Err("1 record was not taken".to_owned()),
        failed => Err(format!("{failed} records were not taken")),
    }
}
