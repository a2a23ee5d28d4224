//! Which tenant a call belongs to, and whether it is missed, answered or neither.

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use super::ReportedCall;
use crate::domain::{
    call::{CallDirection, CallKey, CallOutcome, CallRecord},
    customer::CustomerKey,
    error::{Error, Resource},
    phone::{ParsedPhone, PhoneNumber, Region, parse_phone},
    tenant::{BusinessLine, Tenant},
};

/// The lines and tenants that a batch may belong to.
#[derive(Debug, Default)]
pub struct Directory {
    lines: HashMap<PhoneNumber, Vec<BusinessLine>>,
    tenants: HashMap<Uuid, Arc<Tenant>>,
}

/// A call of a known tenant that is missed or answered.
#[derive(Clone, Debug)]
pub struct RoutedCall<'a> {
    /// The call.
    pub reported: &'a ReportedCall,
    /// Its tenant.
    pub tenant: Arc<Tenant>,
    /// The customer; absent when the number is withheld, not a phone, or the tenant's own.
    pub customer: Option<CustomerKey>,
    /// Whether it is missed or answered.
    pub kind: CallKind,
}

/// What a routed call is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// Incoming, and its outcome counts as missed for the tenant.
    Missed {
        /// The line that was dialled.
        line: PhoneNumber,
    },
    /// Answered, incoming or outgoing.
    Answered,
}

/// Where a call goes.
#[derive(Debug)]
pub enum Route<'a> {
    /// Nowhere: it is internal, unanswered outgoing, or neither answered nor missed.
    Ignored,
    /// To the unrouted calls, until a tenant has its number.
    Unrouted,
    /// Nowhere: the number is another tenant's, which its reporter must not learn. Answered as unrouted; a number's later owner never gets the
    /// calls of an earlier one, so it is not kept.
    Foreign,
    /// To a tenant.
    Routed(RoutedCall<'a>),
}

impl RoutedCall<'_> {
    /// The key under which the call is kept if it is missed.
    #[must_use]
    pub fn call_key(&self) -> CallKey {
        let record = &self.reported.record;
        CallKey {
            tenant_id: self.tenant.id,
            provider: record.provider.clone(),
            call_id: record.call_id.clone(),
        }
    }

    /// Whether it was answered.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        matches!(self.kind, CallKind::Answered)
    }
}

impl Directory {
    /// A directory of `lines`, released ones included, and `tenants`.
    #[must_use]
    pub fn new(lines: Vec<BusinessLine>, tenants: Vec<Tenant>) -> Self {
        let mut directory = Self::default();
        for line in lines {
            directory.lines.entry(line.phone.clone()).or_default().push(line);
        }
        directory.tenants = tenants.into_iter().map(|tenant| (tenant.id, Arc::new(tenant))).collect();
        directory
    }

    /// Finds where a call goes. `region` is the region of business numbers, as no tenant is known before the line is found.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the call names a tenant that does not exist, [`Error::InvalidFields`] when it names another
    /// tenant than the one that owns its line, unless its reporter is confined to the tenant.
    pub fn route<'a>(&self, reported: &'a ReportedCall, region: Region) -> Result<Route<'a>, Error> {
        let record = &reported.record;
        if let Some(id) = record.tenant_id
            && !self.tenants.contains_key(&id)
        {
            return Err(Error::NotFound(Resource::Tenant));
        }
        let answered = record.outcome == CallOutcome::Answered;
        if record.direction == CallDirection::Internal
            || (record.direction == CallDirection::Outgoing && !answered)
        {
            return Ok(Route::Ignored);
        }

        let line = business_phone(record, region).and_then(|phone| self.line_at(&phone, record));
        let tenant_id = match (line, record.tenant_id) {
            // Whose number it is, or that it is anybody's, is not the reporter's to know.
            (Some(line), Some(named)) if line.tenant_id != named && reported.confined => {
                return Ok(Route::Foreign);
            }
            (Some(line), Some(named)) if line.tenant_id != named => {
                return Err(Error::invalid(
                    "tenant_id",
                    "is not the owner of business_phone; leave it out or name the owner",
                ));
            }
            (Some(line), _) => line.tenant_id,
            // An outgoing call may show a number that is no line, for example a withheld one.
            (None, Some(named)) if record.direction == CallDirection::Outgoing => named,
            (None, _) => return Ok(Route::Unrouted),
        };
        let Some(tenant) = self.tenants.get(&tenant_id) else { return Ok(Route::Unrouted) };

        let kind = match line {
            _ if answered => CallKind::Answered,
            Some(line) if tenant.policy.is_missed(record.outcome) => {
                CallKind::Missed { line: line.phone.clone() }
            }
            _ => return Ok(Route::Ignored),
        };
        let customer = self.customer(record, tenant);
        Ok(Route::Routed(RoutedCall { reported, tenant: Arc::clone(tenant), customer, kind }))
    }

    /// The region of the tenant that a record names.
    #[must_use]
    pub fn region_of(&self, record: &CallRecord) -> Option<Region> {
        Some(self.tenants.get(&record.tenant_id?)?.region)
    }

    fn line_at(&self, phone: &PhoneNumber, record: &CallRecord) -> Option<&BusinessLine> {
        self.lines.get(phone)?.iter().find(|line| line.owned_at(record.called_at))
    }

    fn customer(&self, record: &CallRecord, tenant: &Tenant) -> Option<CustomerKey> {
        let ParsedPhone::Number(phone) = parse_phone(record.customer_raw.reveal(), tenant.region) else {
            return None;
        };
        // A line that was given up since was still the business's own at the time of the call.
        let own = |line: &BusinessLine| {
            line.tenant_id == tenant.id && (line.released_at.is_none() || line.owned_at(record.called_at))
        };
        let own = self.lines.get(&phone).is_some_and(|lines| lines.iter().any(own));
        (!own).then_some(CustomerKey { tenant_id: tenant.id, phone })
    }
}

/// The dialled or shown business number in E.164, where it is one.
#[must_use]
pub fn business_phone(record: &CallRecord, region: Region) -> Option<PhoneNumber> {
    match parse_phone(record.business_raw.reveal(), region) {
        ParsedPhone::Number(phone) => Some(phone),
        ParsedPhone::Withheld | ParsedPhone::NotAPhone(_) => None,
    }
}

/// The customer's number in E.164, where it is one, before the tenant and so its region are known.
#[must_use]
pub fn customer_phone(record: &CallRecord, region: Region) -> Option<PhoneNumber> {
    match parse_phone(record.customer_raw.reveal(), region) {
        ParsedPhone::Number(phone) => Some(phone),
        ParsedPhone::Withheld | ParsedPhone::NotAPhone(_) => None,
    }
}
