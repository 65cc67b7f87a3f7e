//! The running server.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::broker::Broker;
use crate::connections::{self, reachable};
use crate::counts::Counts;
use crate::error::{ErrorCode, QueueError};
use crate::message::NewMessage;
use crate::message_text;
use crate::protocol;

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
    /// Every answer is sent so much later, by default at once: what a round trip to AWS adds. The
    /// action itself takes place when the request arrives. The timer counts whole milliseconds and
    /// never fires early, so that a delay of 1 ms is one of 1 to 2 ms.
    pub delay: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            delay: Duration::ZERO,
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
        let fallback_host: Arc<str> = reachable(address).to_string().into();
        let answering = Arc::clone(&broker);
        let answer = move |request| {
            let (broker, host) = (Arc::clone(&answering), Arc::clone(&fallback_host));
            async move { protocol::answer(&broker, &host, request).await }
        };
        let serving = connections::serve(listener, settings.delay, answer, stopped);
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

    /// The actions that were called so far, and how often.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.broker.calls.by_action()
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
