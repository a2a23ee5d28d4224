//! What a reply and a reminder change, and what they leave.

use super::*;

#[test]
fn answers_are_never_overwritten() {
    let mut story = Story::talking();
    story.reply(&answers(Some("Dana"), None, None), false, 1).unwrap();
    let version = story.lead.version;
    story.reply(&answers(Some("Noa"), None, None), false, 2).unwrap();
    assert_eq!(story.lead.customer_name, Some("Dana".into()));
    assert_eq!(story.lead.version, version);
    story.reply(&answers(Some("Noa"), Some("A tap"), None), false, 3).unwrap();
    assert_eq!((&story.lead.customer_name, &story.lead.need), (&Some("Dana".into()), &Some("A tap".into())));
    assert_eq!(story.lead.version, version + 1);
}

#[test]
fn a_reply_that_leaves_questions_keeps_the_reminders() {
    let mut story = Story::talking();
    assert!(!story.reply(&answers(None, None, None), false, 1).unwrap());
    assert!(story.reply(&all(), false, 2).unwrap());
}

#[test]
fn patience_starts_anew_with_each_reply_after_the_reminders() {
    let mut story = Story::talking();
    story.remind(FollowUpKind::Reminder1, 2);
    story.reply(&answers(None, None, None), false, 3).unwrap();
    assert_eq!(story.running().give_up_at, None, "the second reminder is to come");
    story.remind(FollowUpKind::Reminder2, 27);
    assert_eq!(story.running().give_up_at, Some(at(51)));
    story.reply(&answers(None, None, None), false, 40).unwrap();
    assert_eq!(story.running().give_up_at, Some(at(64)));
    assert!(!story.give_up(63));
    assert!(story.give_up(64));
}

#[test]
fn a_late_reply_leaves_both_steps_in_the_history() {
    let mut story = Story::silent();
    story.events.clear();
    story.reply(&all(), false, 60).unwrap();
    assert_eq!(
        story.steps(),
        [
            (LeadEventKind::ReplyReceived, None),
            (LeadEventKind::StatusChanged, Some(LeadStatus::Qualifying)),
            (LeadEventKind::StatusChanged, Some(LeadStatus::Qualified)),
        ]
    );
    assert_eq!(story.lead.qualifying_at, Some(at(60)));
}

#[test]
fn a_late_reply_is_waited_on_without_reminders() {
    let mut story = Story::silent();
    let before = story.conversation.clone().unwrap();
    story.reply(&answers(Some("Dana"), None, None), false, 60).unwrap();
    let after = story.running().clone();
    assert_eq!(after.reminder1_sent_at, before.reminder1_sent_at);
    assert_eq!(after.reminder2_sent_at, before.reminder2_sent_at);
    assert_eq!(after.round, before.round);
    assert!(!story.give_up(83));
    assert!(story.give_up(84));
    assert_eq!(story.lead.status, LeadStatus::Unresponsive);
}

#[test]
fn a_lead_that_was_qualified_by_hand_stays_qualified() {
    let mut story = Story::talking();
    story.lead.need = Some("A tap".into());
    story.go(LeadStatus::Qualified, 1).unwrap();
    story.reply(&all(), false, 2).unwrap();
    assert_eq!((story.lead.status, story.lead.qualified_at), (LeadStatus::Qualified, Some(at(1))));
    assert_eq!(story.running().end_reason, Some(ConversationEndReason::AllAnswered));
}

#[test]
fn a_reminder_is_noted_once() {
    let mut story = Story::talking();
    assert!(!story.remind(FollowUpKind::Opener, 1));
    assert!(story.remind(FollowUpKind::Reminder1, 2));
    let noted = story.conversation.clone();
    assert!(!story.remind(FollowUpKind::Reminder1, 3));
    assert_eq!(story.conversation, noted);
    let event = story.events.last().unwrap();
    assert_eq!((event.kind, event.reason.as_deref()), (LeadEventKind::ReminderSent, Some("reminder_1")));
}

#[test]
fn a_reminder_that_was_on_its_way_at_the_end_is_noted_and_nothing_more() {
    let mut story = Story::talking();
    story.remind(FollowUpKind::Reminder1, 2);
    story.close(ConversationEndReason::AgentTookOver, 24).unwrap();
    assert!(story.remind(FollowUpKind::Reminder2, 25));
    assert_eq!(story.running().reminder2_sent_at, Some(at(25)));
    assert_eq!(story.state(), Some(ConversationState::Completed));
    assert!(!story.give_up(1_000));
}

#[test]
fn the_history_has_no_answers() {
    let mut story = Story::talking();
    story.reply(&all(), false, 1).unwrap();
    let history = format!("{:?}", story.events);
    assert!(!history.contains("Dana") && !history.contains("A tap") && !history.contains("After five"));
}
