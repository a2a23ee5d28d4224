//! The leadcapture server, through the generated client.

use std::time::Duration;

use leadcapture_proto::v1::{
    CallDisposition, RecordCallRequest, missed_call_service_client::MissedCallServiceClient,
};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};
use tonic_types::StatusExt as _;
use tracing::{Span, instrument};

use crate::{
    config::{Settings, SettingsError},
    endpoint,
    telemetry::propagation,
};

/// How often an open connection is probed, and how long the answer may take: a server that vanished without a word is noticed
/// within seconds, where TCP alone would take minutes.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Records calls. Connects when first used and again whenever the connection was lost, so the server may come and go.
#[derive(Clone, Debug)]
pub struct Server {
    client: MissedCallServiceClient<Channel>,
    authorization: Option<MetadataValue<Ascii>>,
    deadline: Duration,
}

/// Why a call was not recorded.
#[derive(Debug)]
pub enum Failure {
    /// The server will never take this request. Each field's path and what is wrong with it; at least one.
    Refused(Vec<(String, String)>),
    /// Not now: the server is away, too slow, overloaded, or does not let this adapter in. Worth sending again.
    NotNow(Box<Status>),
}

impl Server {
    /// A client for the server in the settings. Must be called within a tokio runtime; connects later.
    ///
    /// # Errors
    /// The address is no web address, its certificates cannot be read, or the token cannot stand in a header.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let endpoint = endpoint::of(settings)?;
        let channel = endpoint
            .connect_timeout(settings.request_timeout)
            .http2_keep_alive_interval(PROBE_INTERVAL)
            .keep_alive_timeout(PROBE_TIMEOUT)
            .keep_alive_while_idle(true)
            .connect_lazy();
        Ok(Self {
            client: MissedCallServiceClient::new(channel),
            authorization: settings.token.as_ref().map(endpoint::authorization).transpose()?,
            deadline: settings.request_timeout,
        })
    }

    /// Records a call; returns once the server has committed it.
    ///
    /// # Errors
    /// The server refused it, or could not be asked within the deadline.
    #[instrument(name = "server.record", skip_all, fields(otel.kind = "client"))]
    pub async fn record(&self, call: RecordCallRequest) -> Result<CallDisposition, Failure> {
        let mut request = Request::new(call);
        // The server stops working for a caller that has given up.
        request.set_timeout(self.deadline);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        propagation::pass_on(&Span::current(), request.metadata_mut().as_mut());
        let mut client = self.client.clone();
        // The deadline sent to the server does not cover the time that connecting takes.
        match tokio::time::timeout(self.deadline, client.record_call(request)).await {
            Ok(Ok(response)) => Ok(response.into_inner().disposition()),
            Ok(Err(status)) => Err(Failure::of(status)),
            Err(_) => Err(Failure::of(Status::deadline_exceeded("no answer within the deadline"))),
        }
    }
}

impl Failure {
    fn of(status: Status) -> Self {
        if status.code() != Code::InvalidArgument {
            return Self::NotNow(Box::new(status));
        }
        let mut violations: Vec<(String, String)> = status
            .get_details_bad_request()
            .into_iter()
            .flat_map(|details| details.field_violations)
            .map(|violation| (violation.field, violation.description))
            .collect();
        if violations.is_empty() {
            violations.push((crate::cdr::error::BODY.to_owned(), status.message().to_owned()));
        }
        Self::Refused(violations)
    }
}
