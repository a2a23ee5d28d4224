//! A server in the same process: reached without the network, by the same protocol.

use std::io;

use hyper_util::rt::TokioIo;
use tokio::{io::DuplexStream, sync::mpsc};
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

/// How many bytes may be on their way in each direction, as between two sockets.
const BUFFER: usize = 64 * 1024;

/// The way to a server in the same process. Needs neither certificates nor a port, however the server protects those for others.
#[derive(Clone, Debug)]
pub struct InProcess {
    connections: mpsc::Sender<DuplexStream>,
}

impl InProcess {
    /// The way, and what comes by it: the connections that the server is to serve.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<DuplexStream>) {
        let (connections, incoming) = mpsc::channel(1);
        (Self { connections }, incoming)
    }

    /// A channel that connects with its first request, and again when the connection was lost. The endpoint's address only names the server.
    pub(crate) fn channel(&self, endpoint: &Endpoint) -> Channel {
        let connections = self.connections.clone();
        endpoint.connect_with_connector_lazy(service_fn(move |_| {
            let connections = connections.clone();
            async move {
                let (ours, theirs) = tokio::io::duplex(BUFFER);
                let gone = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
                connections.send(theirs).await.map_err(gone)?;
                Ok::<_, io::Error>(TokioIo::new(ours))
            }
        }))
    }
}
