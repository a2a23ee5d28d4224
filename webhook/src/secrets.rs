//! The secrets by which senders are told from strangers. Voicenter signs nothing, so a secret is part of the address.

use std::{collections::HashMap, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use uuid::Uuid;

use crate::source::Source;

/// The fewest characters of a secret: 128 bits as base64.
pub const MIN_LENGTH: usize = 22;
/// The most characters of a secret.
pub const MAX_LENGTH: usize = 128;
/// The most secrets at once. All of them are compared with each request.
pub const MAX_SECRETS: u32 = 1_000;

/// The secrets in force. Only their digests are kept.
#[derive(Clone)]
pub struct Secrets {
    known: Vec<Known>,
}

#[derive(Clone)]
struct Known {
    digest: [u8; 32],
    source: Source,
}

/// Why a list of secrets cannot be used. Names the line, never its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// There is none in it.
    #[error("holds no secret; `leadcapture-webhook secret` makes one")]
    None,
    /// There are more than [`MAX_SECRETS`].
    #[error("holds more than {MAX_SECRETS} secrets")]
    TooMany,
    /// The text is not UTF-8.
    #[error("is not UTF-8 text")]
    NotText,
    /// A line cannot be used.
    #[error("line {line}: {problem}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
}

/// What is wrong with a line of a list of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// Too short to be safe.
    #[error("the secret is shorter than {MIN_LENGTH} characters; `leadcapture-webhook secret` makes one")]
    Short,
    /// Too long.
    #[error("the secret is longer than {MAX_LENGTH} characters")]
    Long,
    /// It could not stand in an address as it is.
    #[error("the secret holds a character other than A-Z, a-z, 0-9, - and _")]
    Character,
    /// Used twice.
    #[error("the same secret stands in line {0} already")]
    Again(usize),
    /// What follows the secret.
    #[error("the tenant id after the secret is no UUID")]
    Tenant,
    /// More than a secret and a tenant.
    #[error("there is more on it than a secret and a tenant id")]
    More,
}

impl Secrets {
    /// The secrets in a text: one a line or between commas, each with a tenant's id after it if it is that tenant's alone. `#` begins a
    /// comment.
    ///
    /// # Errors
    /// There is none, or a line cannot be used.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        let mut known = Vec::new();
        let mut lines = HashMap::new();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line_number = index + 1;
            let content = line.split('#').next().unwrap_or_default();
            for entry in content.split(',').filter(|entry| !entry.trim().is_empty()) {
                let entry = Known::parse(entry)
                    .and_then(|entry| match lines.insert(entry.digest, line_number) {
                        Some(first) => Err(LineProblem::Again(first)),
                        None => Ok(entry),
                    })
                    .map_err(|problem| SecretsError::Line { line: line_number, problem })?;
                known.push(entry);
            }
        }
        match u32::try_from(known.len()) {
            Ok(0) => Err(SecretsError::None),
            Ok(count) if count <= MAX_SECRETS => Ok(Self { known }),
            _ => Err(SecretsError::TooMany),
        }
    }

    /// As [`Secrets::parse`], of a file's content.
    ///
    /// # Errors
    /// As [`Secrets::parse`], and for bytes that are no text.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, SecretsError> {
        Self::parse(std::str::from_utf8(bytes).map_err(|_| SecretsError::NotText)?)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// Whose secret this is; `None` if it is nobody's. Takes the same time whether and whichever one fits: all are compared, by
    /// digests of equal length.
    #[must_use]
    pub fn source(&self, candidate: &str) -> Option<Source> {
        let digest = digest(candidate);
        let (mut found, mut at) = (Choice::from(0), 0_u32);
        for (index, known) in (0_u32..).zip(&self.known) {
            let same = known.digest.ct_eq(&digest);
            at.conditional_assign(&index, same);
            found |= same;
        }
        let known = self.known.get(usize::try_from(at).ok()?)?;
        bool::from(found).then(|| known.source.clone())
    }
}

// Digests of guessable secrets are worth hiding too.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("count", &self.count()).finish_non_exhaustive()
    }
}

impl Known {
    fn parse(entry: &str) -> Result<Self, LineProblem> {
        let mut words = entry.split_whitespace();
        let (secret, tenant) = (words.next().unwrap_or_default(), words.next());
        if words.next().is_some() {
            return Err(LineProblem::More);
        }
        if !secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return Err(LineProblem::Character);
        }
        match secret.len() {
            ..MIN_LENGTH => return Err(LineProblem::Short),
            MIN_LENGTH..=MAX_LENGTH => {}
            _ => return Err(LineProblem::Long),
        }
        let tenant = tenant.map(Uuid::parse_str).transpose().map_err(|_| LineProblem::Tenant)?;
        let source = Source { tenant_id: tenant.map(|id| id.hyphenated().to_string()) };
        Ok(Self { digest: digest(secret), source })
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// A secret of 32 random bytes: 43 characters.
#[must_use]
pub fn of_random(bytes: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AAAAAAAAAAAAAAAAAAAA-1";
    const TWO: &str = "aaaaaaaaaaaaaaaaaaaa_2";
    const TENANT: &str = "0190b6c0-7a5e-7c3d-9f00-000000000001";

    #[test]
    fn each_secret_has_its_tenant_or_none() {
        let text = format!(
            "\u{feff}# rotated in May, by hand\n{ONE}\r\n\n  {TWO}\t{}  # the plumber\n",
            TENANT.to_uppercase()
        );
        let secrets = Secrets::parse(&text).unwrap();
        assert_eq!(secrets.count(), 2);
        assert_eq!(secrets.source(ONE), Some(Source { tenant_id: None }));
        assert_eq!(secrets.source(TWO), Some(Source { tenant_id: Some(TENANT.to_owned()) }));
        for wrong in ["", "A", &ONE[..21], &format!("{ONE} "), &ONE.to_lowercase(), "#", "é"] {
            assert_eq!(secrets.source(wrong), None, "{wrong}");
        }
        let secrets = Secrets::parse(&format!("{ONE},{TWO} {TENANT},")).unwrap();
        assert_eq!(secrets.source(TWO).unwrap().tenant_id.as_deref(), Some(TENANT));
        assert!(secrets.source(ONE).is_some());
    }

    #[test]
    fn bad_lists_are_refused_without_repeating_them() {
        for (text, expected) in [
            (String::new(), "holds no secret; `leadcapture-webhook secret` makes one"),
            ("# nothing\n , \n".to_owned(), "holds no secret; `leadcapture-webhook secret` makes one"),
            (
                format!("{ONE}\nshort"),
                "line 2: the secret is shorter than 22 characters; `leadcapture-webhook secret` makes one",
            ),
            ("x".repeat(129), "line 1: the secret is longer than 128 characters"),
            (format!("{ONE}/x"), "line 1: the secret holds a character other than A-Z, a-z, 0-9, - and _"),
            (
                "סודסודסודסודסודסודסודסוד".to_owned(),
                "line 1: the secret holds a character other than A-Z, a-z, 0-9, - and _",
            ),
            (format!("{ONE}\n\n{ONE} {TENANT}"), "line 3: the same secret stands in line 1 already"),
            (format!("{ONE} plumber"), "line 1: the tenant id after the secret is no UUID"),
            (format!("{ONE} {TENANT} {TENANT}"), "line 1: there is more on it than a secret and a tenant id"),
        ] {
            assert_eq!(Secrets::parse(&text).unwrap_err().to_string(), expected, "{text}");
        }
        let many: Vec<String> = (0..=MAX_SECRETS).map(|number| format!("{number:030}")).collect();
        assert_eq!(Secrets::parse(&many.join("\n")).unwrap_err(), SecretsError::TooMany);
        assert_eq!(Secrets::parse_bytes(b"\xff").unwrap_err(), SecretsError::NotText);
    }

    #[test]
    fn made_secrets_are_good_ones_and_nothing_shows_them() {
        let secret = of_random([0xfb; 32]);
        assert_eq!(secret.len(), 43);
        let secrets = Secrets::parse(&secret).unwrap();
        assert!(secrets.source(&secret).is_some());
        assert_eq!(format!("{secrets:?}"), "Secrets { count: 1, .. }");
    }
}
