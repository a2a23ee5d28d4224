//! Connections of gRPC clients: no more at a time than the limit, and none that never says a word.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Sleep, sleep},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// The preface of a client, the first bytes of an HTTP/2 connection (RFC 9113, section 3.4). The library probes a silent connection
/// only after them.
const PREFACE_BYTES: usize = 24;
/// How long to wait after a failure to accept, which is most often a lack of file descriptors that passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connections of a listener, at most `limit` at a time; more wait in the system's backlog. It ends when the stream is dropped.
pub(crate) fn connections(
    listener: TcpListener,
    limit: usize,
    handshake: Duration,
) -> ReceiverStream<io::Result<Connection>> {
    let (accepted, connections) = mpsc::channel(1);
    tokio::spawn(async move {
        let room = Arc::new(Semaphore::new(limit));
        loop {
            let next = tokio::select! {
                () = accepted.closed() => return,
                next = accept(&listener, &room, handshake) => next,
            };
            match next {
                Ok(connection) => drop(accepted.send(Ok(connection)).await),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
    ReceiverStream::new(connections)
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    handshake: Duration,
) -> io::Result<Connection> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok(Connection::new(stream, permit, handshake))
}

/// A connection that makes room for another when it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// Until the preface is there: how many of its bytes still miss, and until when they may come.
    preface: Option<(usize, Pin<Box<Sleep>>)>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: TcpStream, permit: OwnedSemaphorePermit, handshake: Duration) -> Self {
        // Small messages in both directions: waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        Self { stream, preface: Some((PREFACE_BYTES, Box::pin(sleep(handshake)))), _permit: permit }
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            let missing = self.preface.as_ref().map_or(0, |(missing, _)| *missing);
            let missing = missing.saturating_sub(buffer.filled().len() - before);
            match &mut self.preface {
                Some((still_missing, _)) if missing > 0 => *still_missing = missing,
                preface => *preface = None,
            }
            return Poll::Ready(read);
        }
        if let Some((_, deadline)) = &mut self.preface {
            ready!(deadline.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
