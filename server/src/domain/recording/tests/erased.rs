//! Customers whose data was erased: calls from before keep their ids alone, later ones are a stranger's.

use super::{LINE, MOBILE, answered, at, called_back, missed, world::World};
use crate::domain::{
    call::{CallRecord, Disposition},
    lead::LeadStatus,
};

/// A world in which the mobile was erased at minute 30.
fn world() -> World {
    let mut world = World::new();
    world.customer(MOBILE).erased_at = Some(at(30));
    world
}

fn telling(call: CallRecord) -> CallRecord {
    CallRecord {
        representative_name: Some("Yossi".into()),
        recording_url: Some("https://recordings.example/1".into()),
        custom_data: Some(serde_json::json!({ "name": "Dana" }).into()),
        ..call
    }
}

#[test]
fn a_call_from_before_keeps_its_id_alone() {
    for (minute, erased) in [(0, true), (29, true), (30, false), (31, false)] {
        let mut world = world();
        let expected = if erased { Disposition::Suppressed } else { Disposition::LeadCreated };
        assert_eq!(world.disposition(telling(missed("1", MOBILE, minute))), expected, "{minute}");
        let call = world.call("1");
        assert_eq!((call.called_at, call.business_phone.clone()), (at(minute), super::phone(LINE)));
        assert_eq!(call.redacted_at.is_some(), erased);
        assert_eq!(call.caller_phone.is_none(), erased);
        assert_eq!(call.caller_raw.reveal().is_empty(), erased);
        assert_eq!(call.representative_name.is_none(), erased);
        assert_eq!(call.recording_url.is_none(), erased);
        assert_eq!(call.custom_data.is_none(), erased);
        assert_eq!(call.lead_id.is_none(), erased);
    }
}

#[test]
fn it_stays_blank_when_it_comes_again() {
    let mut world = world();
    world.record(missed("1", MOBILE, 0));
    let before = world.clone();
    assert_eq!(world.disposition(telling(missed("1", MOBILE, 0))), Disposition::Duplicate);
    assert_eq!(world.disposition(telling(missed("1", "054-765-4321", 0))), Disposition::Duplicate);
    assert!(world.stores_the_same_as(&before));
}

#[test]
fn a_talk_from_before_is_forgotten() {
    let mut world = world();
    let before = world.clone();
    for call in [answered("1", MOBILE, 29), called_back("2", MOBILE, 0)] {
        assert_eq!(world.disposition(call), Disposition::Answered);
    }
    assert!(world.stores_the_same_as(&before));
}

#[test]
fn a_batch_tells_the_old_from_the_new() {
    let mut world = world();
    let decisions = world.record_batch(vec![
        missed("2", MOBILE, 40),
        missed("1", MOBILE, 10),
        answered("0", MOBILE, 20),
        called_back("3", MOBILE, 50),
    ]);
    let dispositions: Vec<_> = decisions.iter().map(|decision| decision.disposition).collect();
    let expected =
        [Disposition::LeadCreated, Disposition::Suppressed, Disposition::Answered, Disposition::Returned];
    assert_eq!(dispositions, expected);
    let lead = world.only_lead();
    assert_eq!((lead.call_count, lead.status), (1, LeadStatus::Contacted));
    assert_eq!(world.call("1").returned_at, None);
}
