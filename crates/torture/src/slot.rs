//! What a worker's proxies and the director of a run tell each other.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use parking_lot::Mutex;

use crate::plan::Vanishing;

/// The state of one worker's place, over all processes that take it one after the other.
#[derive(Debug, Default)]
pub(crate) struct SlotState {
    /// Shared by all slots: no faults any more.
    calm: Arc<AtomicBool>,
    /// Messages delivered to the process that has the place now.
    delivered: AtomicUsize,
    vanishing: Mutex<Option<Vanishing>>,
    frozen: AtomicBool,
}

impl SlotState {
    pub(crate) fn new(calm: Arc<AtomicBool>) -> Self {
        Self {
            calm,
            ..Self::default()
        }
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    pub(crate) fn delivered(&self, messages: usize) {
        self.delivered.fetch_add(messages, Ordering::SeqCst);
    }

    /// Whether the process has been given anything to do.
    pub(crate) fn is_at_work(&self) -> bool {
        self.delivered.load(Ordering::SeqCst) > 0
    }

    /// Another process takes the place.
    pub(crate) fn begin(&self) {
        self.delivered.store(0, Ordering::SeqCst);
    }

    /// From now on, connections that load freeze.
    pub(crate) fn let_vanish(&self, vanishing: Vanishing) {
        self.frozen.store(false, Ordering::SeqCst);
        *self.vanishing.lock() = Some(vanishing);
    }

    pub(crate) fn vanishing(&self) -> Option<Vanishing> {
        *self.vanishing.lock()
    }

    /// A connection has frozen.
    pub(crate) fn freeze(&self) {
        self.frozen.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.load(Ordering::SeqCst)
    }

    /// The worker has vanished, or could not.
    pub(crate) fn end_vanishing(&self) {
        *self.vanishing.lock() = None;
    }
}
