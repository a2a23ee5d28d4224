//! Customers who ask for no more messages.

use leadcapture_proto::v1::{
    CallDisposition, ConversationState, ListSuppressionsRequest, Suppression, SuppressionReason,
};

use super::*;
use crate::support::{
    calls::{LINE, mobile_e164, moment},
    database::both_engines,
    leads::{capture, captured, moved, read, transition, walked},
    server::{TestServer, noon},
};

/// A tenant's suppressed phones.
async fn suppressions(client: &Client, tenant: &Tenant) -> Vec<Suppression> {
    let request =
        ListSuppressionsRequest { tenant_id: tenant.id.clone(), ..ListSuppressionsRequest::default() };
    client.conversations().list_suppressions(request).await.unwrap().into_inner().suppressions
}

both_engines! {
    async fn a_running_conversation_ends(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let (opened, qualifying) = talking(&server, &clock, 1).await;
        clock.advance(TimeDelta::minutes(5));
        let request = RecordReplyRequest { customer_name: Some("Dana".to_owned()), ..opt_out(&opened) };
        let (ended, lead) = replied(&server, request).await.unwrap();
        assert_eq!((ended.state(), ended.end_reason()),
            (ConversationState::Completed, ConversationEndReason::OptOut));
        assert_eq!((moment(ended.completed_at), moment(ended.last_reply_at)), (clock.now(), clock.now()));
        assert_eq!((lead.status(), lead.customer_name()), (qualifying.status(), "Dana"));
        assert_eq!(read(&server, &lead).await, lead);
        assert_eq!(history(&server, &lead).await.pop().unwrap().kind(), LeadEventKind::OptedOut);

        let [suppressed] = <[_; 1]>::try_from(suppressions(&server, &tenant).await).unwrap();
        assert_eq!((suppressed.phone.as_str(), suppressed.phone_local.as_str()), (&*mobile_e164(1), "052-000-0001"));
        assert_eq!(suppressed.reason(), SuppressionReason::OptOut);
        assert_eq!(moment(suppressed.suppressed_at), clock.now());
        clock.advance(TimeDelta::days(2));
        assert_eq!(claimed(&server).await, []);
        let rows = follow_ups(&server, &tenant).await;
        assert_eq!(rows.iter().filter(|(_, status)| *status == FollowUpStatus::Cancelled).count(), 2, "{rows:?}");
    }

    async fn all_answers_with_an_opt_out_qualify_nobody(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let (opened, _) = talking(&server, &clock, 1).await;
        let request = RecordReplyRequest { opt_out: true, ..all_answers(&opened) };
        let (ended, lead) = replied(&server, request).await.unwrap();
        assert_eq!((ended.end_reason(), lead.status()), (ConversationEndReason::OptOut, LeadStatus::Qualifying));
    }

    async fn an_ended_conversation_stays_as_it_is(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let (opened, _) = talking(&server, &clock, 1).await;
        let (ended, qualified) = replied(&server, all_answers(&opened)).await.unwrap();
        clock.advance(TimeDelta::minutes(1));
        let (after, lead) = replied(&server, opt_out(&ended)).await.unwrap();
        assert_eq!((&after, lead.status()), (&ended, qualified.status()));
        assert_eq!(suppressions(&server, &tenant).await.len(), 1);
        assert_eq!(history(&server, &lead).await.pop().unwrap().kind(), LeadEventKind::OptedOut);
        // Once more: the phone keeps its time.
        let before = suppressions(&server, &tenant).await;
        clock.advance(TimeDelta::minutes(1));
        replied(&server, opt_out(&ended)).await.unwrap();
        assert_eq!(suppressions(&server, &tenant).await, before);
    }

    async fn an_unresponsive_conversation_stays_unresponsive(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let (opened, lead) = talking(&server, &clock, 1).await;
        moved(&server, transition(&lead, LeadStatus::Unresponsive)).await.unwrap();
        let (after, lead) = replied(&server, opt_out(&opened)).await.unwrap();
        assert_eq!((after.state(), lead.status()), (ConversationState::Unresponsive, LeadStatus::Unresponsive));
        assert_eq!(suppressions(&server, &tenant).await.len(), 1);
    }

    async fn who_opted_out_still_becomes_a_lead_but_gets_no_opener(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let (opened, lead) = talking(&server, &clock, 1).await;
        replied(&server, opt_out(&opened)).await.unwrap();
        walked(&server, lead, &[LeadStatus::Contacted, LeadStatus::Converted]).await;
        clock.advance(TimeDelta::days(40));
        let again = server.record(missed("again", &mobile(1), clock.now())).await;
        assert_eq!(again.disposition(), CallDisposition::LeadCreated);
        assert_eq!(again.lead.unwrap().status(), LeadStatus::New);
        clock.advance(TimeDelta::days(1));
        assert_eq!(claimed(&server).await, []);
    }

    async fn an_opt_out_in_an_old_conversation_silences_the_running_one(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        let (old, lead) = started(&server, start(&lead)).await.unwrap();
        walked(&server, lead, &[LeadStatus::Contacted, LeadStatus::Converted]).await;
        clock.advance(TimeDelta::days(40));
        let lead = captured(&server, capture(&tenant, &mobile(1))).await;
        started(&server, start(&lead)).await.unwrap();
        replied(&server, opt_out(&old)).await.unwrap();
        clock.advance(TimeDelta::hours(24));
        assert_eq!(claimed(&server).await, []);
        // Without reminders it still has an end.
        assert_eq!(sweeper(&db, &clock).await.give_up_silent().await.unwrap(), 1);
        assert_eq!(conversation(&server, &lead).await.state(), ConversationState::Unresponsive);
    }
}
