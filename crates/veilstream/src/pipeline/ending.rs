//! How a run ends: stopped, done, out of patience, or failed.

use std::{
    io,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use super::{DataPath, ONCE_PATIENCE, Until};
use crate::{
    backoff::Backoff, load::DatabaseError, metrics::Metrics, reachability::Reachability,
    reject_limit::Share, source::QueueError,
};

/// How long what is in flight may take to settle after a stop.
const DRAIN_DEADLINE: Duration = Duration::from_secs(20);
/// Who waits for the queue meanwhile asks it again after so long, whatever it asks for.
const LONGEST_PAUSE_STOPPED: Duration = Duration::from_secs(2);
/// How long the tasks have to end after that: up to two seconds until nothing is hidden any more,
/// and `GIVING_BACK_DEADLINE`. Together with the above less than the half minute that Kubernetes
/// leaves a process by default.
const ABANDON_DEADLINE: Duration = Duration::from_secs(7);

/// How often a run with an end looks whether what is in flight has settled.
const STILL_IN_FLIGHT_POLL: Duration = Duration::from_millis(20);

/// Why a run ended before its time. Nothing is lost: what was not committed is in the queue.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The queue refuses, or stayed away for too long with `--once`.
    #[error(transparent)]
    Queue(QueueError),
    /// The database needs somebody to change something, refused a row, or stayed away for too long
    /// with `--once`.
    #[error("{0}. Nothing was deleted that is not committed; what is left stays in the queue")]
    Database(DatabaseError),
    /// Most messages were rejected, with `--once`.
    #[error(
        "{share} messages were rejected: has their producer changed? The last reason was: {reason}. \
         They stay in the queue; to quarantine them and load the others, run with --no-reject-limit"
    )]
    TooManyRejected {
        /// How many.
        share: Share,
        /// Why the last one was.
        reason: String,
    },
    /// The system gives no thread.
    #[error("the system gives no thread for loading: {0}; nothing was received")]
    Thread(io::Error),
    /// A fault in veilstream itself.
    #[error("a task of veilstream panicked; what was not committed stays in the queue")]
    Panicked,
}

impl DataPath {
    /// Waits for all tasks; once stopped, they have a deadline.
    pub(super) async fn wait_for_tasks(&self) {
        let tasks = &self.tasks;
        tokio::select! {
            () = tasks.wait() => return,
            () = self.stop.cancelled() => {}
        }
        tracing::info!(
            seconds = DRAIN_DEADLINE.as_secs(),
            "stopping: what is in flight has so long to settle"
        );
        if tokio::time::timeout(DRAIN_DEADLINE, tasks.wait())
            .await
            .is_ok()
        {
            return;
        }
        let seconds = DRAIN_DEADLINE.as_secs();
        tracing::warn!(
            seconds,
            "what is in flight did not settle in time; giving it back"
        );
        self.abandon.cancel();
        if tokio::time::timeout(ABANDON_DEADLINE, tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(tasks = tasks.len(), "tasks did not end in time");
        }
    }

    /// A task that panics ends the run: what it held comes back by itself, but the rest must not
    /// go on as if nothing were missing.
    pub(super) async fn guard(self: Arc<Self>, task: impl Future<Output = ()>) {
        if AssertUnwindSafe(task).catch_unwind().await.is_err() {
            self.fail(RunError::Panicked);
        }
    }

    /// Ends the run with an error; the first one counts.
    pub(super) fn fail(&self, error: RunError) {
        self.failure.lock().get_or_insert(error);
        self.abandon.cancel();
        self.stop.cancel();
    }

    /// Ends the run with an error once what is in flight is settled.
    pub(super) fn end(&self, error: RunError) {
        self.failure.lock().get_or_insert(error);
        self.stop.cancel();
    }

    /// Whether a run with an end has waited long enough for a service.
    pub(super) fn is_out_of_patience(&self, service: &Reachability) -> bool {
        self.until == Until::QueueEmpty
            && service.away_for().is_some_and(|away| away >= ONCE_PATIENCE)
    }

    /// Whether a run with an end has got nowhere for so long that whatever comes is left, or not deleted,
    /// again and again, and may never allow an empty poll; what is in flight is waited for.
    pub(super) async fn only_leaves(&self) -> bool {
        let is_stuck = || {
            self.progress
                .lock()
                .is_none_for(ONCE_PATIENCE, &self.metrics)
        };
        while is_stuck() && !self.stop.is_cancelled() {
            if self.budget.is_idle() {
                return true;
            }
            tokio::time::sleep(STILL_IN_FLIGHT_POLL).await;
        }
        false
    }

    pub(super) async fn pause(&self, backoff: &mut Backoff, unless: &CancellationToken) {
        sleep_unless(backoff.next_delay(), unless).await;
    }

    /// The same after a failure of the queue, which may ask for a longer pause. A run that is stopped
    /// has no time for that.
    pub(super) async fn pause_after(
        &self,
        error: &QueueError,
        backoff: &mut Backoff,
        unless: &CancellationToken,
    ) {
        let pause = error.retry_after() + backoff.next_delay();
        tokio::select! {
            () = sleep_unless(pause, unless) => {}
            () = over_since(&self.stop, LONGEST_PAUSE_STOPPED) => {}
        }
    }
}

async fn sleep_unless(time: Duration, end: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = end.cancelled() => {}
    }
}

/// How long it is that no message has come to anything: loaded, quarantined, or gone from the queue. A
/// duplicate alone does not count, for one that cannot be deleted comes again for ever; where it is
/// deleted, a backlog of nothing but duplicates is worked off however long that takes.
pub(super) struct Progress {
    settled: u64,
    since: Instant,
}

impl Progress {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            settled: settled(metrics),
            since: Instant::now(),
        }
    }

    fn is_none_for(&mut self, time: Duration, metrics: &Metrics) -> bool {
        let settled = settled(metrics);
        if settled != self.settled {
            *self = Self {
                settled,
                since: Instant::now(),
            };
        }
        self.since.elapsed() >= time
    }
}

fn settled(metrics: &Metrics) -> u64 {
    let totals = metrics.totals();
    totals.loaded + totals.quarantined + totals.deleted
}

/// Waits until something has been over for some time.
pub(super) async fn over_since(end: &CancellationToken, time: Duration) {
    end.cancelled().await;
    tokio::time::sleep(time).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::add;

    #[test]
    fn a_duplicate_is_progress_only_once_it_is_deleted() {
        let metrics = Metrics::new();
        add(&metrics.duplicates, 1);
        add(&metrics.left, 1);
        assert_eq!(settled(&metrics), 0);
        for counter in [&metrics.loaded, &metrics.quarantined, &metrics.deleted] {
            let before = settled(&metrics);
            add(counter, 1);
            assert!(settled(&metrics) > before);
        }
    }
}
