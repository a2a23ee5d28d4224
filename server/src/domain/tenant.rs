//! A tenant: one business, its policy and its telephone lines.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{
    phone::{PhoneNumber, Region},
    policy::TenantPolicy,
};

/// A business that uses the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Id.
    pub id: Uuid,
    /// The business's name.
    pub name: String,
    /// The region whose local numbers its customers use.
    pub region: Region,
    /// The zone of its business hours.
    pub time_zone: Tz,
    /// What it configured.
    pub policy: TenantPolicy,
    /// Grows by one with each change; the etag.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl Tenant {
    /// The first moment from `at` on at which the tenant's messages may be sent.
    ///
    /// A stored policy always opens within a year of its last change. Should that time be over, `at` itself is answered: the windows are
    /// checked again before a message is handed out.
    #[must_use]
    pub fn next_open(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.policy.send_windows.next_open(at, self.time_zone).unwrap_or(at)
    }
}

/// A telephone number of a tenant, by which a dialled number finds the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessLine {
    /// Id.
    pub id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// The number.
    pub phone: PhoneNumber,
    /// What the tenant calls it.
    pub label: Option<String>,
    /// Calls from before this time belong to an earlier owner of the number.
    pub calls_since: Option<DateTime<Utc>>,
    /// When the tenant gave the number up.
    pub released_at: Option<DateTime<Utc>>,
    /// When the tenant took the number.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

impl BusinessLine {
    /// Whether a call that began at `called_at` belongs to this line's tenant.
    #[must_use]
    pub fn owned_at(&self, called_at: DateTime<Utc>) -> bool {
        self.calls_since.is_none_or(|since| called_at >= since)
            && self.released_at.is_none_or(|end| called_at < end)
    }
}
