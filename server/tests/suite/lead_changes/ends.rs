//! What a transition ends: follow-ups, conversations and, for who wants none, all later messages.

use chrono::{DateTime, TimeDelta, Utc};
use leadcapture_proto::v1::{
    CallDisposition, CaptureLeadRequest, Lead,
    LeadStatus::{self, Contacted, Converted, Lost, New, Qualified, Qualifying, Unresponsive},
    LostReason, TransitionLeadRequest,
};
use leadcapture_server::{
    clock::Clock as _,
    storage::entities::{
        enums::{ConversationEndReason, ConversationState, FollowUpKind, FollowUpStatus},
        follow_up, lead_conversation,
    },
};
use sea_orm::{ActiveModelTrait as _, DatabaseConnection, EntityTrait as _, Set};
use uuid::Uuid;

use crate::support::{
    calls::{LINE, before, called_back, missed, mobile},
    database::both_engines,
    leads::{capture, captured, moved, transition, walked},
    rows::follow_ups,
    server::{TestServer, noon},
};

/// A row's id; the same number gives the same id.
fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Inserts a follow-up of each status; those that are live are of kinds of their own.
async fn insert_follow_ups(db: &DatabaseConnection, lead: &Lead, base: u128, now: DateTime<Utc>) {
    for (number, kind, status) in [
        (1, FollowUpKind::Opener, FollowUpStatus::Done),
        (2, FollowUpKind::Reminder1, FollowUpStatus::Claimed),
        (3, FollowUpKind::Reminder2, FollowUpStatus::Pending),
        (4, FollowUpKind::Opener, FollowUpStatus::Failed),
    ] {
        let claimed = status == FollowUpStatus::Claimed;
        let row = follow_up::ActiveModel {
            id: Set(id(base + number)),
            tenant_id: Set(lead.tenant_id.parse().unwrap()),
            lead_id: Set(lead.id.parse().unwrap()),
            kind: Set(kind),
            round: Set(1),
            due_at: Set(now),
            status: Set(status),
            claim_token: Set(claimed.then_some(id(9))),
            lease_until: Set(claimed.then_some(now + TimeDelta::minutes(5))),
            attempts: Set(1),
            completed_at: Set((status == FollowUpStatus::Done).then_some(now)),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        row.insert(db).await.unwrap();
    }
}

async fn insert_conversation(
    db: &DatabaseConnection,
    lead: &Lead,
    state: ConversationState,
    now: DateTime<Utc>,
) -> lead_conversation::Model {
    let ended = state == ConversationState::Completed;
    let row = lead_conversation::ActiveModel {
        id: Set(lead.id.parse().unwrap()),
        tenant_id: Set(lead.tenant_id.parse().unwrap()),
        lead_id: Set(lead.id.parse().unwrap()),
        state: Set(state),
        round: Set(1),
        opened_at: Set(now),
        completed_at: Set(ended.then_some(now)),
        end_reason: Set(ended.then_some(ConversationEndReason::AllAnswered)),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    };
    row.insert(db).await.unwrap()
}

async fn conversation(db: &DatabaseConnection, lead: &Lead) -> lead_conversation::Model {
    let id: Uuid = lead.id.parse().unwrap();
    lead_conversation::Entity::find_by_id(id).one(db).await.unwrap().unwrap()
}

/// What entering the status makes of a running conversation; `None` if it goes on.
fn ended(to: LeadStatus) -> Option<(ConversationState, Option<ConversationEndReason>)> {
    match to {
        Contacted => Some((ConversationState::Completed, Some(ConversationEndReason::Contacted))),
        Converted => Some((ConversationState::Completed, Some(ConversationEndReason::Converted))),
        Lost => Some((ConversationState::Completed, Some(ConversationEndReason::Lost))),
        Unresponsive => Some((ConversationState::Unresponsive, None)),
        _ => None,
    }
}

both_engines! {
    async fn entering_a_status_ends_follow_ups_and_conversation_where_it_should(db: TestDatabase) {
        use ConversationState::{AwaitingName, AwaitingNeed, AwaitingPreference, AwaitingResponse, Completed};
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let connection = db.connect().await;
        let tenant = server.create_tenant("Shop").await;
        for (number, path, to, state) in [
            (1, &[][..], Qualifying, AwaitingResponse),
            (2, &[Qualifying][..], Qualified, AwaitingName),
            (3, &[][..], Contacted, AwaitingName),
            (4, &[Contacted][..], Converted, AwaitingNeed),
            (5, &[Qualified][..], Lost, AwaitingPreference),
            (6, &[Qualifying][..], Unresponsive, AwaitingResponse),
            (7, &[Qualifying][..], Contacted, Completed),
            (8, &[Qualifying][..], Unresponsive, Completed),
            (9, &[Qualified][..], Lost, ConversationState::Unresponsive),
            (10, &[Qualified][..], Unresponsive, ConversationState::Unresponsive),
            (11, &[Lost][..], New, Completed),
        ] {
            let request = CaptureLeadRequest { need: Some("A tap".to_owned()), ..capture(&tenant, &mobile(number)) };
            let lead = walked(&server, captured(&server, request).await, path).await;
            let inserted_at = clock.now();
            insert_follow_ups(&connection, &lead, 100 * u128::from(number), inserted_at).await;
            let running = insert_conversation(&connection, &lead, state, inserted_at).await;
            clock.advance(TimeDelta::minutes(1));
            moved(&server, transition(&lead, to)).await.unwrap();

            let end = ended(to);
            let mut rows = follow_ups(&db, &lead).await;
            rows.sort_by_key(|row| row.id);
            let live = |status| if end.is_some() { FollowUpStatus::Cancelled } else { status };
            let expected = [
                (FollowUpStatus::Done, inserted_at),
                (live(FollowUpStatus::Claimed), end.map_or(inserted_at, |_| clock.now())),
                (live(FollowUpStatus::Pending), end.map_or(inserted_at, |_| clock.now())),
                (FollowUpStatus::Failed, inserted_at),
            ];
            let found: Vec<_> = rows.iter().map(|row| (row.status, row.updated_at)).collect();
            assert_eq!(found, expected, "case {number}");

            let expected = match end {
                Some((state, end_reason)) if running.state != Completed && running.state != state => lead_conversation::Model {
                    state,
                    end_reason,
                    completed_at: end_reason.map(|_| clock.now()),
                    version: 2,
                    updated_at: clock.now(),
                    ..running
                },
                _ => running,
            };
            assert_eq!(conversation(&connection, &lead).await, expected, "case {number}");
        }
    }

    async fn a_call_back_ends_them_as_well(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let connection = db.connect().await;
        server.tenant_with_line(LINE).await;
        let lead = server.record(missed("1", &mobile(1), before(clock.now(), 60))).await.lead.unwrap();
        insert_conversation(&connection, &lead, ConversationState::AwaitingResponse, clock.now()).await;
        clock.advance(TimeDelta::minutes(1));
        server.record(called_back("2", &mobile(1), before(clock.now(), 30))).await;
        let conversation = conversation(&connection, &lead).await;
        assert_eq!((conversation.state, conversation.end_reason), ended(Contacted).unwrap());
        assert_eq!(follow_ups(&db, &lead).await[0].status, FollowUpStatus::Cancelled);
    }

    async fn who_wants_no_messages_is_called_back_but_never_written_to(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let lose = |lead: &Lead, reason: LostReason| TransitionLeadRequest {
            lost_reason: reason.into(),
            ..transition(lead, Lost)
        };
        let asking = |phone: &str| CaptureLeadRequest { schedule_opener: true, ..capture(&tenant, phone) };
        // The first phone asked for it; the second was lost by its price and gets its openers.
        for (number, reason, opener) in [(1, LostReason::DoNotContact, 0), (2, LostReason::Price, 1)] {
            let phone = mobile(number);
            let call = |n: u32| missed(&format!("{number} {n}"), &phone, before(clock.now(), 60));
            let lead = captured(&server, capture(&tenant, &phone)).await;
            moved(&server, lose(&lead, reason)).await.unwrap();

            clock.advance(TimeDelta::days(1));
            let reopened = server.record(call(1)).await;
            assert_eq!(reopened.disposition(), CallDisposition::LeadReopened);
            assert_eq!(follow_ups(&db, &lead).await.len(), opener);
            // Lost for another reason meanwhile: the wish stays.
            moved(&server, lose(&lead, LostReason::Price)).await.unwrap();

            clock.advance(TimeDelta::days(31));
            let created = server.record(call(2)).await;
            assert_eq!(created.disposition(), CallDisposition::LeadCreated);
            let second = created.lead.unwrap();
            assert_eq!(second.previous_lead_id.as_ref(), Some(&lead.id));
            captured(&server, asking(&phone)).await;
            assert_eq!(follow_ups(&db, &second).await.len(), opener);
            assert_eq!(server.record(call(3)).await.disposition(), CallDisposition::Attached);
            assert_eq!(follow_ups(&db, &second).await.len(), opener);
        }
    }
}
