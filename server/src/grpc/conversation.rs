//! `ConversationService`: not served by this version; every method says so.

use leadcapture_proto::v1::{self, conversation_service_server::ConversationService};
use tonic::{Request, Response, Status};

use super::Api;
use crate::domain::error::Error;

type Reply<T> = Result<Response<T>, Status>;

fn unimplemented<T>(method: &'static str) -> Reply<T> {
    Err(Error::Unimplemented { method }.into())
}

#[tonic::async_trait]
impl ConversationService for Api {
    async fn start_conversation(
        &self,
        _: Request<v1::StartConversationRequest>,
    ) -> Reply<v1::StartConversationResponse> {
        unimplemented("StartConversation")
    }

    async fn get_conversation(
        &self,
        _: Request<v1::GetConversationRequest>,
    ) -> Reply<v1::GetConversationResponse> {
        unimplemented("GetConversation")
    }

    async fn record_reply(&self, _: Request<v1::RecordReplyRequest>) -> Reply<v1::RecordReplyResponse> {
        unimplemented("RecordReply")
    }

    async fn close_conversation(
        &self,
        _: Request<v1::CloseConversationRequest>,
    ) -> Reply<v1::CloseConversationResponse> {
        unimplemented("CloseConversation")
    }

    async fn claim_follow_ups(
        &self,
        _: Request<v1::ClaimFollowUpsRequest>,
    ) -> Reply<v1::ClaimFollowUpsResponse> {
        unimplemented("ClaimFollowUps")
    }

    async fn complete_follow_up(
        &self,
        _: Request<v1::CompleteFollowUpRequest>,
    ) -> Reply<v1::CompleteFollowUpResponse> {
        unimplemented("CompleteFollowUp")
    }

    async fn fail_follow_up(&self, _: Request<v1::FailFollowUpRequest>) -> Reply<v1::FailFollowUpResponse> {
        unimplemented("FailFollowUp")
    }

    async fn list_follow_ups(
        &self,
        _: Request<v1::ListFollowUpsRequest>,
    ) -> Reply<v1::ListFollowUpsResponse> {
        unimplemented("ListFollowUps")
    }

    async fn add_suppression(
        &self,
        _: Request<v1::AddSuppressionRequest>,
    ) -> Reply<v1::AddSuppressionResponse> {
        unimplemented("AddSuppression")
    }

    async fn remove_suppression(
        &self,
        _: Request<v1::RemoveSuppressionRequest>,
    ) -> Reply<v1::RemoveSuppressionResponse> {
        unimplemented("RemoveSuppression")
    }

    async fn list_suppressions(
        &self,
        _: Request<v1::ListSuppressionsRequest>,
    ) -> Reply<v1::ListSuppressionsResponse> {
        unimplemented("ListSuppressions")
    }
}
