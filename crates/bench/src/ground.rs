//! A private PostgreSQL for the runs of one measurement, each with a database of its own.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result};
use localpg::Cluster;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio_postgres::{Client, NoTls};

use crate::{
    contender::{Contender, Place},
    measurement::Settings,
    process,
    queue::Queue,
    stage::{TABLE, tail},
};

/// The cluster.
pub(crate) struct Ground {
    cluster: Cluster,
    folder: TempDir,
    databases: AtomicU32,
}

/// A database with the table of the documentation and a key set, ready for veilstream.
pub(crate) struct Database {
    url: String,
    folder: PathBuf,
}

/// A process that is measured; it is killed when this is dropped.
pub(crate) struct Worker {
    child: Child,
    process: u32,
    log: PathBuf,
}

impl Ground {
    /// A new one, with parameters beside those that it takes for speed's sake.
    pub(crate) async fn start(parameters: &[(&str, &str)]) -> Result<Self> {
        let mut builder = Cluster::builder().setting("max_wal_size", "4GB");
        for (name, value) in parameters {
            builder = builder.setting(name, value);
        }
        let cluster = tokio::task::spawn_blocking(|| builder.start());
        Ok(Self {
            cluster: cluster.await??,
            folder: TempDir::new()?,
            databases: AtomicU32::new(0),
        })
    }

    /// A new database. What the one before had in memory is on the disk then.
    pub(crate) async fn database(&self, settings: &Settings, queue: &Queue) -> Result<Database> {
        let name = format!("run_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let folder = self.folder.path().join(&name);
        fs::create_dir(&folder)?;
        let admin = connect(&self.cluster.url("postgres")).await?;
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await?;
        let url = self.cluster.url(&name);
        let database = Database { url, folder };
        database.connect().await?.batch_execute(TABLE).await?;
        let place = database.place(queue);
        Contender::Veilstream.prepare(settings, &place).await?;
        admin.batch_execute("CHECKPOINT").await?;
        Ok(database)
    }
}

impl Database {
    /// A connection to it.
    pub(crate) async fn connect(&self) -> Result<Client> {
        connect(&self.url).await
    }

    /// Where everything is, for a program over this queue.
    fn place(&self, queue: &Queue) -> Place<'_> {
        Place {
            queue_url: queue.queue_url(),
            endpoint_url: queue.endpoint_url(),
            database_url: self.url.clone(),
            folder: &self.folder,
        }
    }

    /// A program over this queue.
    pub(crate) fn command(&self, program: &Path, queue: &Queue) -> Command {
        self.place(queue).command(program)
    }

    /// Starts `veilstream run` over a queue.
    pub(crate) fn work(&self, settings: &Settings, queue: &Queue) -> Result<Worker> {
        let log = self.folder.join("log");
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = self.command(&settings.veilstream, queue);
        let command = command.arg("run").stdout(output.try_clone()?);
        let child = command.stderr(output).spawn()?;
        let process = child.id().context("it has ended at once")?;
        Ok(Worker {
            child,
            process,
            log,
        })
    }

    /// Rows and entries of the quarantine.
    pub(crate) async fn landed(&self) -> Result<usize> {
        let sql = "SELECT (SELECT count(*) FROM user_logins) + (SELECT count(*) FROM \
                   veilstream.quarantine)";
        let row = self.connect().await?.query_one(sql, &[]).await?;
        Ok(usize::try_from(row.get::<_, i64>(0))?)
    }
}

impl Worker {
    /// An error with what it said, if it has ended.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => anyhow::bail!("veilstream has ended, {status}: {}", tail(&self.log)),
        }
    }

    /// User and system time, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        Ok(process::cpu_time(self.process)?.as_secs_f64())
    }

    /// The most memory that it had resident, in MiB.
    pub(crate) fn peak_mebibytes(&self) -> Result<f64> {
        process::peak_mebibytes(self.process)
    }

    /// Ends it at once: what it has committed and deleted is done.
    pub(crate) async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
