//! `leadcapture token`: makes, lists and revokes API tokens, in the database itself.

use std::{fmt::Write as _, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    auth::MAX_CACHE_TTL,
    config::DatabaseOptions,
    domain::{
        access::{Role, check_binding},
        api_token::{ApiToken, TokenHash},
        error::{Error, Resource},
        text::{self, MAX_LABEL},
    },
    storage::{CreatedToken, NewToken, Storage, TokenReference},
};

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Makes a token and shows it, this once
    ///
    /// The token alone is written to standard output, what is to be known of it to standard error. The first token closes the server for good:
    /// from then on every request needs one.
    Create(CreateToken),
    /// Lists all tokens: what they may do, and whether they are accepted
    List {
        /// Where, and in which form.
        #[command(flatten)]
        common: Common,
    },
    /// Revokes a token; every server refuses it within 10 seconds
    Revoke {
        /// Id of the token, or the token itself
        #[arg(value_name = "ID")]
        token: Named,
        /// Where, and in which form.
        #[command(flatten)]
        common: Common,
    },
}

/// Where the tokens are, and in which form to answer.
#[derive(Debug, Args)]
pub struct Common {
    /// Which database.
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Answer with JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// What a new token is to be.
#[derive(Debug, Args)]
pub struct CreateToken {
    /// What it may do: admin, tenant, ingest or worker
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Role,
    /// Id of the only tenant it may act for; required for the role tenant, not possible for admin
    #[arg(long, value_name = "ID")]
    tenant: Option<Uuid>,
    /// What to call it: stands in the history of what was done with it
    #[arg(long, value_name = "NAME", value_parser = label)]
    label: String,
    /// When it ends: days or hours from now such as 90d or 12h, or a time such as 2027-01-31T00:00:00Z [default: never]
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expiry>,
    /// Where, and in which form.
    #[command(flatten)]
    common: Common,
}

impl TokenCommand {
    /// Where the tokens are.
    #[must_use]
    pub const fn database(&self) -> &DatabaseOptions {
        let (Self::Create(CreateToken { common, .. }) | Self::List { common } | Self::Revoke { common, .. }) =
            self;
        &common.database
    }
}

/// How a token is named on the command line.
#[derive(Clone, Copy, Debug)]
pub struct Named(TokenReference);

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(Self(TokenReference::Id(id)));
        }
        let hash = TokenHash::presented(text.as_bytes());
        // What was typed may be most of a token, so it is not repeated.
        hash.map(|hash| Self(TokenReference::Secret(hash))).map_err(|_| {
            "is neither the id of a token, as `leadcapture token list` shows it, nor a whole token".to_owned()
        })
    }
}

/// When a token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// So long from now.
    After(TimeDelta),
    /// At this time.
    At(DateTime<Utc>),
}

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(time.to_utc()));
        }
        let delta = |unit: char, hours: i64| {
            let number: i64 =
                text.strip_suffix(unit)?.parse().ok().filter(|number| (1..=100_000).contains(number))?;
            TimeDelta::try_hours(number * hours)
        };
        delta('d', 24).or_else(|| delta('h', 1)).map(Self::After).ok_or_else(|| {
            "must be days or hours such as 90d or 12h, or a time such as 2027-01-31T00:00:00Z".to_owned()
        })
    }
}

fn role(name: &str) -> Result<Role, String> {
    let found = Role::ALL.iter().find(|role| role.name() == name);
    found.copied().ok_or_else(|| "must be admin, tenant, ingest or worker".to_owned())
}

fn label(value: &str) -> Result<String, String> {
    let label = text::non_empty(value).ok_or("must not be empty")?;
    if label.contains(char::is_control) {
        return Err("must be one line without tabs".to_owned());
    }
    text::problem(&label, MAX_LABEL).map_or(Ok(label), Err)
}

/// What a command answers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub notes: String,
}

/// Runs a command.
///
/// # Errors
/// A sentence for the operator.
pub async fn run(command: &TokenCommand, storage: &Storage) -> Result<Output, String> {
    match command {
        TokenCommand::Create(create) => create_token(create, storage).await,
        TokenCommand::List { common } => {
            let now = storage.environment().now();
            let tokens = storage.tokens().await.map_err(|error| describe(&error))?;
            let out = if common.json {
                json_text(&tokens.iter().map(|token| to_json(token, now)).collect())
            } else {
                table(&tokens, now)
            };
            Ok(Output { out, notes: String::new() })
        }
        TokenCommand::Revoke { token: Named(reference), common } => {
            let token = storage.revoke_token(*reference).await.map_err(|error| describe(&error))?;
            let token =
                token.ok_or("there is no such token; `leadcapture token list` shows those that there are")?;
            let out = if common.json {
                json_text(&to_json(&token, storage.environment().now()))
            } else {
                format!(
                    "{} \"{}\" is revoked; every server refuses it within {} seconds\n",
                    token.id,
                    token.label,
                    MAX_CACHE_TTL.as_secs()
                )
            };
            Ok(Output { out, notes: String::new() })
        }
    }
}

async fn create_token(create: &CreateToken, storage: &Storage) -> Result<Output, String> {
    let now = storage.environment().now();
    check_binding(create.role, create.tenant.is_some()).map_err(|problem| format!("--tenant: {problem}"))?;
    let expires_at = match create.expires {
        Some(Expiry::After(delta)) => Some(now + delta),
        Some(Expiry::At(time)) => Some(time),
        None => None,
    };
    if expires_at.is_some_and(|end| end <= now) {
        return Err("--expires: is in the past".to_owned());
    }
    let new =
        NewToken { role: create.role, tenant_id: create.tenant, label: create.label.clone(), expires_at };
    let CreatedToken { secret, token, first } =
        storage.create_token(&new).await.map_err(|error| describe(&error))?;
    let mut notes = String::new();
    if first {
        notes.push_str("This is the first token: from now on every request needs one, for good.\n");
    }
    if create.common.json {
        let mut shown = to_json(&token, now);
        shown["token"] = secret.reveal().into();
        return Ok(Output { out: json_text(&shown), notes });
    }
    let tenant = token.tenant_id.map_or_else(|| "all tenants".to_owned(), |id| format!("tenant {id}"));
    let _ = writeln!(
        notes,
        "Token {} \"{}\": {} for {tenant}, {}. It is shown this once; keep it safe.",
        token.id,
        token.label,
        token.role,
        token.expires_at.map_or_else(|| "without end".to_owned(), |end| format!("until {}", time(end))),
    );
    Ok(Output { out: format!("{}\n", secret.reveal()), notes })
}

fn describe(error: &Error) -> String {
    match error {
        Error::NotFound(Resource::Tenant) => "--tenant: there is no tenant with this id".to_owned(),
        // The cause is for the operator, who sits at the keyboard.
        Error::Internal(cause) => {
            format!(
                "the database does not answer as expected ({cause}); is its schema up to date? `leadcapture migrate up` brings it there"
            )
        }
        error => error.to_string(),
    }
}

fn time(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn to_json(token: &ApiToken, now: DateTime<Utc>) -> Value {
    json!({
        "id": token.id.to_string(),
        "role": token.role.name(),
        "tenant_id": token.tenant_id.map(|id| id.to_string()),
        "label": token.label,
        "state": token.state(now).name(),
        "created_at": time(token.created_at),
        "expires_at": token.expires_at.map(time),
        "last_used_at": token.last_used_at.map(time),
        "revoked_at": token.revoked_at.map(time),
    })
}

fn json_text(value: &Value) -> String {
    format!("{value:#}\n")
}

fn table(tokens: &[ApiToken], now: DateTime<Utc>) -> String {
    const HEAD: [&str; 7] = ["ID", "STATE", "ROLE", "TENANT", "LAST USED", "EXPIRES", "LABEL"];
    let rows: Vec<[String; 7]> = tokens
        .iter()
        .map(|token| {
            let or = |value: Option<DateTime<Utc>>, otherwise: &str| {
                value.map_or_else(|| otherwise.to_owned(), time)
            };
            [
                token.id.to_string(),
                token.state(now).name().to_owned(),
                token.role.name().to_owned(),
                token.tenant_id.map_or_else(|| "all".to_owned(), |id| id.to_string()),
                or(token.last_used_at, "never"),
                or(token.expires_at, "never"),
                token.label.clone(),
            ]
        })
        .collect();
    let mut text = String::new();
    for row in std::iter::once(HEAD.map(str::to_owned)).chain(rows.iter().cloned()) {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width =
                rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(HEAD[column].len());
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_token_is_a_span_or_a_time() {
        assert_eq!("90d".parse(), Ok(Expiry::After(TimeDelta::days(90))));
        assert_eq!("12h".parse(), Ok(Expiry::After(TimeDelta::hours(12))));
        let end = DateTime::from_timestamp(1_801_353_600, 0).unwrap();
        assert_eq!("2027-01-31T02:00:00+02:00".parse(), Ok(Expiry::At(end)));
        for bad in ["", "90", "0d", "-1d", "1w", "soon", "99999999999d", "2027-01-31"] {
            assert!(bad.parse::<Expiry>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_is_named_by_its_id_or_by_itself_and_never_repeated() {
        assert!("0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f".parse::<Named>().is_ok());
        let token = crate::domain::api_token::ApiTokenSecret::new([3; 32]);
        assert!(token.reveal().parse::<Named>().is_ok());
        let error = token.reveal()[..60].parse::<Named>().unwrap_err();
        assert!(!error.contains("lct_"), "{error}");
    }

    #[test]
    fn labels_are_one_line() {
        assert_eq!(label(" crm "), Ok("crm".to_owned()));
        for bad in ["", " ", "a\nb", "a\tb", &"x".repeat(201)] {
            assert!(label(bad).is_err(), "{bad}");
        }
    }
}
