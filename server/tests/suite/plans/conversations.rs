//! Plans of conversations, follow-ups and suppressions.

use chrono::TimeDelta;
use leadcapture_proto::v1;

use super::{Explained, Filled};
use crate::support::{
    calls::{before, mobile, timestamp},
    database::both_engines,
};

both_engines! {
    async fn conversations_and_follow_ups_use_an_index(db: TestDatabase) {
        let filled = Filled::new(&db).await;
        let explained = Explained::new(&db, &filled).await;
        let tenant_id = || filled.tenant.id.clone();
        let claim = |tenant_id: String| v1::ClaimFollowUpsRequest { tenant_id, limit: 3, ..Default::default() };

        let claimed = explained.watch("ClaimFollowUps", async || {
            filled.conversations().claim_follow_ups(claim(String::new())).await.unwrap();
            let openers = v1::ClaimFollowUpsRequest { kinds: vec![v1::FollowUpKind::Opener.into()], ..claim(tenant_id()) };
            filled.conversations().claim_follow_ups(openers).await.unwrap().into_inner().follow_ups
        }).await;
        let [first, second] = [0, 1].map(|place: usize| claimed[place].clone());
        let id_of = |claimed: &v1::ClaimedFollowUp| claimed.follow_up.as_ref().unwrap().id.clone();
        let lead_id = || first.lead.as_ref().unwrap().id.clone();
        let thread = || Some("thread-1".to_owned());
        explained.watch("StartConversation", async || {
            let request = v1::StartConversationRequest {
                tenant_id: tenant_id(),
                lead_id: lead_id(),
                whatsapp_conversation_id: thread(),
                follow_up_id: id_of(&first),
                claim_token: first.claim_token.clone(),
                ..Default::default()
            };
            filled.conversations().start_conversation(request).await.unwrap();
        }).await;
        explained.watch("CompleteFollowUp and FailFollowUp", async || {
            let failed = v1::FailFollowUpRequest {
                tenant_id: tenant_id(),
                follow_up_id: id_of(&second),
                claim_token: second.claim_token.clone(),
                error: "no answer".to_owned(),
                ..Default::default()
            };
            filled.conversations().fail_follow_up(failed).await.unwrap();
            filled.clock.advance(TimeDelta::hours(3));
            let reminders = v1::ClaimFollowUpsRequest { kinds: vec![v1::FollowUpKind::Reminder1.into()], ..claim(tenant_id()) };
            let claimed = filled.conversations().claim_follow_ups(reminders).await.unwrap().into_inner().follow_ups;
            let done = v1::CompleteFollowUpRequest {
                tenant_id: tenant_id(),
                follow_up_id: id_of(&claimed[0]),
                claim_token: claimed[0].claim_token.clone(),
                ..Default::default()
            };
            filled.conversations().complete_follow_up(done).await.unwrap();
        }).await;
        explained.watch("GetConversation", async || {
            use v1::get_conversation_request::By;
            for by in [By::LeadId(lead_id()), By::WhatsappConversationId("thread-1".to_owned())] {
                let request = v1::GetConversationRequest { tenant_id: tenant_id(), by: Some(by) };
                filled.conversations().get_conversation(request).await.unwrap();
            }
        }).await;
        explained.watch("RecordReply and CloseConversation", async || {
            let by = v1::record_reply_request::By::WhatsappConversationId("thread-1".to_owned());
            let reply = v1::RecordReplyRequest {
                tenant_id: tenant_id(),
                by: Some(by),
                need: Some("A leak".to_owned()),
                ..Default::default()
            };
            filled.conversations().record_reply(reply).await.unwrap();
            let close = v1::CloseConversationRequest {
                tenant_id: tenant_id(),
                by: Some(v1::close_conversation_request::By::LeadId(lead_id())),
                reason: v1::ConversationEndReason::Other.into(),
                ..Default::default()
            };
            filled.conversations().close_conversation(close).await.unwrap();
        }).await;
        explained.watch("suppressions", async || {
            let add = v1::AddSuppressionRequest {
                tenant_id: tenant_id(),
                phone: mobile(5),
                reason: v1::SuppressionReason::Requested.into(),
                ..Default::default()
            };
            filled.conversations().add_suppression(add).await.unwrap();
            let list = v1::ListSuppressionsRequest { tenant_id: tenant_id(), ..Default::default() };
            filled.conversations().list_suppressions(list).await.unwrap();
            let remove = v1::RemoveSuppressionRequest { tenant_id: tenant_id(), phone: mobile(5), ..Default::default() };
            filled.conversations().remove_suppression(remove).await.unwrap();
        }).await;
        explained.watch("silence", async || {
            filled.clock.advance(TimeDelta::days(60));
            filled.storage.give_up_silent().await.unwrap();
            // Leases that have ended are taken back.
            filled.conversations().claim_follow_ups(claim(String::new())).await.unwrap();
        }).await;
        explained.assert_indexed(&db).await;
    }

    async fn follow_ups_are_listed_from_an_index_in_order(db: TestDatabase) {
        let filled = Filled::new(&db).await;
        let explained = Explained::new(&db, &filled).await;
        let base = || v1::ListFollowUpsRequest { tenant_id: filled.tenant.id.clone(), ..Default::default() };
        list!(filled, explained, conversations.list_follow_ups, base(), [
            |_, _| {},
            |list: &mut v1::ListFollowUpsRequest, _| list.statuses = vec![v1::FollowUpStatus::Pending.into()],
            |list: &mut v1::ListFollowUpsRequest, _| list.kinds = vec![v1::FollowUpKind::Opener.into()],
            |list: &mut v1::ListFollowUpsRequest, filled| list.due_from = Some(timestamp(before(filled.now, 86_400))),
        ]);
        explained.assert_indexed_and_in_order(&db).await;
    }
}
