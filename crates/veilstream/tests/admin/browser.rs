//! A real Chromium, driven as a person would.

use std::{
    cell::Cell,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
};

use bytes::Bytes;
use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource, KeyAction, KeyActions},
    elements::Element,
};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioExecutor};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{eventually, python};
use tokio::process::{Child, Command};

/// A window, and what a page looks like in it.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) name: &'static str,
    width: u32,
    height: u32,
    scheme: &'static str,
}

pub(crate) const LOOKS: [Look; 4] = [
    Look {
        name: "desktop-light",
        width: 1280,
        height: 900,
        scheme: "light",
    },
    Look {
        name: "desktop-dark",
        width: 1280,
        height: 900,
        scheme: "dark",
    },
    Look {
        name: "phone-light",
        width: 390,
        height: 844,
        scheme: "light",
    },
    Look {
        name: "phone-dark",
        width: 390,
        height: 844,
        scheme: "dark",
    },
];

pub(crate) struct Browser {
    client: Client,
    session: String,
    look: Cell<Look>,
    profile: TempDir,
    _driver: Child,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed: scripts/prerequisites tests");
        eventually("chromedriver listens", || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
        })
        .await;
        let profile = TempDir::new().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        // In a container there is neither a user nor much shared memory for Chromium's own sandbox.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            &folder,
        ];
        let capabilities = json!({
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let capabilities = capabilities.as_object().unwrap().clone();
        let address = format!("http://127.0.0.1:{port}");
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder
            .capabilities(capabilities)
            .connect(&address)
            .await
            .unwrap();
        let id = client.session_id().await.unwrap().expect("a session");
        let browser = Self {
            client,
            session: format!("{address}/session/{id}"),
            look: Cell::new(LOOKS[0]),
            profile,
            _driver: driver,
        };
        browser.look(LOOKS[0]).await;
        browser
    }

    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Waits until an element's text, or its raw value where it has one, is so.
    pub(crate) async fn waits_for(&self, css: &str, is_so: impl Fn(&str) -> bool) {
        eventually(css, || async {
            self.value(css).await.is_some_and(|value| is_so(&value))
        })
        .await;
    }

    pub(crate) async fn value(&self, css: &str) -> Option<String> {
        let element = self.client.find(Locator::Css(css)).await.ok()?;
        match element.attr("data-value").await.ok()? {
            Some(value) => Some(value),
            None => element.text().await.ok(),
        }
    }

    pub(crate) async fn attribute(&self, css: &str, name: &str) -> Option<String> {
        let element = self.client.find(Locator::Css(css)).await.ok()?;
        element.attr(name).await.ok()?
    }

    pub(crate) async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.unwrap().len()
    }

    pub(crate) async fn click(&self, css: &str) {
        self.element(css).await.click().await.unwrap();
    }

    pub(crate) async fn write(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Presses a key, or types a text, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for value in keys.chars() {
            actions = actions
                .then(KeyAction::Down { value })
                .then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.unwrap();
    }

    /// What an expression in JavaScript is.
    pub(crate) async fn evaluate(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        self.client.execute(&script, Vec::new()).await.unwrap()
    }

    async fn element(&self, css: &str) -> Element {
        let found = self.client.find(Locator::Css(css)).await;
        found.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    /// Has the page look so.
    pub(crate) async fn look(&self, look: Look) {
        self.look.set(look);
        self.be_as_high_as(u64::from(look.height)).await;
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": look.scheme}]});
        self.devtools("Emulation.setEmulatedMedia", scheme).await;
    }

    async fn be_as_high_as(&self, height: u64) {
        let width = self.look.get().width;
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size)
            .await;
    }

    /// Keeps a picture of the whole page where continuous integration finds it; where a dialog is open, of the
    /// window.
    pub(crate) async fn keep_picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots");
        fs::create_dir_all(&folder).unwrap();
        let window = u64::from(self.look.get().height);
        let height = if self.count("dialog[open]").await > 0 {
            window
        } else {
            let height = self.evaluate("document.documentElement.scrollHeight");
            height.await.as_u64().expect("pixels")
        };
        self.be_as_high_as(height).await;
        let picture = self.client.screenshot().await.unwrap();
        self.be_as_high_as(window).await;
        // Where a PNG has its height.
        let pixels: [u8; 4] = picture[20..24].try_into().unwrap();
        assert_eq!(u64::from(u32::from_be_bytes(pixels)), height, "{name}");
        fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// Whether the page is wider than its window.
    pub(crate) async fn scrolls_sideways(&self) -> bool {
        let wider = self.evaluate("document.documentElement.scrollWidth > window.innerWidth");
        wider.await == true
    }

    /// What axe-core has against the page, in words.
    pub(crate) async fn violations(&self) -> Vec<String> {
        let axe = fs::read_to_string(axe()).unwrap();
        self.client
            .execute(&format!("{axe}; window.axe = axe"), Vec::new())
            .await
            .unwrap();
        let script = "const done = arguments[arguments.length - 1]; \
            axe.run().then((results) => done(results.violations), (error) => done([{id: String(error), nodes: []}]))";
        let violations = self.client.execute_async(script, Vec::new()).await.unwrap();
        let violations = violations.as_array().unwrap().iter();
        violations
            .map(|one| format!("{}: {}", one["id"], one["nodes"]))
            .collect()
    }

    /// What the page wrote to its console as errors, but for requests whose failure the test has brought about.
    pub(crate) async fn console_errors(&self, is_expected: impl Fn(&str) -> bool) -> Vec<String> {
        let entries = self.command("se/log", json!({"type": "browser"})).await;
        let entries = entries.as_array().expect("a list").iter();
        let expected = |entry: &Value| {
            entry["source"] == "network" && entry["message"].as_str().is_some_and(&is_expected)
        };
        let severe = entries.filter(|entry| entry["level"] == "SEVERE" && !expected(entry));
        severe.map(ToString::to_string).collect()
    }

    async fn devtools(&self, command: &str, parameters: Value) {
        let command = json!({"cmd": command, "params": parameters});
        self.command("goog/cdp/execute", command).await;
    }

    /// A command that is Chromium's own.
    async fn command(&self, path: &str, body: Value) -> Value {
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http();
        let request = Request::post(format!("{}/{path}", self.session))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let response = client.request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        answer["value"].clone()
    }

    pub(crate) async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    /// A test that fails closes nothing: its Chromium is known by the profile's folder.
    fn drop(&mut self) {
        let folder = self.profile.path().display().to_string();
        let _ = std::process::Command::new("pkill")
            .args(["-KILL", "-f", &folder])
            .status();
    }
}

/// axe-core, as the tests' Python packages bring it.
fn axe() -> PathBuf {
    let python = python();
    let library = python.parent().and_then(Path::parent).unwrap().join("lib");
    let versions = fs::read_dir(library)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files =
        versions.map(|path| path.join("site-packages/axe_playwright_python/axe.min.js"));
    files
        .find(|path| path.exists())
        .expect("axe-core is there: `make venv`")
}
