//! Connections to an SQS endpoint, kept alive and reused: each is driven by the task that waits for its answer.
//!
//! A pooled client drives every connection with a task of its own, which the request and each part of the answer
//! have to be handed to and from (docs/performance.md has the measurement).

use std::{
    error::Error,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Uri, response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1,
};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tower_service::Service;

/// A connection that was idle for longer is closed: servers close theirs.
const LONGEST_IDLE: Duration = Duration::from_secs(50);

/// Why there is no answer.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// Connections to one endpoint.
#[derive(Clone)]
pub(super) struct Connections {
    connector: HttpsConnector<HttpConnector>,
    endpoint: Uri,
    /// The one that was used last is used first, so that those too many become old.
    idle: Arc<Mutex<Vec<Idle>>>,
}

/// A connection that waits for its next request.
struct Idle {
    since: Instant,
    connection: Box<Connection>,
}

/// An answer whose head has come. Its connection serves again once the body has been read to its end; dropped
/// before, it closes.
pub(super) struct Answer {
    head: response::Parts,
    body: Incoming,
    connection: Box<Connection>,
    connections: Connections,
}

/// One connection. Nothing happens on it unless it is driven.
struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    driver: Option<Driver>,
}

type Driver = http1::Connection<MaybeHttpsStream<TokioIo<TcpStream>>, Full<Bytes>>;

impl Connections {
    /// None yet.
    pub(super) fn new(connector: HttpsConnector<HttpConnector>, endpoint: Uri) -> Self {
        Self {
            connector,
            endpoint,
            idle: Arc::default(),
        }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    ///
    /// The endpoint cannot be reached, or its answer breaks off.
    pub(super) async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        loop {
            let idle = self.idle.lock().pop();
            let was_idle = idle.is_some();
            let mut connection = match idle {
                Some(idle) => idle.connection,
                // Seldom, and what it takes is large.
                None => Box::pin(self.connect()).await?,
            };
            let sent = connection.sender.try_send_request(request);
            match drive(&mut connection.driver, sent).await {
                Ok(answer) => {
                    let (head, body) = answer.into_parts();
                    return Ok(Answer {
                        head,
                        body,
                        connection,
                        connections: self.clone(),
                    });
                }
                Err(mut error) => match error.take_message() {
                    // The server had closed it, which shows only when it is driven: nothing was sent.
                    Some(unsent) if was_idle => request = unsent,
                    _ => return Err(error.into_error().into()),
                },
            }
        }
    }

    /// Closes those that have been idle for too long.
    pub(super) fn close_old(&self) {
        let now = Instant::now();
        let mut idle = self.idle.lock();
        let old = idle.partition_point(|one| now - one.since >= LONGEST_IDLE);
        let old: Vec<_> = idle.drain(..old).collect();
        drop(idle);
        drop(old);
    }

    async fn connect(&self) -> Result<Box<Connection>, Failure> {
        let mut connector = self.connector.clone();
        std::future::poll_fn(|context| connector.poll_ready(context)).await?;
        let stream = connector.call(self.endpoint.clone()).await?;
        let (sender, driver) = http1::handshake(stream).await?;
        let driver = Some(driver);
        Ok(Box::new(Connection { sender, driver }))
    }

    /// Keeps a connection for the next request.
    fn keep(&self, connection: Box<Connection>) {
        let since = Instant::now();
        self.idle.lock().push(Idle { since, connection });
    }
}

impl Answer {
    /// Status and headers.
    pub(super) fn head(&self) -> &response::Parts {
        &self.head
    }

    /// How many bytes its body has, if the server has said so.
    pub(super) fn content_length(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// Reads the body, of at most so many bytes.
    ///
    /// # Errors
    ///
    /// It is larger ([`LengthLimitError`](http_body_util::LengthLimitError)), or breaks off.
    pub(super) async fn read_at_most(mut self, most_bytes: usize) -> Result<Bytes, Failure> {
        let body = Limited::new(self.body, most_bytes).collect();
        let body = drive(&mut self.connection.driver, body).await?;
        if self.connection.driver.is_some() {
            self.connections.keep(self.connection);
        }
        Ok(body.to_bytes())
    }
}

/// Drives a connection until something that comes from it is there.
async fn drive<T>(driver: &mut Option<Driver>, output: impl Future<Output = T>) -> T {
    // A task that has used up its turn would be told so by being woken.
    let mut output = pin!(tokio::task::unconstrained(output));
    std::future::poll_fn(|context| {
        // What was asked for is known to the connection before it is driven, and what came of it is taken at
        // once: nobody has to be woken.
        let unwoken = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(output) = output.as_mut().poll(unwoken) {
            return Poll::Ready(output);
        }
        let Some(driven) = driver else {
            // All that it still had has been handed on.
            return output.as_mut().poll(context);
        };
        if Pin::new(driven).poll(context).is_ready() {
            // An error is that of the output as well.
            *driver = None;
        }
        output.as_mut().poll(unwoken)
    })
    .await
}

#[cfg(test)]
mod tests {
    use hyper_rustls::HttpsConnectorBuilder;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    const KEPT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    const CLOSING: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

    /// Answers each request on each connection, and closes it when asked to: how many connections it took.
    async fn server(
        answers: &'static [&'static str],
        closes: bool,
    ) -> (Connections, Arc<Mutex<usize>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(0));
        let count = Arc::clone(&taken);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                *count.lock() += 1;
                tokio::spawn(async move {
                    for answer in answers {
                        let mut request = [0; 1024];
                        if stream.read(&mut request).await.unwrap_or(0) == 0 {
                            return;
                        }
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                    // Not in one packet with the answer.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if !closes {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        let tls = rustls::ClientConfig::builder()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = connector.https_or_http().enable_http1().build();
        (
            Connections::new(connector, endpoint.parse().unwrap()),
            taken,
        )
    }

    async fn ask(connections: &Connections) -> Bytes {
        let request = Request::post("/").header("host", "localhost");
        let request = request.body(Full::from("question")).unwrap();
        let answer = connections.send(request).await.unwrap();
        answer.read_at_most(1024).await.unwrap()
    }

    #[tokio::test]
    async fn a_connection_serves_one_request_after_the_other() {
        let (connections, taken) = server(&[KEPT; 4], false).await;
        for _ in 0..4 {
            assert_eq!(ask(&connections).await, "ok");
        }
        assert_eq!(*taken.lock(), 1);
    }

    #[tokio::test]
    async fn a_connection_that_the_server_closed_is_replaced_without_an_error() {
        for answers in [&[KEPT], &[CLOSING]] {
            let (connections, taken) = server(answers, true).await;
            for asked in 1..=3 {
                assert_eq!(ask(&connections).await, "ok");
                assert_eq!(*taken.lock(), asked);
                // The end of the connection arrives.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    #[tokio::test]
    async fn a_connection_whose_answer_was_not_read_serves_no_other() {
        let (connections, taken) = server(&[KEPT; 4], false).await;
        let request = Request::post("/").header("host", "localhost");
        let request = request.body(Full::from("question")).unwrap();
        drop(connections.send(request).await.unwrap());
        assert_eq!(ask(&connections).await, "ok");
        assert_eq!(*taken.lock(), 2);
    }
}
