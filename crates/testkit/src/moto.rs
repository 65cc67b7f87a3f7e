//! moto's SQS server, and the Python that it runs on.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// A running moto server; it ends when the pipe to its standard input is closed, with the process
/// that holds it at the latest.
pub struct Moto {
    _child: Child,
    port: u16,
}

/// The Python of the virtual environment that `make test` makes: with moto, boto3 and the AWS CLI.
///
/// # Panics
///
/// When there is none.
pub fn python() -> PathBuf {
    if let Some(path) = std::env::var_os("VEILSTREAM_PYTHON") {
        return path.into();
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let path = target.join("venv/bin/python");
    assert!(
        path.exists(),
        "{} is missing: `make test` makes it",
        path.display()
    );
    path
}

/// Serves on a port that the system chose, so that nobody else can have taken it, prints the port,
/// and ends with whoever started it.
const SERVE: &str = r#"
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"#;

impl Moto {
    /// The one server of a test binary; tests keep out of each other's way by the names of their
    /// queues.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Moto> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    fn start() -> Self {
        let mut child = Command::new(python())
            .args(["-c", SERVE])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python starts");
        let mut port = String::new();
        let stdout = child.stdout.take().expect("standard output is a pipe");
        BufReader::new(stdout)
            .read_line(&mut port)
            .expect("moto says its port");
        let port = port.trim_end().parse();
        Self {
            port: port.expect("moto starts: is it installed? `make test` installs it"),
            _child: child,
        }
    }

    /// Its address, such as `127.0.0.1:4566`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its endpoint.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Runs a Python script against it, with boto3 pointed at it; what it prints.
    ///
    /// # Panics
    ///
    /// When the script fails.
    pub fn script(&self, script: &str) -> String {
        let output = Command::new(python())
            .args(["-c", script])
            .env("AWS_ENDPOINT_URL", self.endpoint_url())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .output()
            .expect("Python runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .expect("text")
            .trim_end()
            .to_owned()
    }
}
