//! Keeps what is in flight hidden from other consumers.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{EntryFailure, Leases, Queue, lease::Due};
use crate::{
    backoff::Backoff,
    metrics::{Metrics, add},
    reachability::Reachability,
};

/// SQS takes at most this many entries in a batch (Amazon SQS API reference,
/// `ChangeMessageVisibilityBatch`).
const MOST_ENTRIES: usize = 10;
/// Calls under way at once.
const AT_ONCE: usize = 16;
/// How often it is looked for what is due, unless the visibility time-out is so short that a tenth
/// of it is less.
const LONGEST_TICK: Duration = Duration::from_millis(500);
/// However long the visibility time-out is, an answer is not waited for longer, and the next try
/// comes no later.
const LONGEST_CALL: Duration = Duration::from_secs(10);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Extends the visibility time-out of deliveries when half of it is used up; there is one for a run.
///
/// What fails is tried again several times in the other half. If that does not help, the messages
/// become visible, and the ledger knows them when they come back.
pub struct Extender<'a> {
    queue: &'a Queue,
    leases: &'a Leases,
    metrics: &'a Metrics,
    state: Reachability,
}

/// Something was not extended and may be the next time, after as long a pause as the queue asks for.
#[derive(Debug, Default)]
struct Failing {
    retry_after: Duration,
}

impl<'a> Extender<'a> {
    /// An extender of these leases.
    pub fn new(queue: &'a Queue, leases: &'a Leases, metrics: &'a Metrics) -> Self {
        Self {
            queue,
            leases,
            metrics,
            state: Reachability::new("the queue, asked to keep messages hidden,"),
        }
    }

    /// Extends what is due, again and again, until `end`; calls that are under way then are waited
    /// for.
    pub async fn run(&self, end: &CancellationToken) {
        let visibility = self.leases.terms().visibility;
        let tick = (visibility / 10).min(LONGEST_TICK);
        // Several tries fit into the half that is left.
        let longest_delay = (visibility / 16).min(LONGEST_DELAY);
        let mut backoff = Backoff::new(longest_delay / 4, longest_delay);
        let mut pause = tick;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = end.cancelled() => return,
            }
            pause = match self.extend_due(end).await {
                None => {
                    backoff.reset();
                    tick
                }
                Some(Failing { retry_after }) => {
                    backoff.next_delay() + retry_after.min(longest_delay)
                }
            };
        }
    }

    /// One round over everything that is due.
    async fn extend_due(&self, end: &CancellationToken) -> Option<Failing> {
        let due = in_turn(self.leases.due(Instant::now()));
        let failing = Mutex::new(None);
        let calls: Vec<_> = due
            .chunks(MOST_ENTRIES)
            .map(|due| async {
                // Once a call has failed, the rest of the round has to wait for the next one.
                if failing.lock().is_none()
                    && !end.is_cancelled()
                    && let Err(failed) = self.extend(due).await
                {
                    *failing.lock() = Some(failed);
                }
            })
            .collect();
        stream::iter(calls)
            .buffer_unordered(AT_ONCE)
            .collect::<()>()
            .await;
        failing.into_inner()
    }

    /// Extends up to ten deliveries.
    async fn extend(&self, due: &[Due]) -> Result<(), Failing> {
        let asked = Instant::now();
        // An answer that does not come leaves time for another try.
        let visibility = self.leases.terms().visibility;
        let hidden = due.iter().map(|one| one.hidden_for(asked)).min();
        let timeout = hidden.unwrap_or_default().max(visibility / 4) / 2;
        match self.queue.extend(due, timeout.min(LONGEST_CALL)).await {
            Ok(failures) => {
                self.state.answered(asked);
                let extended = due.len() - failures.len();
                add(&self.metrics.lease_extensions, extended);
                note(due, &failures, asked)
            }
            Err(error) => {
                self.metrics.queue_failed(&error);
                self.state.failed(asked, error.kind(), &error);
                Err(Failing {
                    retry_after: error.retry_after(),
                })
            }
        }
    }
}

/// Those that failed the last time go to the end: they are the most urgent ones, and if they fail
/// again, the round is over before the others are asked for.
fn in_turn(mut due: Vec<Due>) -> Vec<Due> {
    due.sort_by_key(Due::has_failed);
    due
}

/// Notes what became of each entry of a call that began then. A handle that is not valid any more is
/// given up: its message has been settled, or is redelivered.
fn note(due: &[Due], failures: &[EntryFailure], asked: Instant) -> Result<(), Failing> {
    let failure = |place| failures.iter().find(|failure| failure.id.0 == place);
    let (mut again, mut hopeless) = (0, 0);
    for (place, one) in due.iter().enumerate() {
        match failure(place) {
            None => one.extended(asked),
            Some(failure) if failure.is_final() => {
                one.give_up();
                hopeless += 1;
            }
            Some(_) => {
                one.failed();
                again += 1;
            }
        }
    }
    if again + hopeless > 0 {
        tracing::debug!(again, hopeless, "not all messages are kept hidden");
    }
    if again > 0 {
        return Err(Failing::default());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{lease::Terms, lease::tests::received};

    #[tokio::test]
    async fn a_message_that_keeps_failing_does_not_hold_up_the_others() {
        // GIVEN more messages than one call takes, of which the most urgent one fails
        let visibility = Duration::from_secs(30);
        let leases = Leases::new(Terms::new(visibility, None));
        let begin = Instant::now();
        let _bad = received(&leases, begin, &["bad"]).await;
        let _good = received(&leases, begin + Duration::from_secs(1), &["good"]).await;
        let now = begin + visibility / 2 + Duration::from_secs(1);
        let handles = |due: &[Due]| {
            due.iter()
                .map(|it| it.handle().to_owned())
                .collect::<Vec<_>>()
        };
        let due = in_turn(leases.due(now));
        assert_eq!(handles(&due), ["of bad", "of good"]);
        let failure: EntryFailure =
            serde_json::from_str(r#"{"Id": "0", "Code": "InternalError", "SenderFault": false}"#)
                .unwrap();

        // WHEN its call fails, and that of the others is not made
        assert!(note(&due[..1], &[failure], now).is_err());

        // THEN the others come first the next time, and it comes again
        let due = in_turn(leases.due(now));
        assert_eq!(handles(&due), ["of good", "of bad"]);

        // AND once it was extended, it is as any other
        assert!(note(&due, &[], now).is_ok());
        let due = in_turn(leases.due(now + visibility / 2));
        assert!(
            due.iter().all(|one| !one.has_failed()),
            "{:?}",
            handles(&due)
        );
        assert_eq!(due.len(), 2);
    }
}
