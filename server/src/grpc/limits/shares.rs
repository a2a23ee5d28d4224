//! Something of which there is only so much, and of which one token may hold only a part.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use crate::domain::error::Error;

/// So many places, or bytes, for all callers together.
#[derive(Debug)]
pub(super) struct Shares {
    all: usize,
    of_token: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    of: HashMap<Uuid, usize>,
}

impl Shares {
    /// `all` together; a token may hold `percent` of a hundred of them, and at least `least`.
    pub(super) fn new(all: usize, percent: usize, least: usize) -> Self {
        let of_token = all.saturating_mul(percent).div_ceil(100).max(least).min(all);
        Self { all, of_token, held: Mutex::default() }
    }

    /// Takes so many for a token; without one, for a caller who is held by the whole alone.
    ///
    /// # Errors
    /// [`Error::Overloaded`] where so many are not there, [`Error::TokenBusy`] where only this token may not have them.
    pub(super) fn take(&self, token: Option<Uuid>, amount: usize) -> Result<Share<'_>, Error> {
        let mut share = Share { shares: self, token, amount: 0 };
        share.grow(amount)?;
        Ok(share)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What somebody holds of it; it goes back when this is dropped.
#[derive(Debug)]
pub(super) struct Share<'a> {
    shares: &'a Shares,
    token: Option<Uuid>,
    amount: usize,
}

impl Share<'_> {
    /// Takes some more.
    ///
    /// # Errors
    /// As [`Shares::take`]; what is held stays so.
    pub(super) fn grow(&mut self, amount: usize) -> Result<(), Error> {
        let mut held = self.shares.held();
        let all = held.all.saturating_add(amount);
        if all > self.shares.all {
            return Err(Error::Overloaded);
        }
        if let Some(token) = self.token {
            let of_token = held.of.get(&token).copied().unwrap_or(0).saturating_add(amount);
            if of_token > self.shares.of_token {
                return Err(Error::TokenBusy);
            }
            held.of.insert(token, of_token);
        }
        held.all = all;
        self.amount += amount;
        Ok(())
    }

    /// The most that this caller could hold if nobody else held anything.
    pub(super) fn most(&self) -> usize {
        if self.token.is_some() { self.shares.of_token } else { self.shares.all }
    }

    /// How much is held.
    pub(super) const fn amount(&self) -> usize {
        self.amount
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        held.all -= self.amount;
        let Some(token) = self.token else { return };
        let left = held.of.get(&token).copied().unwrap_or(0).saturating_sub(self.amount);
        if left == 0 {
            held.of.remove(&token);
        } else {
            held.of.insert(token, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRM: Option<Uuid> = Some(Uuid::from_u128(1));
    const BOT: Option<Uuid> = Some(Uuid::from_u128(2));

    #[test]
    fn one_token_leaves_room_for_the_others() {
        let shares = Shares::new(10, 50, 1);
        let mut crm: Vec<_> = (0..5).map(|_| shares.take(CRM, 1).unwrap()).collect();
        assert!(matches!(shares.take(CRM, 1), Err(Error::TokenBusy)));
        let bot = shares.take(BOT, 5).unwrap();
        assert!(matches!(shares.take(None, 1), Err(Error::Overloaded)));
        crm.pop();
        shares.take(CRM, 1).unwrap();
        drop((crm, bot));
        assert_eq!(shares.take(None, 10).unwrap().amount(), 10, "whoever has no token is held by the whole");
        assert!(shares.held().of.is_empty(), "nothing is kept of tokens that hold nothing");
    }

    #[test]
    fn what_cannot_grow_keeps_what_it_has() {
        let shares = Shares::new(10, 50, 1);
        let mut share = shares.take(CRM, 3).unwrap();
        assert!(matches!(share.grow(3), Err(Error::TokenBusy)));
        assert!(matches!(share.grow(usize::MAX), Err(Error::Overloaded)));
        share.grow(2).unwrap();
        assert_eq!((share.amount(), share.most()), (5, 5));
        drop(share);
        assert_eq!(shares.take(None, 10).unwrap().most(), 10, "all of it is there again");
    }

    #[test]
    fn a_token_always_has_a_share() {
        for (all, percent, least, expected) in
            [(1, 50, 1, 1), (3, 50, 1, 2), (1_024, 1, 1, 11), (64, 10, 16, 16), (10, 100, 1, 10)]
        {
            let shares = Shares::new(all, percent, least);
            assert_eq!(shares.take(CRM, 0).unwrap().most(), expected, "{percent} % of {all}");
        }
    }
}
