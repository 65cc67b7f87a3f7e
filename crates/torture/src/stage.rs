//! The servers and files of one run.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use devqueue::{DevQueue, Settings};
use localpg::Cluster;
use parking_lot::Mutex;
use tempfile::TempDir;
use testkit::Binary;
use tokio_postgres::{Client, NoTls};

use crate::{
    event::{Event, Expected},
    pooler::Pooler,
    scenario::{Options, Scenario},
    tally::Tally,
};

const DATABASE: &str = "postgres";

/// Everything for one run; dropping it stops the servers and removes the files.
pub(crate) struct Stage {
    pub(crate) options: Options,
    pub(crate) queue: Arc<DevQueue>,
    pub(crate) tally: Tally,
    /// Set once no faults are to happen any more.
    pub(crate) calm: Arc<AtomicBool>,
    /// The logs of the workers.
    pub(crate) logs: TempDir,
    pooler: Option<Pooler>,
    cluster: Arc<Mutex<Cluster>>,
    folder: TempDir,
}

/// A message that was sent, and what has to become of it.
pub(crate) struct Sent {
    pub(crate) message_id: String,
    pub(crate) group: Option<usize>,
    pub(crate) expected: Expected,
}

impl Stage {
    pub(crate) async fn set_up(options: Options) -> Result<Self> {
        let scenario = options.scenario;
        let cluster = tokio::task::spawn_blocking(|| {
            Cluster::builder().setting("max_wal_size", "4GB").start()
        });
        let queue = DevQueue::start(Settings::default()).await?;
        queue.create_queue(scenario.queue(), scenario.queue_attributes())?;
        let cluster = cluster.await??;
        let logs = TempDir::with_prefix("veilstream-torture-logs-")?;
        let pooler = match scenario {
            Scenario::Pgbouncer => Some(Pooler::start(&cluster, logs.path()).await?),
            Scenario::Standard | Scenario::Fifo | Scenario::SlowCommits => None,
        };
        let stage = Self {
            options,
            queue: Arc::new(queue),
            tally: Tally::new(),
            calm: Arc::default(),
            logs,
            pooler,
            cluster: Arc::new(Mutex::new(cluster)),
            folder: TempDir::with_prefix("veilstream-torture-")?,
        };
        stage
            .veilstream(&["keys", "create", &stage.keyset(), "--plaintext"], "")
            .await?;
        stage.veilstream(&["migrate"], "").await?;
        stage
            .connect()
            .await?
            .batch_execute(&scenario.sql())
            .await?;
        Ok(stage)
    }

    /// Puts a message into the queue.
    pub(crate) fn send(&self, event: Event) -> Result<Sent> {
        let Event {
            body,
            group,
            expected,
        } = event;
        let queue = self.options.scenario.queue();
        let message_id = match group {
            Some(group) => self
                .queue
                .send_to_group(queue, &format!("group-{group}"), &body)?,
            None => self.queue.send(queue, &body)?,
        };
        Ok(Sent {
            message_id,
            group,
            expected,
        })
    }

    /// How many messages are in the queue, visible or not.
    pub(crate) fn queued(&self) -> usize {
        let counts = self.queue.counts(self.options.scenario.queue());
        let counts = counts.expect("the queue was created");
        counts.visible + counts.in_flight + counts.delayed
    }

    /// What a worker connects to, but for proxies.
    pub(crate) fn database_url(&self) -> String {
        let cluster = self.cluster.lock();
        match &self.pooler {
            Some(pooler) => pooler.url(&cluster, DATABASE),
            None => cluster.url(DATABASE),
        }
    }

    pub(crate) fn keyset(&self) -> String {
        self.folder.path().join("keyset.json").display().to_string()
    }

    /// A connection that no proxy and no pooler is in.
    pub(crate) async fn connect(&self) -> Result<Client> {
        let url = self.cluster.lock().url(DATABASE);
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The binary without any proxy in between.
    pub(crate) fn binary(&self) -> Result<Binary> {
        let path = self.options.binary.to_str();
        let path = path.context("the binary's path is not UTF-8")?;
        Ok(Binary::new(path)
            .with(
                "VEILSTREAM_QUEUE_URL",
                &self.queue.queue_url(self.options.scenario.queue()),
            )
            .with("DATABASE_URL", &self.cluster.lock().url(DATABASE))
            .with("VEILSTREAM_KEYSET", &self.keyset()))
    }

    /// A command of the binary that has to succeed: what it prints.
    pub(crate) async fn veilstream(&self, arguments: &[&str], input: &str) -> Result<String> {
        let finished = self.binary()?.run_with_input(arguments, input).await;
        let (code, stderr) = (finished.code, finished.stderr);
        ensure!(code == Some(0), "veilstream {}: {stderr}", arguments[0]);
        Ok(finished.stdout)
    }

    /// A file for what a command leaves.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// PostgreSQL crashes; it comes back when the future ends.
    pub(crate) fn crash_database(
        &self,
        down: Duration,
    ) -> impl Future<Output = Result<()>> + 'static {
        let cluster = Arc::clone(&self.cluster);
        async move {
            let stopped = Arc::clone(&cluster);
            tokio::task::spawn_blocking(move || stopped.lock().stop_immediate()).await?;
            tokio::time::sleep(down).await;
            tokio::task::spawn_blocking(move || cluster.lock().start_again()).await??;
            Ok(())
        }
    }

    /// The server's version.
    pub(crate) fn server_version(&self) -> String {
        self.cluster.lock().version().to_owned()
    }
}
