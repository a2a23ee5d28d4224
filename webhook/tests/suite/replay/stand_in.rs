//! A server that takes batches, notes them, and fails as the test says.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex},
};

use leadcapture_proto::v1::{
    BatchRecordCallsRequest, BatchRecordCallsResponse, BatchRecordCallsResult, CallDisposition, CallError,
    FieldViolation, GetMissedCallRequest, GetMissedCallResponse, ListMissedCallsRequest,
    ListMissedCallsResponse, ListUnroutedCallsRequest, ListUnroutedCallsResponse, RecordCallRequest,
    RecordCallResponse,
    batch_record_calls_result::Result as Recorded,
    missed_call_service_server::{MissedCallService, MissedCallServiceServer},
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status};

use crate::logs;

/// A running stand-in.
#[derive(Clone, Default)]
pub(super) struct StandIn(Arc<Shared>);

#[derive(Default)]
struct Shared {
    batches: Mutex<Vec<Vec<RecordCallRequest>>>,
    authorizations: Mutex<HashSet<Option<String>>>,
    failures: Mutex<VecDeque<Status>>,
    late: Mutex<HashSet<String>>,
}

impl StandIn {
    /// Starts one; its address.
    pub(super) async fn start() -> (Self, String) {
        logs::watch();
        let stand_in = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(
            tonic::transport::Server::builder()
                .add_service(
                    MissedCallServiceServer::new(stand_in.clone()).max_decoding_message_size(usize::MAX),
                )
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        (stand_in, format!("http://{address}"))
    }

    /// The next batches fail with these.
    pub(super) fn fail_with(&self, statuses: impl IntoIterator<Item = Status>) {
        self.0.failures.lock().unwrap().extend(statuses);
    }

    /// The batches that were taken.
    pub(super) fn batches(&self) -> Vec<Vec<RecordCallRequest>> {
        self.0.batches.lock().unwrap().clone()
    }

    /// The calls that were taken.
    pub(super) fn calls(&self) -> Vec<RecordCallRequest> {
        self.batches().into_iter().flatten().collect()
    }

    pub(super) fn authorizations(&self) -> Vec<Option<String>> {
        self.0.authorizations.lock().unwrap().iter().cloned().collect()
    }

    /// A call whose id begins with `late` is put off once; one that begins with `bad` is refused.
    fn judge(&self, call: &RecordCallRequest) -> Result<(), CallError> {
        let error = |code: Code, message: &str, field_violations| CallError {
            code: code.into(),
            message: message.to_owned(),
            reason: String::new(),
            field_violations,
        };
        if call.call_id.starts_with("late") && self.0.late.lock().unwrap().insert(call.call_id.clone()) {
            return Err(error(Code::Unavailable, "not now", Vec::new()));
        }
        if call.call_id.starts_with("bad") {
            let violation = FieldViolation {
                field: "business_phone".to_owned(),
                description: "is not a line".to_owned(),
            };
            return Err(error(Code::InvalidArgument, "1 field is invalid", vec![violation]));
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl MissedCallService for StandIn {
    async fn batch_record_calls(
        &self,
        request: Request<BatchRecordCallsRequest>,
    ) -> Result<Response<BatchRecordCallsResponse>, Status> {
        let authorization =
            request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        self.0.authorizations.lock().unwrap().insert(authorization);
        if let Some(status) = self.0.failures.lock().unwrap().pop_front() {
            return Err(status);
        }
        let calls = request.into_inner().calls;
        let mut taken = Vec::new();
        let mut results = Vec::new();
        for call in calls {
            let result = if let Err(error) = self.judge(&call) {
                Recorded::Error(error)
            } else {
                taken.push(call);
                Recorded::Response(RecordCallResponse {
                    disposition: CallDisposition::LeadCreated.into(),
                    missed_call: None,
                    lead: None,
                })
            };
            results.push(BatchRecordCallsResult { result: Some(result) });
        }
        self.0.batches.lock().unwrap().push(taken);
        Ok(Response::new(BatchRecordCallsResponse { results }))
    }

    async fn record_call(
        &self,
        _: Request<RecordCallRequest>,
    ) -> Result<Response<RecordCallResponse>, Status> {
        Err(Status::unimplemented("a replay sends batches"))
    }

    async fn get_missed_call(
        &self,
        _: Request<GetMissedCallRequest>,
    ) -> Result<Response<GetMissedCallResponse>, Status> {
        Err(Status::unimplemented("not part of the test"))
    }

    async fn list_missed_calls(
        &self,
        _: Request<ListMissedCallsRequest>,
    ) -> Result<Response<ListMissedCallsResponse>, Status> {
        Err(Status::unimplemented("not part of the test"))
    }

    async fn list_unrouted_calls(
        &self,
        _: Request<ListUnroutedCallsRequest>,
    ) -> Result<Response<ListUnroutedCallsResponse>, Status> {
        Err(Status::unimplemented("not part of the test"))
    }
}
