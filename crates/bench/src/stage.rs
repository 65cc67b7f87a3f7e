//! One run: a fresh queue and database, and one contender over them.

use std::{
    fs::{self, File},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use localpg::Cluster;
use tempfile::TempDir;
use tokio::process::Child;
use tokio_postgres::NoTls;

use crate::{
    contender::{Contender, Place},
    measurement::Settings,
    process,
    queue::{self, Kind, Queue},
};

/// A run that takes longer hangs.
const DEADLINE: Duration = Duration::from_mins(10);
/// The table that all of them find, as the documentation has it, with an index as a real one has.
pub(crate) const TABLE: &str = "\
    CREATE TABLE user_logins (
        user_id varchar(128), device_type varchar(32), masked_ip varchar(256),
        masked_device_id varchar(256), locale varchar(32), app_version integer, create_date date);
    CREATE INDEX ON user_logins (user_id);";

/// What one run took.
pub(crate) struct Measured {
    /// From the first receive until every message was deleted.
    pub(crate) messages_per_second: f64,
    /// User and system time of the process and of those that it waited for, in the same time.
    pub(crate) cpu_micros_per_message: f64,
    /// The most memory that the process had resident.
    pub(crate) peak_mebibytes: f64,
}

/// Everything for one run.
pub(crate) struct Stage {
    kind: Kind,
    messages: usize,
    queue: Queue,
    cluster: Cluster,
    folder: TempDir,
}

impl Stage {
    /// A queue of that kind with so many messages, and a new PostgreSQL with an empty table.
    pub(crate) async fn set_up(kind: Kind, messages: usize) -> Result<Self> {
        let cluster = tokio::task::spawn_blocking(|| {
            Cluster::builder().setting("max_wal_size", "4GB").start()
        });
        let stage = Self {
            kind,
            messages,
            queue: Queue::start(kind, messages).await?,
            cluster: cluster.await??,
            folder: TempDir::new()?,
        };
        stage.connect().await?.batch_execute(TABLE).await?;
        Ok(stage)
    }

    /// Runs until the queue is empty and checks that nothing is missing.
    pub(crate) async fn run(self, contender: Contender, settings: &Settings) -> Result<Measured> {
        let place = Place {
            queue_url: self.queue.queue_url(),
            endpoint_url: self.queue.endpoint_url(),
            database_url: self.cluster.url("postgres"),
            folder: self.folder.path(),
        };
        contender.prepare(settings, &place).await?;
        let log = self.folder.path().join("log");
        let output = File::create(&log)?;
        let mut command = contender.command(settings, &place);
        command.stdout(output.try_clone()?).stderr(output);
        let mut child = command.spawn()?;
        let emptied = self.until_empty(&mut child).await;
        let measured = emptied.with_context(|| tail(&log))?;
        self.check(contender).await?;
        Ok(measured)
    }

    /// How the process starts is not measured: with few messages that would be most of it.
    async fn until_empty(&self, child: &mut Child) -> Result<Measured> {
        let process = child.id().context("it has ended at once")?;
        wait(child, || self.queue.has_been_asked()).await?;
        let (began, at_first) = (Instant::now(), process::cpu_time(process)?);
        wait(child, || self.queue.left() == 0).await?;
        let seconds = began.elapsed().as_secs_f64();
        let cpu = process::cpu_time(process)?.saturating_sub(at_first);
        let peak_mebibytes = process::peak_mebibytes(process)?;
        child.kill().await?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 messages")]
        let messages = self.messages as f64;
        Ok(Measured {
            messages_per_second: messages / seconds,
            cpu_micros_per_message: cpu.as_secs_f64() * 1e6 / messages,
            peak_mebibytes,
        })
    }

    /// veilstream has each message in one place; the others have a row of each login event at least.
    async fn check(&self, contender: Contender) -> Result<()> {
        let client = self.connect().await?;
        let count = async |table: &str| -> Result<usize> {
            let row = client
                .query_one(&format!("SELECT count(*) FROM {table}"), &[])
                .await?;
            Ok(usize::try_from(row.get::<_, i64>(0))?)
        };
        let rows = count("user_logins").await?;
        let logins = queue::login_events_among(self.kind, self.messages);
        if contender == Contender::Veilstream {
            let quarantined = count("veilstream.quarantine").await?;
            ensure!(
                rows == logins && rows + quarantined == self.messages,
                "{rows} rows and {quarantined} in quarantine of {} messages, {logins} of them login \
                 events",
                self.messages
            );
        } else {
            ensure!(rows >= logins, "{rows} rows of {logins} login events");
        }
        Ok(())
    }

    async fn connect(&self) -> Result<tokio_postgres::Client> {
        let url = self.cluster.url("postgres");
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// Waits for what the process brings about.
async fn wait(child: &mut Child, is_so: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !is_so() {
        let has_ended = child.try_wait()?.is_some();
        ensure!(!has_ended, "it ended before the queue was empty");
        ensure!(
            began.elapsed() < DEADLINE,
            "the queue is not empty after {DEADLINE:?}"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// The end of what a process said.
pub(crate) fn tail(log: &std::path::Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().rev().take(8).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
