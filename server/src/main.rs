//! `leadcapture`: the server and its command line.

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;
use leadcapture_migration::{Migrator, MigratorTrait as _};
use leadcapture_server::{
    clock::Environment,
    config::{Cli, Command, MigrateCommand, Options, Settings},
    serve,
    storage::{Storage, connect_for_migrations, migrate_up},
    token_command::{self, TokenCommand},
};
use leadcapture_webhook::telemetry;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(options) => run(*options),
        Command::Token { command } => token(&command),
        Command::Migrate { direction } => migrate(&direction),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if even standard error is closed.
            drop(writeln!(std::io::stderr(), "leadcapture: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))
}

fn run(options: Options) -> Result<(), String> {
    let options = options.with_file()?.with_webhook_environment()?;
    let settings = options.settings()?;
    let runtime = runtime()?;
    let entered = runtime.enter();
    let telemetry = telemetry::init("leadcapture", &options.telemetry())?;
    drop(entered);
    let ended = runtime.block_on(run_server(settings));
    telemetry.flush();
    ended
}

async fn run_server(settings: Settings) -> Result<(), String> {
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| format!("cannot wait for signals: {error}"))?;
    let server = serve::start(settings, Environment::system()).await?;
    let shutdown = server.shutdown_token();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        shutdown.cancel();
    });
    server.ended().await;
    Ok(())
}

fn token(command: &TokenCommand) -> Result<(), String> {
    let options = Options { database_url: Some(command.database().clone().url()?), ..Options::default() };
    let settings = options.settings()?;
    let output = runtime()?.block_on(async {
        let storage = Storage::connect(&settings.database, Environment::system()).await;
        let storage = storage.map_err(|error| error.to_string())?;
        let output = token_command::run(command, &storage).await;
        storage.close().await;
        output
    })?;
    // The notes first: when the token is there, they were read.
    std::io::stderr().write_all(output.notes.as_bytes()).map_err(|error| error.to_string())?;
    std::io::stdout().write_all(output.out.as_bytes()).map_err(|error| error.to_string())
}

fn migrate(command: &MigrateCommand) -> Result<(), String> {
    let (database, steps) = match command {
        MigrateCommand::Up(database) | MigrateCommand::Status(database) => (database.clone(), 0),
        MigrateCommand::Down { steps, database } => (database.clone(), steps.get()),
    };
    let options = Options { database_url: Some(database.url()?), ..Options::default() };
    let settings = options.settings()?;
    runtime()?.block_on(async {
        let connection =
            connect_for_migrations(&settings.database).await.map_err(|error| error.to_string())?;
        let failed = |error: sea_orm_migration::DbErr| format!("cannot migrate the database: {error}");
        match command {
            MigrateCommand::Up(_) => migrate_up(&connection).await.map_err(failed)?,
            MigrateCommand::Down { .. } => Migrator::down(&connection, Some(steps)).await.map_err(failed)?,
            MigrateCommand::Status(_) => {}
        }
        let migrations = Migrator::get_migration_with_status(&connection).await.map_err(failed)?;
        let mut out = std::io::stdout().lock();
        for migration in migrations {
            writeln!(out, "{}\t{}", migration.status(), migration.name())
                .map_err(|error| error.to_string())?;
        }
        drop(out);
        connection.close().await.map_err(failed)
    })
}
