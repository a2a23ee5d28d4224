//! What is refused, with all bad fields named.

use leadcapture_proto::v1::{
    AddSuppressionRequest, ListSuppressionsRequest, RemoveSuppressionRequest, SuppressionReason,
};

use super::*;
use crate::support::{
    calls::LINE,
    database::both_engines,
    leads::read,
    server::{TestServer, noon},
};

const ID: &str = "0190b5a4-7e3c-7cc1-8d9a-3f2b1c0d4e5f";

both_engines! {
    async fn bad_starts_are_refused(db: TestDatabase) {
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let lead = caller(&server, &clock, 1).await;
        let good = || start(&lead);
        let thread = |thread: &str| Some(thread.to_owned());
        let cases = [
            (StartConversationRequest { lead_id: String::new(), ..good() }, &["lead_id"][..]),
            (StartConversationRequest { whatsapp_conversation_id: thread(&"x".repeat(201)), ..good() },
                &["whatsapp_conversation_id"]),
            (StartConversationRequest { whatsapp_conversation_id: thread("a\0b"), ..good() },
                &["whatsapp_conversation_id"]),
            (StartConversationRequest { whatsapp_conversation_id: thread("a\nb"), ..good() },
                &["whatsapp_conversation_id"]),
            (StartConversationRequest { follow_up_id: ID.to_owned(), ..good() }, &["claim_token"]),
            (StartConversationRequest { claim_token: ID.to_owned(), ..good() }, &["follow_up_id"]),
            (StartConversationRequest { follow_up_id: "7".to_owned(), claim_token: "7".to_owned(), ..good() },
                &["claim_token", "follow_up_id"]),
            (StartConversationRequest { etag: "x".to_owned(), request_id: "7".to_owned(), ..good() },
                &["etag", "request_id"]),
            (StartConversationRequest { tenant_id: "7".to_owned(), lead_id: "7".to_owned(), ..good() },
                &["lead_id", "tenant_id"]),
        ];
        for (request, fields) in cases {
            started(&server, request).await.unwrap_err().assert_fields(fields);
        }
        assert_eq!(read(&server, &lead).await, lead);
        let longest = StartConversationRequest { whatsapp_conversation_id: thread(&"ש".repeat(200)), ..good() };
        let (opened, _) = started(&server, longest).await.unwrap();
        assert_eq!(opened.whatsapp_conversation_id().chars().count(), 200);
    }

    async fn bad_replies_are_refused(db: TestDatabase) {
        use record_reply_request::By;
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let (opened, lead) = talking(&server, &clock, 1).await;
        let good = || reply(&opened);
        let long = |length| Some("x".repeat(length));
        let cases = [
            (RecordReplyRequest { by: None, ..good() }, &["id"][..]),
            (RecordReplyRequest { by: Some(By::Id(String::new())), ..good() }, &["id"]),
            (RecordReplyRequest { by: Some(By::LeadId("7".to_owned())), ..good() }, &["lead_id"]),
            (RecordReplyRequest { by: Some(By::WhatsappConversationId(" ".to_owned())), ..good() },
                &["whatsapp_conversation_id"]),
            (RecordReplyRequest {
                customer_name: long(201), need: long(2_001), contact_preference: long(501), ..good()
            }, &["contact_preference", "customer_name", "need"]),
            (RecordReplyRequest { need: Some("a\0b".to_owned()), ..good() }, &["need"]),
            (RecordReplyRequest { etag: "x".to_owned(), request_id: "7".to_owned(), ..good() },
                &["etag", "request_id"]),
        ];
        for (request, fields) in cases {
            replied(&server, request).await.unwrap_err().assert_fields(fields);
        }
        assert_eq!(conversation(&server, &lead).await, opened);
        // White space says nothing, and line breaks are text.
        let blank = RecordReplyRequest { customer_name: Some(" \n".to_owned()), ..good() };
        assert_eq!(replied(&server, blank).await.unwrap().1.customer_name, None);
        let longest = RecordReplyRequest {
            customer_name: long(200), need: Some(format!("a\n\t{}", "x".repeat(1_997))),
            contact_preference: long(500), ..good()
        };
        assert_eq!(replied(&server, longest).await.unwrap().1.status(), LeadStatus::Qualified);
    }

    async fn bad_closings_and_lookups_are_refused(db: TestDatabase) {
        use close_conversation_request::By as CloseBy;
        let clock = noon();
        let server = TestServer::start_at(&db, &clock).await;
        server.tenant_with_line(LINE).await;
        let (opened, lead) = talking(&server, &clock, 1).await;
        let reserved = [
            ConversationEndReason::Unspecified,
            ConversationEndReason::AllAnswered,
            ConversationEndReason::Contacted,
            ConversationEndReason::Converted,
            ConversationEndReason::Lost,
            ConversationEndReason::OptOut,
        ];
        for reason in reserved.map(i32::from).into_iter().chain([99, -1]) {
            let request = CloseConversationRequest { reason, ..close(&opened, ConversationEndReason::Other) };
            closed(&server, request).await.unwrap_err().assert_fields(&["reason"]);
        }
        let good = || close(&opened, ConversationEndReason::Other);
        let cases = [
            (CloseConversationRequest { by: None, ..good() }, &["id"][..]),
            (CloseConversationRequest { by: Some(CloseBy::LeadId(String::new())), reason: 0, ..good() },
                &["lead_id", "reason"]),
            (CloseConversationRequest { etag: "x".to_owned(), request_id: "7".to_owned(), ..good() },
                &["etag", "request_id"]),
        ];
        for (request, fields) in cases {
            closed(&server, request).await.unwrap_err().assert_fields(fields);
        }
        assert_eq!(conversation(&server, &lead).await, opened);

        let nameless = GetConversationRequest { tenant_id: "7".to_owned(), by: None };
        let problem = Problem::of(server.conversations().get_conversation(nameless).await);
        problem.assert_fields(&["id", "tenant_id"]);
        let long = found(&server, &lead.tenant_id, By::WhatsappConversationId("x".repeat(201))).await;
        long.unwrap_err().assert_fields(&["whatsapp_conversation_id"]);
    }

    async fn bad_suppressions_are_refused(db: TestDatabase) {
        let server = TestServer::start(&db).await;
        let tenant = server.create_tenant("Demo Plumbing").await;
        let reason = SuppressionReason::Other.into();
        let good = || AddSuppressionRequest { tenant_id: tenant.id.clone(), phone: mobile(1), reason, ..Default::default() };
        let cases = [
            (AddSuppressionRequest { phone: String::new(), ..good() }, &["phone"][..]),
            (AddSuppressionRequest { phone: "nobody".to_owned(), ..good() }, &["phone"]),
            (AddSuppressionRequest { phone: "*2345".to_owned(), ..good() }, &["phone"]),
            (AddSuppressionRequest { reason: 0, ..good() }, &["reason"]),
            (AddSuppressionRequest { reason: 99, phone: "7".to_owned(), ..good() }, &["phone", "reason"]),
            (AddSuppressionRequest { request_id: "7".to_owned(), ..good() }, &["request_id"]),
        ];
        for (request, fields) in cases {
            Problem::of(server.conversations().add_suppression(request).await).assert_fields(fields);
        }
        let removal = RemoveSuppressionRequest {
            tenant_id: tenant.id.clone(),
            phone: "nobody".to_owned(),
            request_id: "7".to_owned(),
        };
        let problem = Problem::of(server.conversations().remove_suppression(removal).await);
        problem.assert_fields(&["phone", "request_id"]);
        let list = ListSuppressionsRequest {
            tenant_id: tenant.id.clone(),
            page_size: -1,
            page_token: "x".to_owned(),
        };
        let problem = Problem::of(server.conversations().list_suppressions(list).await);
        problem.assert_fields(&["page_size", "page_token"]);
        let all = ListSuppressionsRequest { tenant_id: tenant.id.clone(), ..Default::default() };
        let all = server.conversations().list_suppressions(all).await.unwrap().into_inner();
        assert_eq!(all.suppressions, []);
    }
}
