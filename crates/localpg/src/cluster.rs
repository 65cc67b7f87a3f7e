//! A running cluster.

use std::{
    fmt::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    Binaries, Builder, Error,
    builder::{SUPERUSER, start_server},
    watchdog::Watchdog,
};

/// A PostgreSQL server of our own. Dropping it stops the server, removes its files and waits until
/// that is done; if the process dies first, it is done all the same.
pub struct Cluster {
    watchdog: Watchdog,
    port: u16,
    password: String,
    version: String,
    data_directory: PathBuf,
}

impl Cluster {
    /// What a new cluster is to be like.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(watchdog: Watchdog, port: u16, password: String, version: String) -> Self {
        let data_directory = watchdog.data_directory();
        Self {
            watchdog,
            port,
            password,
            version,
            data_directory,
        }
    }

    /// Where the server's binaries are on this machine.
    ///
    /// # Errors
    ///
    /// If there are none, or they are older than PostgreSQL 13.
    pub fn binaries() -> Result<Binaries, Error> {
        Binaries::find()
    }

    /// The address it listens on: 127.0.0.1, and no other.
    #[expect(
        clippy::unnecessary_literal_bound,
        reason = "that it is constant is no promise"
    )]
    pub fn host(&self) -> &str {
        "127.0.0.1"
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Name of the superuser.
    pub fn user(&self) -> &str {
        SUPERUSER
    }

    /// The superuser's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// `postgresql://user:password@127.0.0.1:port/database`, for the superuser.
    pub fn url(&self, database: &str) -> String {
        let mut url = format!(
            "postgresql://{}:{}@{}:{}/",
            self.user(),
            self.password,
            self.host(),
            self.port
        );
        for byte in database.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                url.push(char::from(byte));
            } else {
                let _ = write!(url, "%{byte:02X}");
            }
        }
        url
    }

    /// The server's version, such as `15.14`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The server's data directory.
    pub fn data_directory(&self) -> &Path {
        &self.data_directory
    }

    /// The directory that holds everything of the cluster: data, log, certificates.
    pub fn directory(&self) -> &Path {
        self.watchdog.directory()
    }

    /// The last lines of the server's log.
    pub fn log_tail(&self) -> String {
        self.watchdog.log_tail()
    }

    /// Writes a file into [`Cluster::directory`] that only the server's account can read: its path.
    ///
    /// # Errors
    ///
    /// If it is there already or cannot be written.
    pub fn write_private(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        self.watchdog.write_private(name, content)
    }

    /// A command that runs as the server's account: for companions of the server that refuse to run
    /// as root as well, such as PgBouncer.
    pub fn command(&self, program: &Path) -> Command {
        self.watchdog.account().command(program)
    }

    /// Stops the server as a crash would: connections are cut and there is no checkpoint, so that the
    /// next start recovers. Does nothing if it is stopped already.
    pub fn stop_immediate(&mut self) {
        // Without a watchdog there is no server that we could still stop before we are dropped.
        let _ = self.watchdog.crash_server();
    }

    /// Starts the server again on the same port with the same data. Does nothing if it runs.
    ///
    /// # Errors
    ///
    /// If it does not start within 30 s, or the port is taken by now.
    pub fn start_again(&mut self) -> Result<(), Error> {
        start_server(&mut self.watchdog, self.port)
    }

    /// Stops the server and removes its files, as dropping does, and says whether that worked.
    ///
    /// # Errors
    ///
    /// If files could not be removed.
    pub fn stop(mut self) -> Result<(), Error> {
        self.watchdog.finish()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("port", &self.port)
            .field("version", &self.version)
            .field("data_directory", &self.data_directory)
            .finish_non_exhaustive()
    }
}
