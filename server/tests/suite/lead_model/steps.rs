//! Random steps: what is done to which lead or phone, and when.

use chrono::TimeDelta;
use leadcapture_proto::v1::{Lead, LeadSource, LeadStatus, LostReason};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{Index, select},
};

/// How long a history is.
const STEPS: usize = 50;
/// How many phones call: few, so that much happens to each.
const PHONES: u32 = 2;

/// The names of [`Details`] as in a field mask.
const FIELDS: [&str; 4] = ["customer_name", "need", "contact_preference", "note"];

/// Name, need, preference and note, as a request gives them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Details(pub(super) [Option<&'static str>; 4]);

impl Details {
    /// As requests carry them.
    pub(super) fn texts(self) -> [Option<String>; 4] {
        self.0.map(|text| text.map(str::to_owned))
    }
}

/// Which of the details an update is about; never none, as that would mean those that are set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mask(pub(super) [bool; 4]);

impl Mask {
    /// As requests carry it.
    pub(super) fn paths(self) -> Vec<String> {
        let paths = FIELDS.into_iter().zip(self.0).filter(|(_, masked)| *masked);
        paths.map(|(field, _)| field.to_owned()).collect()
    }
}

/// Which etag a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Etag {
    Absent,
    Present,
    Stale,
}

impl Etag {
    /// The etag for a lead.
    pub(super) fn of(self, lead: &Lead) -> String {
        match self {
            Self::Absent => String::new(),
            Self::Present => lead.etag.clone(),
            Self::Stale => format!("{}0", lead.etag),
        }
    }
}

/// A step: after a while, a change.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) wait: TimeDelta,
    pub(super) change: Change,
}

/// What is done.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Missed { phone: u32, age: TimeDelta },
    Answered { phone: u32, outgoing: bool },
    RepeatedCall,
    Capture { phone: u32, source: LeadSource, details: Details, opener: bool },
    Transition { lead: Index, to: LeadStatus, reason: LostReason, etag: Etag },
    Update { lead: Index, details: Details, mask: Mask, etag: Etag },
    Qualify { lead: Index, details: Details, mark: bool, etag: Etag },
}

/// Random histories.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![
        8 => Just(TimeDelta::minutes(1)),
        1 => Just(TimeDelta::hours(3)),
        1 => Just(TimeDelta::days(12)),
        2 => Just(TimeDelta::days(31)),
    ];
    vec((wait, change()).prop_map(|(wait, change)| Step { wait, change }), STEPS)
}

fn change() -> impl Strategy<Value = Change> {
    // Most calls are reported at once, some records come late.
    let age = prop_oneof![
        4 => Just(TimeDelta::seconds(30)),
        1 => Just(TimeDelta::hours(3)),
        1 => Just(TimeDelta::days(2)),
    ];
    prop_oneof![
        9 => (phone(), age).prop_map(|(phone, age)| Change::Missed { phone, age }),
        2 => (phone(), any::<bool>()).prop_map(|(phone, outgoing)| Change::Answered { phone, outgoing }),
        1 => Just(Change::RepeatedCall),
        3 => (phone(), select(vec![LeadSource::Manual, LeadSource::Website]), details(1), any::<bool>())
            .prop_map(|(phone, source, details, opener)| Change::Capture { phone, source, details, opener }),
        12 => (any::<Index>(), target(), etag())
            .prop_map(|(lead, (to, reason), etag)| Change::Transition { lead, to, reason, etag }),
        3 => (any::<Index>(), details(2), mask(), etag())
            .prop_map(|(lead, details, mask, etag)| Change::Update { lead, details, mask, etag }),
        3 => (any::<Index>(), details(2), any::<bool>(), etag())
            .prop_map(|(lead, details, mark, etag)| Change::Qualify { lead, details, mark, etag }),
    ]
}

fn phone() -> impl Strategy<Value = u32> {
    0..PHONES
}

/// Details, of which `known` of three are given and few differ, so that changes often change nothing.
fn details(known: u32) -> impl Strategy<Value = Details> {
    let text = prop_oneof![
        (3 - known) => Just(None),
        known => select(vec!["one", "other"]).prop_map(Some),
    ];
    [text.clone(), text.clone(), text.clone(), text].prop_map(Details)
}

fn mask() -> impl Strategy<Value = Mask> {
    let mask = any::<[bool; 4]>();
    mask.prop_filter_map("an empty mask", |mask| mask.contains(&true).then_some(Mask(mask)))
}

fn etag() -> impl Strategy<Value = Etag> {
    prop_oneof![4 => Just(Etag::Absent), 4 => Just(Etag::Present), 1 => Just(Etag::Stale)]
}

/// A status, with a reason if it is a loss.
fn target() -> impl Strategy<Value = (LeadStatus, LostReason)> {
    let reason = select(vec![
        LostReason::Price,
        LostReason::NoResponse,
        LostReason::Spam,
        LostReason::WrongNumber,
        LostReason::DoNotContact,
        LostReason::Other,
    ]);
    let status = select(vec![
        LeadStatus::New,
        LeadStatus::Qualifying,
        LeadStatus::Qualified,
        LeadStatus::Contacted,
        LeadStatus::Converted,
        LeadStatus::Unresponsive,
    ]);
    prop_oneof![
        3 => status.prop_map(|status| (status, LostReason::Unspecified)),
        1 => reason.prop_map(|reason| (LeadStatus::Lost, reason)),
    ]
}
