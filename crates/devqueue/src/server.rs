//! The running server.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::broker::Broker;
use crate::counts::Counts;
use crate::error::{ErrorCode, QueueError};
use crate::message::NewMessage;
use crate::message_text;
use crate::protocol;

/// How long to wait after a failed accept, such as one for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How to start a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one. By default `127.0.0.1:0`. There is no access
    /// control: an address that others can reach lets them read and delete every message.
    pub listen: SocketAddr,
    /// The account in ARNs and queue URLs, by default `000000000000`.
    pub account: String,
    /// The region in ARNs, by default `us-east-1`.
    pub region: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }
}

/// A running server. Dropping it stops it: connections are closed, messages are lost.
#[derive(Debug)]
#[must_use = "dropping the server stops it"]
pub struct DevQueue {
    address: SocketAddr,
    broker: Arc<Broker>,
    /// Dropping it stops the server.
    stop: oneshot::Sender<()>,
    accepting: JoinHandle<()>,
}

impl DevQueue {
    /// Binds the address and serves it on the current tokio runtime, which needs its I/O and time
    /// drivers.
    ///
    /// # Errors
    ///
    /// The address cannot be bound, or the operating system has no random numbers.
    pub async fn start(settings: Settings) -> io::Result<DevQueue> {
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let broker = Arc::new(Broker::new(settings.account, settings.region)?);
        let (stop, stopped) = oneshot::channel();
        let fallback_host = reachable(address).to_string().into();
        let serving = accept(listener, Arc::clone(&broker), fallback_host, stopped);
        Ok(DevQueue {
            address,
            broker,
            stop,
            accepting: tokio::spawn(serving),
        })
    }

    /// The address that it listens on, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint for SDKs on this machine, such as `http://127.0.0.1:4566`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", reachable(self.address))
    }

    /// The URL of the queue of that name, which need not exist.
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.endpoint_url(), self.broker.account)
    }

    /// Creates a queue as the action `CreateQueue` does: with the same checks, and succeeding if
    /// there is one already with the same attributes.
    ///
    /// # Errors
    ///
    /// The name, an attribute or its value is not valid, or the queue exists with other attributes.
    pub fn create_queue(&self, name: &str, attributes: &[(&str, &str)]) -> Result<(), QueueError> {
        self.broker.create(name, attributes)
    }

    /// Sends a message to a standard queue as the action `SendMessage` does; returns its id.
    ///
    /// # Errors
    ///
    /// The queue does not exist or is a FIFO queue, or the body is empty, too long or holds
    /// characters that SQS does not take.
    pub fn send(&self, queue: &str, body: &str) -> Result<String, QueueError> {
        self.send_new(queue, None, body)
    }

    /// Sends a message to a group of a FIFO queue with content-based deduplication, as the action
    /// `SendMessage` does; returns its id.
    ///
    /// # Errors
    ///
    /// As [`DevQueue::send`], and where the queue is no FIFO queue or wants a deduplication id.
    pub fn send_to_group(
        &self,
        queue: &str,
        group: &str,
        body: &str,
    ) -> Result<String, QueueError> {
        self.send_new(queue, Some(group), body)
    }

    fn send_new(&self, queue: &str, group: Option<&str>, body: &str) -> Result<String, QueueError> {
        let queue = self.broker.queue(queue)?;
        if body.is_empty() {
            return Err(QueueError::new(
                ErrorCode::MissingParameter,
                "The message has no body.",
            ));
        }
        message_text::check(body)?;
        let new = NewMessage {
            body,
            attributes: None,
            system_attributes: None,
            delay_seconds: None,
            group,
            deduplication_id: None,
        };
        let now = self.broker.clock.now();
        let id = self.broker.identifiers.uuid();
        let sent = queue.with_store(now, |store| store.send(new, id, now))?;
        Ok(sent.id.as_str().to_owned())
    }

    /// Makes the message of a receipt handle visible at once, as `ChangeMessageVisibility` with 0
    /// does: behind the back of whoever received it, it is delivered a second time.
    ///
    /// # Errors
    ///
    /// The queue does not exist, or the message is not in flight under this handle.
    pub fn make_visible(&self, queue: &str, receipt_handle: &str) -> Result<(), QueueError> {
        let queue = self.broker.queue(queue)?;
        let now = self.broker.clock.now();
        queue.with_store(now, |store| store.change_visibility(receipt_handle, 0, now))
    }

    /// How many messages a queue holds; `None` where there is no such queue.
    pub fn counts(&self, queue: &str) -> Option<Counts> {
        let queue = self.broker.queue(queue).ok()?;
        Some(queue.with_store(self.broker.clock.now(), |store| store.counts()))
    }

    /// Stops the server and waits until all of its connections are closed.
    pub async fn shutdown(self) {
        let DevQueue {
            stop, accepting, ..
        } = self;
        drop(stop);
        if let Err(error) = accepting.await {
            tracing::warn!(%error, "the development queue did not end in order");
        }
    }
}

/// Accepts connections until the server is stopped, then closes them all.
async fn accept(
    listener: TcpListener,
    broker: Arc<Broker>,
    fallback_host: Arc<str>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&broker), Arc::clone(&fallback_host)));
                }
                Err(error) => {
                    tracing::warn!(%error, "the development queue cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, broker: Arc<Broker>, fallback_host: Arc<str>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the development queue cannot set TCP_NODELAY");
    }
    let service = service_fn(|request| {
        let (broker, host) = (Arc::clone(&broker), Arc::clone(&fallback_host));
        async move { Ok::<_, Infallible>(protocol::answer(&broker, &host, request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the development queue ended early");
    }
}

/// An address to connect to: the loopback address in place of "all addresses".
fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    let ip = if address.ip().is_unspecified() {
        loopback
    } else {
        address.ip()
    };
    SocketAddr::new(ip, address.port())
}
