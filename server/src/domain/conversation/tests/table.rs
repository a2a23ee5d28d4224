//! Each row of the table, from each state.

use super::*;

/// A conversation in each state. The lead's name is known where it must be.
fn stories() -> Vec<(ConversationState, Story)> {
    use ConversationState as State;
    State::ALL
        .iter()
        .map(|state| {
            let mut story = if *state == State::Unresponsive { Story::silent() } else { Story::talking() };
            let nothing = answers(None, None, None);
            let said = match state {
                State::AwaitingResponse | State::Unresponsive => None,
                State::AwaitingName => Some(nothing),
                State::AwaitingNeed => Some(answers(Some("Dana"), None, None)),
                State::AwaitingPreference => Some(answers(Some("Dana"), Some("A tap"), None)),
                State::Completed => Some(all()),
            };
            if let Some(said) = said {
                story.reply(&said, false, 1).unwrap();
            }
            assert_eq!(story.state(), Some(*state));
            (*state, story)
        })
        .collect()
}

#[test]
fn a_reply_asks_the_first_question_that_is_open() {
    use ConversationState::{AwaitingName, AwaitingNeed, AwaitingPreference, Completed};
    let (name, need, preference) = (Some("Dana"), Some("A tap"), Some("After five"));
    for (said, next) in [
        (answers(None, None, None), AwaitingName),
        (answers(None, need, None), AwaitingName),
        (answers(None, None, preference), AwaitingName),
        (answers(None, need, preference), AwaitingName),
        (answers(name, None, None), AwaitingNeed),
        (answers(name, None, preference), AwaitingNeed),
        (answers(name, need, None), AwaitingPreference),
        (answers(name, need, preference), Completed),
    ] {
        for mut story in [Story::talking(), Story::silent()] {
            story.reply(&said, false, 50).unwrap();
            assert_eq!(story.state(), Some(next), "{said:?}");
            let status = if next == Completed { LeadStatus::Qualified } else { LeadStatus::Qualifying };
            assert_eq!(story.lead.status, status, "{said:?}");
            assert_eq!(story.running().last_reply_at, Some(at(50)));
        }
    }
}

#[test]
fn every_state_takes_the_last_answers_but_the_end() {
    for (state, mut story) in stories() {
        let before = story.clone();
        let result = story.reply(&all(), false, 60);
        if state == ConversationState::Completed {
            assert!(matches!(result, Err(Error::ConversationEnded)));
            assert_eq!((story.lead, story.conversation), (before.lead, before.conversation));
            continue;
        }
        assert!(result.unwrap(), "reminders are cancelled");
        let conversation = story.running();
        assert_eq!(conversation.state, ConversationState::Completed);
        assert_eq!(conversation.end_reason, Some(ConversationEndReason::AllAnswered));
        assert_eq!(conversation.completed_at, Some(at(60)));
        assert_eq!(story.lead.status, LeadStatus::Qualified);
        assert_eq!(story.lead.qualified_at, Some(at(60)));
    }
}

#[test]
fn every_state_is_closed_by_hand_but_the_end() {
    for (state, mut story) in stories() {
        let before = story.clone();
        let result = story.close(ConversationEndReason::NotInterested, 60);
        if state == ConversationState::Completed {
            assert!(matches!(result, Err(Error::ConversationEnded)));
            assert_eq!(story.conversation, before.conversation);
            continue;
        }
        result.unwrap();
        assert_eq!(story.state(), Some(ConversationState::Completed));
        assert_eq!(story.running().end_reason, Some(ConversationEndReason::NotInterested));
        assert_eq!(story.running().version, before.conversation.unwrap().version + 1);
        assert_eq!(story.lead, before.lead);
        assert_eq!(story.steps().pop(), Some((LeadEventKind::ConversationEnded, None)));
    }
}

#[test]
fn an_opt_out_is_taken_in_every_state_and_ends_what_is_running() {
    for (state, mut story) in stories() {
        let before = story.clone();
        assert!(story.reply(&answers(None, None, None), true, 60).unwrap(), "reminders are cancelled");
        assert_eq!(story.lead.status, before.lead.status);
        assert_eq!(story.steps().pop(), Some((LeadEventKind::OptedOut, None)));
        let conversation = story.running();
        if state.is_awaiting() {
            assert_eq!(conversation.state, ConversationState::Completed);
            assert_eq!(conversation.end_reason, Some(ConversationEndReason::OptOut));
            assert_eq!(conversation.completed_at, Some(at(60)));
        } else {
            assert_eq!(conversation.state, state);
        }
        if state == ConversationState::Completed {
            assert_eq!(story.conversation, before.conversation);
        }
    }
}

#[test]
fn only_a_conversation_that_waits_after_its_reminders_is_given_up() {
    for (state, mut story) in stories() {
        assert!(!story.give_up(1_000), "{state:?} without a second reminder");
        if !state.is_awaiting() {
            story.remind(FollowUpKind::Reminder2, 60);
            assert!(!story.give_up(1_000), "{state:?}");
            continue;
        }
        story.remind(FollowUpKind::Reminder1, 3);
        assert!(!story.give_up(1_000), "{state:?} after the first reminder");
        story.remind(FollowUpKind::Reminder2, 60);
        assert!(!story.give_up(83), "{state:?} within a day");
        assert!(story.give_up(84));
        assert_eq!(story.state(), Some(ConversationState::Unresponsive));
        assert_eq!(story.lead.status, LeadStatus::Unresponsive);
        assert_eq!(story.lead.unresponsive_at, Some(at(84)));
        assert!(!story.give_up(1_000), "once");
    }
}

#[test]
fn the_leads_end_is_the_end_of_the_conversation() {
    for (state, story) in stories() {
        for (to, reason) in [
            (LeadStatus::Contacted, ConversationEndReason::Contacted),
            (LeadStatus::Lost, ConversationEndReason::Lost),
        ] {
            let mut story = story.clone();
            let before = story.conversation.clone();
            story.go(to, 60).unwrap();
            if state == ConversationState::Completed {
                assert_eq!(story.conversation, before);
            } else {
                assert_eq!(story.running().end_reason, Some(reason), "{state:?}");
            }
        }
    }
}
