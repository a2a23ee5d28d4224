//! A small program on the generated Rust client.
//!
//! `leadcapture-example` posts a few calls through the webhook and prints the tenant's leads; `worker` sends what is due.
//! `setup`, `record` and `ready` are what `make run` needs: the demo tenant, a missed call to post by hand, and whether the
//! service is up.

mod demo;
mod error;
mod record;
mod service;
mod table;
mod worker;

use std::process::ExitCode;

use crate::{error::Error, service::Service, worker::Until};

const USAGE: &str = "\
usage: leadcapture-example [COMMAND]

  demo     post a few calls through the webhook and print the leads (default)
  setup    make the demo tenant with its line, once; prints the tenant's id
  record   print a missed call of this minute, as Voicenter sends it
  worker   claim the messages that are due, print and report them; ends after five idle minutes, with --once at once
  ready    end with 0 when the service and the webhook answer, else with 1

LEADCAPTURE_SERVER   address of the gRPC server (http://127.0.0.1:50051)
LEADCAPTURE_WEBHOOK  address of the webhook (http://127.0.0.1:8080)
LEADCAPTURE_TOKEN    token of the role admin; none while the server is open";

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_else(|| "demo".to_owned());
    let option = arguments.next();
    let until = match (command.as_str(), option.as_deref()) {
        ("worker", Some("--once")) => Until::Drained,
        (_, None) => Until::Idle,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if arguments.next().is_some() {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }

    let result = match command.as_str() {
        "demo" => demo::run().await,
        "setup" => setup().await,
        "worker" => worker::run(until).await,
        "record" => Ok(record::missed_call_now().to_json().to_string()),
        "ready" => return if service::is_ready().await { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        "help" | "--help" | "-h" => Ok(USAGE.to_owned()),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(output) => {
            println!("{output}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn setup() -> Result<String, Error> {
    let tenant = Service::connect().await?.demo_tenant().await?;
    Ok(tenant.id)
}
