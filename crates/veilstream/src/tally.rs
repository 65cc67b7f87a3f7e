//! What happened to single messages, told once a second for all of them.

use std::{collections::BTreeMap, time::Duration};

use parking_lot::Mutex;

/// How often it is told.
const EVERY: Duration = Duration::from_secs(1);

/// How many messages something happened to, and why.
#[derive(Default)]
pub struct Tally(Mutex<BTreeMap<(&'static str, String), usize>>);

impl Tally {
    /// It happened to so many more, for this reason, which holds nothing of them.
    pub fn add(&self, messages: usize, what: &'static str, reason: &impl ToString) {
        let mut kept = self.0.lock();
        *kept.entry((what, reason.to_string())).or_default() += messages;
    }

    /// Warns of what was added since the last time: a line for each reason.
    pub fn tell(&self) {
        let kept = std::mem::take(&mut *self.0.lock());
        for ((what, reason), messages) in kept {
            tracing::warn!(messages, reason, "{what}");
        }
    }

    /// The same again and again.
    pub async fn keep_telling(&self) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.tell();
        }
    }
}
