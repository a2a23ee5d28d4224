//! Bearer tokens: how they are written, what is stored of them, and when one is good.
//!
//! A token is `lct_`, 64 hexadecimal digits of 256 random bits, and 8 more that check the ones before: a typing error is told from a token
//! that was revoked without asking the database, and scanners for leaked secrets find it by `lct_[0-9a-f]{72}`.

use std::fmt;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::access::{Principal, Role};

const PREFIX: &str = "lct_";
const SECRET_DIGITS: usize = 64;
const CHECK_DIGITS: usize = 8;

/// A token in clear. Shown by [`ApiTokenSecret::reveal`] alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiTokenSecret(String);

impl ApiTokenSecret {
    /// The token of 256 random bits.
    #[must_use]
    pub fn new(random: [u8; 32]) -> Self {
        let token = format!("{PREFIX}{}", hexadecimal(&random));
        let check = check_digits(&token);
        Self(token + &check)
    }

    /// The token itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.0.as_bytes())
    }
}

impl fmt::Debug for ApiTokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiTokenSecret(***)")
    }
}

/// SHA-256 of a whole token: all that is stored, and all that is ever looked up or compared.
///
/// There is no other way to one than hashing, so no comparison can stop at the first wrong digit of a token: how long a look-up takes depends on
/// the hash, which nobody can steer towards a stored one. The token has 256 random bits, so the hash needs no salt.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// The hash of what a caller presents as a token. The same work is done for every text of the same length; nothing stored takes part.
    ///
    /// # Errors
    /// [`MalformedToken`] for what can be no token.
    pub fn presented(text: &[u8]) -> Result<Self, MalformedToken> {
        let hash = Self::of(text);
        if is_well_formed(text) { Ok(hash) } else { Err(MalformedToken) }
    }

    /// As stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A text that can be no token: its form or its check digits are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedToken;

fn is_well_formed(text: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(text) else { return false };
    let Some(digits) = text.strip_prefix(PREFIX) else { return false };
    if digits.len() != SECRET_DIGITS + CHECK_DIGITS
        || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    {
        return false;
    }
    let (token, check) = text.split_at(text.len() - CHECK_DIGITS);
    check_digits(token) == check
}

fn check_digits(token: &str) -> String {
    hexadecimal(&Sha256::digest(token)[..CHECK_DIGITS / 2])
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// What is known of a token; not the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Id.
    pub id: Uuid,
    /// What it may do.
    pub role: Role,
    /// The only tenant it may act for; absent for all.
    pub tenant_id: Option<Uuid>,
    /// What the operator calls it.
    pub label: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when it is no longer accepted.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Whether a token is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenState {
    /// It is.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl TokenState {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl ApiToken {
    /// Whether it is accepted at `now`.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> TokenState {
        if self.revoked_at.is_some() {
            TokenState::Revoked
        } else if self.expires_at.is_some_and(|end| end <= now) {
            TokenState::Expired
        } else {
            TokenState::Active
        }
    }

    /// Its holder.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal::token(self.id, self.role, self.tenant_id, &self.label)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_token_is_well_formed_and_no_typing_error_is(random: [u8; 32], place in 0_usize..76, digit in 0_u8..16) {
            let token = ApiTokenSecret::new(random);
            prop_assert_eq!(TokenHash::presented(token.reveal().as_bytes()), Ok(token.hash()));
            let mut wrong = token.reveal().as_bytes().to_vec();
            wrong[place] = b"0123456789abcdef"[usize::from(digit)];
            if wrong != token.reveal().as_bytes() {
                prop_assert_eq!(TokenHash::presented(&wrong), Err(MalformedToken));
            }
        }

        #[test]
        fn other_texts_are_no_tokens(text: Vec<u8>) {
            prop_assert_eq!(TokenHash::presented(&text), Err(MalformedToken));
        }

        /// Tokens that begin alike have hashes that have nothing in common: what is compared tells nothing of the digits.
        #[test]
        fn a_common_beginning_does_not_show_in_the_hash(random: [u8; 32], last: u8) {
            let mut other = random;
            other[31] = last;
            if other != random {
                let hashes = [random, other].map(|random| *ApiTokenSecret::new(random).hash().as_bytes());
                let common: u32 = hashes[0].iter().zip(hashes[1]).map(|(a, b)| (a ^ b).count_zeros()).sum();
                prop_assert!((60..196).contains(&common), "{common} of 256 bits are alike");
            }
        }
    }

    #[test]
    fn the_form_is_fixed() {
        let token = ApiTokenSecret::new([0xab; 32]);
        assert_eq!(token.reveal().len(), 76);
        assert!(token.reveal().starts_with("lct_abab"));
        assert_eq!(&token.reveal()[68..], check_digits(&token.reveal()[..68]));
        assert_eq!(hexadecimal(&[0, 15, 160]), "000fa0");
        for text in [
            "",
            "lct_",
            &token.reveal()[..75],
            &token.reveal().to_uppercase(),
            &format!("{} ", token.reveal()),
        ] {
            assert_eq!(TokenHash::presented(text.as_bytes()), Err(MalformedToken), "{text}");
        }
    }

    #[test]
    fn nothing_shows_a_token() {
        let token = ApiTokenSecret::new([0xab; 32]);
        assert_eq!(format!("{token:?} {:?}", token.hash()), "ApiTokenSecret(***) TokenHash(…)");
    }

    #[test]
    fn a_token_ends_with_its_time_or_when_it_is_revoked() {
        let now = DateTime::from_timestamp(1_770_000_000, 0).unwrap();
        let token = ApiToken {
            id: Uuid::from_u128(1),
            role: Role::Admin,
            tenant_id: None,
            label: "crm".to_owned(),
            created_at: now,
            expires_at: Some(now + TimeDelta::seconds(1)),
            last_used_at: None,
            revoked_at: None,
        };
        assert_eq!(token.state(now), TokenState::Active);
        assert_eq!(token.state(now + TimeDelta::seconds(1)), TokenState::Expired);
        let revoked = ApiToken { revoked_at: Some(now), ..token };
        assert_eq!(revoked.state(now), TokenState::Revoked);
    }
}
