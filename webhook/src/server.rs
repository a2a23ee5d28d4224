//! The leadcapture server, through the generated client.

use std::time::Duration;

use leadcapture_proto::v1::{
    BatchRecordCallsRequest, BatchRecordCallsResult, CallDisposition, CallError, RecordCallRequest,
    batch_record_calls_result::Result as CallResult, missed_call_service_client::MissedCallServiceClient,
};
use prost::Message as _;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;
use tracing::{Span, instrument};

use crate::{
    config::{Settings, SettingsError},
    endpoint,
    in_process::InProcess,
    reload::Reloading,
    telemetry::propagation,
};

/// How often an open connection is probed, and how long the answer may take: a server that vanished without a word is noticed
/// within seconds, where TCP alone would take minutes.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer in bytes. An answer repeats what was sent and adds the leads, so this is far more than any batch gets.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Records calls. Connects when first used and again whenever the connection was lost, so the server may come and go.
#[derive(Clone, Debug)]
pub struct Server {
    channel: Reloading<Channel>,
    authorization: Option<MetadataValue<Ascii>>,
    batch_calls: usize,
    batch_bytes: usize,
}

/// Why a call was not recorded although the server was asked.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The server will never take this request. Each field's path and what is wrong with it; at least one.
    Refused(Vec<(String, String)>),
    /// The server does not know the tenant that the request names, which is no fault of the record's.
    UnknownTenant(String),
    /// Not now. Worth sending again.
    NotNow(Box<Status>),
}

impl Server {
    /// A client for the server in this process, if there is one, else for that in the settings. Must be called within a tokio runtime;
    /// connects later.
    ///
    /// # Errors
    /// The address is no web address, its certificates cannot be read, or the token cannot stand in a header.
    pub fn new(settings: &Settings, in_process: Option<&InProcess>) -> Result<Self, SettingsError> {
        let channel = match in_process {
            Some(server) => Reloading::fixed(server.channel(&tuned(endpoint::of(settings)?, settings))),
            None => endpoint::channel(settings, tuned)?,
        };
        Ok(Self {
            channel,
            authorization: settings.token.as_ref().map(endpoint::authorization).transpose()?,
            batch_calls: settings.forward.calls,
            batch_bytes: settings.forward.bytes,
        })
    }

    /// Looks at the files of the certificates every so often until `stop`. Requests that are on their way keep the connection that they began with.
    pub(crate) async fn keep_fresh(self, every: Duration, stop: CancellationToken) {
        self.channel.keep_fresh(every, stop).await;
    }

    fn client(&self) -> MissedCallServiceClient<Channel> {
        let channel = Channel::clone(&self.channel.current());
        MissedCallServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER)
    }

    /// Records calls; returns once the server has committed or refused each of them. Several travel as batches.
    ///
    /// # Errors
    /// The server could not be asked by the deadline, or failed as a whole. Some of the calls may be recorded then; all of them may
    /// be sent again.
    #[instrument(name = "server.record", skip_all, fields(otel.kind = "client", calls = calls.len()))]
    pub async fn record(
        &self,
        calls: Vec<RecordCallRequest>,
        deadline: Duration,
    ) -> Result<Vec<Result<CallDisposition, Failure>>, Box<Status>> {
        let deadline = Instant::now() + deadline;
        let mut recorded = Vec::with_capacity(calls.len());
        let mut rest = calls.into_iter().peekable();
        while let Some(first) = rest.next() {
            let mut bytes = first.encoded_len();
            let mut batch = vec![first];
            while let Some(next) = rest.next_if(|next| {
                bytes += next.encoded_len();
                batch.len() < self.batch_calls && bytes <= self.batch_bytes
            }) {
                batch.push(next);
            }
            recorded.extend(self.record_batch(batch, deadline).await?);
        }
        Ok(recorded)
    }

    async fn record_batch(
        &self,
        mut calls: Vec<RecordCallRequest>,
        deadline: Instant,
    ) -> Result<Vec<Result<CallDisposition, Failure>>, Box<Status>> {
        let mut client = self.client();
        if calls.len() > 1 {
            let count = calls.len();
            let request = self.request(BatchRecordCallsRequest { calls }, deadline);
            let results = by(deadline, client.batch_record_calls(request)).await?.results;
            if results.len() != count {
                return Err(Box::new(Status::internal("the server answered another number of calls")));
            }
            return Ok(results.into_iter().map(of_result).collect());
        }
        let Some(call) = calls.pop() else { return Ok(Vec::new()) };
        let request = self.request(call, deadline);
        match by(deadline, client.record_call(request)).await {
            Ok(response) => Ok(vec![Ok(response.disposition())]),
            Err(status) => match status.code() {
                Code::InvalidArgument => Ok(vec![Err(refused(&status))]),
                Code::NotFound => Ok(vec![Err(Failure::UnknownTenant(status.message().to_owned()))]),
                _ => Err(status),
            },
        }
    }

    fn request<T>(&self, message: T, deadline: Instant) -> Request<T> {
        let mut request = Request::new(message);
        // The server stops working for a caller that has given up.
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        propagation::pass_on(&Span::current(), request.metadata_mut().as_mut());
        request
    }
}

/// How the connection to the server is made and watched.
fn tuned(endpoint: Endpoint, settings: &Settings) -> Endpoint {
    endpoint
        .connect_timeout(settings.forward.timeout)
        .http2_keep_alive_interval(PROBE_INTERVAL)
        .keep_alive_timeout(PROBE_TIMEOUT)
        .keep_alive_while_idle(true)
}

/// The deadline sent to the server does not cover the time that connecting takes.
async fn by<T>(
    deadline: Instant,
    answer: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, Box<Status>> {
    match timeout_at(deadline, answer).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(Box::new(status)),
        Err(_) => Err(Box::new(Status::deadline_exceeded("no answer within the deadline"))),
    }
}

/// Whether a failure is one of the server as a whole, or of the way to it, rather than of what it was asked: then other calls would
/// fail too.
#[must_use]
pub fn is_away(status: &Status) -> bool {
    use std::error::Error as _;
    let code_says_so = matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Cancelled
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::Unimplemented
    );
    // A status with a source was made here, of an error of the connection.
    code_says_so || status.source().is_some()
}

/// How long the server asks to be left alone, if it says so (`google.rpc.RetryInfo`).
#[must_use]
pub fn asked_wait(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}

fn of_result(result: BatchRecordCallsResult) -> Result<CallDisposition, Failure> {
    let CallError { code, message, field_violations, .. } = match result.result {
        Some(CallResult::Response(response)) => return Ok(response.disposition()),
        Some(CallResult::Error(error)) => error,
        None => CallError { code: Code::Internal.into(), ..CallError::default() },
    };
    Err(match Code::from(code) {
        Code::InvalidArgument => {
            let violations =
                field_violations.into_iter().map(|found| (found.field, found.description)).collect();
            Failure::refused(violations, &message)
        }
        Code::NotFound => Failure::UnknownTenant(message),
        code => Failure::NotNow(Box::new(Status::new(code, message))),
    })
}

fn refused(status: &Status) -> Failure {
    let details = status.get_details_bad_request().into_iter().flat_map(|details| details.field_violations);
    let violations = details.map(|violation| (violation.field, violation.description)).collect();
    Failure::refused(violations, status.message())
}

impl Failure {
    fn refused(mut violations: Vec<(String, String)>, message: &str) -> Self {
        if violations.is_empty() {
            violations.push((crate::cdr::error::BODY.to_owned(), message.to_owned()));
        }
        Self::Refused(violations)
    }
}
