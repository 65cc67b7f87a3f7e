//! An error of the database, without the data: of a server's error only SQLSTATE, table, column
//! and constraint are kept, since its message and DETAIL can quote a row.

use std::fmt;

use tokio_postgres::error::Severity;

use super::{
    connect::ConnectError,
    sqlstate::{Class, classify},
};

/// What was being done when the database failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Opening a connection.
    Connect,
    /// Opening a transaction.
    Begin,
    /// Claiming the batch's keys in the ledger.
    Claim,
    /// Making a partition of the ledger.
    Partition,
    /// Copying rows into the target table.
    Rows,
    /// Copying rejected messages into the quarantine.
    Quarantine,
    /// Everything up to committing, where it is not known which of it.
    Load,
    /// Committing.
    Commit,
    /// Reading the catalogue, or changing the schema.
    Schema,
    /// Asking for, or writing down, the generation of a key set.
    KeySet,
    /// Reading or writing the audit trail.
    Audit,
    /// Reading a sample of a table.
    Sample,
    /// Making, dropping and pruning what the ledger consists of.
    Upkeep,
    /// Reading entries of the quarantine, or writing down what became of them.
    Settle,
}

impl Step {
    /// Whether an error here can be the fault of one row.
    pub(super) fn may_blame_a_row(self) -> bool {
        match self {
            Self::Rows | Self::Commit => true,
            Self::Connect
            | Self::Begin
            | Self::Load
            | Self::Claim
            | Self::Partition
            | Self::Quarantine
            | Self::Schema
            | Self::KeySet
            | Self::Audit
            | Self::Sample
            | Self::Upkeep
            | Self::Settle => false,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Begin => "opening a transaction",
            Self::Claim => "claiming messages in veilstream.ledger",
            Self::Partition => "adding a partition to veilstream.ledger",
            Self::Rows => "copying rows into the target table",
            Self::Quarantine => "copying into veilstream.quarantine",
            Self::Load => "loading a batch",
            Self::Commit => "committing",
            Self::Schema => "reading or changing the schema",
            Self::KeySet => "looking up the key set in veilstream.key_set",
            Self::Audit => "reading or writing the trail in veilstream.audit",
            Self::Sample => "reading a sample of the table",
            Self::Upkeep => "keeping up veilstream.ledger",
            Self::Settle => "reading or settling entries of veilstream.quarantine",
        })
    }
}

/// A failed step, with nothing in it of what was loaded.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server refused a statement.
    #[error("PostgreSQL refused {step}: {report}{}", advice(*step, report))]
    Server {
        /// What was being done.
        step: Step,
        /// What may be shown of the error.
        report: Report,
    },
    /// The connection broke, or no answer came in time.
    #[error("the connection to PostgreSQL broke while {step}: {reason}")]
    Broken {
        /// What was being done.
        step: Step,
        /// What the driver said.
        reason: String,
    },
    /// No answer came before the deadline of a transaction.
    #[error("PostgreSQL gave no answer within {seconds} s while {step}")]
    NoAnswer {
        /// What was being done.
        step: Step,
        /// The deadline.
        seconds: u64,
    },
    /// A COPY took other than the rows that were sent: a trigger of the table swallows
    /// rows, and then nothing that veilstream counts would be true.
    #[error(
        "{step}: {sent} rows were sent and {taken} taken; a trigger on the table \
         swallows rows. Load into a table without it"
    )]
    CountDiffers {
        /// What was being done.
        step: Step,
        /// Rows sent.
        sent: u64,
        /// Rows that the server counted.
        taken: u64,
    },
}

/// What may be shown of a server's error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The five-character code.
    pub sqlstate: String,
    /// The table it names, if any.
    pub table: Option<String>,
    /// The column it names, if any.
    pub column: Option<String>,
    /// The constraint it names, if any.
    pub constraint: Option<String>,
    /// Whether the session ended with it.
    pub fatal: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLSTATE {}", self.sqlstate)?;
        for (what, name) in [
            ("table", &self.table),
            ("column", &self.column),
            ("constraint", &self.constraint),
        ] {
            if let Some(name) = name {
                write!(f, ", {what} {name}")?;
            }
        }
        Ok(())
    }
}

impl DatabaseError {
    /// Takes what may be shown of a driver's error.
    pub(crate) fn of(step: Step, error: &tokio_postgres::Error) -> Self {
        if let Some(server) = error.as_db_error() {
            let name = |part: Option<&str>| part.map(str::to_owned);
            let report = Report {
                sqlstate: server.code().code().to_owned(),
                table: name(server.table()),
                column: name(server.column()),
                constraint: name(server.constraint()),
                fatal: !matches!(server.parsed_severity(), Some(Severity::Error)),
            };
            return Self::Server { step, report };
        }
        Self::Broken {
            step,
            reason: driver_reason(error),
        }
    }

    /// A function of schema `veilstream` gave what this program does not know.
    pub(crate) fn unknown_answer(step: Step) -> Self {
        let reason = "its answer is not known; was schema veilstream changed by hand?".to_owned();
        Self::Broken { step, reason }
    }

    /// The server's code, where it is the server's error.
    pub(crate) fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Server { report, .. } => Some(&report.sqlstate),
            Self::Connect(_)
            | Self::Broken { .. }
            | Self::NoAnswer { .. }
            | Self::CountDiffers { .. } => None,
        }
    }

    /// What was being done; not known of a connection that could not be made.
    pub(super) fn step(&self) -> Option<Step> {
        match self {
            Self::Connect(_) => None,
            Self::Server { step, .. }
            | Self::Broken { step, .. }
            | Self::NoAnswer { step, .. }
            | Self::CountDiffers { step, .. } => Some(*step),
        }
    }

    /// Tells one way of failing from another, for logging a change once.
    pub fn kind(&self) -> &str {
        match self {
            // How a connection breaks, and then cannot be made anew, is one state.
            Self::Connect(_) | Self::Broken { .. } | Self::NoAnswer { .. } => "connect",
            Self::Server { report, .. } if report.sqlstate.starts_with("57P") => "connect",
            Self::Server { report, .. } => &report.sqlstate,
            Self::CountDiffers { .. } => "count",
        }
    }

    /// Whether it is the server's word on a statement that may be the fault of one row.
    pub fn may_blame_a_row(&self) -> bool {
        matches!(self, Self::Server { step, .. } if step.may_blame_a_row())
    }

    /// What it means for the batch.
    pub fn class(&self) -> Class {
        match self {
            Self::Connect(error) if error.is_transient() => Class::Transient,
            Self::Connect(_) | Self::CountDiffers { .. } => Class::Setup,
            Self::Broken { .. } | Self::NoAnswer { .. } => Class::Transient,
            Self::Server { step, report } => classify(*step, &report.sqlstate, report.fatal),
        }
    }
}

/// The driver's own words; its errors that are not the server's quote no data.
fn driver_reason(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn advice(step: Step, report: &Report) -> &'static str {
    match report.sqlstate.as_str() {
        "42P01" => ". A table is gone: run `veilstream migrate`",
        "3F000" => {
            ". The table's schema does not exist: CREATE SCHEMA first, then `veilstream migrate`"
        }
        // A pooler that has lost its server says 08P01 as well.
        "08P01" | "22P03" if classify(step, &report.sqlstate, report.fatal) == Class::Setup => {
            ". A column has another type than at the start: see `veilstream check`"
        }
        "42703" => ". A column is gone: see `veilstream check`",
        "42501" => {
            ". The role lacks a privilege: `migrate` needs an owner's role, the other commands the \
             grants of deploy/roles.sql"
        }
        "25006" => ". The server is a read-only standby: connect to the primary",
        "0A000" if step == Step::Begin => {
            ". The server is in recovery, a standby perhaps: connect to the primary"
        }
        "55P03" => {
            ". Another session holds a lock for long: look at pg_locks, and pg_stat_activity for one \
             that does not end"
        }
        "54000" if step == Step::Upkeep => {
            ". veilstream.queue_retention holds 1,000 queues: its owner deletes those that are none"
        }
        "53100" => ". The server's disk is full",
        "53300" => ". The server has no connection left: raise max_connections",
        _ => "",
    }
}
