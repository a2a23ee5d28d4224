//! What can be set: by flag, environment variable or configuration file, in that order, with a default for everything.

mod options;
mod settings;

use std::{num::NonZeroU32, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::token_command::TokenCommand;

pub use options::Options;
pub use settings::Settings;

/// The database that a server without configuration uses.
pub const DEFAULT_DATABASE_URL: &str = "sqlite://leadcapture.db?mode=rwc";

/// leadcapture turns missed telephone calls into leads, over gRPC.
#[derive(Debug, Parser)]
#[command(name = "leadcapture", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves gRPC, and on request the Voicenter webhook in the same process
    Serve(Box<Options>),
    /// Makes, lists and revokes API tokens
    Token {
        /// What to do.
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Changes the database schema, or shows where it stands
    Migrate {
        /// Which way.
        #[command(subcommand)]
        direction: MigrateCommand,
    },
}

/// Which way to migrate.
#[derive(Debug, Subcommand)]
pub enum MigrateCommand {
    /// Brings the schema up to date
    Up(DatabaseOptions),
    /// Takes back the last migrations; loses what only they can hold
    Down {
        /// How many migrations to take back
        #[arg(long, default_value = "1", value_name = "NUMBER")]
        steps: NonZeroU32,
        /// Which database.
        #[command(flatten)]
        database: DatabaseOptions,
    },
    /// Lists the migrations and whether they are applied
    Status(DatabaseOptions),
}

/// Which database a command works on.
#[derive(Clone, Debug, Args)]
pub struct DatabaseOptions {
    /// Database: `sqlite://PATH?mode=rwc` or `postgres://…` [default: `sqlite://leadcapture.db?mode=rwc`]
    #[arg(long, env = "LEADCAPTURE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Configuration file (TOML)
    #[arg(long, env = "LEADCAPTURE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}
impl DatabaseOptions {
    /// The URL of the database, from flag, environment, file or default.
    ///
    /// # Errors
    /// As [`Options::with_file`].
    pub fn url(self) -> Result<String, String> {
        let options = Options { database_url: self.database_url, config: self.config, ..Options::default() };
        Ok(options.with_file()?.database_url.unwrap_or_else(|| DEFAULT_DATABASE_URL.to_owned()))
    }
}
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory as _;
    use leadcapture_webhook::cli::Span;

    use super::*;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let file: Options = toml::from_str(
            "database_url = 'postgres://file/x'\nrecording_workers = 7\n[webhook]\naccount_zone = 'Europe/London'",
        )
        .unwrap();
        let flags = Options { database_url: Some("postgres://flag/x".to_owned()), ..Options::default() };
        let settings = flags.or(file).settings().unwrap();
        assert_eq!(settings.database.url, "postgres://flag/x");
        assert_eq!(settings.recording.workers, 7);
        assert_eq!(settings.webhook.time.account_zone.name(), "Europe/London");
        assert_eq!(settings.listen.to_string(), "127.0.0.1:50051");
    }

    #[test]
    fn the_file_may_hold_only_what_is_known() {
        for (text, expected) in [
            ("database = 'x'", "unknown field `database`"),
            ("sweep_interval = 'often'", "often is no time"),
            ("recording_workers = 0", "nonzero"),
            ("[webhook]\nport = 1", "unknown field `port`"),
        ] {
            let error = toml::from_str::<Options>(text).unwrap_err();
            assert!(error.message().contains(expected), "{error}");
        }
        let options = Options { region: Some("XX".to_owned()), ..Options::default() };
        assert!(options.settings().unwrap_err().contains("XX"));
    }

    #[test]
    fn nothing_is_kept_for_longer_than_a_hundred_years() {
        let settings = |name: &str, value: u32| {
            toml::from_str::<Options>(&format!("{name} = {value}")).unwrap().settings()
        };
        for (name, most) in [
            ("request_id_hours", 876_000),
            ("unrouted_retention_days", 36_500),
            ("closed_lead_retention_days", 36_500),
        ] {
            settings(name, most).unwrap();
            for value in [most + 1, u32::MAX] {
                let error = settings(name, value).unwrap_err();
                assert!(error.contains(name) && error.contains(&value.to_string()), "{error}");
            }
        }
    }

    #[test]
    fn a_token_is_never_trusted_for_longer_than_it_may_be_revoked() {
        let with = |ttl| Options { auth_cache_ttl: Some(Span(ttl)), ..Options::default() };
        assert_eq!(with(Duration::from_secs(10)).settings().unwrap().auth.cache_ttl, Duration::from_secs(10));
        let error = with(Duration::from_millis(10_001)).settings().unwrap_err();
        assert!(error.contains("auth_cache_ttl") && error.contains("10s"), "{error}");
    }

    #[test]
    fn every_setting_is_documented() {
        let page = include_str!("../../../docs/configuration.md");
        let mut command = Cli::command();
        let serve = command.find_subcommand_mut("serve").unwrap();
        for argument in
            serve.get_arguments().filter(|argument| !["help", "config"].contains(&argument.get_id().as_str()))
        {
            let (flag, key) = (argument.get_long().unwrap(), argument.get_id().as_str());
            let variable = argument.get_env().unwrap().to_str().unwrap();
            let row = format!("| `--{flag}` | `{variable}` | `{key}` |");
            assert!(page.contains(&row), "docs/configuration.md lacks the row {row}");
        }
    }
}
