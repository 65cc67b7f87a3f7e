//! The admin server of a run: what machines read from it, who may look and act, and the dashboard in
//! a real browser.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is not there fails it"
)]

mod actions;
mod browser;
mod dashboard;
mod guard;
mod numbers;
mod terminal;
mod warnings;

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;
use testkit::{Binary, Running, Scene, eventually};

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_veilstream");
const TOKEN: &str = "correct-horse-battery-staple";
/// Values of every event that may appear nowhere in clear.
const IP: &str = "203.0.113.77";
const DEVICE: &str = "867-53-0900";

/// A worker's admin server.
struct Admin {
    address: String,
}

/// An answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Admin {
    /// One on a port that is free now, on this interface.
    fn on(interface: &str) -> Self {
        let port = TcpListener::bind((interface, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        Self {
            address: format!("{interface}:{port}"),
        }
    }

    fn local() -> Self {
        Self::on("127.0.0.1")
    }

    /// The scene's binary, with this admin server.
    fn of(&self, scene: &Scene) -> Binary {
        scene
            .binary()
            .with("VEILSTREAM_ADMIN_LISTEN", &self.address)
    }

    /// The same with a configuration of the pipeline `logins`, a token and an operator.
    fn with_operator(&self, scene: &Scene, operator: &str) -> Binary {
        let token = scene.folder.path().join("token");
        fs::write(&token, format!("{TOKEN}\n")).unwrap();
        fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
        let config = scene.folder.path().join("logins.toml");
        let admin = format!("\n[admin]\ntoken_file = \"token\"\ndatabase_url = \"{operator}\"\n");
        let text = veilstream::config::builtin::LOGINS_TOML.to_owned() + &admin;
        fs::write(&config, text).unwrap();
        self.of(scene)
            .with("VEILSTREAM_CONFIG", &config.display().to_string())
    }

    fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap()
    }

    /// Asks with these headers.
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let uri = format!("http://127.0.0.1:{}{path}", self.port());
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = request.body(Full::new(Bytes::from_static(b"{}"))).unwrap();
        let (head, body) = client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }

    async fn status(&self) -> Value {
        let answer = self.get("/api/status").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Waits until the server is there.
    async fn is_up(&self) {
        let port: u16 = self.port().parse().unwrap();
        eventually("the admin server listens", || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
        })
        .await;
    }
}

/// A login event; `device_type` tells one kind from another.
fn login(number: usize, device_type: &str) -> String {
    format!(
        r#"{{"user_id": "user-{number}", "app_version": "2.3.0", "device_type": "{device_type}", "ip": "{IP}", "locale": "RU", "device_id": "{DEVICE}"}}"#
    )
}

/// Waits until the queue is empty.
async fn settled(scene: &Scene) {
    eventually("the queue is empty", || async { scene.queued() == 0 }).await;
}

/// Ends a run in order: its log.
async fn end(running: Running) -> String {
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    finished.stderr
}
