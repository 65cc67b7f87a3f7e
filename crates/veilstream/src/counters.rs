//! What a run has done so far, counted once a batch.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Running totals; `received = loaded + duplicates + quarantined + left + in flight`.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) received: AtomicU64,
    pub(crate) loaded: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) quarantined: AtomicU64,
    pub(crate) left: AtomicU64,
    pub(crate) deleted: AtomicU64,
}

/// The totals at one moment, in messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Deliveries taken from the queue; a message that is delivered twice counts twice.
    pub received: u64,
    /// Rows committed to the target table.
    pub loaded: u64,
    /// Deliveries of a message that had been loaded or quarantined before.
    pub duplicates: u64,
    /// Messages committed to the quarantine.
    pub quarantined: u64,
    /// Deliveries that stay in the queue.
    pub left: u64,
    /// Deliveries that SQS confirmed as deleted.
    pub deleted: u64,
}

impl Counters {
    /// The totals now.
    pub fn totals(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            received: read(&self.received),
            loaded: read(&self.loaded),
            duplicates: read(&self.duplicates),
            quarantined: read(&self.quarantined),
            left: read(&self.left),
            deleted: read(&self.deleted),
        }
    }
}

/// Adds a number of messages to a counter.
pub(crate) fn add(counter: &AtomicU64, messages: usize) {
    counter.fetch_add(messages as u64, Ordering::Relaxed);
}
