//! One process of `veilstream run`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use anyhow::{Context, Result};
use serde::Deserialize;
use tokio::process::{Child, Command};

/// What stands in the log once everything was found right and messages are taken.
const STARTED: &str = "\"started\"";

/// A process that runs, or has ended.
pub(crate) struct Worker {
    pub(crate) name: String,
    child: Child,
    output: PathBuf,
    log: PathBuf,
}

/// What `run --output json` says of itself at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Summary {
    pub(crate) received: u64,
    pub(crate) loaded: u64,
    pub(crate) duplicates: u64,
    pub(crate) quarantined: u64,
    pub(crate) left: u64,
}

/// What is left of a process that ended by itself or in order.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) name: String,
    pub(crate) code: Option<i32>,
    pub(crate) summary: Option<Summary>,
    /// Whether it had come so far that it took messages.
    pub(crate) had_started: bool,
    /// The last lines of its log.
    pub(crate) last_words: String,
}

impl Worker {
    /// Starts one; its log and its output go into files of their own.
    pub(crate) fn start(
        binary: &Path,
        environment: &[(&str, String)],
        logs: &Path,
        name: String,
    ) -> Result<Self> {
        let output = logs.join(format!("{name}.out"));
        let log = logs.join(format!("{name}.log"));
        let child = Command::new(binary)
            .args(["run", "--output", "json"])
            .env_clear()
            .env("HOME", "/nonexistent")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(File::create(&output)?)
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", binary.display()))?;
        Ok(Self {
            name,
            child,
            output,
            log,
        })
    }

    /// Its end, if it has come.
    pub(crate) fn ended(&mut self) -> Result<Option<Ended>> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(None);
        };
        self.epitaph(status).map(Some)
    }

    /// SIGKILL.
    pub(crate) async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// SIGTERM.
    pub(crate) async fn terminate(&self) -> Result<()> {
        let Some(id) = self.child.id() else {
            return Ok(());
        };
        // It may have ended this moment, and then `kill` fails.
        let mut kill = Command::new("kill");
        kill.args(["-TERM", &id.to_string()]).stderr(Stdio::null());
        kill.status().await?;
        Ok(())
    }

    fn epitaph(&self, status: ExitStatus) -> Result<Ended> {
        let log = fs::read_to_string(&self.log)?;
        let output = fs::read_to_string(&self.output)?;
        let summary = output.lines().last();
        let lines: Vec<_> = log.lines().collect();
        Ok(Ended {
            name: self.name.clone(),
            code: status.code(),
            summary: summary.and_then(|line| serde_json::from_str(line).ok()),
            had_started: log.contains(STARTED),
            last_words: lines[lines.len().saturating_sub(4)..].join("\n"),
        })
    }
}

impl Ended {
    /// One that had to be killed, since it did not end.
    pub(crate) fn late(name: String) -> Self {
        Self {
            name,
            code: None,
            summary: None,
            had_started: true,
            last_words: String::new(),
        }
    }
}

impl Summary {
    /// Whether everything that was received is accounted for.
    pub(crate) fn adds_up(&self) -> bool {
        self.received == self.loaded + self.duplicates + self.quarantined + self.left
    }
}
