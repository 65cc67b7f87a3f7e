//! How a command ends, as an exit code and, if it failed, as a line for a person.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use serde_json::json;
use veilstream::{
    doctor::Subject,
    load::{DatabaseError, sampling::TableError, schema::SchemaError},
    pipeline::RunError,
    source::SamplingError,
    startup::StartError,
};

use super::logging;

/// The exit codes; they are documented in `--help` and in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Done = 0,
    Other = 1,
    Usage = 2,
    Queue = 3,
    Database = 4,
    Keyset = 5,
    Audit = 6,
    Rejected = 7,
    StillRejected = 8,
    Interrupted = 130,
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failed command.
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) error: anyhow::Error,
}

impl Failure {
    pub(super) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: error.into(),
        }
    }

    /// A failure of the machine rather than of anything that veilstream was told.
    pub(super) fn other(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Exit::Other, error)
    }
}

impl From<Subject> for Exit {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Configuration => Self::Usage,
            Subject::KeySet => Self::Keyset,
            Subject::Queue => Self::Queue,
            Subject::Database => Self::Database,
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(Subject::of(&error).into(), error)
    }
}

impl From<SamplingError> for Failure {
    fn from(error: SamplingError) -> Self {
        let exit = match &error {
            SamplingError::Refused(_) => Exit::Usage,
            SamplingError::Queue(_) => Exit::Queue,
        };
        Self::new(exit, error)
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        Self::new(Exit::Database, error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let exit = match &error {
            RunError::Queue(_) => Exit::Queue,
            RunError::Database(_) => Exit::Database,
            RunError::TooManyRejected { .. } => Exit::Rejected,
            RunError::Thread(_) | RunError::Panicked => Exit::Other,
        };
        Self::new(exit, error)
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        Self::new(Exit::Database, error)
    }
}

impl From<SchemaError> for Failure {
    fn from(error: SchemaError) -> Self {
        Self::new(Exit::Database, error)
    }
}

/// Standard output cannot be written. A reader that has seen enough (`veilstream … | head`) is no
/// failure: see [`report`].
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::other(error)
    }
}

/// Says on standard error what went wrong.
pub(super) fn report(failure: &Failure) -> Exit {
    let reader_left = failure
        .error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    if reader_left {
        return Exit::Done;
    }
    let line = if logging::is_for_machines() {
        let exit_code = failure.exit as u8;
        let message = failure.error.to_string();
        json!({"level": "ERROR", "message": message, "exit_code": exit_code}).to_string()
    } else {
        let (bold, plain) = if logging::colours() {
            ("\x1b[1;31m", "\x1b[0m")
        } else {
            ("", "")
        };
        format!("{bold}error:{plain} {}", failure.error)
    };
    // Where nobody reads standard error any more, the exit code still tells.
    let _ = writeln!(io::stderr(), "{line}");
    failure.exit
}
