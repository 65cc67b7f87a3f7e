//! A server before the queue that puts bytes into its answers which no queue would take.

use std::{
    convert::Infallible,
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use md5::{Digest, Md5};
use testkit::{QUEUE, Scene, call};
use tokio::{net::TcpListener, task::JoinSet};

/// What takes a message's place on its way.
#[derive(Clone)]
pub(crate) struct Forgery {
    /// What stands between the quotes of `Body`, to the byte.
    pub(crate) json: Vec<u8>,
    /// The 32 digits of `MD5OfBody`.
    pub(crate) md5: String,
}

/// How an answer goes out.
#[derive(Clone, Copy)]
pub(crate) enum Length {
    /// With its length in its head, as SQS has it.
    Stated,
    /// In chunks, without.
    Unknown,
}

/// The server; dropping it closes everything.
pub(crate) struct Forger {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

struct Shared {
    queue: String,
    forgeries: Vec<Forgery>,
    length: Length,
}

impl Forgery {
    /// A body of these bytes, with its own digest. What JSON has no escape for stands as it is.
    pub(crate) fn of(body: &[u8]) -> Self {
        let mut json = Vec::new();
        for byte in body {
            match byte {
                b'"' | b'\\' => json.extend([b'\\', *byte]),
                0..0x20 => json.extend(format!("\\u{byte:04x}").bytes()),
                _ => json.push(*byte),
            }
        }
        let md5 = md5(body);
        Self { json, md5 }
    }

    /// The body that is put into the queue for the message of this number to be replaced.
    pub(crate) fn placeholder(number: usize) -> String {
        format!("forge-{number}-")
    }
}

/// The digest of a body, as SQS writes it.
pub(crate) fn md5(body: &[u8]) -> String {
    Md5::digest(body)
        .iter()
        .fold(String::new(), |mut digits, byte| {
            write!(digits, "{byte:02x}").unwrap();
            digits
        })
}

impl Forger {
    /// Before the scene's queue, where it replaces the placeholders of these forgeries.
    pub(crate) async fn start(scene: &Scene, forgeries: Vec<Forgery>, length: Length) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            queue: scene.queue.address().to_string(),
            forgeries,
            length,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(|request| async {
                        Ok::<_, Infallible>(shared.answer(request).await)
                    });
                    // A client that goes away in the middle is none of the forger's business.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }

    /// The queue's URL, through the forger.
    pub(crate) fn queue_url(&self) -> String {
        format!("http://{}/000000000000/{QUEUE}", self.address)
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
        let target = request.headers()["x-amz-target"].to_str().unwrap();
        let action = target.trim_start_matches("AmazonSQS.").to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let parameters = serde_json::from_slice(&body).unwrap();
        let answer = call(&self.queue, &action, &parameters).await;
        let answer: Bytes = self.forged(&answer.to_string()).into();
        Response::new(match self.length {
            Length::Stated => Full::new(answer).boxed(),
            Length::Unknown => {
                let frame = Ok::<_, Infallible>(Frame::data(answer));
                StreamBody::new(futures_util::stream::iter([frame])).boxed()
            }
        })
    }

    /// An answer with every placeholder, and its digest, replaced.
    fn forged(&self, text: &str) -> Vec<u8> {
        let mut answer = text.as_bytes().to_vec();
        // Without optimisation it takes long to search several MiB for each of them.
        if !text.contains("forge-") {
            return answer;
        }
        for (number, forgery) in self.forgeries.iter().enumerate() {
            let placeholder = Forgery::placeholder(number);
            if text.contains(&placeholder) {
                let digits = md5(placeholder.as_bytes());
                replace(&mut answer, &placeholder, &forgery.json);
                replace(&mut answer, &digits, forgery.md5.as_bytes());
            }
        }
        answer
    }
}

fn replace(text: &mut Vec<u8>, part: &str, by: &[u8]) {
    let mut places = text.windows(part.len());
    let start = places.position(|place| place == part.as_bytes()).unwrap();
    text.splice(start..start + part.len(), by.iter().copied());
}
