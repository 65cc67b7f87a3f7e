//! How often each action was called.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// The actions that are told apart, those first that come most often.
const ACTIONS: [&str; 14] = [
    "ReceiveMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibilityBatch",
    "SendMessage",
    "SendMessageBatch",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "GetQueueAttributes",
    "GetQueueUrl",
    "CreateQueue",
    "DeleteQueue",
    "ListQueues",
    "SetQueueAttributes",
    "PurgeQueue",
];

/// Counts calls by action, refused ones as well.
#[derive(Debug, Default)]
pub(crate) struct Calls([AtomicU64; ACTIONS.len()]);

impl Calls {
    /// Counts a call; one of an action that this server does not have is not counted.
    pub(crate) fn count(&self, action: &str) {
        if let Some(place) = ACTIONS.iter().position(|known| *known == action) {
            self.0[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The actions that were called, and how often.
    pub(crate) fn by_action(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        let called = ACTIONS.into_iter().zip(counts);
        called.filter(|(_, count)| *count > 0).collect()
    }
}
