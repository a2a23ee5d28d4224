//! Connections: no more at a time than the limit, each within its limits of time and size, over TLS where that is configured.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use crate::{config::DoorSettings, tls::ServerTls};

/// How long to wait after a failure to accept, which is most often a lack of file descriptors that passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The least that a connection's buffer may hold.
const MIN_BUFFER: usize = 64 * 1024;

/// Serves the connections of a listener until `stop`, and then those that are open until their requests in flight are answered.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<ServerTls>,
    router: Router,
    settings: &DoorSettings,
    stop: CancellationToken,
) {
    let connections = GracefulShutdown::new();
    let connection = Connection { tls, http: http(settings), router, patience: settings.header_timeout };
    let room = Room::new(settings.max_connections);
    loop {
        let next = tokio::select! {
            () = stop.cancelled() => break,
            next = accept(&listener, &room) => next,
        };
        match next {
            Ok((stream, place)) => {
                let serving = connection.clone().serve(stream, connections.watcher(), stop.clone());
                tokio::spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// The next connection, once there is room for it. Others wait in the system's backlog.
async fn accept(listener: &TcpListener, room: &Room) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = room.place().await?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// As many places as there may be connections.
struct Room {
    places: Arc<Semaphore>,
    limit: usize,
}

impl Room {
    fn new(limit: usize) -> Self {
        let limit = limit.min(Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(limit)), limit }
    }

    async fn place(&self) -> io::Result<OwnedSemaphorePermit> {
        if self.places.available_permits() == 0 {
            tracing::warn!(limit = self.limit, "all connections are in use; others wait");
        }
        Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)
    }
}

fn http(settings: &DoorSettings) -> http1::Builder {
    let mut http = http1::Builder::new();
    // The timer runs whenever the next request's head is waited for, so it ends idle connections too.
    http.timer(TokioTimer::new())
        // A sender that has said all may say so and still wait for the answer.
        .half_close(true)
        .header_read_timeout(settings.header_timeout)
        .max_headers(settings.header_count)
        .max_header_size(settings.header_limit)
        .max_buf_size(settings.header_limit.max(MIN_BUFFER));
    http
}

/// How each connection is served.
#[derive(Clone)]
struct Connection {
    tls: Option<ServerTls>,
    http: http1::Builder,
    router: Router,
    /// How long the other side may let itself be waited for in a handshake, and for a part of an answer to be taken.
    patience: Duration,
}

impl Connection {
    async fn serve(self, stream: TcpStream, watcher: Watcher, stop: CancellationToken) {
        // An answer is one small packet: waiting to fill it would only delay it.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let ended = match &self.tls {
            None => self.serve_http(stream, watcher).await,
            Some(tls) => {
                let handshake = tokio::select! {
                    () = stop.cancelled() => return,
                    handshake = tls.accept(stream, self.patience) => handshake,
                };
                match handshake {
                    Ok(stream) => self.serve_http(stream, watcher).await,
                    Err(error) => {
                        tracing::debug!(%error, "TLS handshake failed");
                        return;
                    }
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended early");
        }
    }

    async fn serve_http<S>(&self, stream: S, watcher: Watcher) -> hyper::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.patience));
        let service = TowerToHyperService::new(self.router.clone());
        watcher.watch(self.http.serve_connection(TokioIo::new(Box::pin(stream)), service)).await
    }
}
