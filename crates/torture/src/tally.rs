//! Counts of everything that was thrown at the workers.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Something that is thrown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thrown {
    Kill,
    VanishInTransaction,
    VanishInCopy,
    Terminate,
    DatabaseCrash,
    CallCut,
    AnswerLost,
    AnswerLate,
    CallHangs,
    AnswerHalf,
    AnswerDrips,
    Status500,
    Status503,
    Throttling400,
    Throttling429,
    DeleteFails,
    DeleteUnmentioned,
    DeleteFailsFalsely,
    OldDelivery,
    MadeVisible,
    DigestLies,
    ConnectionRefused,
    ConnectionCut,
    CutBeforeCommit,
    CommitAnswerLost,
    CommitDelayed,
    ConnectionHangs,
    ConnectionDrips,
}

/// The counts, shared by all who throw.
#[derive(Debug, Clone)]
pub(crate) struct Tally(Arc<[AtomicU64; Thrown::ALL.len()]>);

impl Thrown {
    /// In the order in which they are declared, which is that of the report.
    pub(crate) const ALL: [Self; 28] = [
        Self::Kill,
        Self::VanishInTransaction,
        Self::VanishInCopy,
        Self::Terminate,
        Self::DatabaseCrash,
        Self::CallCut,
        Self::AnswerLost,
        Self::AnswerLate,
        Self::CallHangs,
        Self::AnswerHalf,
        Self::AnswerDrips,
        Self::Status500,
        Self::Status503,
        Self::Throttling400,
        Self::Throttling429,
        Self::DeleteFails,
        Self::DeleteUnmentioned,
        Self::DeleteFailsFalsely,
        Self::OldDelivery,
        Self::MadeVisible,
        Self::DigestLies,
        Self::ConnectionRefused,
        Self::ConnectionCut,
        Self::CutBeforeCommit,
        Self::CommitAnswerLost,
        Self::CommitDelayed,
        Self::ConnectionHangs,
        Self::ConnectionDrips,
    ];

    /// At whom or what it is thrown, and what it is.
    pub(crate) fn label(self) -> (&'static str, &'static str) {
        match self {
            Self::Kill => ("worker", "kill -9"),
            Self::VanishInTransaction => ("worker", "vanished, its transaction left open"),
            Self::VanishInCopy => ("worker", "vanished in the middle of a COPY"),
            Self::Terminate => ("worker", "SIGTERM"),
            Self::DatabaseCrash => ("PostgreSQL", "immediate stop, start after a while"),
            Self::CallCut => ("queue", "connection cut before the queue acted"),
            Self::AnswerLost => ("queue", "answer lost after the queue acted"),
            Self::AnswerLate => ("queue", "acted, then hung"),
            Self::CallHangs => ("queue", "hung, then acted"),
            Self::AnswerHalf => ("queue", "answer cut inside its body"),
            Self::AnswerDrips => ("queue", "answer in slow drips"),
            Self::Status500 => ("queue", "500 InternalFailure"),
            Self::Status503 => ("queue", "503 ServiceUnavailable"),
            Self::Throttling400 => ("queue", "400 ThrottlingException"),
            Self::Throttling429 => ("queue", "429 TooManyRequestsException"),
            Self::DeleteFails => ("queue", "delete of a message failed"),
            Self::DeleteUnmentioned => ("queue", "delete failed, not mentioned"),
            Self::DeleteFailsFalsely => ("queue", "deleted, said to have failed"),
            Self::OldDelivery => ("queue", "delivered again, older handle"),
            Self::MadeVisible => ("queue", "made visible again at once"),
            Self::DigestLies => ("queue", "MD5 of a body lied"),
            Self::ConnectionRefused => ("PostgreSQL", "connection refused"),
            Self::ConnectionCut => ("PostgreSQL", "connection cut at a random byte"),
            Self::CutBeforeCommit => ("PostgreSQL", "cut before COMMIT was heard"),
            Self::CommitAnswerLost => ("PostgreSQL", "answer to COMMIT lost"),
            Self::CommitDelayed => ("PostgreSQL", "COMMIT delayed"),
            Self::ConnectionHangs => ("PostgreSQL", "connection hung"),
            Self::ConnectionDrips => ("PostgreSQL", "connection dripped"),
        }
    }
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self(Arc::new(std::array::from_fn(|_| AtomicU64::new(0))))
    }

    pub(crate) fn count(&self, thrown: Thrown) {
        self.0[thrown as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn of(&self, thrown: Thrown) -> u64 {
        self.0[thrown as usize].load(Ordering::Relaxed)
    }
}
