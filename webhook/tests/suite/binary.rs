//! The program itself: its configuration, its errors, its signals.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

use crate::leaks;

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leadcapture-webhook"));
    command
        .env_clear()
        .env("LEADCAPTURE_WEBHOOK_SPOOL", concat!(env!("CARGO_TARGET_TMPDIR"), "/binary-spool.db"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn fails(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert!(!status.success());
    String::from_utf8(stderr).unwrap()
}

fn file(name: &str, text: &str) -> std::path::PathBuf {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Started programs end with the test, and what they logged is scanned.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let mut log = Vec::new();
        if let Some(stderr) = &mut self.0.stderr {
            stderr.read_to_end(&mut log).unwrap();
        }
        leaks::scan(&String::from_utf8_lossy(&log));
    }
}

impl Running {
    /// Starts the program and waits for its first line, as JSON.
    pub(crate) fn start(command: &mut Command) -> (Self, Value) {
        let mut child = command.args(["--listen", "127.0.0.1:0", "--log-format", "json"]).spawn().unwrap();
        let mut line = String::new();
        // Byte by byte, so that the rest is left for the scan at the end.
        BufReader::with_capacity(1, child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        let running = Self(child);
        (running, serde_json::from_str(&line).unwrap())
    }
}

#[test]
fn refuses_addresses_that_others_can_reach() {
    let error = fails(program().args(["--listen", "0.0.0.0:8080"]));
    assert!(
        error.starts_with("leadcapture-webhook: listen: 0.0.0.0:8080 can be reached from other machines"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1);
    let error = fails(program().env("LEADCAPTURE_WEBHOOK_LISTEN", "[::]:0"));
    assert!(error.contains("[::]:0 can be reached"), "{error}");
}

#[test]
fn says_which_setting_is_wrong() {
    let unknown = file("unknown.toml", "listen = '127.0.0.1:0'\nbody_limits = 5\n");
    let error = fails(program().arg("--config").arg(&unknown));
    assert!(error.contains("unknown.toml: unknown field `body_limits`"), "{error}");
    let error = fails(program().args(["--config", "/nowhere/at/all.toml"]));
    assert!(error.contains("/nowhere/at/all.toml: "), "{error}");
    for (flag, value) in [
        ("--listen", "everywhere"),
        ("--account-zone", "Mars"),
        ("--time-basis", "local"),
        ("--body-limit", "0"),
        ("--body-timeout", "10"),
        ("--log-format", "xml"),
        ("--spool-limit", "0"),
        ("--forward-calls", "1001"),
        ("--dead-letter-days", "a month"),
    ] {
        let error = fails(program().args([flag, value]));
        assert!(error.contains(flag) && error.contains(value), "{error}");
    }
    for server in ["ftp://127.0.0.1:1", "127.0.0.1:1", "http://", "not an address"] {
        let error = fails(program().args(["--listen", "127.0.0.1:0", "--log", "off", "--server", server]));
        assert!(error.starts_with("leadcapture-webhook: server: must b"), "{server}: {error}");
    }
    let error =
        fails(program().args(["--listen", "127.0.0.1:0", "--log", "off"]).env("LEADCAPTURE_TOKEN", "a\nb"));
    assert_eq!(error, "leadcapture-webhook: token: holds characters that cannot stand in a header\n");
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let config = file("server.toml", "server = 'http://127.0.0.1:1'\n");
    let (_running, line) = Running::start(program().arg("--config").arg(&config));
    assert_eq!(line["server"], "http://127.0.0.1:1");
    let from_env =
        [("LEADCAPTURE_SERVER", "http://127.0.0.1:2"), ("LEADCAPTURE_CONFIG", config.to_str().unwrap())];
    let (_running, line) = Running::start(program().envs(from_env));
    assert_eq!(line["server"], "http://127.0.0.1:2");
    let (_running, line) = Running::start(program().envs(from_env).args(["--server", "http://127.0.0.1:3"]));
    assert_eq!(line["server"], "http://127.0.0.1:3");
}

#[cfg(unix)]
#[tokio::test]
async fn serves_until_it_is_told_to_stop() {
    for signal in ["-TERM", "-INT"] {
        let (mut running, line) = Running::start(&mut program());
        let health =
            reqwest::get(format!("http://{}/healthz", line["address"].as_str().unwrap())).await.unwrap();
        assert_eq!(health.status(), 200);
        drop(health);
        let killed = Command::new("kill").arg(signal).arg(running.0.id().to_string()).status().unwrap();
        assert!(killed.success());
        assert_eq!(running.0.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn the_help_names_every_setting_and_no_secret() {
    let output = program().arg("--help").env("LEADCAPTURE_TOKEN", "lc_secret").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("--account-zone") && help.contains("LEADCAPTURE_TOKEN"), "{help}");
    assert!(!help.contains("lc_secret"), "{help}");
}
