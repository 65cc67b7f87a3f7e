//! A queue, a database and a key set, ready for a run of the binary.

use std::path::PathBuf;

use devqueue::{DevQueue, Settings};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Binary, Database, Finished, Proxy, Running};

/// The queue of a scene.
pub const QUEUE: &str = "login-queue";

/// Everything that `veilstream run` needs, migrated and with a key set.
pub struct Scene {
    /// The queue's server.
    pub queue: DevQueue,
    /// The database.
    pub database: Database,
    /// A folder for files; the key set is in it.
    pub folder: TempDir,
    binary: String,
}

impl Scene {
    /// A scene with an empty queue of default attributes and an empty `user_logins`.
    ///
    /// # Panics
    ///
    /// When a server does not start.
    pub async fn new(binary: &str) -> Self {
        Self::with_queue(binary, &[]).await
    }

    /// A scene whose queue has other attributes than the default ones.
    ///
    /// # Panics
    ///
    /// When a server does not start.
    pub async fn with_queue(binary: &str, attributes: &[(&str, &str)]) -> Self {
        let scene = Self::unmigrated(binary, attributes).await;
        let migrated = scene.binary().run(&["migrate"]).await;
        assert_eq!(migrated.code, Some(0), "{migrated:#?}");
        scene
    }

    /// A scene whose database is still empty.
    ///
    /// # Panics
    ///
    /// When a server does not start.
    pub async fn unmigrated(binary: &str, attributes: &[(&str, &str)]) -> Self {
        let queue = DevQueue::start(Settings::default())
            .await
            .expect("a queue starts");
        queue
            .create_queue(QUEUE, attributes)
            .expect("a queue is created");
        let scene = Self {
            queue,
            database: Database::create().await,
            folder: TempDir::new().expect("a folder"),
            binary: binary.to_owned(),
        };
        let path = scene.keyset().display().to_string();
        let created = Binary::new(binary)
            .run(&["keys", "create", &path, "--plaintext"])
            .await;
        assert_eq!(created.code, Some(0), "{created:#?}");
        scene
    }

    /// The key set's file.
    pub fn keyset(&self) -> PathBuf {
        self.folder.path().join("keyset.json")
    }

    /// The binary, with queue, database and key set in its environment.
    pub fn binary(&self) -> Binary {
        Binary::new(&self.binary)
            .with("VEILSTREAM_QUEUE_URL", &self.queue.queue_url(QUEUE))
            .with("DATABASE_URL", &self.database.url())
            .with("VEILSTREAM_KEYSET", &self.keyset().display().to_string())
    }

    /// Puts an event into the queue: its message id.
    ///
    /// # Panics
    ///
    /// When the queue refuses it.
    pub fn send(&self, body: &str) -> String {
        self.queue.send(QUEUE, body).expect("the message is sent")
    }

    /// Begins `veilstream run`, until it is told to end.
    pub fn start(&self) -> Running {
        self.binary().start(&["run", "--output", "json"])
    }

    /// Runs `veilstream run --once` to its end.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn run_once(&self) -> Finished {
        self.binary()
            .run(&["run", "--once", "--output", "json"])
            .await
    }

    /// Runs `veilstream run --once` to its end, its queue reached through a proxy.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn run_once_through(&self, proxy: &Proxy) -> Finished {
        let url = proxy.before(&self.queue.queue_url(QUEUE));
        self.binary()
            .with("VEILSTREAM_QUEUE_URL", &url)
            .run(&["run", "--once", "--output", "json"])
            .await
    }

    /// The messages that are still in the queue, visible or in flight.
    ///
    /// # Panics
    ///
    /// When the queue is gone.
    pub fn queued(&self) -> usize {
        let counts = self.queue.counts(QUEUE).expect("the queue is there");
        counts.visible + counts.in_flight + counts.delayed
    }

    /// The open entries of the quarantine, of all pipelines, as `quarantine list --output json` gives them.
    ///
    /// # Panics
    ///
    /// When the command fails.
    pub async fn quarantine(&self) -> Vec<Value> {
        let listed = self
            .binary()
            .run(&["quarantine", "list", "--all-pipelines", "--output", "json"])
            .await;
        assert_eq!(listed.code, Some(0), "{listed:#?}");
        listed.summary().as_array().expect("an array").clone()
    }

    /// The value of a token.
    ///
    /// # Panics
    ///
    /// When it does not open.
    pub async fn unmask(&self, token: &str) -> String {
        let unmasked = self
            .binary()
            .run(&["unmask", "--reason", "test", token])
            .await;
        assert_eq!(unmasked.code, Some(0), "{unmasked:#?}");
        unmasked.stdout.trim_end().to_owned()
    }
}
