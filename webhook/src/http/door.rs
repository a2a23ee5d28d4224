//! The door: who is let in, how many at a time, and whose calls they bring.
//!
//! What a stranger learns of it is nothing: a wrong secret is answered as a path where nothing is, after the same work.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, header::ALLOW},
    response::{IntoResponse as _, Response},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{App, CDR_PATH, receive::receive, reply::Reply};
use crate::{
    config::{DoorSettings, SecretsSource, SettingsError, check_exposure},
    reload::Reloading,
    secrets::Secrets,
    source::Source,
    tls::ServerTls,
};

/// The protocols that are offered over TLS.
const PROTOCOLS: &[&str] = &["http/1.1"];

/// The door of a listener: what it lets in.
pub(super) struct Door {
    secrets: Option<Reloading<Secrets>>,
    tls: Option<ServerTls>,
    in_flight: Arc<Semaphore>,
}

/// A request's place among those in flight: a request extension that is kept until its records are done with, even where its sender
/// has hung up.
#[derive(Clone, Debug)]
pub(super) struct InFlight {
    _place: Arc<OwnedSemaphorePermit>,
}

impl Door {
    /// The door of a listener at `address`.
    ///
    /// # Errors
    /// The address is more open than the settings allow, or secrets or certificates cannot be read.
    pub(super) fn new(address: SocketAddr, settings: &DoorSettings) -> Result<Self, SettingsError> {
        check_exposure(address, settings)?;
        let secrets = match &settings.secrets {
            None => None,
            Some(SecretsSource::Given(secrets)) => Some(Reloading::fixed(secrets.clone())),
            Some(SecretsSource::File(file)) => {
                let place = file.display().to_string();
                let parse = move |contents: &[Vec<u8>]| {
                    Secrets::parse_bytes(&contents.concat()).map_err(|error| format!("{place}: {error}"))
                };
                let secrets = Reloading::load("webhook secrets", vec![file.clone()], parse);
                Some(secrets.map_err(SettingsError::Secrets)?)
            }
        };
        let tls = settings.tls.clone().map(|files| ServerTls::load(files, PROTOCOLS)).transpose()?;
        let places = settings.max_in_flight.min(Semaphore::MAX_PERMITS);
        Ok(Self { secrets, tls, in_flight: Arc::new(Semaphore::new(places)) })
    }

    /// Whether requests need a secret.
    pub(super) fn has_secrets(&self) -> bool {
        self.secrets.is_some()
    }

    /// The TLS of the listener, if it has any.
    pub(super) fn tls(&self) -> Option<ServerTls> {
        self.tls.clone()
    }

    /// Follows changes of the files of secrets and certificates until `stop`.
    pub(super) fn keep_fresh(&self, every: Duration, tasks: &TaskTracker, stop: &CancellationToken) {
        if let Some(secrets) = self.secrets.clone() {
            tasks.spawn(secrets.keep_fresh(every, stop.clone()));
        }
        if let Some(tls) = self.tls.clone() {
            tasks.spawn(tls.keep_fresh(every, stop.clone()));
        }
    }

    /// Who sends to this path; `None` for a stranger.
    fn source(&self, path: &str) -> Option<Source> {
        let Some(secrets) = &self.secrets else { return (path == CDR_PATH).then(Source::default) };
        // Looked up before the path is judged, so that every path costs the same.
        let (place, candidate) = path.rsplit_once('/').unwrap_or_default();
        let source = secrets.current().source(candidate);
        source.filter(|_| place == CDR_PATH)
    }

    fn admit(&self) -> Option<InFlight> {
        let place = Arc::clone(&self.in_flight).try_acquire_owned().ok()?;
        Some(InFlight { _place: Arc::new(place) })
    }
}

/// Takes a request for records, or anything else at a path that is no other's.
pub(super) async fn enter(State(app): State<Arc<App>>, mut request: Request) -> Response {
    let Some(source) = app.door.source(request.uri().path()) else {
        return Reply::NotFound.into_response();
    };
    if request.method() != Method::POST {
        let mut response = Reply::WrongMethod.into_response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let Some(place) = app.door.admit() else {
        tracing::warn!(limit = app.settings.door.max_in_flight, "too many requests in flight");
        return Reply::Overloaded.into_response();
    };
    request.extensions_mut().insert(source);
    request.extensions_mut().insert(place);
    receive(State(app), request).await
}
