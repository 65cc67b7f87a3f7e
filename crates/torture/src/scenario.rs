//! What a run is about, and the numbers that go with it.

use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;
use serde::Serialize;

use crate::event::{REFUSED_BY, REFUSED_TYPE};

/// A kind of run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// Everything at once: kills, crashes of PostgreSQL, all faults of both servers
    Standard,
    /// The same on a FIFO queue of 50 groups, whose order must hold
    Fifo,
    /// Through PgBouncer in transaction mode
    Pgbouncer,
    /// Commits that take longer than the queue hides a message
    SlowCommits,
}

/// What a run is to be like.
#[derive(Debug, Clone)]
pub struct Options {
    /// The binary of veilstream.
    pub binary: PathBuf,
    /// The kind of run.
    pub scenario: Scenario,
    /// All randomness comes from it.
    pub seed: u64,
    /// How many messages are sent.
    pub messages: usize,
    /// How many times a worker is killed with SIGKILL.
    pub kills: usize,
    /// How many workers share the queue.
    pub workers: usize,
    /// Whether progress is shown on standard error.
    pub progress: bool,
}

impl Scenario {
    /// All of them, the big one first.
    pub const ALL: [Self; 4] = [
        Self::Standard,
        Self::Fifo,
        Self::Pgbouncer,
        Self::SlowCommits,
    ];

    /// The big run: messages, kills and workers.
    pub fn full(self) -> (usize, usize, usize) {
        match self {
            Self::Standard => (100_000, 50, 3),
            Self::Fifo => (10_000, 15, 3),
            Self::Pgbouncer => (20_000, 15, 2),
            Self::SlowCommits => (5_000, 5, 2),
        }
    }

    /// The short form, for `make test`.
    pub fn short(self) -> (usize, usize, usize) {
        match self {
            Self::Standard => (2_000, 4, 3),
            Self::Fifo => (600, 2, 3),
            Self::Pgbouncer => (800, 2, 2),
            Self::SlowCommits => (200, 1, 2),
        }
    }

    /// As it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Fifo => "fifo",
            Self::Pgbouncer => "pgbouncer",
            Self::SlowCommits => "slow-commits",
        }
    }

    pub(crate) fn queue(self) -> &'static str {
        match self {
            Self::Fifo => "login-queue.fifo",
            Self::Standard | Self::Pgbouncer | Self::SlowCommits => "login-queue",
        }
    }

    pub(crate) fn queue_attributes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Fifo => &[
                ("FifoQueue", "true"),
                ("ContentBasedDeduplication", "true"),
                ("VisibilityTimeout", "3"),
            ],
            Self::Standard | Self::Pgbouncer => &[("VisibilityTimeout", "3")],
            Self::SlowCommits => &[("VisibilityTimeout", "2")],
        }
    }

    /// The message groups of its queue, if that is a FIFO queue.
    pub(crate) fn groups(self) -> Option<usize> {
        match self {
            Self::Fifo => Some(50),
            Self::Standard | Self::Pgbouncer | Self::SlowCommits => None,
        }
    }

    /// What is done to the target table beforehand. `arrival` numbers the rows as they come; some
    /// rows the table refuses.
    pub(crate) fn sql(self) -> String {
        let table = format!(
            "ALTER TABLE user_logins ADD COLUMN arrival bigserial, \
             ADD CONSTRAINT {REFUSED_BY} CHECK (device_type <> '{REFUSED_TYPE}');"
        );
        match self {
            Self::Standard | Self::Fifo | Self::Pgbouncer => table,
            Self::SlowCommits => format!("{table}{SLOW_COMMITS}"),
        }
    }
}

/// A deferred trigger that makes each COMMIT wait for two and a half seconds, once a transaction.
const SLOW_COMMITS: &str = "
    CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF coalesce(current_setting('torture.waited', true), '') = '' THEN
            PERFORM set_config('torture.waited', 'yes', true);
            PERFORM pg_sleep(2.5);
        END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER take_time AFTER INSERT ON user_logins
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION take_time();";

/// How soon a worker that has ended is started again.
pub(crate) const RESTART_PAUSE: Duration = Duration::from_millis(100);
