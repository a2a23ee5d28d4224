//! The key: without it nobody is erased, and no server starts beside customers that it could not know again.

use leadcapture_server::{config::Settings, erasure_key::ErasureKeySource, serve};
use tonic::Code;

use super::*;
use crate::support::{
    calls::{LINE, before, missed, mobile},
    database::both_engines,
    problem::Problem,
    rows::follow_ups,
    server::{TestServer, environment, present, settings},
    wait::until,
};
use leadcapture_server::clock::SystemClock;

/// Why a server with this key does not start.
async fn refusal(settings: Settings) -> String {
    serve::start(settings, environment(SystemClock)).await.unwrap_err()
}

both_engines! {
    async fn without_a_key_nobody_is_erased(db: TestDatabase) {
        let settings = Settings { erasure_key: ErasureKeySource::None, ..settings(&db) };
        let server = TestServer::start_with(settings, SystemClock).await;
        let tenant = server.tenant_with_line(LINE).await;
        server.record(missed("1", &mobile(1), present())).await;
        let problem = try_erase(&server, erase(&tenant, &mobile(1))).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "ERASURE_KEY_MISSING"));
        assert!(problem.message.contains("--erasure-key-file"), "{}", problem.message);
        assert_eq!(server.all_leads(&tenant).await.len(), 1);
    }

    async fn a_server_without_the_key_brings_nobody_back(db: TestDatabase) {
        let other_key = db.folder().join("other-key");
        std::fs::write(&other_key, "0a".repeat(32)).unwrap();
        let server = TestServer::start(&db).await;
        // They started when nobody was erased yet, and served.
        let mut strangers = Vec::new();
        for erasure_key in [ErasureKeySource::None, ErasureKeySource::Given(other_key)] {
            let health_interval = std::time::Duration::from_millis(20);
            let settings = Settings { erasure_key, health_interval, ..settings(&db) };
            strangers.push(TestServer::start_with(settings, SystemClock).await);
        }
        let tenant = server.tenant_with_line(LINE).await;
        for (number, stranger) in (2..).zip(&strangers) {
            stranger.record(missed(&format!("before-{number}"), &mobile(number), present())).await;
        }
        suppress(&server, &tenant, &mobile(1)).await;
        erased(&server, &tenant, &mobile(1)).await;
        for (number, stranger) in (2..).zip(&strangers) {
            for call in [missed("old", &mobile(1), before(present(), 600)), missed("new", &mobile(1), present())] {
                let problem = Problem::from(stranger.try_record(call).await.unwrap_err());
                assert_eq!((problem.kind(), problem.retry), ((Code::Unavailable, "ERASURE_KEY_UNFIT"), true));
            }
            // Whoever is known was not erased.
            let again = missed(&format!("again-{number}"), &mobile(number), present());
            assert_eq!(stranger.disposition(again).await, leadcapture_proto::v1::CallDisposition::Attached);
            until("the server to be out of service", async || {
                let health = stranger.health("leadcapture.v1.MissedCallService").await;
                (health == Some(tonic_health::pb::health_check_response::ServingStatus::NotServing)).then_some(())
            })
            .await;
        }
        let new = server.record(missed("new", &mobile(1), present() + chrono::TimeDelta::seconds(30))).await;
        assert!(follow_ups(&db, &new.lead.unwrap()).await.is_empty(), "the suppression was not lost");
    }

    async fn erased_customers_need_the_key_for_ever(db: TestDatabase) {
        let other_key = db.folder().join("other-key");
        std::fs::write(&other_key, "0a".repeat(32)).unwrap();
        let with = |erasure_key| Settings { erasure_key, ..settings(&db) };
        // Two servers with different keys start, as long as nobody was erased.
        let stranger = TestServer::start_with(with(ErasureKeySource::Given(other_key.clone())), SystemClock).await;
        let server = TestServer::start(&db).await;
        let tenant = server.tenant_with_line(LINE).await;
        assert_eq!(erased(&server, &tenant, &mobile(1)).await, [0; 4]);
        let problem = try_erase(&stranger, erase(&tenant, &mobile(2))).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "ERASURE_KEY_WRONG"));

        let error = refusal(with(ErasureKeySource::Given(other_key.clone()))).await;
        assert!(error.contains("another key") && error.contains("--erasure-key-file"), "{error}");
        let nothing = db.folder().join("nothing");
        for source in [ErasureKeySource::None, ErasureKeySource::Beside(nothing.clone())] {
            let error = refusal(with(source)).await;
            assert!(error.contains("--erasure-key-file"), "{error}");
            assert!(!nothing.exists(), "no new key is made beside erased customers");
        }
        let error = refusal(with(ErasureKeySource::Given(nothing))).await;
        assert!(error.contains("--erasure-key-file") && error.contains("nothing"), "{error}");

        // The right one is found again after a restart, and knows who was erased.
        server.stop().await;
        let server = TestServer::start(&db).await;
        let late = server.record(missed("1", &mobile(1), before(present(), 3_600))).await;
        assert_eq!(late.disposition(), leadcapture_proto::v1::CallDisposition::Suppressed);
    }
}
