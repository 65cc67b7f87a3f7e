//! Runs of the real binary.

use std::{path::PathBuf, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

/// A run that takes longer than this hangs.
const DEADLINE: Duration = Duration::from_secs(150);

/// The binary with arguments and an environment of its own: nothing of the caller's but `PATH`,
/// and AWS credentials that are none.
pub struct Binary {
    path: PathBuf,
    environment: Vec<(String, String)>,
}

/// A run that has begun.
pub struct Running {
    child: Child,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Binary {
    /// The binary at a path; tests pass `env!("CARGO_BIN_EXE_veilstream")`.
    pub fn new(path: &str) -> Self {
        let environment = [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", "/nonexistent".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            // Runs share this machine's ports.
            ("VEILSTREAM_ADMIN_LISTEN", "off".to_owned()),
        ];
        let environment = environment
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect();
        Self {
            path: path.into(),
            environment,
        }
    }

    /// With a variable of the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a variable that was given before.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(given, _)| given != name);
        self
    }

    /// Begins a run.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Running {
            child: command.spawn().expect("the binary starts"),
        }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).finish().await
    }

    /// Runs it to its end with text on its standard input.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Finished {
        let mut running = self.start(arguments);
        let mut stdin = running
            .child
            .stdin
            .take()
            .expect("standard input is a pipe");
        stdin
            .write_all(input.as_bytes())
            .await
            .expect("it reads its input");
        drop(stdin);
        running.finish().await
    }
}

impl Running {
    /// The process's id.
    ///
    /// # Panics
    ///
    /// When it has ended.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it is still running")
    }

    /// Sends a signal, by its name, such as `TERM`.
    ///
    /// # Panics
    ///
    /// When it cannot be sent.
    pub async fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.id().to_string())
            .status();
        assert!(kill.await.expect("kill runs").success());
    }

    /// Ends it without any chance to clean up.
    ///
    /// # Panics
    ///
    /// When it cannot be killed.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Whether it is still running.
    ///
    /// # Panics
    ///
    /// When the system does not say.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the system says").is_none()
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not come.
    pub async fn finish(mut self) -> Finished {
        drop(self.child.stdin.take());
        let output = tokio::time::timeout(DEADLINE, self.child.wait_with_output())
            .await
            .expect("it ends within the deadline")
            .expect("its output can be read");
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

impl Finished {
    /// The JSON object on the last line of standard output.
    ///
    /// # Panics
    ///
    /// When there is none; everything that was printed is in the message.
    pub fn summary(&self) -> Value {
        let last = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// A number of the summary.
    ///
    /// # Panics
    ///
    /// When there is none of that name.
    pub fn total(&self, name: &str) -> u64 {
        let summary = self.summary();
        summary[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no {name} in {self:#?}"))
    }
}
