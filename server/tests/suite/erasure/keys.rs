//! The key: without it nobody is erased, and no server starts beside customers that it could not know again.

use leadcapture_server::{config::Settings, erasure_key::ErasureKeySource, serve};
use tonic::Code;

use super::*;
use crate::support::{
    calls::{LINE, before, missed, mobile},
    database::both_engines,
    server::{TestServer, environment, present, settings},
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
