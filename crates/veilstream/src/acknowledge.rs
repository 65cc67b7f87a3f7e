//! The queue's last word on a delivery: deleted once it is durable, given back if it is left.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    delivery::{Durable, Left, Receipt},
    metrics::{Metrics, add},
    source::{EntryFailure, Queue, QueueError},
    tally::Tally,
};

/// SQS takes at most this many entries in a batch (Amazon SQS API reference,
/// DeleteMessageBatch).
pub const MOST_ENTRIES: usize = 10;
const NOT_DELETED: &str = "not deleted; the ledger will know them again";
/// Tries for one batch of deletes.
const MOST_TRIES: u32 = 8;
/// Calls under way at once when a batch is given back.
const GIVING_BACK_AT_ONCE: usize = 16;

/// Deletes up to ten durable deliveries; entries that failed are tried again, with back-off, until
/// they succeed, cannot succeed, or `abandon` is cancelled. What is not deleted comes back, and the
/// ledger knows it.
///
/// # Errors
///
/// When a call failed as a whole; `durable` holds what is yet to be deleted.
pub async fn delete(
    queue: &Queue,
    durable: &mut Vec<Durable>,
    metrics: &Metrics,
    tally: &Tally,
    abandon: &CancellationToken,
) -> Result<(), QueueError> {
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
    loop {
        let failed = queue.delete(durable).await?;
        add(&metrics.deleted, durable.len() - failed.len());
        add(&metrics.deletions_failed, failed.len());
        let failure = keep_retryable(durable, &failed);
        if durable.is_empty() {
            return Ok(());
        }
        if backoff.failures() + 1 >= MOST_TRIES {
            tally.add(durable.len(), NOT_DELETED, &failure);
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_delay()) => {}
            () = abandon.cancelled() => return Ok(()),
        }
        give_up_overdue(durable, tally);
        if durable.is_empty() {
            return Ok(());
        }
    }
}

/// Keeps the entries that failed but may yet succeed; the code of one of them.
fn keep_retryable(durable: &mut Vec<Durable>, failed: &[EntryFailure]) -> String {
    let hopeless = failed.iter().filter(|entry| entry.is_final());
    if let Some(EntryFailure { code, .. }) = hopeless.clone().next() {
        // Nothing to worry about: as a rule a receipt handle that has expired.
        let messages = hopeless.count();
        tracing::debug!(messages, code, "{NOT_DELETED}");
    }
    let again = failed.iter().filter(|entry| !entry.is_final());
    let mut place = 0..;
    durable.retain(|_| {
        let place = place.next();
        again.clone().any(|entry| Some(entry.id.0) == place)
    });
    again
        .clone()
        .next()
        .map_or_else(String::new, |entry| entry.code.clone())
}

/// Gives up deleting what has been in flight for longer than a lease may last: its receipt handles
/// have expired.
pub fn give_up_overdue(durable: &mut Vec<Durable>, tally: &Tally) {
    if let Some((messages, _)) = Receipt::drop_overdue(durable, Durable::receipt) {
        let reason = "in flight for longer than queue.longest_lease";
        tally.add(messages, NOT_DELETED, &reason);
    }
}

/// Makes deliveries visible again at once, as far as the queue answers by then; what it does not
/// hear comes back when its visibility time-out ends.
pub async fn give_back(queue: &Queue, mut left: Vec<Left>, until: Instant) {
    let rounds = async {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        loop {
            let retry_after = give_back_once(queue, &mut left).await;
            if left.is_empty() {
                return;
            }
            tokio::time::sleep(retry_after + backoff.next_delay()).await;
        }
    };
    if tokio::time::timeout_at(until, rounds).await.is_err() {
        tracing::warn!(
            "messages could not be given back in time; they will reappear when their \
            visibility time-out ends"
        );
    }
}

/// One round; keeps what was not given back and may be the next time, after as long a pause as the
/// queue asks for. A handle that has expired is one of a message that is visible already.
async fn give_back_once(queue: &Queue, left: &mut Vec<Left>) -> Duration {
    let calls: Vec<_> = left
        .chunks(MOST_ENTRIES)
        .map(|chunk| async { (chunk.len(), queue.give_back(chunk).await) })
        .collect();
    let mut answers = stream::iter(calls).buffered(GIVING_BACK_AT_ONCE);
    let (mut again, mut retry_after) = (Vec::with_capacity(left.len()), Duration::ZERO);
    while let Some((entries, answer)) = answers.next().await {
        let begin = again.len();
        again.resize(begin + entries, answer.is_err());
        match answer {
            Ok(failures) => {
                let failures = failures.iter().filter(|failure| !failure.is_final());
                failures.for_each(|failure| again[begin + failure.id.0] = true);
            }
            Err(error) => {
                tracing::debug!(%error, "messages could not be given back");
                retry_after = retry_after.max(error.retry_after());
            }
        }
    }
    drop(answers);
    let mut again = again.into_iter();
    left.retain(|_| again.next() == Some(true));
    retry_after
}
