//! Retention: what closed leads say of people is blanked when its time is over.

use chrono::TimeDelta;
use leadcapture_proto::v1::{
    CallDisposition, IvrStep, Lead, LeadEventKind, LeadStatus, MissedCall, QualifyLeadRequest,
    RecordCallRequest, Tenant, UpdateLeadRequest,
};
use leadcapture_server::{
    clock::{Clock as _, ManualClock},
    storage::Storage,
};
use prost_types::{Struct, Value, value::Kind};
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};

use crate::support::{
    calls::{LINE, missed, mobile, mobile_e164},
    client::Client,
    database::{Engine, TestDatabase, both_engines},
    dump::{telling, waiting_for_locks},
    leads::{details, history, moved, qualified, qualify, read, transition, update, updated, walked},
    server::{TestServer, environment, noon, settings},
};

const AGE: TimeDelta = TimeDelta::days(90);

/// A lead with a name, a need and a recorded call, in this status.
async fn told(client: &Client, clock: &ManualClock, number: u32, path: &[LeadStatus]) -> Lead {
    let call = RecordCallRequest {
        recording_url: Some("https://recordings.example/1".to_owned()),
        representative_name: Some("Yossi".to_owned()),
        ivr_path: vec![IvrStep { layer_name: "Levi family".to_owned(), ..IvrStep::default() }],
        custom_data: Some(Struct { fields: [("name".to_owned(), text("Dana Levi"))].into() }),
        ..missed(&number.to_string(), &mobile(number), clock.now())
    };
    let lead = client.record(call).await.lead.unwrap();
    walked(client, tell(client, &lead).await, path).await
}

async fn tell(client: &Client, lead: &Lead) -> Lead {
    let request = QualifyLeadRequest {
        customer_name: Some("Dana".to_owned()),
        need: Some("a boiler".to_owned()),
        contact_preference: Some("in the evening".to_owned()),
        ..qualify(lead)
    };
    let lead = qualified(client, request).await.unwrap().0;
    updated(client, UpdateLeadRequest { note: Some("has a dog".to_owned()), ..update(&lead) }).await.unwrap()
}

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.to_owned())) }
}

fn texts(lead: &Lead) -> [bool; 4] {
    [
        lead.customer_name.is_some(),
        lead.need.is_some(),
        lead.contact_preference.is_some(),
        lead.note.is_some(),
    ]
}

/// How many of a lead's calls say who took them or where they are to be heard.
async fn telling_calls(client: &Client, tenant: &Tenant, lead: &Lead) -> usize {
    let calls = client.all_missed_calls(tenant).await;
    let of_lead = calls.iter().filter(|call| call.lead_id.as_ref() == Some(&lead.id));
    let telling = |call: &&MissedCall| {
        let told = [
            call.recording_url.is_some(),
            call.representative_name.is_some(),
            !call.ivr_path.is_empty(),
            call.custom_data.is_some(),
        ];
        assert!(told == [true; 4] || told == [false; 4], "{told:?}");
        told[0]
    };
    of_lead.filter(telling).count()
}

/// A record that comes again with another number while the lead of the first is blanked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_under_another_number_writes_nothing_back() {
    // SQLite has one writer at a time.
    let db = TestDatabase::new(Engine::Postgres).await;
    let clock = noon();
    let server = TestServer::start_at(&db, &clock).await;
    server.tenant_with_line(LINE).await;
    told(&server, &clock, 1, &[LeadStatus::Lost]).await;
    let again = RecordCallRequest {
        recording_url: Some("https://recordings.example/2".to_owned()),
        ..missed("1", "anonymous", clock.now())
    };
    clock.advance(AGE);
    let storage = Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap();
    let connection = db.connect().await;
    let hold = connection.begin().await.unwrap();
    hold.execute_unprepared("LOCK TABLE lead_events IN SHARE MODE").await.unwrap();
    let sweeping = tokio::spawn(async move { storage.redact_closed_leads(AGE).await });
    waiting_for_locks(&db, 1).await;
    let client = (*server).clone();
    let again = tokio::spawn(async move { client.record(again).await });
    waiting_for_locks(&db, 2).await;
    hold.rollback().await.unwrap();
    assert_eq!(sweeping.await.unwrap().unwrap(), 1);
    assert_eq!(again.await.unwrap().disposition(), CallDisposition::Duplicate);
    let told = telling(&db, &["Yossi", "recordings.example"]).await;
    assert!(told.is_empty(), "{told:#?}");
}

both_engines! {
    async fn a_time_longer_than_any_calendar_keeps_everything(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = told(&server, &clock, 1, &[LeadStatus::Lost]).await;
        let storage = Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap();
        for age in [TimeDelta::days(i64::from(u32::MAX)), TimeDelta::MAX] {
            assert_eq!(storage.redact_closed_leads(age).await.unwrap(), 0);
            assert_eq!(storage.purge_unrouted(age).await.unwrap(), 0);
        }
        assert_eq!(texts(&read(&server, &lead).await), [true; 4]);
    }

    async fn closed_leads_are_blanked_when_their_time_is_over(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        let storage = Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap();
        let lost = told(&server, &clock, 1, &[LeadStatus::Lost]).await;
        let converted = told(&server, &clock, 2, &[LeadStatus::Contacted, LeadStatus::Converted]).await;
        let open = told(&server, &clock, 3, &[LeadStatus::Contacted]).await;
        let reopened = told(&server, &clock, 4, &[LeadStatus::Lost, LeadStatus::New]).await;
        clock.advance(TimeDelta::hours(1));
        let later = told(&server, &clock, 5, &[LeadStatus::Lost]).await;

        clock.advance(AGE - TimeDelta::hours(1) - TimeDelta::seconds(1));
        assert_eq!(storage.redact_closed_leads(AGE).await.unwrap(), 0);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(storage.redact_closed_leads(AGE).await.unwrap(), 2);
        assert_eq!(storage.redact_closed_leads(AGE).await.unwrap(), 0);

        for (before, number) in [(&lost, 1), (&converted, 2)] {
            let lead = read(&server, before).await;
            assert_eq!(texts(&lead), [false; 4]);
            assert_eq!((lead.status(), &*lead.customer_phone), (before.status(), &*mobile_e164(number)));
            assert_ne!(lead.etag, before.etag);
            let newest = history(&server, &lead).await.pop().unwrap();
            assert_eq!((newest.kind(), &*newest.actor, newest.reason()), (LeadEventKind::Redacted, "system:retention", "retention"));
            assert_eq!(details(&newest), serde_json::json!({ "fields": ["customer_name", "need", "contact_preference", "note"] }));
            assert_eq!(telling_calls(&server, &tenant, &lead).await, 0);
        }
        for before in [open, reopened, later] {
            let lead = read(&server, &before).await;
            assert_eq!((texts(&lead), &lead.etag), ([true; 4], &before.etag));
            assert_eq!(telling_calls(&server, &tenant, &lead).await, 1);
        }
        // A record that comes again fills nothing.
        let again = RecordCallRequest {
            recording_url: Some("https://recordings.example/1".to_owned()),
            ..missed("1", &mobile(1), clock.now())
        };
        let again = server.record(again).await;
        assert_eq!((again.disposition(), again.missed_call.unwrap().recording_url), (CallDisposition::Duplicate, None));
    }

    async fn a_lead_that_is_closed_again_is_blanked_again(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let storage = Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap();
        let lead = told(&server, &clock, 1, &[LeadStatus::Lost]).await;
        clock.advance(AGE);
        assert_eq!(storage.redact_closed_leads(AGE).await.unwrap(), 1);
        clock.advance(TimeDelta::seconds(1));
        let lead = moved(&server, transition(&lead, LeadStatus::New)).await.unwrap();
        let lead = tell(&server, &lead).await;
        moved(&server, transition(&lead, LeadStatus::Lost)).await.unwrap();
        clock.advance(AGE - TimeDelta::seconds(1));
        assert_eq!(storage.redact_closed_leads(AGE).await.unwrap(), 0);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(storage.redact_closed_leads(AGE).await.unwrap(), 1);
        assert_eq!(texts(&read(&server, &lead).await), [false; 4]);
    }

    async fn many_leads_are_blanked_once_by_two_replicas(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        let tenant = server.tenant_with_line(LINE).await;
        for number in 0..250 {
            told(&server, &clock, number, &[LeadStatus::Lost]).await;
        }
        clock.advance(AGE);
        let replica = || async { Storage::connect(&settings(&db).database, environment(clock.clone())).await.unwrap() };
        let (first, second) = (replica().await, replica().await);
        let (first, second) = tokio::join!(first.redact_closed_leads(AGE), second.redact_closed_leads(AGE));
        let mut blanked = first.unwrap() + second.unwrap();
        // One of the two may have left what the other had begun.
        blanked += replica().await.redact_closed_leads(AGE).await.unwrap();
        assert_eq!(blanked, 250);
        for lead in server.all_leads(&tenant).await {
            assert_eq!(texts(&lead), [false; 4]);
            let redacted = history(&server, &lead).await.iter().filter(|event| event.kind() == LeadEventKind::Redacted).count();
            assert_eq!(redacted, 1);
        }
    }

    async fn the_server_blanks_by_itself_where_it_is_told_to(db: TestDatabase) {
        let clock = noon();
        let settings = leadcapture_server::config::Settings {
            closed_lead_retention: Some(AGE),
            purge_interval: std::time::Duration::from_millis(20),
            ..settings(&db)
        };
        let server = TestServer::start_with(settings, clock.clone()).await;
        server.tenant_with_line(LINE).await;
        let lead = told(&server, &clock, 1, &[LeadStatus::Lost]).await;
        clock.advance(AGE);
        crate::support::wait::until("the lead to be blanked", async || {
            (texts(&read(&server, &lead).await) == [false; 4]).then_some(())
        })
        .await;
    }
}
