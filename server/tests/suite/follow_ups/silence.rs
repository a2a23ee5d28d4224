//! Conversations that nobody answers are given up, each once, whoever sweeps.

use leadcapture_proto::v1::{
    ConversationState, LeadStatus, RecordReplyRequest, record_reply_request::By as ReplyBy,
};
use leadcapture_server::storage::Storage;

use super::*;
use crate::support::{
    calls::LINE,
    database::{Engine, both_engines},
    leads::{history, read},
    server::{TestServer, environment, noon, settings},
    wait::until,
};

/// More than one batch of the sweeper.
const LEADS: u32 = 130;

async fn reply(client: &Client, lead: &Lead, name: &str) {
    let request = RecordReplyRequest {
        tenant_id: lead.tenant_id.clone(),
        by: Some(ReplyBy::LeadId(lead.id.clone())),
        customer_name: Some(name.to_owned()),
        ..RecordReplyRequest::default()
    };
    client.conversations().record_reply(request).await.unwrap();
}

/// Claims and reports all reminders that are due.
async fn send_reminders(client: &Client) {
    loop {
        let claims = claimed(client, claim_all()).await;
        if claims.is_empty() {
            return;
        }
        for claim in claims {
            completed(client, &claim).await.unwrap();
        }
    }
}

both_engines! {
    async fn every_silent_conversation_is_given_up_once(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let calls = (0..LEADS).map(|number| missed(&number.to_string(), &mobile(number), clock.now()));
        server.record_batch(calls.collect()).await.unwrap();
        clock.advance(TimeDelta::minutes(3));
        for _ in 0..2 {
            for opener in claimed(&server, claim_all()).await {
                started(&server, start(&opener)).await.unwrap();
            }
        }
        clock.advance(TimeDelta::hours(2));
        send_reminders(&server).await;
        clock.advance(TimeDelta::hours(22));
        send_reminders(&server).await;
        let leads = server.all_leads(&tenant).await;
        assert_eq!(leads.len(), LEADS as usize);
        clock.advance(TimeDelta::hours(24));

        // A server sweeps as soon as it starts.
        let sweepers = if db.engine() == Engine::Postgres {
            let (one, other) = tokio::join!(TestServer::start_at(&db, &clock), TestServer::start_at(&db, &clock));
            vec![one, other]
        } else {
            vec![TestServer::start_at(&db, &clock).await]
        };
        until("every conversation to be given up", async || {
            let leads = server.all_leads(&tenant).await;
            leads.iter().all(|lead| lead.status() == LeadStatus::Unresponsive).then_some(())
        })
        .await;
        for sweeper in sweepers {
            sweeper.stop().await;
        }
        for lead in leads {
            let became = |status| move |event: &leadcapture_proto::v1::LeadEvent| event.to_status() == status;
            let events = history(&server, &lead).await;
            assert_eq!(events.iter().filter(|event| became(LeadStatus::Unresponsive)(event)).count(), 1, "{events:?}");
            assert_eq!(conversation(&server, &lead).await.state(), ConversationState::Unresponsive);
        }
    }

    async fn sweepers_at_once_count_each_conversation_once(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = talking(&server, &clock, 1).await;
        clock.advance(TimeDelta::hours(2));
        send_reminders(&server).await;
        clock.advance(TimeDelta::hours(22));
        send_reminders(&server).await;
        clock.advance(TimeDelta::hours(24));
        let connect = async || Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap();
        let (one, other) = (connect().await, connect().await);
        let (one, other) = tokio::join!(one.give_up_silent(), other.give_up_silent());
        assert_eq!(one.unwrap() + other.unwrap(), 1);
        assert_eq!(read(&server, &lead).await.status(), LeadStatus::Unresponsive);
    }

    async fn a_reply_puts_the_end_off(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = talking(&server, &clock, 1).await;
        let storage = Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap();
        clock.advance(TimeDelta::hours(2));
        send_reminders(&server).await;
        // Nobody is given up before the second reminder, however late it is.
        clock.advance(TimeDelta::hours(100));
        assert_eq!(storage.give_up_silent().await.unwrap(), 0);
        send_reminders(&server).await;
        clock.advance(TimeDelta::hours(23));
        reply(&server, &lead, "Dana").await;
        clock.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
        assert_eq!(storage.give_up_silent().await.unwrap(), 0);
        assert_eq!(conversation(&server, &lead).await.state(), ConversationState::AwaitingNeed);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(storage.give_up_silent().await.unwrap(), 1);
        assert_eq!(storage.give_up_silent().await.unwrap(), 0);
        assert_eq!(read(&server, &lead).await.status(), LeadStatus::Unresponsive);
    }
}
