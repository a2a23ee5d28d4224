//! The rows of `ConversationService`.

use leadcapture_proto::v1::{self, get_conversation_request as get, record_reply_request as reply};

use super::{
    super::{
        Kind, Object, Row,
        TenantField::{Optional, Required},
        world::outcome,
    },
    LEAD,
};

const CONVERSATION: Option<Object> =
    Some(Object { field: "id", kind: Kind::Conversation, reason: "CONVERSATION_NOT_FOUND" });
const CONVERSATION_OF_LEAD: Option<Object> =
    Some(Object { field: "lead_id", kind: Kind::Lead, reason: "CONVERSATION_NOT_FOUND" });
const THREAD: Option<Object> =
    Some(Object { field: "whatsapp_conversation_id", kind: Kind::Thread, reason: "CONVERSATION_NOT_FOUND" });
const FOLLOW_UP: Option<Object> =
    Some(Object { field: "follow_up_id", kind: Kind::FollowUp, reason: "FOLLOW_UP_NOT_FOUND" });
const SUPPRESSED: Option<Object> =
    Some(Object { field: "phone", kind: Kind::SuppressedPhone, reason: "SUPPRESSION_NOT_FOUND" });

/// A row: `method name, tenant, object, method, |target| request`.
macro_rules! conversation {
    ($name:literal, $tenant:expr, $object:expr, $method:ident, |$target:ident| $request:expr) => {
        Row {
            rpc: concat!("ConversationService/", $name),
            tenant: $tenant,
            object: $object,
            send: |client, $target| {
                let request = $request;
                Box::pin(async move { outcome(client.conversations().$method(request).await) })
            },
        }
    };
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = conversations();
    rows.extend(follow_ups());
    rows.extend(suppressions());
    rows
}

fn conversations() -> Vec<Row> {
    vec![
        conversation!("StartConversation", Required, LEAD, start_conversation, |target| {
            v1::StartConversationRequest {
                tenant_id: target.tenant_id,
                lead_id: target.object,
                ..Default::default()
            }
        }),
        conversation!("GetConversation", Required, CONVERSATION, get_conversation, |target| {
            v1::GetConversationRequest { tenant_id: target.tenant_id, by: Some(get::By::Id(target.object)) }
        }),
        conversation!("GetConversation", Required, CONVERSATION_OF_LEAD, get_conversation, |target| {
            v1::GetConversationRequest {
                tenant_id: target.tenant_id,
                by: Some(get::By::LeadId(target.object)),
            }
        }),
        conversation!("GetConversation", Required, THREAD, get_conversation, |target| {
            let by = Some(get::By::WhatsappConversationId(target.object));
            v1::GetConversationRequest { tenant_id: target.tenant_id, by }
        }),
        conversation!("RecordReply", Required, CONVERSATION, record_reply, |target| {
            v1::RecordReplyRequest {
                tenant_id: target.tenant_id,
                by: Some(reply::By::Id(target.object)),
                ..Default::default()
            }
        }),
        conversation!("RecordReply", Required, CONVERSATION_OF_LEAD, record_reply, |target| {
            v1::RecordReplyRequest {
                tenant_id: target.tenant_id,
                by: Some(reply::By::LeadId(target.object)),
                ..Default::default()
            }
        }),
        conversation!("RecordReply", Required, THREAD, record_reply, |target| {
            v1::RecordReplyRequest {
                tenant_id: target.tenant_id,
                by: Some(reply::By::WhatsappConversationId(target.object)),
                ..Default::default()
            }
        }),
        conversation!("CloseConversation", Required, CONVERSATION, close_conversation, |target| {
            v1::CloseConversationRequest {
                tenant_id: target.tenant_id,
                by: Some(v1::close_conversation_request::By::Id(target.object)),
                reason: v1::ConversationEndReason::Other.into(),
                ..Default::default()
            }
        }),
    ]
}

fn follow_ups() -> Vec<Row> {
    vec![
        conversation!("ClaimFollowUps", Optional, None, claim_follow_ups, |target| {
            v1::ClaimFollowUpsRequest { tenant_id: target.tenant_id, ..Default::default() }
        }),
        conversation!("CompleteFollowUp", Required, FOLLOW_UP, complete_follow_up, |target| {
            v1::CompleteFollowUpRequest {
                tenant_id: target.tenant_id,
                follow_up_id: target.object,
                claim_token: target.claim_token,
                ..Default::default()
            }
        }),
        conversation!("FailFollowUp", Required, FOLLOW_UP, fail_follow_up, |target| {
            v1::FailFollowUpRequest {
                tenant_id: target.tenant_id,
                follow_up_id: target.object,
                claim_token: target.claim_token,
                error: "The gateway is away".to_owned(),
                ..Default::default()
            }
        }),
        conversation!("ListFollowUps", Required, None, list_follow_ups, |target| {
            v1::ListFollowUpsRequest { tenant_id: target.tenant_id, ..Default::default() }
        }),
    ]
}

fn suppressions() -> Vec<Row> {
    vec![
        conversation!("AddSuppression", Required, None, add_suppression, |target| {
            v1::AddSuppressionRequest {
                tenant_id: target.tenant_id,
                phone: target.free_phone,
                reason: v1::SuppressionReason::Requested.into(),
                ..Default::default()
            }
        }),
        conversation!("RemoveSuppression", Required, SUPPRESSED, remove_suppression, |target| {
            v1::RemoveSuppressionRequest {
                tenant_id: target.tenant_id,
                phone: target.object,
                ..Default::default()
            }
        }),
        conversation!("ListSuppressions", Required, None, list_suppressions, |target| {
            v1::ListSuppressionsRequest { tenant_id: target.tenant_id, ..Default::default() }
        }),
    ]
}
