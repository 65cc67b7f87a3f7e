//! Just enough HTTP to call an SQS server, and to stand between it and the binary.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Request, Response, StatusCode, body::Incoming, client, header, server,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// No server here verifies it, but moto takes from it which service is meant.
const SIGNED_FOR_SQS: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, \
                              SignedHeaders=host, Signature=0";

/// What becomes of a call that comes through a [`Proxy`].
pub enum Meddling {
    /// It goes through, and so does its answer.
    Pass,
    /// It is refused for want of a permission, and never reaches the server.
    Refuse,
    /// A call with entries is said to have succeeded, and never reaches the server: as when the
    /// one of SQS's servers that holds a message is away while it is told to delete it.
    Lose,
    /// It goes through, and its answer is changed.
    Alter(fn(&mut Value)),
    /// It never reaches the server; it gets this status and body.
    Answer(u16, &'static str),
}

/// A server that hands calls on to an SQS server, unless it meddles with them.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What all connections of a proxy work with.
struct Shared {
    upstream: String,
    rule: Box<Rule>,
    /// What calls in the JSON protocol get, where the server is to know only the older one.
    to_json: Option<(u16, &'static str)>,
    /// The receipt handles that came by.
    handles: Mutex<Vec<String>>,
}

type Rule = dyn Fn(&str) -> Meddling + Send + Sync;

impl Proxy {
    /// Starts one before `upstream`, such as `127.0.0.1:4566`; `rule` is asked with the action of
    /// each call, such as `DeleteMessageBatch`, in either protocol.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn start(
        upstream: &str,
        rule: impl Fn(&str) -> Meddling + Send + Sync + 'static,
    ) -> Self {
        Self::listen(upstream, None, Box::new(rule)).await
    }

    /// One that makes a server that speaks only SQS's Query protocol of one that speaks both: this
    /// status and body is all that calls in the JSON protocol get.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn of_query_only(
        upstream: &str,
        to_json: (u16, &'static str),
        rule: impl Fn(&str) -> Meddling + Send + Sync + 'static,
    ) -> Self {
        Self::listen(upstream, Some(to_json), Box::new(rule)).await
    }

    async fn listen(upstream: &str, to_json: Option<(u16, &'static str)>, rule: Box<Rule>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            rule,
            to_json,
            handles: Mutex::default(),
        });
        let for_all = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&for_all)));
            }
        });
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// One that lets messages be received, and loses what would delete them.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn losing_deletes(upstream: &str) -> Self {
        let rule = |action: &str| match action {
            "DeleteMessageBatch" => Meddling::Lose,
            _ => Meddling::Pass,
        };
        Self::start(upstream, rule).await
    }

    /// Makes all messages that were received through it visible again, as if their visibility
    /// time-out had ended.
    ///
    /// # Panics
    ///
    /// When the queue refuses.
    pub async fn give_back(&self, queue_url: &str) {
        let handles = std::mem::take(&mut *self.shared.handles.lock().expect("no holder panics"));
        for handle in handles {
            let parameters = json!({
                "QueueUrl": queue_url, "ReceiptHandle": handle, "VisibilityTimeout": 0,
            });
            call(
                &self.shared.upstream,
                "ChangeMessageVisibility",
                &parameters,
            )
            .await;
        }
    }

    /// The URL, with this proxy in place of its host and port.
    ///
    /// # Panics
    ///
    /// When it is not an http URL with a path.
    pub fn before(&self, url: &str) -> String {
        let path = url.splitn(4, '/').nth(3).expect("a URL with a path");
        format!("http://{}/{path}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn remember_handles(&self, answer: &[u8]) {
        let answer: Value = serde_json::from_slice(answer).expect("an answer of SQS");
        let messages = answer["Messages"].as_array().into_iter().flatten();
        let handles = messages.filter_map(|message| message["ReceiptHandle"].as_str());
        let mut remembered = self.handles.lock().expect("no holder panics");
        remembered.extend(handles.map(str::to_owned));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service =
        service_fn(|request| async { Ok::<_, Infallible>(answer(request, &shared).await) });
    // A client that goes away in the middle is none of the proxy's business.
    let _ = server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a whole request").to_bytes();
    let target = head.headers.get("x-amz-target");
    let target = target.and_then(|value| value.to_str().ok());
    // Of any service: what comes before the dot names it.
    let of_json = target.and_then(|target| Some(target.rsplit_once('.')?.1));
    let receives = of_json == Some("ReceiveMessage");
    let meddling = match (of_json, shared.to_json) {
        (Some(_), Some((status, body))) => Meddling::Answer(status, body),
        (Some(action), None) => (shared.rule)(action),
        (None, _) => (shared.rule)(action_of_form(&body)),
    };
    let alter = match meddling {
        Meddling::Pass => None,
        Meddling::Alter(alter) => Some(alter),
        Meddling::Lose => return Response::new(Full::from(all_succeeded(&body))),
        Meddling::Answer(status, body) => {
            let mut answer = Response::new(Full::from(body));
            *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
            return answer;
        }
        Meddling::Refuse => {
            let body = Full::from(r#"{"__type": "com.amazonaws.sqs#AccessDeniedException"}"#);
            let mut refused = Response::new(body);
            *refused.status_mut() = StatusCode::FORBIDDEN;
            return refused;
        }
    };
    let mut forwarded = Request::new(Full::new(body));
    *forwarded.method_mut() = head.method;
    *forwarded.uri_mut() = head.uri;
    *forwarded.headers_mut() = head.headers;
    let (status, headers, mut body) = send(&shared.upstream, forwarded).await;
    if receives {
        shared.remember_handles(&body);
    }
    if let Some(alter) = alter {
        let mut json = serde_json::from_slice(&body).expect("an answer of SQS");
        alter(&mut json);
        body = json.to_string().into();
    }
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    for own in [
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
    ] {
        response.headers_mut().remove(own);
    }
    response
}

/// The action of a call in the Query protocol; nothing in other requests.
fn action_of_form(body: &[u8]) -> &str {
    let form = std::str::from_utf8(body).unwrap_or_default();
    let mut parameters = form.split('&');
    let action = parameters.find_map(|parameter| parameter.strip_prefix("Action="));
    action.unwrap_or_default()
}

/// The answer to a batch of which every entry succeeded.
fn all_succeeded(request: &[u8]) -> String {
    let request: Value = serde_json::from_slice(request).expect("a request of SQS");
    let entries = request["Entries"].as_array().expect("entries");
    let ids = entries.iter().map(|entry| json!({"Id": entry["Id"]}));
    json!({"Successful": ids.collect::<Vec<_>>(), "Failed": []}).to_string()
}

/// Calls an action of an SQS server at an address such as `127.0.0.1:4566`.
///
/// # Panics
///
/// When it does not succeed.
pub async fn call(address: &str, action: &str, parameters: &Value) -> Value {
    let request = Request::post("/")
        .header(header::HOST, address)
        .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
        .header(header::AUTHORIZATION, SIGNED_FOR_SQS)
        .header("x-amz-target", format!("AmazonSQS.{action}"))
        .body(Full::from(parameters.to_string()))
        .expect("a valid request");
    let (status, _, body) = send(address, request).await;
    assert!(status.is_success(), "{action}: {status} {body:?}");
    // Some actions answer a success with nothing.
    let body = if body.is_empty() { b"{}" } else { &body[..] };
    serde_json::from_slice(body).expect("an answer of SQS")
}

async fn send(address: &str, request: Request<Full<Bytes>>) -> (StatusCode, HeaderMap, Bytes) {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("HTTP");
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.expect("an answer");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole answer").to_bytes();
    connection.abort();
    (head.status, head.headers, body)
}
