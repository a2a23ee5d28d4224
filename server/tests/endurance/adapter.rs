//! Real processes of the webhook adapter, to be killed.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::support::{
    process::{keep_log, listening_address},
    wait::until,
};

/// Without a line for each record, which would cost more than the record.
const LOG: &str = "info,leadcapture_webhook::http::observe=warn,leadcapture_webhook::forward=warn";

/// A running adapter process; killed when dropped.
#[derive(Debug)]
pub(crate) struct AdapterProcess {
    child: Child,
}

/// Starts the adapter and waits until it listens.
pub(crate) async fn start_adapter(listen: SocketAddr, server: SocketAddr, spool: &Path) -> AdapterProcess {
    let mut child = Command::new(program().await)
        .args(["--log-format", "json", "--log", LOG, "--listen", &listen.to_string()])
        .args(["--server", &format!("http://{server}"), "--spool"])
        .arg(spool)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = keep_log(&mut child);
    until("the adapter to listen", async || {
        let exited = child.try_wait().unwrap();
        let lines = log.lock().unwrap();
        assert!(exited.is_none(), "the adapter ended: {lines:?}");
        lines.iter().find_map(|line| listening_address(line, "webhook"))
    })
    .await;
    AdapterProcess { child }
}

impl AdapterProcess {
    /// Ends the process at once, whatever it is doing.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for AdapterProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The adapter's program. Cargo builds only the tested package's own programs before its tests, so this one is built here.
async fn program() -> &'static Path {
    static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
    PROGRAM.get_or_init(async || tokio::task::spawn_blocking(build).await.unwrap()).await
}

fn build() -> PathBuf {
    // With the whole workspace, as the tests are: alone, it would compile its dependencies anew with fewer features.
    let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "--workspace", "--bin", "leadcapture-webhook"])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(built.status.success());
    let messages = String::from_utf8(built.stdout).unwrap();
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| Some(message["executable"].as_str()?.into()));
    programs.next_back().unwrap()
}
