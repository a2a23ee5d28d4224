//! What the requests of `LeadService` do.

use chrono::{DateTime, Utc};
use leadcapture_proto::v1::{
    LeadEventKind, LeadSource, LeadStatus,
    LeadStatus::{Contacted, Lost, New, Qualified, Qualifying, Unresponsive, Unspecified},
    LostReason,
};

use super::{
    super::steps::{Details, Etag, Mask},
    Model, WINDOW, allowed, fields,
};
use crate::support::calls::moment;

/// The reason of the error that is expected.
pub(crate) type Refusal = &'static str;

impl Model {
    /// `TransitionLead`.
    pub(crate) fn transition(
        &mut self,
        index: usize,
        to: LeadStatus,
        reason: LostReason,
        etag: Etag,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let lead = &self.leads[index];
        let phone = lead.phone;
        if etag == Etag::Stale {
            return Err("ETAG_MISMATCH");
        }
        if !allowed(lead.lead.status()).contains(&to) {
            return Err("INVALID_TRANSITION");
        }
        if to == Qualified && lead.lead.need.is_none() {
            return Err("NEED_UNKNOWN");
        }
        if to == New && self.open(phone).is_some_and(|open| open != index) {
            return Err("OPEN_LEAD_EXISTS");
        }
        if reason == LostReason::DoNotContact {
            self.phones.entry(phone).or_default().do_not_contact = true;
        }
        let lead = &mut self.leads[index];
        lead.enter(to, now);
        lead.lead.set_lost_reason(reason);
        Ok(())
    }

    /// `UpdateLead` with a mask.
    pub(crate) fn update(
        &mut self,
        index: usize,
        details: &Details,
        mask: Mask,
        etag: Etag,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if etag == Etag::Stale {
            return Err("ETAG_MISMATCH");
        }
        let lead = &mut self.leads[index];
        let mut changed = false;
        for ((field, text), masked) in fields(&mut lead.lead).into_iter().zip(details.texts()).zip(mask.0) {
            if masked && *field != text {
                *field = text;
                changed = true;
            }
        }
        if changed {
            lead.changed(LeadEventKind::DetailsUpdated, (Unspecified, Unspecified), now);
        }
        Ok(())
    }

    /// `QualifyLead`; it takes no note.
    pub(crate) fn qualify(
        &mut self,
        index: usize,
        details: &Details,
        mark: bool,
        etag: Etag,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if etag == Etag::Stale {
            return Err("ETAG_MISMATCH");
        }
        let [name, need, preference, _] = details.0;
        let lead = &mut self.leads[index];
        let status = lead.lead.status();
        if mark && !matches!(status, New | Qualifying | Qualified) {
            return Err("INVALID_TRANSITION");
        }
        if mark && status != Qualified && lead.lead.need.is_none() && need.is_none() {
            return Err("NEED_UNKNOWN");
        }
        if lead.fill(&Details([name, need, preference, None])) {
            lead.changed(LeadEventKind::DetailsUpdated, (Unspecified, Unspecified), now);
        }
        let [name, need, preference, _] = fields(&mut lead.lead);
        let complete = name.is_some() && need.is_some() && preference.is_some();
        if matches!(status, New | Qualifying) && (mark || complete) {
            lead.enter(Qualified, now);
        }
        Ok(())
    }

    /// `CaptureLead`; answers whether a lead was made.
    pub(crate) fn capture(
        &mut self,
        phone: u32,
        source: LeadSource,
        details: &Details,
        opener: bool,
        now: DateTime<Utc>,
    ) -> bool {
        let current = self.current(phone);
        let status = current.map(|index| self.leads[index].lead.status());
        let index = match (current, status) {
            (Some(index), Some(Unresponsive)) => {
                self.leads[index].enter(New, now);
                index
            }
            (Some(index), Some(Lost)) if now - moment(self.leads[index].lead.lost_at) <= WINDOW => {
                self.leads[index].enter(New, now);
                index
            }
            (Some(index), Some(New | Qualifying | Qualified | Contacted)) => index,
            _ => self.create(phone, source, now),
        };
        let (created, reopened) = (current != Some(index), matches!(status, Some(Unresponsive | Lost)));
        let wanted = opener && self.leads[index].lead.status() == New;
        let filled = self.leads[index].fill(details);
        let scheduled = wanted && self.schedule_opener(index);
        if !created && !reopened && (filled || scheduled) {
            self.leads[index].changed(LeadEventKind::Recaptured, (Unspecified, Unspecified), now);
        }
        created
    }
}
