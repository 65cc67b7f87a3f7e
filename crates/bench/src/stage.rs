//! One run: a fresh queue, database and key set, and the real binary over them.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use devqueue::{DevQueue, Settings};
use localpg::Cluster;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio_postgres::NoTls;
use veilstream::{sample::login_events, startup::DEFAULT_QUEUE};

use crate::process;

const DEADLINE: Duration = Duration::from_mins(10);

/// What one run took.
pub(crate) struct Measured {
    /// From the start of the process until every message was deleted.
    pub(crate) messages_per_second: f64,
    /// User and system time of the veilstream process.
    pub(crate) cpu_micros_per_message: f64,
    /// The most memory it had resident.
    pub(crate) peak_mebibytes: f64,
}

/// Everything for one run.
pub(crate) struct Stage {
    binary: PathBuf,
    messages: usize,
    queue: DevQueue,
    cluster: Cluster,
    folder: TempDir,
}

impl Stage {
    pub(crate) async fn set_up(binary: &Path, messages: usize) -> Result<Self> {
        let cluster = tokio::task::spawn_blocking(|| {
            Cluster::builder().setting("max_wal_size", "4GB").start()
        });
        let queue = DevQueue::start(Settings::default()).await?;
        queue.create_queue(DEFAULT_QUEUE, &[("VisibilityTimeout", "600")])?;
        for event in login_events().take(messages) {
            queue.send(DEFAULT_QUEUE, &event)?;
        }
        let stage = Self {
            binary: binary.to_owned(),
            messages,
            queue,
            cluster: cluster.await??,
            folder: TempDir::new()?,
        };
        stage
            .prepare(&["keys", "create", &stage.keyset(), "--plaintext"])
            .await?;
        stage.prepare(&["migrate"]).await?;
        stage.sql("CREATE INDEX ON user_logins (user_id)").await?;
        Ok(stage)
    }

    /// Runs until the queue is empty and checks that nothing is missing.
    pub(crate) async fn run(self) -> Result<Measured> {
        let began = Instant::now();
        let mut child = self.veilstream(&["run", "--once", "--output", "json"])?;
        let process = child.id().context("it has ended at once")?;
        while self.queued() > 0 {
            ensure!(
                child.try_wait()?.is_none(),
                "it ended before the queue was empty"
            );
            ensure!(
                began.elapsed() < DEADLINE,
                "the queue is not empty after {DEADLINE:?}"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let seconds = began.elapsed().as_secs_f64();
        let cpu = process::cpu_time(process)?;
        let peak_mebibytes = process::peak_mebibytes(process)?;
        let output = child.wait_with_output().await?;
        ensure!(
            output.status.success(),
            "it failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        self.check().await?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 messages")]
        let messages = self.messages as f64;
        Ok(Measured {
            messages_per_second: messages / seconds,
            cpu_micros_per_message: cpu.as_secs_f64() * 1e6 / messages,
            peak_mebibytes,
        })
    }

    async fn check(&self) -> Result<()> {
        let client = self.connect().await?;
        let sql = "SELECT (SELECT count(*) FROM user_logins) + (SELECT count(*) FROM \
                   veilstream.quarantine)";
        let landed: i64 = client.query_one(sql, &[]).await?.get(0);
        ensure!(
            landed == i64::try_from(self.messages)?,
            "{landed} of {} landed",
            self.messages
        );
        Ok(())
    }

    fn queued(&self) -> usize {
        let counts = self
            .queue
            .counts(DEFAULT_QUEUE)
            .expect("the queue is there");
        counts.visible + counts.in_flight + counts.delayed
    }

    fn keyset(&self) -> String {
        self.folder.path().join("keyset.json").display().to_string()
    }

    async fn sql(&self, sql: &str) -> Result<()> {
        Ok(self.connect().await?.batch_execute(sql).await?)
    }

    async fn connect(&self) -> Result<tokio_postgres::Client> {
        let url = self.cluster.url("postgres");
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    async fn prepare(&self, arguments: &[&str]) -> Result<()> {
        let output = self.veilstream(arguments)?.wait_with_output().await?;
        if !output.status.success() {
            bail!(
                "veilstream {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    fn veilstream(&self, arguments: &[&str]) -> Result<Child> {
        let child = Command::new(&self.binary)
            .args(arguments)
            .env_clear()
            .env("VEILSTREAM_QUEUE_URL", self.queue.queue_url(DEFAULT_QUEUE))
            .env("DATABASE_URL", self.cluster.url("postgres"))
            .env("VEILSTREAM_KEYSET", self.keyset())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(child)
    }
}
