//! Etags, and requests that are sent again because their answer was lost.

use tonic::Code;

use super::*;
use crate::support::{
    calls::LINE,
    database::both_engines,
    leads::{read, update, updated},
    server::{TestServer, noon},
};

const ID: &str = "0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f";

both_engines! {
    async fn a_reply_that_comes_twice_counts_once(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let (opened, _) = talking(&server, &clock, 1).await;
        let named = RecordReplyRequest {
            customer_name: Some("Dana".to_owned()),
            request_id: ID.to_owned(),
            ..reply(&opened)
        };
        let first = replied(&server, named.clone()).await.unwrap();
        let known = steps(&server, &first.1).await;
        clock.advance(TimeDelta::minutes(1));
        assert_eq!(replied(&server, named.clone()).await.unwrap(), first);
        assert_eq!(steps(&server, &first.1).await, known);
        // Also after the conversation went on and ended.
        let (ended, _) = replied(&server, all_answers(&opened)).await.unwrap();
        assert_eq!(replied(&server, named.clone()).await.unwrap(), first);
        assert_eq!(conversation(&server, &first.1).await, ended);

        let other = RecordReplyRequest { customer_name: Some("Noa".to_owned()), ..named };
        let problem = replied(&server, other).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "REQUEST_ID_REUSED"));
    }

    async fn a_last_answer_that_comes_twice_qualifies_once(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let (opened, _) = talking(&server, &clock, 1).await;
        let last = RecordReplyRequest { request_id: ID.to_owned(), ..all_answers(&opened) };
        let first = replied(&server, last.clone()).await.unwrap();
        assert_eq!(first.1.status(), LeadStatus::Qualified);
        clock.advance(TimeDelta::minutes(1));
        assert_eq!(replied(&server, last).await.unwrap(), first);
        assert_eq!(read(&server, &first.1).await, first.1);
    }

    async fn starts_and_closings_are_repeatable(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = caller(&server, &clock, 1).await;
        let request = StartConversationRequest { request_id: ID.to_owned(), ..start(&lead) };
        let first = started(&server, request.clone()).await.unwrap();
        let closing = CloseConversationRequest {
            request_id: ID.to_owned(),
            ..close(&first.0, ConversationEndReason::AgentTookOver)
        };
        let ended = closed(&server, closing.clone()).await.unwrap();
        clock.advance(TimeDelta::minutes(1));
        assert_eq!(started(&server, request.clone()).await.unwrap(), first);
        assert_eq!(closed(&server, closing.clone()).await.unwrap(), ended);
        assert_eq!(conversation(&server, &lead).await, ended.0);

        let request = StartConversationRequest { whatsapp_conversation_id: Some("thread".to_owned()), ..request };
        let problem = started(&server, request).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "REQUEST_ID_REUSED"));
        let closing = CloseConversationRequest { reason: ConversationEndReason::Other.into(), ..closing };
        let problem = closed(&server, closing).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::FailedPrecondition, "REQUEST_ID_REUSED"));
    }

    async fn a_refused_request_may_be_sent_again_with_its_id(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let (opened, _) = talking(&server, &clock, 1).await;
        replied(&server, reply(&opened)).await.unwrap();
        let stale = RecordReplyRequest {
            etag: opened.etag.clone(),
            request_id: ID.to_owned(),
            ..all_answers(&opened)
        };
        for _ in 0..2 {
            let problem = replied(&server, stale.clone()).await.unwrap_err();
            assert_eq!(problem.kind(), (Code::Aborted, "ETAG_MISMATCH"));
        }
        let fresh = RecordReplyRequest { etag: String::new(), ..stale };
        replied(&server, fresh).await.unwrap();
    }

    async fn a_stale_etag_changes_nothing(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = caller(&server, &clock, 1).await;
        let noted = leadcapture_proto::v1::UpdateLeadRequest { note: Some("VIP".to_owned()), ..update(&lead) };
        let noted = updated(&server, noted).await.unwrap();
        let request = |etag: &str| StartConversationRequest { etag: etag.to_owned(), ..start(&lead) };
        let problem = started(&server, request(&lead.etag)).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::Aborted, "ETAG_MISMATCH"));
        let (opened, _) = started(&server, request(&noted.etag)).await.unwrap();

        let (answered, _) =
            replied(&server, RecordReplyRequest { etag: opened.etag.clone(), ..reply(&opened) }).await.unwrap();
        assert_ne!(answered.etag, opened.etag);
        let stale = RecordReplyRequest { etag: opened.etag.clone(), ..all_answers(&opened) };
        let problem = replied(&server, stale).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::Aborted, "ETAG_MISMATCH"));
        let by = CloseConversationRequest {
            etag: opened.etag.clone(),
            ..close(&opened, ConversationEndReason::Other)
        };
        let problem = closed(&server, by.clone()).await.unwrap_err();
        assert_eq!(problem.kind(), (Code::Aborted, "ETAG_MISMATCH"));
        assert_eq!(conversation(&server, &lead).await, answered);
        closed(&server, CloseConversationRequest { etag: answered.etag, ..by }).await.unwrap();
    }
}
