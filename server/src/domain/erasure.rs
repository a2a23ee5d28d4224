//! Erasure: what is left of a customer whose personal data was erased, and how the same person is known again.
//!
//! Nothing that tells the phone may stay in the database, and yet a record of an earlier call must not bring the customer back, and a wish not to
//! be messaged must last. So the phone is replaced by its HMAC-SHA-256 (RFC 2104) under a key that the database does not hold. A plain hash
//! would not do: there are so few telephone numbers that all of them can be tried.

use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::{api_token::hexadecimal, customer::CustomerKey};

/// The bytes of a key: as many as SHA-256 answers, the least that RFC 2104 advises.
const KEY_BYTES: usize = 32;
/// What stands before the hash, so that it is never taken for a telephone number.
const PREFIX: &str = "hmac-sha256:";

/// The key by which erased customers are known again.
#[derive(Clone, PartialEq, Eq)]
pub struct ErasureKey([u8; KEY_BYTES]);

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an erasure key is {} hexadecimal digits; make one with `openssl rand -hex {KEY_BYTES}`", 2 * KEY_BYTES)]
pub struct MalformedKey;

impl ErasureKey {
    /// The key of 256 random bits.
    #[must_use]
    pub const fn new(random: [u8; KEY_BYTES]) -> Self {
        Self(random)
    }

    /// The key that 64 hexadecimal digits write, with white space around them.
    ///
    /// # Errors
    /// [`MalformedKey`] for any other text.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let digits = text.trim().as_bytes();
        if digits.len() != 2 * KEY_BYTES {
            return Err(MalformedKey);
        }
        let mut key = [0; KEY_BYTES];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |index: usize| char::from(pair[index]).to_digit(16).ok_or(MalformedKey);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).map_err(|_| MalformedKey)?;
        }
        Ok(Self(key))
    }

    /// The key as 64 hexadecimal digits.
    #[must_use]
    pub fn reveal(&self) -> String {
        hexadecimal(&self.0)
    }

    /// What takes the place of a customer's phone. The tenant is part of it: the same person with two tenants has two.
    #[must_use]
    pub fn hash(&self, customer: &CustomerKey) -> String {
        let phone = customer.phone.as_e164().as_bytes();
        format!("{PREFIX}{}", hexadecimal(&self.mac(&[customer.tenant_id.as_bytes(), phone])))
    }

    /// What tells this key from another, and tells nothing of it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        // Shorter than a tenant's id, with which the message of a hash begins: never the hash of a customer.
        hexadecimal(&self.mac(&[b"fingerprint"])[..8])
    }

    fn mac(&self, message: &[&[u8]]) -> [u8; 32] {
        // A key of any length would do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            unreachable!("HMAC takes every key")
        };
        for part in message {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for ErasureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasureKey(***)")
    }
}

/// What an erasure did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Leads that were deleted.
    pub leads: u64,
    /// Missed calls whose personal fields were blanked.
    pub missed_calls: u64,
    /// Unrouted calls that were deleted.
    pub unrouted_calls: u64,
    /// Stored responses that were deleted.
    pub stored_responses: u64,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::phone::PhoneNumber;

    fn customer(tenant: u128, phone: &str) -> CustomerKey {
        CustomerKey { tenant_id: Uuid::from_u128(tenant), phone: PhoneNumber::from_e164(phone).unwrap() }
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key = ErasureKey::new([0xa7; 32]);
        assert_eq!(ErasureKey::parse(&format!(" {}\n", key.reveal())), Ok(key.clone()));
        assert_eq!(ErasureKey::parse(&key.reveal().to_uppercase()), Ok(key.clone()));
        for text in ["", "a7", &"g7".repeat(32), &"a7".repeat(33), &"é".repeat(32)] {
            assert_eq!(ErasureKey::parse(text), Err(MalformedKey), "{text}");
        }
        assert_eq!(format!("{key:?}"), "ErasureKey(***)");
        assert!(MalformedKey.to_string().contains("64 hexadecimal digits"), "{MalformedKey}");
    }

    #[test]
    fn the_hash_depends_on_key_tenant_and_phone_alone() {
        let (key, other) = (ErasureKey::new([1; 32]), ErasureKey::new([2; 32]));
        let dana = customer(1, "+972501234567");
        assert_eq!(key.hash(&dana), key.hash(&dana.clone()));
        for different in [
            other.hash(&dana),
            key.hash(&customer(2, "+972501234567")),
            key.hash(&customer(1, "+972501234568")),
        ] {
            assert_ne!(key.hash(&dana), different);
        }
        assert!(PhoneNumber::from_e164(&key.hash(&dana)).is_err());
        assert_ne!(key.fingerprint(), other.fingerprint());
    }

    /// RFC 4231, test case 2, shows that the function is the standard's.
    #[test]
    fn the_hash_is_hmac_sha_256() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap();
        mac.update(b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hexadecimal(&mac.finalize().into_bytes()), expected);
    }
}
