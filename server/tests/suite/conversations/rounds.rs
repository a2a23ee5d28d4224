//! Leads that come back: the next round of a conversation, and one WhatsApp thread over a customer's successive leads.

use leadcapture_proto::v1::ConversationState;
use tonic::Code;

use super::*;
use crate::support::{
    calls::{LINE, moment},
    database::both_engines,
    leads::{capture, captured, moved, transition, walked},
    server::{TestServer, noon},
};

fn on_thread(request: StartConversationRequest, thread: &str) -> StartConversationRequest {
    StartConversationRequest { whatsapp_conversation_id: Some(thread.to_owned()), ..request }
}

both_engines! {
    async fn a_reopened_lead_starts_the_next_round(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let (first, lead) = talking(&server, &clock, 1).await;
        clock.advance(TimeDelta::hours(2));
        completed(&server, &claimed_one(&server, FollowUpKind::Reminder1).await).await;
        let named = RecordReplyRequest { customer_name: Some("Dana".to_owned()), ..reply(&first) };
        replied(&server, named).await.unwrap();
        moved(&server, transition(&lead, LeadStatus::Lost)).await.unwrap();
        let ended = conversation(&server, &lead).await;
        assert_eq!((ended.state(), ended.end_reason()), (ConversationState::Completed, ConversationEndReason::Lost));

        clock.advance(TimeDelta::days(2));
        let (second, lead) = talking(&server, &clock, 1).await;
        assert_eq!((second.id.as_str(), second.lead_id.as_str()), (&*first.id, &*first.lead_id));
        assert_eq!((second.state(), second.round), (ConversationState::AwaitingResponse, 2));
        assert_eq!(moment(second.opened_at), clock.now());
        assert_eq!((second.reminder1_sent_at, second.reminder2_sent_at), (None, None));
        assert_eq!((second.completed_at, second.end_reason()), (None, ConversationEndReason::Unspecified));
        assert_ne!(second.etag, ended.etag);
        assert_eq!((lead.status(), lead.customer_name()), (LeadStatus::Qualifying, "Dana"));
        let events = history(&server, &lead).await;
        assert_eq!(events.iter().filter(|event| event.kind() == LeadEventKind::ReminderSent).count(), 1);

        clock.advance(TimeDelta::hours(2));
        let claim = claimed_one(&server, FollowUpKind::Reminder1).await;
        assert_eq!(claim.follow_up.as_ref().unwrap().round, 2);
        let (_, reminded) = completed(&server, &claim).await;
        assert_eq!(moment(reminded.reminder1_sent_at), clock.now());
        let pending = follow_ups(&server, &tenant).await;
        assert_eq!(pending.iter().filter(|(_, status)| *status == FollowUpStatus::Pending).count(), 1, "{pending:?}");
    }

    async fn an_unresponsive_lead_that_calls_again_starts_the_next_round(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let (first, lead) = talking(&server, &clock, 1).await;
        moved(&server, transition(&lead, LeadStatus::Unresponsive)).await.unwrap();
        assert_eq!(conversation(&server, &lead).await.state(), ConversationState::Unresponsive);
        clock.advance(TimeDelta::hours(1));
        let (second, lead) = talking(&server, &clock, 1).await;
        assert_eq!((second.id, second.round), (first.id, 2));
        assert_eq!(lead.status(), LeadStatus::Qualifying);
    }

    async fn one_thread_spans_the_leads_of_a_customer(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let first_lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let (first, first_lead) = started(&server, on_thread(start(&first_lead), "thread")).await.unwrap();
        let thread = || By::WhatsappConversationId("thread".to_owned());
        assert_eq!(found(&server, &tenant.id, thread()).await.unwrap(), first);

        walked(&server, first_lead, &[LeadStatus::Contacted, LeadStatus::Converted]).await;
        assert_eq!(found(&server, &tenant.id, thread()).await.unwrap().end_reason(), ConversationEndReason::Contacted);
        clock.advance(TimeDelta::days(40));
        let second_lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let (second, _) = started(&server, on_thread(start(&second_lead), "thread")).await.unwrap();
        assert_ne!(second.id, first.id);
        assert_eq!(found(&server, &tenant.id, thread()).await.unwrap(), second);
        assert_eq!(found(&server, &tenant.id, By::Id(first.id.clone())).await.unwrap().whatsapp_conversation_id(), "thread");

        // A reply by the thread is a reply to the latest.
        let by = Some(record_reply_request::By::WhatsappConversationId("thread".to_owned()));
        let (answered, _) = replied(&server, RecordReplyRequest { by, ..reply(&second) }).await.unwrap();
        assert_eq!((answered.id.as_str(), answered.state()), (&*second.id, ConversationState::AwaitingName));
        let by = Some(close_conversation_request::By::WhatsappConversationId("thread".to_owned()));
        let request = CloseConversationRequest { by, ..close(&second, ConversationEndReason::Other) };
        assert_eq!(closed(&server, request).await.unwrap().0.id, second.id);
    }

    async fn a_thread_has_one_conversation_that_has_not_ended(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let holder = captured(&server, capture(&tenant, &mobile(1))).await;
        let other = captured(&server, capture(&tenant, &mobile(2))).await;
        let (held, _) = started(&server, on_thread(start(&holder), "thread")).await.unwrap();

        let problem = started(&server, on_thread(start(&other), "thread")).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::AlreadyExists, "WHATSAPP_CONVERSATION_TAKEN"));
        // Nothing was started.
        let missing = found(&server, &tenant.id, By::LeadId(other.id.clone())).await.unwrap_err();
        assert_eq!(missing.kind(), (Code::NotFound, "CONVERSATION_NOT_FOUND"));
        assert_eq!(crate::support::leads::read(&server, &other).await, other);
        assert_eq!(follow_ups(&server, &tenant).await.len(), 2);

        // An unresponsive conversation has not ended either.
        moved(&server, transition(&holder, LeadStatus::Unresponsive)).await.unwrap();
        let problem = started(&server, on_thread(start(&other), "thread")).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::AlreadyExists, "WHATSAPP_CONVERSATION_TAKEN"));

        let foreign = server.create_tenant("Another tenant").await;
        let elsewhere = captured(&server, capture(&foreign, &mobile(1))).await;
        started(&server, on_thread(start(&elsewhere), "thread")).await.unwrap();

        closed(&server, close(&held, ConversationEndReason::Undeliverable)).await.unwrap();
        clock.advance(TimeDelta::seconds(1));
        let (taken, _) = started(&server, on_thread(start(&other), "thread")).await.unwrap();
        let thread = By::WhatsappConversationId("thread".to_owned());
        assert_eq!(found(&server, &tenant.id, thread).await.unwrap(), taken);
    }

    async fn of_two_that_take_a_thread_at_once_one_gets_it(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Demo Plumbing").await;
        let mut starts = tokio::task::JoinSet::new();
        for number in 1..=8 {
            let lead = captured(&server, capture(&tenant, &mobile(number))).await;
            let client = (*server).clone();
            starts.spawn(async move { started(&client, on_thread(start(&lead), "thread")).await });
        }
        let (won, lost): (Vec<_>, Vec<_>) = starts.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        for problem in lost {
            let problem = problem.unwrap_err();
            assert_eq!(problem.kind(), (Code::AlreadyExists, "WHATSAPP_CONVERSATION_TAKEN"));
        }
    }
}
