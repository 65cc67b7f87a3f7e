//! The queue's last word on a delivery: deleted once it is durable, given back if it is left.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    counters::{Counters, add},
    delivery::{Durable, Left},
    source::{EntryFailure, Queue, QueueError},
};

/// SQS takes at most this many entries in a batch (Amazon SQS API reference,
/// DeleteMessageBatch).
pub const MOST_ENTRIES: usize = 10;
/// Tries for one batch of deletes.
const MOST_TRIES: u32 = 8;
/// Calls under way at once when a batch is given back.
const GIVING_BACK_AT_ONCE: usize = 16;
const GIVING_BACK_DEADLINE: Duration = Duration::from_secs(4);

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
    counters: &Counters,
    abandon: &CancellationToken,
) -> Result<(), QueueError> {
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
    loop {
        let failed = queue.delete(durable).await?;
        add(&counters.deleted, durable.len() - failed.len());
        let failure = keep_retryable(durable, &failed);
        if durable.is_empty() {
            return Ok(());
        }
        if backoff.failures() + 1 >= MOST_TRIES {
            let messages = durable.len();
            tracing::warn!(
                messages,
                failure,
                "not deleted; the ledger will know them again"
            );
            return Ok(());
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_delay()) => {}
            () = abandon.cancelled() => return Ok(()),
        }
    }
}

/// Keeps the entries that failed but may yet succeed; the code of one of them.
fn keep_retryable(durable: &mut Vec<Durable>, failed: &[EntryFailure]) -> String {
    let hopeless = failed.iter().filter(|entry| entry.sender_fault);
    if let Some(EntryFailure { code, .. }) = hopeless.clone().next() {
        let messages = hopeless.count();
        tracing::info!(
            messages,
            code,
            "not deleted; the ledger will know them again"
        );
    }
    let mut place = 0..;
    durable.retain(|_| {
        let place = place.next();
        failed
            .iter()
            .any(|entry| Some(entry.id.0) == place && !entry.sender_fault)
    });
    failed
        .first()
        .map_or_else(String::new, |entry| entry.code.clone())
}

/// Makes deliveries visible again at once, as far as the queue answers in time; what it does not
/// hear comes back when its visibility time-out ends.
pub async fn give_back(queue: &Queue, left: &[Left]) {
    let calls: Vec<_> = left
        .chunks(MOST_ENTRIES)
        .map(|chunk| queue.give_back(chunk))
        .collect();
    let mut answers = stream::iter(calls).buffer_unordered(GIVING_BACK_AT_ONCE);
    let all = async {
        while let Some(answer) = answers.next().await {
            if let Err(error) = answer {
                tracing::debug!(%error, "messages could not be given back");
            }
        }
    };
    if tokio::time::timeout(GIVING_BACK_DEADLINE, all)
        .await
        .is_err()
    {
        tracing::warn!(
            "messages could not be given back in time; they will reappear when their \
            visibility time-out ends"
        );
    }
}
