//! A gRPC server in the place of leadcapture: notes each call and answers as the test says.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use leadcapture_proto::v1::{
    BatchRecordCallsRequest, BatchRecordCallsResponse, BatchRecordCallsResult, CallDisposition, CallError,
    GetMissedCallRequest, GetMissedCallResponse, ListMissedCallsRequest, ListMissedCallsResponse,
    ListUnroutedCallsRequest, ListUnroutedCallsResponse, RecordCallRequest, RecordCallResponse,
    batch_record_calls_result,
    missed_call_service_server::{MissedCallService, MissedCallServiceServer},
};
use leadcapture_webhook::tls::ServerTls;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{Semaphore, mpsc, watch},
};
use tokio_stream::{
    Stream,
    wrappers::{ReceiverStream, TcpListenerStream},
};
use tonic::{Request, Response, Status, transport::server::Connected};

/// A running stand-in.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    begun: watch::Sender<usize>,
    recorded: watch::Sender<Vec<RecordCallRequest>>,
    authorizations: Mutex<Vec<Option<String>>>,
    failures: Mutex<VecDeque<Status>>,
    refusals: Mutex<HashMap<String, Status>>,
    poisons: Mutex<HashMap<String, Status>>,
    largest_batch: watch::Sender<usize>,
    /// A call needs a permit to go on; there are plenty unless the test holds them back.
    gate: Semaphore,
}

impl Remote {
    /// Answers every call.
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), Semaphore::MAX_PERMITS).await
    }

    /// Answers no call until [`Remote::release`].
    pub(crate) async fn start_held() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), 0).await
    }

    pub(crate) async fn start_at(address: SocketAddr, permits: usize) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::serve(address, permits, TcpListenerStream::new(listener))
    }

    /// Answers every call, over TLS.
    pub(crate) async fn start_tls(tls: ServerTls) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, incoming) = mpsc::channel(1);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A handshake that fails is the client's to notice.
                if let Ok(stream) = tls.accept(stream, Duration::from_secs(30)).await {
                    accepted.send(Ok::<_, io::Error>(stream)).await.unwrap();
                }
            }
        });
        Self::serve(address, Semaphore::MAX_PERMITS, ReceiverStream::new(incoming))
    }

    fn serve<S>(
        address: SocketAddr,
        permits: usize,
        incoming: impl Stream<Item = io::Result<S>> + Send + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let shared = Arc::new(Shared {
            begun: watch::Sender::new(0),
            recorded: watch::Sender::new(Vec::new()),
            authorizations: Mutex::default(),
            failures: Mutex::default(),
            refusals: Mutex::default(),
            poisons: Mutex::default(),
            largest_batch: watch::Sender::new(0),
            gate: Semaphore::new(permits),
        });
        let service = MissedCallServiceServer::new(Service(Arc::clone(&shared)));
        tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next calls fail with these, then all is well again.
    pub(crate) fn fail_with(&self, statuses: impl IntoIterator<Item = Status>) {
        self.shared.failures.lock().unwrap().extend(statuses);
    }

    /// From now on this call is refused, alone or among others.
    pub(crate) fn refuse(&self, call_id: &str, status: Status) {
        self.shared.refusals.lock().unwrap().insert(call_id.to_owned(), status);
    }

    /// A refused call is taken again.
    pub(crate) fn accept(&self, call_id: &str) {
        self.shared.refusals.lock().unwrap().remove(call_id);
    }

    /// From now on every request that holds this call fails as a whole; `None` heals it.
    pub(crate) fn poison(&self, call_id: &str, status: Option<Status>) {
        let mut poisons = self.shared.poisons.lock().unwrap();
        match status {
            Some(status) => poisons.insert(call_id.to_owned(), status),
            None => poisons.remove(call_id),
        };
    }

    /// The most calls that came in one request.
    pub(crate) fn largest_batch(&self) -> usize {
        *self.shared.largest_batch.borrow()
    }

    /// Lets every waiting and future call go on.
    pub(crate) fn release(&self) {
        self.shared.gate.add_permits(1_000);
    }

    /// Waits until a number of calls have arrived.
    pub(crate) async fn begun(&self, count: usize) {
        self.shared.begun.subscribe().wait_for(|begun| *begun >= count).await.unwrap();
    }

    /// Waits until a number of calls have been recorded.
    pub(crate) async fn recorded(&self, count: usize) -> Vec<RecordCallRequest> {
        let mut recorded = self.shared.recorded.subscribe();
        recorded.wait_for(|recorded| recorded.len() >= count).await.unwrap().clone()
    }

    /// What has been recorded so far.
    pub(crate) fn recorded_now(&self) -> Vec<RecordCallRequest> {
        self.shared.recorded.borrow().clone()
    }

    pub(crate) fn authorizations(&self) -> Vec<Option<String>> {
        self.shared.authorizations.lock().unwrap().clone()
    }
}

struct Service(Arc<Shared>);

impl Service {
    async fn begin<T>(&self, request: &Request<T>, calls: &[RecordCallRequest]) -> Result<(), Status> {
        let shared = &self.0;
        let authorization =
            request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        shared.authorizations.lock().unwrap().push(authorization);
        shared.largest_batch.send_modify(|largest| *largest = calls.len().max(*largest));
        shared.begun.send_modify(|begun| *begun += 1);
        // A client that gives up drops this future here, and the call is never noted.
        let _permit = shared.gate.acquire().await.unwrap();
        if let Some(status) = shared.failures.lock().unwrap().pop_front() {
            return Err(status);
        }
        let poisons = shared.poisons.lock().unwrap();
        calls.iter().find_map(|call| poisons.get(&call.call_id)).map_or(Ok(()), |status| Err(status.clone()))
    }

    fn record(&self, call: RecordCallRequest) -> Result<RecordCallResponse, Status> {
        if let Some(status) = self.0.refusals.lock().unwrap().get(&call.call_id) {
            return Err(status.clone());
        }
        self.0.recorded.send_modify(|recorded| recorded.push(call));
        Ok(RecordCallResponse {
            disposition: CallDisposition::LeadCreated.into(),
            missed_call: None,
            lead: None,
        })
    }
}

#[tonic::async_trait]
impl MissedCallService for Service {
    async fn record_call(
        &self,
        request: Request<RecordCallRequest>,
    ) -> Result<Response<RecordCallResponse>, Status> {
        self.begin(&request, std::slice::from_ref(request.get_ref())).await?;
        self.record(request.into_inner()).map(Response::new)
    }

    async fn batch_record_calls(
        &self,
        request: Request<BatchRecordCallsRequest>,
    ) -> Result<Response<BatchRecordCallsResponse>, Status> {
        self.begin(&request, &request.get_ref().calls).await?;
        let result = |call| {
            let result = match self.record(call) {
                Ok(response) => batch_record_calls_result::Result::Response(response),
                Err(status) => batch_record_calls_result::Result::Error(CallError {
                    code: status.code().into(),
                    message: status.message().to_owned(),
                    ..CallError::default()
                }),
            };
            BatchRecordCallsResult { result: Some(result) }
        };
        let results = request.into_inner().calls.into_iter().map(result).collect();
        Ok(Response::new(BatchRecordCallsResponse { results }))
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
