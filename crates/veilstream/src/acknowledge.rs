//! The queue's last word on a delivery: deleted once it is durable, given back if it is left.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    counters::{Counters, add},
    delivery::{Durable, Left},
    source::{Queue, QueueError},
};

/// SQS takes at most this many entries in a batch (Amazon SQS API reference,
/// DeleteMessageBatch).
pub const MOST_ENTRIES: usize = 10;
/// Tries for one batch of deletes. What is not deleted then comes back, and the ledger knows it.
const MOST_TRIES: u32 = 8;
const GIVING_BACK_DEADLINE: Duration = Duration::from_secs(3);

/// Deletes up to ten durable deliveries; entries that failed are tried again, with back-off, until
/// they succeed, cannot succeed, or `abandon` is cancelled.
pub async fn delete(
    queue: &Queue,
    mut durable: Vec<Durable>,
    counters: &Counters,
    abandon: &CancellationToken,
) {
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
    loop {
        let handles = durable.iter().map(|one| one.receipt().handle());
        let failure = match queue.delete(handles).await {
            Ok(failed) => {
                add(&counters.deleted, durable.len() - failed.len());
                let retryable = |place: usize| {
                    failed
                        .iter()
                        .any(|entry| entry.id.0 == place && !entry.sender_fault)
                };
                let mut places = 0..;
                durable.retain(|_| retryable(places.next().expect("places do not end")));
                failed
                    .first()
                    .map_or_else(String::new, |entry| entry.code.clone())
            }
            Err(error) => refusal(&error, &mut durable),
        };
        if durable.is_empty() {
            return;
        }
        if backoff.failures() + 1 >= MOST_TRIES {
            tracing::warn!(
                messages = durable.len(),
                failure,
                "not deleted; SQS will deliver them \
                again and the ledger will know them"
            );
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_delay()) => {}
            () = abandon.cancelled() => return,
        }
    }
}

/// A call that SQS refuses as a whole is not made again.
fn refusal(error: &QueueError, durable: &mut Vec<Durable>) -> String {
    if !error.is_transient() {
        tracing::error!(messages = durable.len(), %error, "cannot delete");
        durable.clear();
    }
    error.to_string()
}

/// Makes deliveries visible again at once, as far as the queue answers in time; what it does not
/// hear comes back when its visibility time-out ends.
pub async fn give_back(queue: &Queue, left: Vec<Left>) {
    let all = async {
        for chunk in left.chunks(MOST_ENTRIES) {
            let handles = chunk.iter().map(|one| one.receipt().handle());
            if let Err(error) = queue.give_back(handles).await {
                tracing::warn!(%error, "messages could not be given back; they will reappear when \
                    their visibility time-out ends");
                return;
            }
        }
    };
    // A queue that does not answer within the deadline hands them out again by itself.
    let _ = tokio::time::timeout(GIVING_BACK_DEADLINE, all).await;
}
