//! A queue that answers from memory, for measuring clients.

mod stock;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use http::header::HOST;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::calls::Calls;
use crate::connections::{self, reachable};
use crate::counts::Counts;
use crate::identifier::Identifiers;
use crate::protocol;
use crate::server::Settings;
use stock::Stock;

/// A server of one standard queue that **keeps no messages**: it hands out so many, made of a few
/// bodies that take turns, and believes whoever deletes one. It exists to measure clients: it shares
/// the machine with them, so it costs as little as it can.
///
/// Each message has an id, a receipt handle and a `SentTimestamp` of its own, one millisecond after
/// the other, the last one that of the start. What is handed out never comes again. It answers
/// `GetQueueUrl`, `GetQueueAttributes`, `ReceiveMessage`, and `DeleteMessage` and
/// `ChangeMessageVisibility` with their batches, under any queue URL; a receive always tells
/// `SentTimestamp` and no other system attribute. It runs on a thread of its own.
///
/// Dropping it stops it.
#[derive(Debug)]
#[must_use = "dropping the server stops it"]
pub struct Canned {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropping it stops the server.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    stock: Stock,
    /// `/<account>/<queue>`
    path: String,
    fallback_host: String,
    identifiers: Identifiers,
    calls: Calls,
}

impl Canned {
    /// Binds the address and serves `messages` messages of the queue of that name, as long as
    /// `bodies`, which are to be those of valid messages, in turn.
    ///
    /// # Errors
    ///
    /// There is no body, the address cannot be bound, or the operating system has no random numbers
    /// or no thread.
    pub fn start(
        settings: &Settings,
        queue: &str,
        bodies: impl IntoIterator<Item = String>,
        messages: u64,
    ) -> io::Result<Canned> {
        let listener = std::net::TcpListener::bind(settings.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let arn = format!(
            "arn:aws:sqs:{}:{}:{queue}",
            settings.region, settings.account
        );
        let shared = Arc::new(Shared {
            stock: Stock::new(arn, bodies, messages)?,
            path: format!("/{}/{queue}", settings.account),
            fallback_host: reachable(address).to_string(),
            identifiers: Identifiers::seeded()?,
            calls: Calls::default(),
        });
        // One thread: what it does for a call is less than waking another one.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let answering = Arc::clone(&shared);
        let answer = move |request| {
            let shared = Arc::clone(&answering);
            async move { shared.answer(request).await }
        };
        let (stop, stopped) = oneshot::channel();
        let serving = connections::serve(listener, settings.delay, answer, stopped);
        let thread = thread::Builder::new()
            .name("canned-queue".to_owned())
            .spawn(move || runtime.block_on(serving))?;
        Ok(Canned {
            address,
            shared,
            stop,
            thread,
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

    /// The URL of its queue.
    pub fn queue_url(&self) -> String {
        format!("{}{}", self.endpoint_url(), self.shared.path)
    }

    /// How many messages were not handed out, and were handed out and not deleted.
    pub fn counts(&self) -> Counts {
        self.shared.stock.counts()
    }

    /// Messages handed out so far.
    pub fn received(&self) -> u64 {
        self.shared.stock.received()
    }

    /// Entries of deletions so far: a message that is deleted twice counts twice.
    pub fn deleted(&self) -> u64 {
        self.shared.stock.deleted()
    }

    /// The actions that were called so far, and how often.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.shared.calls.by_action()
    }

    /// Stops the server and waits until all of its connections are closed.
    pub fn shutdown(self) {
        let Canned { stop, thread, .. } = self;
        drop(stop);
        if thread.join().is_err() {
            tracing::warn!("the canned queue did not end in order");
        }
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let result = async {
            let action = protocol::action_name(&head.method, &head.headers)?;
            self.calls.count(action);
            let body = protocol::read(body).await?;
            let url = || {
                let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
                let host = host.unwrap_or(&self.fallback_host);
                format!("http://{host}{}", self.path)
            };
            self.stock.run(action, &body, url).await
        }
        .await;
        protocol::response(result, &self.identifiers)
    }
}
