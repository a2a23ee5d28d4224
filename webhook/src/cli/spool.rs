//! `leadcapture-webhook spool`: what the adapter keeps on its disk, shown and mended, also while the adapter runs.

mod show;

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::{
    clock::{Clock as _, SystemClock},
    config::DEFAULT_SPOOL,
    spool::{Exported, State, Store, Stored, Total},
};
use show::Shown;

/// How long the command waits for the running adapter's own writes.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many deliveries are read at once.
const PAGE: usize = 100;

/// What to do with which spool.
#[derive(Debug, Args)]
pub struct SpoolArgs {
    /// The spool's file [default: leadcapture-webhook-spool.db]
    #[arg(long, global = true, env = "LEADCAPTURE_WEBHOOK_SPOOL", value_name = "FILE")]
    pub spool: Option<PathBuf>,
    /// Configuration file (TOML) that names the spool: the adapter's, or the server's with its table `[webhook]`
    #[arg(long, global = true, env = "LEADCAPTURE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with a spool.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Shows how much waits and how much is dead
    Status {
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Lists deliveries, oldest first
    List {
        /// Only those of this state
        #[arg(long, value_name = "STATE")]
        state: Option<StateName>,
        /// Most deliveries to list
        #[arg(long, default_value_t = 50, value_name = "NUMBER")]
        limit: usize,
        /// Only those with numbers above this one
        #[arg(long, default_value_t = 0, value_name = "ID")]
        after: i64,
        /// Show telephone numbers in full
        #[arg(long)]
        reveal: bool,
        /// Answer as JSON, one delivery a line
        #[arg(long)]
        json: bool,
    },
    /// Shows one delivery
    Show {
        /// Its number
        #[arg(value_name = "ID")]
        id: i64,
        /// Show telephone numbers in full, and the body
        #[arg(long)]
        reveal: bool,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Lets dead letters wait again; the running adapter forwards them at once
    Retry {
        /// Their numbers
        #[arg(value_name = "ID", required_unless_present = "all")]
        ids: Vec<i64>,
        /// All of them
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Writes deliveries as JSON lines, bodies and telephone numbers in full
    Export {
        /// Their numbers [default: all]
        #[arg(value_name = "ID")]
        ids: Vec<i64>,
        /// Only those of this state
        #[arg(long, value_name = "STATE", conflicts_with = "ids")]
        state: Option<StateName>,
    },
}

/// The name of a state.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum StateName {
    /// To be forwarded.
    Waiting,
    /// Never to be forwarded by itself.
    Dead,
}

impl From<StateName> for State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Waiting => Self::Waiting,
            StateName::Dead => Self::Dead,
        }
    }
}

/// Does what the arguments say, and writes the answer to standard output.
///
/// # Errors
/// A sentence that says what is wrong: no spool there, no such delivery.
pub fn run(args: SpoolArgs) -> Result<(), String> {
    let path = args.path()?;
    let store = Store::open_existing(&path, PATIENCE).map_err(|error| {
        format!("spool: {}: {error}; name the adapter's spool with --spool", path.display())
    })?;
    let mut out = io::stdout().lock();
    match act(args.action, store, &mut out) {
        // Whoever read the answer has read enough.
        Err(Failed::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(failed) => Err(failed.to_string()),
        Ok(()) => Ok(()),
    }
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("spool: {0}")]
    Spool(#[from] crate::spool::StoreError),
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    #[error("{0}")]
    Request(String),
}

fn act(action: Action, store: Store, out: &mut impl Write) -> Result<(), Failed> {
    match action {
        Action::Status { json } => status(&store, json, out),
        Action::List { state, limit, after, reveal, json } => {
            each(&store, state.map(State::from), after, limit, |stored| {
                let shown = Shown::of(&stored, reveal);
                if json { writeln!(out, "{}", shown.json()) } else { writeln!(out, "{}", shown.line()) }
            })
        }
        Action::Show { id, reveal, json } => {
            let stored = find(&store, id)?;
            let shown = Shown::of(&stored, reveal).with_body(&stored, reveal);
            Ok(if json { writeln!(out, "{}", shown.json()) } else { write!(out, "{}", shown.page()) }?)
        }
        Action::Retry { ids, all, json } => retry(store, &ids, all, json, out),
        Action::Export { ids, state } => {
            let mut export = |stored: Stored| {
                let line = serde_json::to_string(&Exported::from(stored))?;
                writeln!(out, "{line}")
            };
            if ids.is_empty() {
                return each(&store, state.map(State::from), 0, usize::MAX, export);
            }
            for id in ids {
                export(find(&store, id)?)?;
            }
            Ok(())
        }
    }
}

fn find(store: &Store, id: i64) -> Result<Stored, Failed> {
    store.get(id)?.ok_or_else(|| Failed::Request(format!("there is no delivery {id} in the spool")))
}

/// Calls `show` for each delivery, a page at a time, so that a large spool needs no large memory.
fn each(
    store: &Store,
    state: Option<State>,
    mut after: i64,
    limit: usize,
    mut show: impl FnMut(Stored) -> io::Result<()>,
) -> Result<(), Failed> {
    let mut left = limit;
    while left > 0 {
        let page = store.list(state, after, left.min(PAGE))?;
        let Some(last) = page.last() else { break };
        (after, left) = (last.id, left - page.len());
        for stored in page {
            show(stored)?;
        }
    }
    Ok(())
}

fn status(store: &Store, json: bool, out: &mut impl Write) -> Result<(), Failed> {
    let totals = store.totals()?;
    let now = SystemClock.now();
    let age = |total: &Total| total.oldest.map(|oldest| (now - oldest).num_seconds().max(0));
    if json {
        let total = |total: &Total| json!({"deliveries": total.deliveries, "bytes": total.bytes, "oldest_since": total.oldest, "oldest_seconds": age(total)});
        writeln!(out, "{}", json!({"waiting": total(&totals.waiting), "dead": total(&totals.dead)}))?;
        return Ok(());
    }
    for (name, total) in [("waiting", &totals.waiting), ("dead", &totals.dead)] {
        let oldest = match (total.oldest, age(total)) {
            (Some(since), Some(seconds)) => {
                format!(", the oldest for {seconds} s, since {}", show::time(since))
            }
            _ => String::new(),
        };
        writeln!(out, "{name:8} {} deliveries, {} bytes{oldest}", total.deliveries, total.bytes)?;
    }
    Ok(())
}

fn retry(mut store: Store, ids: &[i64], all: bool, json: bool, out: &mut impl Write) -> Result<(), Failed> {
    let now = SystemClock.now();
    let (revived, missing) = store.change(|changes| {
        if all {
            return Ok((changes.revive_all(now)?, Vec::new()));
        }
        let mut missing = Vec::new();
        for id in ids {
            if !changes.revive(*id, now)? {
                missing.push(id.to_string());
            }
        }
        Ok((ids.len() - missing.len(), missing))
    })?;
    if json {
        writeln!(out, "{}", json!({"retried": revived}))?;
    } else {
        writeln!(out, "waiting to be forwarded again: {revived}")?;
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Failed::Request(format!("there is no dead letter {}", missing.join(", "))))
    }
}

impl SpoolArgs {
    fn path(&self) -> Result<PathBuf, String> {
        if let Some(path) = &self.spool {
            return Ok(path.clone());
        }
        let Some(config) = &self.config else { return Ok(DEFAULT_SPOOL.into()) };
        let text = fs::read_to_string(config).map_err(|error| format!("{}: {error}", config.display()))?;
        let file: toml::Table = toml::from_str(&text)
            .map_err(|error| format!("{}: {}", config.display(), error.message().replace('\n', " ")))?;
        // The server's own key wins over its table, as it does when it serves.
        let table = file.get("webhook").and_then(toml::Value::as_table);
        let spool = file.get("webhook_spool").or_else(|| file.get("spool")).or_else(|| table?.get("spool"));
        Ok(spool.and_then(toml::Value::as_str).unwrap_or(DEFAULT_SPOOL).into())
    }
}
