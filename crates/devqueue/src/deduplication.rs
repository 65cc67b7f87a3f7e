//! What a FIFO queue remembers of the messages that it took.

use std::collections::{HashMap, VecDeque};

use crate::message::Sent;

/// The deduplication interval: 5 minutes, in milliseconds (Developer Guide, "Exactly-once
/// processing in Amazon SQS").
const INTERVAL: u64 = 5 * 60 * 1000;

/// The deduplication ids of the last five minutes with what their senders were told.
#[derive(Debug, Default)]
pub(crate) struct Deduplication {
    taken: HashMap<String, Sent>,
    by_age: VecDeque<(u64, String)>,
}

impl Deduplication {
    /// What the first sender of this id was told, if it was within the interval.
    pub(crate) fn find(&mut self, key: &str, now: u64) -> Option<Sent> {
        while let Some((taken_at, oldest)) = self.by_age.front()
            && taken_at + INTERVAL <= now
        {
            self.taken.remove(oldest);
            self.by_age.pop_front();
        }
        self.taken.get(key).copied()
    }

    pub(crate) fn remember(&mut self, key: String, sent: Sent, now: u64) {
        self.by_age.push_back((now, key.clone()));
        self.taken.insert(key, sent);
    }
}
