//! What is true of every conversation after whatever happened.

use proptest::prelude::*;

use super::*;

/// What may happen to a lead and its conversation. Ids of answers tell who said what.
#[derive(Clone, Debug)]
enum Step {
    Start,
    Reply { said: [bool; 3], opt_out: bool },
    Close,
    Remind(FollowUpKind),
    GiveUp,
    Go(LeadStatus),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Start),
        5 => (any::<[bool; 3]>(), prop::bool::weighted(0.1))
            .prop_map(|(said, opt_out)| Step::Reply { said, opt_out }),
        1 => Just(Step::Close),
        3 => prop::sample::select(FollowUpKind::ALL).prop_map(Step::Remind),
        3 => Just(Step::GiveUp),
        2 => prop::sample::select(LeadStatus::ALL).prop_map(Step::Go),
    ]
}

/// Does a step; what is refused changes nothing.
fn take(story: &mut Story, step: &Step, hours: i64) {
    let before = story.clone();
    let answer = |said: bool| said.then(|| format!("said at {hours}").into());
    let result = match step {
        Step::Start => {
            story.start(hours);
            Ok(())
        }
        _ if story.conversation.is_none() && !matches!(step, Step::Go(_)) => Ok(()),
        Step::Reply { said: [name, need, preference], opt_out } => {
            let said = LeadDetails {
                customer_name: answer(*name),
                need: answer(*need),
                contact_preference: answer(*preference),
                note: None,
            };
            story.reply(&said, *opt_out, hours).map(drop)
        }
        Step::Close => story.close(ConversationEndReason::Other, hours),
        // The second reminder is handed out after the first only.
        Step::Remind(FollowUpKind::Reminder2) if story.running().reminder1_sent_at.is_none() => Ok(()),
        Step::Remind(kind) => {
            story.remind(*kind, hours);
            Ok(())
        }
        Step::GiveUp => {
            story.give_up(hours);
            Ok(())
        }
        Step::Go(to) => story.go(*to, hours),
    };
    if result.is_err() {
        assert_eq!((&story.lead, &story.conversation), (&before.lead, &before.conversation), "{step:?}");
        assert_eq!(story.events, before.events);
    }
}

/// What is true at any time.
fn assert_sound(story: &Story) {
    let Some(conversation) = &story.conversation else { return };
    let ended = conversation.state == ConversationState::Completed;
    assert_eq!(ended, conversation.completed_at.is_some());
    assert_eq!(ended, conversation.end_reason.is_some());
    if let Some(second) = conversation.reminder2_sent_at {
        assert!(
            conversation
                .reminder1_sent_at
                .is_some_and(|first| conversation.opened_at <= first && first <= second)
        );
    }
    assert!(conversation.give_up_at.is_none() || conversation.state.is_awaiting());
    let closed =
        matches!(story.lead.status, LeadStatus::Contacted | LeadStatus::Converted | LeadStatus::Lost);
    assert!(!closed || ended, "a lead that is over has no running conversation");
    assert!(
        story.lead.status != LeadStatus::Unresponsive || !conversation.state.is_awaiting(),
        "nobody waits for an unresponsive lead"
    );
    assert!((1..=story.lead.round()).contains(&conversation.round));
    if conversation.end_reason == Some(ConversationEndReason::AllAnswered) {
        assert_eq!(crate::domain::qualification::missing(&story.lead).next(), None);
        assert!(story.lead.qualified_at.is_some());
    }
}

/// What is true of each step.
fn assert_step(before: &Story, after: &Story, step: &Step) {
    for (known, now) in [
        (&before.lead.customer_name, &after.lead.customer_name),
        (&before.lead.need, &after.lead.need),
        (&before.lead.contact_preference, &after.lead.contact_preference),
    ] {
        assert!(known.is_none() || known == now, "{step:?} overwrote an answer");
    }
    let qualified = |story: &Story| story.lead.status == LeadStatus::Qualified;
    if !qualified(before) && qualified(after) && !matches!(step, Step::Go(_)) {
        let conversation = after.conversation.as_ref().unwrap();
        assert_eq!(conversation.end_reason, Some(ConversationEndReason::AllAnswered), "{step:?}");
    }
    assert!(after.lead.version >= before.lead.version);
    // That an opener was sent is no change that a caller sees.
    let seen = Lead { opener_round: before.lead.opener_round, ..after.lead.clone() };
    assert_eq!(seen == before.lead, seen.version == before.lead.version, "{step:?}");
    let (Some(old), Some(new)) = (&before.conversation, &after.conversation) else { return };
    assert_eq!(old == new, old.version == new.version, "{step:?}: each change has a version");
    assert!((0..=1).contains(&(new.version - old.version)));
    if old.round == new.round {
        assert!(old.reminder1_sent_at.is_none() || old.reminder1_sent_at == new.reminder1_sent_at);
        assert!(old.reminder2_sent_at.is_none() || old.reminder2_sent_at == new.reminder2_sent_at);
        assert!(old.state != ConversationState::Completed || new.state == ConversationState::Completed);
    } else {
        assert!(matches!(step, Step::Start) && new.round == old.round + 1 && !old.state.is_awaiting());
    }
    if new.state == ConversationState::Unresponsive && old.state.is_awaiting() {
        assert!(matches!(step, Step::GiveUp | Step::Go(LeadStatus::Unresponsive)), "{step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_story_is_sound(steps in prop::collection::vec((step(), 1_i64..30), 1..40)) {
        let (mut story, mut hours) = (Story::new(), 0);
        for (step, pause) in &steps {
            hours += pause;
            let before = story.clone();
            take(&mut story, step, hours);
            assert_sound(&story);
            assert_step(&before, &story, step);
        }
    }
}
