//! What becomes of what is durable: who deletes it, and what if the queue does not answer.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{DataPath, LAST_ANSWER, RunError, fleet::Member, over_since};
use crate::{
    acknowledge::{self, MOST_ENTRIES},
    backoff::Backoff,
    delivery::Durable,
    metrics::Stage,
};

impl DataPath {
    /// Begins deleters for what is waiting, as far as the fleet wants them.
    pub(super) fn muster_deleters(self: &Arc<Self>, waiting: &VecDeque<Durable>) {
        for deleter in self.deleters.muster(waiting.len().div_ceil(MOST_ENTRIES)) {
            self.spawn(Arc::clone(self).acknowledge(deleter));
        }
    }

    /// Up to ten deliveries, whichever batch they are of. `None` once the deleter has left its fleet:
    /// under the lock, so that who hands on finds either the deleter or its place.
    pub(super) fn next_deletes(&self, deleter: &mut Member) -> Option<Vec<Durable>> {
        let mut waiting = self.to_delete.lock();
        if self.abandon.is_cancelled() {
            deleter.leaves();
            // Nobody will delete it: it comes back, and the ledger knows it.
            let abandoned = std::mem::take(&mut *waiting);
            drop(waiting);
            drop(abandoned);
            return None;
        }
        if waiting.is_empty() {
            deleter.leaves();
            return None;
        }
        if deleter.leaves_if_too_many() {
            return None;
        }
        let entries = waiting.len().min(MOST_ENTRIES);
        Some(waiting.drain(..entries).collect())
    }

    /// Deletes up to ten deliveries. Of deleters whose calls fail the last one waits for the queue,
    /// until the run is abandoned; the others leave it what they have. Whether the first call did it.
    pub(super) async fn delete(&self, deleter: &mut Member, mut durable: Vec<Durable>) -> bool {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        while !self.abandon.is_cancelled() {
            let began = Instant::now();
            let queue = &self.parts.queue;
            let (metrics, tally) = (&self.metrics, &self.tally);
            let deleting = acknowledge::delete(queue, &mut durable, metrics, tally, &self.abandon);
            let deleted = tokio::select! {
                biased;
                deleted = deleting => deleted,
                () = over_since(&self.abandon, LAST_ANSWER) => return false,
            };
            let Err(error) = deleted else {
                self.metrics.took(Stage::Delete, began.elapsed());
                self.deleting_state.answered(began);
                return backoff.failures() == 0;
            };
            if error.is_denied() {
                self.fail(RunError::Queue(error));
                return false;
            }
            self.metrics.queue_failed(&error);
            self.deleting_state.failed(began, error.kind(), &error);
            if self.is_out_of_patience(&self.deleting_state) {
                self.fail(RunError::Queue(error));
                return false;
            }
            {
                let mut waiting = self.to_delete.lock();
                if deleter.leaves_after_failure(error.retry_after()) {
                    waiting.extend(durable);
                    return false;
                }
            }
            self.pause_after(&error, &mut backoff, &self.abandon).await;
            durable.extend(std::mem::take(&mut *self.to_delete.lock()));
            acknowledge::give_up_overdue(&mut durable, &self.tally);
            let rest = durable.split_off(durable.len().min(MOST_ENTRIES));
            self.to_delete.lock().extend(rest);
            if durable.is_empty() {
                // Nothing is left by which it could be found out that the queue is back.
                self.deleting_state.answered(Instant::now());
                return false;
            }
        }
        false
    }
}
