//! A lead: one caller who wants something, from first contact to the end.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    lifecycle::{self, InvalidTransition},
    personal::Personal,
    phone::PhoneNumber,
};
use crate::named_enum;

named_enum! {
    /// How a lead came about.
    LeadSource {
        /// A missed call.
        MissedCall = "missed_call",
        /// Entered by a person.
        Manual = "manual",
        /// A form on a website.
        Website = "website",
    }
}

named_enum! {
    /// Where a lead stands. The transitions between these are in [`lifecycle`].
    LeadStatus {
        /// Nobody has been in touch with the customer yet.
        New = "new",
        /// The opener was sent; the chatbot asks.
        Qualifying = "qualifying",
        /// The need is known.
        Qualified = "qualified",
        /// A person spoke with the customer.
        Contacted = "contacted",
        /// Became a customer; the end.
        Converted = "converted",
        /// Given up; may be reopened.
        Lost = "lost",
        /// Did not answer; may come back.
        Unresponsive = "unresponsive",
    }
}

impl LeadStatus {
    /// Whether the lead counts as the phone's open lead: neither converted nor lost.
    #[must_use]
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Converted | Self::Lost)
    }
}

named_enum! {
    /// Why a lead was lost.
    LostReason {
        /// Too expensive.
        Price = "price",
        /// Went to a competitor.
        Competitor = "competitor",
        /// Wanted something else.
        NotRelevant = "not_relevant",
        /// Never answered.
        NoResponse = "no_response",
        /// The same customer under another phone.
        Duplicate = "duplicate",
        /// A nuisance call.
        Spam = "spam",
        /// Dialled the wrong number.
        WrongNumber = "wrong_number",
        /// Wants no messages.
        DoNotContact = "do_not_contact",
        /// Anything else; a note says what.
        Other = "other",
    }
}

/// A lead with all that is stored of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// Id.
    pub id: Uuid,
    /// The tenant that owns it.
    pub tenant_id: Uuid,
    /// How it came about.
    pub source: LeadSource,
    /// The customer's phone.
    pub customer_phone: PhoneNumber,
    /// The customer's name.
    pub customer_name: Option<Personal>,
    /// What the customer wants.
    pub need: Option<Personal>,
    /// How and when the customer wants to be contacted.
    pub contact_preference: Option<Personal>,
    /// Free text of the business.
    pub note: Option<Personal>,
    /// Where it stands.
    pub status: LeadStatus,
    /// Why it was lost; set exactly while it is lost.
    pub lost_reason: Option<LostReason>,
    /// The number of missed calls kept with this lead.
    pub call_count: i32,
    /// When the latest of them began.
    pub last_call_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub captured_at: DateTime<Utc>,
    /// When it last became [`LeadStatus::Qualifying`].
    pub qualifying_at: Option<DateTime<Utc>>,
    /// When it last became [`LeadStatus::Qualified`].
    pub qualified_at: Option<DateTime<Utc>>,
    /// When it last became [`LeadStatus::Contacted`].
    pub contacted_at: Option<DateTime<Utc>>,
    /// When it became [`LeadStatus::Converted`].
    pub converted_at: Option<DateTime<Utc>>,
    /// When it last became [`LeadStatus::Lost`].
    pub lost_at: Option<DateTime<Utc>>,
    /// When it last became [`LeadStatus::Unresponsive`].
    pub unresponsive_at: Option<DateTime<Utc>>,
    /// When it was last reopened.
    pub reopened_at: Option<DateTime<Utc>>,
    /// When the customer was last captured again by hand or from a website.
    pub recaptured_at: Option<DateTime<Utc>>,
    /// How often it was reopened.
    pub reopen_count: i32,
    /// The last round for which an opener was scheduled; 0 when none ever was.
    pub opener_round: i32,
    /// The phone's lead before this one.
    pub previous_lead_id: Option<Uuid>,
    /// Grows by one with each change; the etag.
    pub version: i64,
    /// When the row was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What is known when a lead is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLead {
    /// Id.
    pub id: Uuid,
    /// The tenant.
    pub tenant_id: Uuid,
    /// How it comes about.
    pub source: LeadSource,
    /// The customer's phone.
    pub customer_phone: PhoneNumber,
    /// The phone's lead before this one.
    pub previous_lead_id: Option<Uuid>,
}

impl Lead {
    /// A lead in its first state, [`LeadStatus::New`].
    #[must_use]
    pub fn new(lead: NewLead, now: DateTime<Utc>) -> Self {
        Self {
            id: lead.id,
            tenant_id: lead.tenant_id,
            source: lead.source,
            customer_phone: lead.customer_phone,
            customer_name: None,
            need: None,
            contact_preference: None,
            note: None,
            status: LeadStatus::New,
            lost_reason: None,
            call_count: 0,
            last_call_at: None,
            captured_at: now,
            qualifying_at: None,
            qualified_at: None,
            contacted_at: None,
            converted_at: None,
            lost_at: None,
            unresponsive_at: None,
            reopened_at: None,
            recaptured_at: None,
            reopen_count: 0,
            opener_round: 0,
            previous_lead_id: lead.previous_lead_id,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Moves the lead along an edge of the lifecycle: writes the new status, its timestamp and a new version.
    ///
    /// Guards that need more than the pair of states (a known need, a reason for a loss) are the caller's.
    ///
    /// # Errors
    /// [`InvalidTransition`] when the lifecycle has no such edge; the lead is unchanged.
    pub fn transition(&mut self, to: LeadStatus, now: DateTime<Utc>) -> Result<(), InvalidTransition> {
        lifecycle::check(self.status, to)?;
        match to {
            LeadStatus::New => {
                self.reopened_at = Some(now);
                self.reopen_count += 1;
            }
            LeadStatus::Qualifying => self.qualifying_at = Some(now),
            LeadStatus::Qualified => self.qualified_at = Some(now),
            LeadStatus::Contacted => self.contacted_at = Some(now),
            LeadStatus::Converted => self.converted_at = Some(now),
            LeadStatus::Lost => self.lost_at = Some(now),
            LeadStatus::Unresponsive => self.unresponsive_at = Some(now),
        }
        self.lost_reason = None;
        self.status = to;
        self.touch(now);
        Ok(())
    }

    /// Marks the lead as changed.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version += 1;
        self.updated_at = now;
    }

    /// Counts a missed call that began at `called_at`; part of a change that the caller marks.
    pub fn count_call(&mut self, called_at: DateTime<Utc>) {
        self.call_count += 1;
        self.last_call_at = self.last_call_at.max(Some(called_at));
    }

    /// The round the lead is in: 1, and one more for each reopening.
    #[must_use]
    pub const fn round(&self) -> i32 {
        self.reopen_count + 1
    }

    /// When the customer last asked for something: the latest missed call or capture by hand or from a website.
    ///
    /// A lead from a missed call is captured when its record arrives, which may be long after the call; the call's own time counts.
    #[must_use]
    pub fn last_asked_at(&self) -> DateTime<Utc> {
        let first = match (self.source, self.last_call_at) {
            (_, None) => self.captured_at,
            (LeadSource::MissedCall, Some(call)) => call,
            (LeadSource::Manual | LeadSource::Website, Some(call)) => call.max(self.captured_at),
        };
        self.recaptured_at.map_or(first, |again| again.max(first))
    }

    /// When the lead was closed, while it is [`LeadStatus::Converted`], [`LeadStatus::Lost`] or [`LeadStatus::Unresponsive`].
    #[must_use]
    pub const fn closed_at(&self) -> Option<DateTime<Utc>> {
        match self.status {
            LeadStatus::Converted => self.converted_at,
            LeadStatus::Lost => self.lost_at,
            LeadStatus::Unresponsive => self.unresponsive_at,
            LeadStatus::New | LeadStatus::Qualifying | LeadStatus::Qualified | LeadStatus::Contacted => None,
        }
    }
}
