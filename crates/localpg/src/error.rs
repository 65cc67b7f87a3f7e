//! What can go wrong with a private cluster.

use std::{io, path::PathBuf};

/// Why a private cluster could not be made, started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No directory with `initdb`, `postgres` and `pg_ctl` was found.
    #[error(
        "no PostgreSQL server binaries (initdb, postgres, pg_ctl) found in {searched}; run \
         scripts/prerequisites, or install them ({install}), or set VEILSTREAM_PG_BIN to their \
         directory"
    )]
    NoBinaries {
        /// Where was looked.
        searched: String,
        /// The command that installs them on this system.
        install: &'static str,
    },

    /// `VEILSTREAM_PG_BIN` names a directory that does not hold the server binaries.
    #[error(
        "VEILSTREAM_PG_BIN is {}, which has no initdb, postgres and pg_ctl; correct or unset it, or \
         run scripts/prerequisites",
        directory.display()
    )]
    OverrideWithoutBinaries {
        /// The directory it names.
        directory: PathBuf,
    },

    /// The binaries are of a release that is not supported.
    #[error(
        "PostgreSQL {version} in {} is too old: 13 or newer is needed; set VEILSTREAM_PG_BIN to the \
         directory of a newer one",
        directory.display()
    )]
    TooOld {
        /// The version found.
        version: String,
        /// The directory of the binaries.
        directory: PathBuf,
    },

    /// The owner is root, and there is no other account to run the server as.
    #[error(
        "PostgreSQL does not run as root, and there is neither an account `postgres` nor `nobody` to \
         run it as; create one (useradd --system postgres) or run as an ordinary user"
    )]
    NoAccount,

    /// A program could not be run, or a file not be written.
    #[error("cannot {action}")]
    Io {
        /// What was being done.
        action: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },

    /// No directory for the cluster could be made.
    #[error(
        "cannot make a directory for the cluster in {tried} as user {account}; set TMPDIR to a \
         directory that this user can write to"
    )]
    NoDirectory {
        /// The directories that were tried.
        tried: String,
        /// Name of the account.
        account: String,
    },

    /// `initdb` failed.
    #[error("initdb failed:\n{output}")]
    Initdb {
        /// What it printed.
        output: String,
    },

    /// A setting's name is not one that PostgreSQL could have.
    #[error("`{name}` cannot be the name of a PostgreSQL setting")]
    SettingName {
        /// The name.
        name: String,
    },

    /// The server ended while it was starting.
    #[error("the PostgreSQL server on port {port} did not start; the end of its log:\n{log}")]
    Exited {
        /// The port it was to listen on.
        port: u16,
        /// The last lines of its log.
        log: String,
    },

    /// The server did not become ready in time.
    #[error(
        "the PostgreSQL server on port {port} was not ready after {seconds} s; the end of its log:\n{log}"
    )]
    NotReady {
        /// The port it was to listen on.
        port: u16,
        /// How long was waited.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },

    /// The process that looks after the server is gone.
    #[error("the process that looks after the private PostgreSQL server has ended unexpectedly")]
    WatchdogGone,
}

impl Error {
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
