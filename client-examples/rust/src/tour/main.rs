//! A tour of the API on the generated Rust client: one customer from first contact to won, with deadlines, safe repeats, and errors
//! told apart by their reason. The examples in the other languages do the same and print the same lines.

mod client;
mod problem;
mod rules;
mod story;

use std::process::ExitCode;

use crate::{client::Client, problem::Problem};

const USAGE: &str = "\
usage: leadcapture-tour [COMMAND]

  tour           take one customer from first contact to won (default)
  tenant NAME    make a tenant whose messages are due at once, for the tour; prints its id; needs a token of the role admin

LEADCAPTURE_SERVER  address of the gRPC server (http://127.0.0.1:50051)
LEADCAPTURE_TOKEN   token to send; none if not set
LEADCAPTURE_TENANT  id of the tenant; not needed with a token that is bound to one
LEADCAPTURE_CA      authorities of the server's certificate (PEM), for an https address
LEADCAPTURE_CERT, LEADCAPTURE_KEY
                    certificate and key to show to a server that asks for one (PEM)";

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] | ["tour"] => tour().await,
        ["tenant", name] => tenant(name).await,
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

async fn tour() -> Result<(), Problem> {
    story::tell(&Client::from_environment()?).await
}

#[expect(clippy::print_stdout, reason = "a program for the terminal")]
async fn tenant(name: &str) -> Result<(), Problem> {
    let id = story::make_tenant(&Client::from_environment()?, name).await?;
    println!("{id}");
    Ok(())
}
