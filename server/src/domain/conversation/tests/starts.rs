//! The first round, the next, and openers that come too late.

use super::*;

#[test]
fn the_first_start_makes_a_round_with_two_reminders() {
    let mut story = Story::new();
    let Started::Now { conversation, reminders, .. } = story.start(1) else { panic!("not started") };
    assert_eq!((conversation.state, conversation.round), (ConversationState::AwaitingResponse, 1));
    assert_eq!((conversation.opened_at, conversation.version), (at(1), 1));
    assert_eq!((story.lead.status, story.lead.qualifying_at), (LeadStatus::Qualifying, Some(at(1))));
    assert_eq!(
        story.steps(),
        [
            (LeadEventKind::ConversationStarted, None),
            (LeadEventKind::StatusChanged, Some(LeadStatus::Qualifying)),
        ]
    );
    let due: Vec<_> = reminders.iter().map(|reminder| (reminder.kind, reminder.due_at)).collect();
    assert_eq!(due, [(FollowUpKind::Reminder1, at(3)), (FollowUpKind::Reminder2, at(25))]);
    assert!(reminders.iter().all(|reminder| reminder.round == 1 && reminder.lead_id == story.lead.id));
}

#[test]
fn a_round_starts_once() {
    let ended = {
        let mut story = Story::talking();
        story.reply(&all(), false, 1).unwrap();
        story
    };
    for mut story in [Story::talking(), Story::silent(), ended] {
        let before = story.clone();
        assert_eq!(story.start(60), Started::Already);
        assert_eq!((story.lead, story.conversation), (before.lead, before.conversation));
    }
}

#[test]
fn a_reopened_lead_starts_the_next_round() {
    let lost = {
        let mut story = Story::talking();
        story.remind(FollowUpKind::Reminder1, 2);
        story.reply(&answers(Some("Dana"), None, None), false, 3).unwrap();
        story.go(LeadStatus::Lost, 4).unwrap();
        story
    };
    for mut story in [lost, Story::silent()] {
        let before = story.conversation.clone().unwrap();
        story.go(LeadStatus::New, 60).unwrap();
        let Started::Now { conversation, reminders, .. } = story.start(61) else { panic!("not started") };
        assert_eq!((conversation.id, conversation.created_at), (before.id, before.created_at));
        assert_eq!((conversation.state, conversation.round), (ConversationState::AwaitingResponse, 2));
        assert_eq!((conversation.opened_at, conversation.version), (at(61), before.version + 1));
        assert_eq!((conversation.reminder1_sent_at, conversation.reminder2_sent_at), (None, None));
        assert_eq!(
            (conversation.completed_at, conversation.end_reason, conversation.give_up_at),
            (None, None, None)
        );
        assert_eq!(reminders.len(), 2);
        assert!(reminders.iter().all(|reminder| reminder.round == 2));
        assert_eq!(story.lead.status, LeadStatus::Qualifying);
    }
}

#[test]
fn an_opener_that_came_too_late_starts_what_is_over() {
    let paths: [(&[LeadStatus], _); 3] = [
        (&[LeadStatus::Contacted], ConversationEndReason::Contacted),
        (&[LeadStatus::Contacted, LeadStatus::Converted], ConversationEndReason::Converted),
        (&[LeadStatus::Lost], ConversationEndReason::Lost),
    ];
    for (path, reason) in paths {
        let mut story = Story::new();
        for to in path {
            story.go(*to, 1).unwrap();
        }
        let status = story.lead.status;
        let Started::Now { conversation, reminders, .. } = story.start(2) else { panic!("not started") };
        assert_eq!(conversation.state, ConversationState::Completed);
        assert_eq!((conversation.end_reason, conversation.completed_at), (Some(reason), Some(at(2))));
        assert_eq!((reminders, story.lead.status), (Vec::new(), status));
    }
}

#[test]
fn an_unresponsive_lead_waits_for_a_late_reply() {
    let mut story = Story::new();
    story.go(LeadStatus::Contacted, 1).unwrap();
    story.go(LeadStatus::Unresponsive, 2).unwrap();
    let Started::Now { conversation, reminders, .. } = story.start(3) else { panic!("not started") };
    assert_eq!((conversation.state, conversation.end_reason), (ConversationState::Unresponsive, None));
    assert_eq!(reminders, []);
    story.reply(&answers(None, None, None), false, 4).unwrap();
    assert_eq!(story.lead.status, LeadStatus::Qualifying);
}

#[test]
fn who_wants_no_messages_gets_no_reminders_but_an_end() {
    let mut story = Story::new();
    story.customer.suppressed_at = Some(at(0));
    let Started::Now { reminders, .. } = story.start(1) else { panic!("not started") };
    assert_eq!(reminders, []);
    assert!(!story.give_up(48));
    assert!(story.give_up(49));
    assert_eq!(story.lead.status, LeadStatus::Unresponsive);
}

#[test]
fn a_thread_is_kept_until_another_is_given() {
    let mut story = Story::talking();
    story.running().whatsapp_conversation_id = Some("thread".into());
    story.go(LeadStatus::Lost, 1).unwrap();
    story.go(LeadStatus::New, 2).unwrap();
    story.start(3);
    assert_eq!(story.running().whatsapp_conversation_id, Some("thread".into()));
}
