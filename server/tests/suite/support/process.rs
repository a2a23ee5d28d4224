//! Real server processes, to be killed.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    ops::Deref,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value;
use tonic_health::pb::health_check_response::ServingStatus;

use super::{client::Client, database::TestDatabase, leaks, server::ANY_PORT, wait::until};

/// A running server process and its clients; killed when dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    address: SocketAddr,
    client: Client,
    log: Arc<Mutex<Vec<String>>>,
}

/// Starts the program that was built with the tests, on free ports, and waits until it serves.
pub(crate) async fn start_process(db: &TestDatabase) -> ServerProcess {
    start_process_with(db, &[]).await
}

/// As [`start_process`], with more arguments.
pub(crate) async fn start_process_with(db: &TestDatabase, arguments: &[&str]) -> ServerProcess {
    start_process_at(db, ANY_PORT, arguments).await
}

/// As [`start_process_with`], with more environment variables.
pub(crate) async fn start_process_with_environment(
    db: &TestDatabase,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> ServerProcess {
    start(db, ANY_PORT, arguments, variables).await
}

/// As [`start_process_with`], at this address.
pub(crate) async fn start_process_at(
    db: &TestDatabase,
    listen: SocketAddr,
    arguments: &[&str],
) -> ServerProcess {
    start(db, listen, arguments, &[]).await
}

async fn start(
    db: &TestDatabase,
    listen: SocketAddr,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> ServerProcess {
    let key = db.erasure_key_file().map(|file| ("LEADCAPTURE_ERASURE_KEY_FILE", file));
    let mut child = Command::new(env!("CARGO_BIN_EXE_leadcapture"))
        .args(["serve", "--metrics-listen", "127.0.0.1:0", "--log-format", "json", "--listen"])
        .arg(listen.to_string())
        .args(arguments)
        .env_clear()
        .env("LEADCAPTURE_DATABASE_URL", db.url())
        .envs(key)
        .envs(variables.iter().copied())
        .env("LEADCAPTURE_WEBHOOK_SPOOL", db.folder().join("spool.db"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = keep_log(&mut child);
    let address = until("the server process to listen", async || {
        let exited = child.try_wait().unwrap();
        let lines = log.lock().unwrap();
        assert!(exited.is_none(), "the server process ended: {lines:?}");
        lines.iter().find_map(|line| listening_address(line, "gRPC"))
    })
    .await;
    let client = Client::new(address);
    until("the server process to serve", async || {
        client
            .health("leadcapture.v1.MissedCallService")
            .await
            .filter(|status| *status == ServingStatus::Serving)
    })
    .await;
    ServerProcess { child, address, client, log }
}

/// Gathers what a process logs, a JSON object a line, and scans it.
pub(crate) fn keep_log(child: &mut Child) -> Arc<Mutex<Vec<String>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&log));
    // Reads to the end, as the process would wait for its reader.
    thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            leaks::scan(&line);
            kept.lock().unwrap().push(line);
        }
    });
    log
}

/// Where a part of the process says that it listens.
pub(crate) fn listening_address(line: &str, part: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    (line["message"] == format!("{part} is listening"))
        .then(|| line["address"].as_str().unwrap().parse().unwrap())
}

impl ServerProcess {
    /// The number by which the system knows the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where gRPC listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the webhook of the process listens.
    pub(crate) async fn webhook_address(&self) -> SocketAddr {
        until("the webhook to listen", async || {
            self.log.lock().unwrap().iter().find_map(|line| listening_address(line, "webhook"))
        })
        .await
    }

    /// Ends the process at once, whatever it is doing.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to end in order.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends the process a signal, for example `-STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the process.
    pub(crate) async fn exited(&mut self) -> ExitStatus {
        until("the server process to end", async || self.child.try_wait().unwrap()).await
    }

    /// What the process logged so far, a JSON object a line.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

impl Deref for ServerProcess {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
