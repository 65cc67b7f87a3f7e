//! A proxy at the level of HTTP, in front of the queue: it sees each call's action and can refuse
//! it, lose its answer, or change either.

#![expect(
    clippy::unwrap_used,
    reason = "what tests stand on fails by panicking, as tests do"
)]

mod answer;

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::{QUEUE, Scene};
use answer::{Body, dripping, half, whole};

/// What is done to one call.
pub enum Fault {
    /// Nothing.
    Pass,
    /// Each call takes some time, as over a long way.
    Delay(Duration),
    /// The connection is cut before the queue acts.
    Cut,
    /// The queue acts, and its answer is lost.
    LoseAnswer,
    /// It never hears of the call, and no answer comes.
    Hang,
    /// It refuses with an answer like this.
    Refuse(Refusal),
    /// Its clock is so many seconds ahead of this machine's, and it refuses what is signed with a
    /// time that is more than five minutes off.
    Clock(i64),
    /// The queue acts, and its answer comes so much later.
    Late(Duration),
    /// The queue acts, and its answer breaks off inside the body.
    Half,
    /// The queue acts, and its answer comes in pieces over this time.
    Drip(Duration),
    /// The queue gets another request, and veilstream another answer.
    Change(Change),
}

/// A refusal: the HTTP status, the error code, and the header `Retry-After`.
#[derive(Clone, Copy)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The error code.
    pub code: &'static str,
    /// Seconds that the client is to wait.
    pub retry_after: Option<u32>,
}

impl Refusal {
    fn answer(self) -> Response<Bytes> {
        let mut answer = Response::builder().status(self.status);
        if let Some(seconds) = self.retry_after {
            answer = answer.header(header::RETRY_AFTER, seconds);
        }
        let body = json!({"__type": format!("com.amazonaws.sqs#{}", self.code)});
        answer.body(body.to_string().into()).unwrap()
    }
}

/// Changes the request before, and the answer after, the queue has acted.
pub struct Change {
    /// What the queue gets.
    pub request: Value,
    /// From the queue's answer to veilstream's.
    pub answer: Box<dyn FnOnce(Value) -> Value + Send>,
}

/// Decides over a call by its action and its request.
pub type Decide = dyn Fn(&str, &Value) -> Fault + Send + Sync;

/// A call that has been seen.
#[derive(Clone)]
pub struct Call {
    /// Such as `DeleteMessageBatch`.
    pub action: String,
    /// Of the request.
    pub headers: HeaderMap,
    /// Its parameters.
    pub request: Value,
    /// Whether the proxy closed the connection instead of passing the call on.
    pub refused: bool,
}

/// Dropping it closes everything.
pub struct SqsProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    scheme: &'static str,
    _tasks: JoinSet<()>,
}

struct Shared {
    endpoint: String,
    queue: String,
    client: Client<HttpConnector, Full<Bytes>>,
    decide: Box<Decide>,
    away: AtomicBool,
    /// Whether calls are kept.
    records: bool,
    calls: Mutex<Vec<Call>>,
    /// By action.
    under_way: Mutex<HashMap<String, UnderWay>>,
}

/// Calls that have come and are not yet answered.
#[derive(Default, Clone, Copy)]
pub struct UnderWay {
    /// Now.
    pub now: usize,
    /// At once, so far.
    pub most: usize,
}

impl SqsProxy {
    /// In front of a scene's queue, without faults.
    pub async fn to(scene: &Scene) -> Self {
        Self::with(scene, |_, _| Fault::Pass).await
    }

    /// In front of a scene's queue.
    pub async fn with(
        scene: &Scene,
        decide: impl Fn(&str, &Value) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared::new(scene.queue.endpoint_url(), QUEUE, true, decide);
        Self::start(shared, None).await
    }

    /// In front of any queue of a server, given by the server's endpoint and the queue's name.
    /// Calls are not kept.
    pub async fn before(
        endpoint: &str,
        queue: &str,
        decide: impl Fn(&str, &Value) -> Fault + Send + Sync + 'static,
    ) -> Self {
        Self::start(Shared::new(endpoint.to_owned(), queue, false, decide), None).await
    }

    /// In front of a scene's queue, with TLS.
    pub async fn with_tls(scene: &Scene, acceptor: TlsAcceptor) -> Self {
        let pass = |_: &str, _: &Value| Fault::Pass;
        let shared = Shared::new(scene.queue.endpoint_url(), QUEUE, true, pass);
        Self::start(shared, Some(acceptor)).await
    }

    async fn start(shared: Shared, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(shared);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, tls, Arc::clone(&shared)));
        Self {
            address,
            shared,
            scheme,
            _tasks: tasks,
        }
    }

    /// The queue's URL, through the proxy.
    pub fn queue_url(&self) -> String {
        let Shared { queue, .. } = &*self.shared;
        format!("{}://{}/000000000000/{queue}", self.scheme, self.address)
    }

    /// While it is away, calls get no answer but a closed connection.
    pub fn set_away(&self, away: bool) {
        self.shared.away.store(away, Ordering::SeqCst);
    }

    /// The calls of an action so far.
    pub fn calls(&self, action: &str) -> Vec<Call> {
        let calls = self.shared.calls.lock();
        let of_action = calls.iter().filter(|call| call.action == action);
        of_action.cloned().collect()
    }

    /// The calls of an action that are under way.
    pub fn under_way(&self, action: &str) -> UnderWay {
        let under_way = self.shared.under_way.lock();
        under_way.get(action).copied().unwrap_or_default()
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        match tls.clone() {
            None => connections.spawn(serve(stream, shared)),
            Some(tls) => connections.spawn(async move {
                // A client that does not trust the certificate goes away here.
                if let Ok(stream) = tls.accept(stream).await {
                    serve(stream, shared).await;
                }
            }),
        };
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send, shared: Arc<Shared>) {
    let service = service_fn(|request| answer(&shared, request));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A lost answer is an error here, and so is a client that is killed.
    let _ = connection.await;
}

/// Answers one call; an error closes the connection.
async fn answer(shared: &Shared, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut request: Value = serde_json::from_slice(&body)?;
    let target = parts.headers["x-amz-target"].to_str().unwrap();
    let action = target.trim_start_matches("AmazonSQS.").to_owned();
    let _under_way = shared.begin(&action);
    let refused = shared.away.load(Ordering::SeqCst);
    if shared.records {
        shared.calls.lock().push(Call {
            action: action.clone(),
            headers: parts.headers.clone(),
            request: request.clone(),
            refused,
        });
    }
    if refused {
        return Err(io::Error::other("the queue is away"));
    }
    let fault = (shared.decide)(&action, &request);
    let change = match fault {
        Fault::Pass => return Ok(shared.pass(&parts.headers, body).await?.map(whole)),
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            return Ok(shared.pass(&parts.headers, body).await?.map(whole));
        }
        Fault::Cut => return Err(io::Error::other("the connection is cut")),
        Fault::Late(time) => {
            let answer = shared.pass(&parts.headers, body).await?;
            tokio::time::sleep(time).await;
            return Ok(answer.map(whole));
        }
        Fault::Half => return shared.pass(&parts.headers, body).await.map(half),
        Fault::Drip(time) => {
            let answer = shared.pass(&parts.headers, body).await?;
            return Ok(dripping(answer, time));
        }
        Fault::LoseAnswer => {
            shared.pass(&parts.headers, body).await?;
            return Err(io::Error::other("the answer is lost"));
        }
        Fault::Hang => return std::future::pending().await,
        Fault::Refuse(refusal) => return Ok(refusal.answer().map(whole)),
        Fault::Clock(ahead) => {
            let now = Timestamp::now() + SignedDuration::from_secs(ahead);
            let mut answer = if signed_at(&parts.headers)
                .duration_since(now)
                .abs()
                .as_secs()
                > 300
            {
                Refusal {
                    status: 403,
                    code: "SignatureDoesNotMatch",
                    retry_after: None,
                }
                .answer()
            } else {
                shared.pass(&parts.headers, body).await?
            }
            .map(whole);
            let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            answer
                .headers_mut()
                .insert(header::DATE, date.parse().unwrap());
            return Ok(answer);
        }
        Fault::Change(change) => change,
    };
    request = change.request;
    let answer = shared
        .pass(&parts.headers, request.to_string().into())
        .await?;
    let changed = (change.answer)(serde_json::from_slice(answer.body())?);
    Ok(Response::new(whole(changed.to_string().into())))
}

/// A call that is under way.
struct Answering<'s> {
    shared: &'s Shared,
    action: &'s str,
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        let mut under_way = self.shared.under_way.lock();
        under_way.entry(self.action.to_owned()).or_default().now -= 1;
    }
}

/// The time that a request was signed with.
fn signed_at(headers: &HeaderMap) -> Timestamp {
    let date = headers["x-amz-date"].to_str().unwrap();
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", date).unwrap();
    date.to_zoned(TimeZone::UTC).unwrap().timestamp()
}

impl Shared {
    fn new(
        endpoint: String,
        queue: &str,
        records: bool,
        decide: impl Fn(&str, &Value) -> Fault + Send + Sync + 'static,
    ) -> Self {
        Self {
            endpoint,
            queue: queue.to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            decide: Box::new(decide),
            away: AtomicBool::new(false),
            records,
            calls: Mutex::default(),
            under_way: Mutex::default(),
        }
    }

    /// Counts a call as under way until what is returned is dropped: also when its client hangs up.
    fn begin<'s>(&'s self, action: &'s str) -> Answering<'s> {
        let mut under_way = self.under_way.lock();
        let calls = under_way.entry(action.to_owned()).or_default();
        calls.now += 1;
        calls.most = calls.most.max(calls.now);
        Answering {
            shared: self,
            action,
        }
    }

    /// The queue's own answer, whole.
    async fn pass(&self, headers: &HeaderMap, body: Bytes) -> io::Result<Response<Bytes>> {
        let mut request = Request::builder().method(Method::POST).uri(&self.endpoint);
        for name in ["x-amz-target", "content-type"] {
            request = request.header(name, &headers[name]);
        }
        let request = request.body(Full::new(body)).unwrap();
        let answer = self
            .client
            .request(request)
            .await
            .map_err(io::Error::other)?;
        let (mut parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?;
        parts.headers.remove(header::TRANSFER_ENCODING);
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}
