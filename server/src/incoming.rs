//! Connections of gRPC clients: no more at a time than the limit, over TLS where that is configured, and none that never says a word.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use leadcapture_webhook::tls::ServerTls;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
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

/// Where connections come from, and what is asked of them.
pub(crate) struct Entrance {
    pub(crate) listener: TcpListener,
    /// TLS of the listener, where it has any.
    pub(crate) tls: Option<ServerTls>,
    /// The most connections of the listener; more wait in the system's backlog.
    pub(crate) limit: usize,
    /// How long a connection may take for a TLS handshake, and then for the first bytes of the protocol.
    pub(crate) handshake: Duration,
    /// Connections from within this process.
    pub(crate) in_process: mpsc::Receiver<DuplexStream>,
}

impl Entrance {
    /// The connections that are ready to be served. It ends when the stream is dropped.
    pub(crate) fn connections(self) -> ReceiverStream<io::Result<Connection>> {
        let (ready, connections) = mpsc::channel(1);
        tokio::spawn(self.accept_all(ready));
        ReceiverStream::new(connections)
    }

    async fn accept_all(mut self, ready: Ready) {
        let room = Arc::new(Semaphore::new(self.limit.min(Semaphore::MAX_PERMITS)));
        loop {
            let next = tokio::select! {
                () = ready.closed() => return,
                Some(stream) = self.in_process.recv() => {
                    let connection = Connection::new(stream, TcpConnectInfo { local_addr: None, remote_addr: None });
                    drop(ready.send(Ok(connection)).await);
                    continue;
                }
                next = accept(&self.listener, &room) => next,
            };
            match next {
                Ok((stream, place)) => self.welcome(stream, place, &ready).await,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn welcome(&self, stream: TcpStream, place: OwnedSemaphorePermit, ready: &Ready) {
        // Small messages in both directions: waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let (info, handshake) = (stream.connect_info(), self.handshake);
        let Some(tls) = self.tls.clone() else {
            let connection = Connection::new(stream, info).of_listener(place, handshake);
            drop(ready.send(Ok(connection)).await);
            return;
        };
        // Apart, so that one who is slow keeps nobody waiting.
        let ready = ready.clone();
        tokio::spawn(async move {
            let accepted = tokio::select! {
                () = ready.closed() => return,
                accepted = tls.accept(stream, handshake) => accepted,
            };
            match accepted {
                Ok(stream) => {
                    let connection = Connection::new(stream, info).of_listener(place, handshake);
                    drop(ready.send(Ok(connection)).await);
                }
                Err(error) => tracing::debug!(%error, "TLS handshake failed"),
            }
        });
    }
}

type Ready = mpsc::Sender<io::Result<Connection>>;

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// What a connection is made of: a socket, TLS over one, or a pipe within the process.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that makes room for another when it is dropped.
pub(crate) struct Connection {
    stream: Box<dyn Io>,
    info: TcpConnectInfo,
    /// Until the preface is there: how many of its bytes still miss, and until when they may come.
    preface: Option<(usize, Pin<Box<Sleep>>)>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn new(stream: impl Io + 'static, info: TcpConnectInfo) -> Self {
        Self { stream: Box::new(stream), info, preface: None, _place: None }
    }

    fn of_listener(self, place: OwnedSemaphorePermit, handshake: Duration) -> Self {
        let preface = Some((PREFACE_BYTES, Box::pin(sleep(handshake))));
        Self { preface, _place: Some(place), ..self }
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.info.clone()
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
