//! The region whose local numbers are meant when a number has no country code.

use std::{fmt, str::FromStr};

use phonenumber::metadata::{DATABASE, Metadata};

/// A region by its ISO 3166 alpha-2 code, such as `IL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(&'static str);

impl Region {
    /// Israel.
    pub const ISRAEL: Self = Self("IL");

    /// The ISO 3166 alpha-2 code in capitals.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.0
    }

    /// What the library knows of the region's numbering plan.
    pub(super) fn metadata(self) -> &'static Metadata {
        DATABASE.by_id(self.0).expect("a region is made from the id of a plan in this database")
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    /// Reads the two letters in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = text.trim().to_ascii_uppercase();
        // Spares a process that serves Israel alone from loading the library's database.
        if code == Self::ISRAEL.0 {
            return Ok(Self::ISRAEL);
        }
        // The database also has plans of no region, under the id 001.
        let letters = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        let plan = if letters { DATABASE.by_id(code.as_str()) } else { None };
        plan.map(|plan| Self(plan.id())).ok_or(UnknownRegion)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// No region has the given code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no known region; give two letters of ISO 3166, such as IL")]
pub struct UnknownRegion;
