//! Writes `docs/api.md` from the comments of the `.proto` files.
//!
//! `cargo run -p leadcapture-proto --example api_reference` writes it; with `-- --check` nothing is written, and a file that is
//! not up to date is an error. Anything without a comment is an error either way.

mod api;
mod markdown;

use std::{fs, path::Path, process::ExitCode};

use leadcapture_proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::FileDescriptorSet;

const PACKAGE: &str = "leadcapture.v1";

#[expect(clippy::print_stderr, reason = "a program for the terminal")]
fn main() -> ExitCode {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => {
            eprintln!("unknown argument {other}; the only one is --check");
            return ExitCode::from(2);
        }
    };
    match run(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md"), check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &Path, check: bool) -> Result<(), String> {
    let descriptors = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET)
        .map_err(|error| format!("the descriptors cannot be read: {error}"))?;
    let api = api::read(&descriptors, PACKAGE)
        .map_err(|undocumented| format!("these need a comment in proto/: {}", undocumented.join(", ")))?;
    let page = markdown::render(&api);
    if check {
        if fs::read_to_string(path).is_ok_and(|present| present == page) {
            return Ok(());
        }
        return Err(
            "docs/api.md is not what the comments in proto/ say; `make api-docs` writes it".to_owned()
        );
    }
    fs::write(path, page).map_err(|error| format!("{}: {error}", path.display()))
}
