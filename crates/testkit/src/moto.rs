//! moto's SQS server, and the Python that it runs on.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A running moto server; dropping it ends it.
pub struct Moto {
    child: Child,
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

impl Moto {
    /// Starts moto on a free port.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start() -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let child = Command::new(python())
            .args([
                "-m",
                "moto.server",
                "-H",
                "127.0.0.1",
                "-p",
                &port.to_string(),
            ])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto starts");
        let moto = Self { child, port };
        let answers = || async move {
            tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .is_ok()
        };
        crate::eventually("moto answers", answers).await;
        moto
    }

    /// Its endpoint.
    pub fn endpoint_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
