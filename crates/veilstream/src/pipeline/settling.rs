//! What becomes of a batch: committed, taken in halves, rid of what PostgreSQL refuses, or left.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;

use super::{DataPath, GIVING_BACK_DEADLINE, LAST_ANSWER, MOST_ROWS, RunError, Until};
use crate::{
    acknowledge,
    backoff::Backoff,
    delivery::{Durable, Left},
    load::{
        Batch, Cause, Class, DatabaseError, Fate, Loaded, Loader, Prepared, Report, Step, Unloaded,
    },
    metrics::{Stage, add},
    prepare::{Received, Rejecter},
    reject_limit::{Change, RejectLimit, Share, Turn},
};

/// What no waiting is known to mend is tried so often. Then the row that may be to blame is looked
/// for, or the batch is left.
const HOPELESS_TRIES: u32 = 3;
/// A batch that took less may be followed by a larger one; a statement may take 30 s.
const QUICK: Duration = Duration::from_secs(5);

/// Messages that are no rows, and stay in the queue for some reason.
const LEFT: &str = "left in the queue";
/// Messages that the ledger cannot vouch for.
const FORGOTTEN: &str = "left in the queue: sent before the day with which the ledger begins, so that nobody \
    knows whether they were loaded, or far ahead of the database's clock; docs/delivery.md tells what to do";

/// What a loader's task works with.
pub(super) struct Loading<'p> {
    loader: Loader,
    rejecter: Rejecter<'p>,
    /// The rows of the present batch that were loaded or refused.
    decided: Share,
}

/// What became of a batch.
pub(super) enum Settled {
    /// It is committed.
    Durable(Vec<Durable>),
    /// It took too long as a whole, or PostgreSQL refuses one of its rows.
    Halved(Batch, Batch),
    /// PostgreSQL refuses its only row, and it goes to quarantine instead.
    Refused(Box<Prepared>),
    /// Nobody knows of some whether they were loaded; they stay in the queue. The others are yet to
    /// be loaded.
    Forgotten(Batch, Batch),
    /// It stays in the queue.
    Left(Batch),
}

impl<'p> Loading<'p> {
    pub(super) fn new(path: &'p DataPath) -> Self {
        let database = Arc::clone(&path.parts.database);
        Self {
            loader: Loader::new(database, Arc::clone(&path.parts.target)),
            rejecter: Rejecter::new(&path.parts),
            decided: Share::default(),
        }
    }

    /// What was decided since it was last asked.
    pub(super) fn take_decided(&mut self) -> Share {
        std::mem::take(&mut self.decided)
    }
}

impl DataPath {
    /// Loads a batch, trying again as long as that can help.
    pub(super) async fn settle(&self, loading: &mut Loading<'_>, mut batch: Batch) -> Settled {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(10));
        let (mut hopeless_tries, mut unanswered) = (0, 0);
        let began = std::time::Instant::now();
        loop {
            if self.leave_overdue(&mut batch) {
                return Settled::Left(batch);
            }
            let asked = std::time::Instant::now();
            let error = match loading.loader.load(batch, &self.abandon).await {
                Ok(loaded) => {
                    self.database_state.answered(asked);
                    return Settled::Durable(self.count(loading, loaded, began));
                }
                Err(Unloaded {
                    batch,
                    cause: Cause::Abandoned,
                }) => return Settled::Left(batch),
                Err(Unloaded {
                    batch: rest,
                    cause: Cause::Forgotten(forgotten),
                }) => {
                    let messages = forgotten.len();
                    tracing::warn!(messages, "{FORGOTTEN}");
                    return Settled::Forgotten(forgotten, rest);
                }
                Err(Unloaded {
                    batch: whole,
                    cause: Cause::Failed(error),
                }) => {
                    batch = whole;
                    error
                }
            };
            match error.class() {
                Class::Transient => {
                    self.database_state.failed(asked, error.kind(), &error);
                    if let DatabaseError::NoAnswer { step, .. } = error {
                        self.lower_row_cap(batch.len(), &error);
                        unanswered += u32::from(step == Step::Load);
                        // Before COMMIT was sent nothing can have become durable.
                        if unanswered > 1 && batch.len() > 1 {
                            return halved(batch);
                        }
                    }
                    if self.is_out_of_patience(&self.database_state) {
                        self.fail(RunError::Database(error));
                        return Settled::Left(batch);
                    }
                }
                Class::Row => {
                    self.database_state.answered(asked);
                    return self.without_refused(loading, batch, error);
                }
                Class::Setup => {
                    self.fail(RunError::Database(error));
                    return Settled::Left(batch);
                }
                Class::TooSlow if batch.len() > 1 => {
                    self.lower_row_cap(batch.len(), &error);
                    return halved(batch);
                }
                Class::TooSlow | Class::Unknown | Class::Redelivery | Class::MissingPartition => {
                    self.database_state.answered(asked);
                    hopeless_tries += 1;
                    if hopeless_tries == HOPELESS_TRIES {
                        if error.may_blame_a_row() {
                            return self.without_refused(loading, batch, error);
                        }
                        let messages = batch.len();
                        tracing::error!(%error, messages, "a batch is left in the queue");
                        return Settled::Left(batch);
                    }
                }
            }
            self.metrics.database_failed(&error);
            self.pause(&mut backoff, &self.abandon).await;
        }
    }

    /// Halves a batch until the row that PostgreSQL refuses is alone: about log2(n) transactions
    /// for each such row, and every other row is loaded.
    fn without_refused(
        &self,
        loading: &mut Loading<'_>,
        batch: Batch,
        error: DatabaseError,
    ) -> Settled {
        let message = match <[Prepared; 1]>::try_from(batch) {
            Ok([message]) => message,
            Err(batch) => return halved(batch),
        };
        // An entry of the quarantine has no row to blame.
        let (Fate::Load(_, original), DatabaseError::Server { report, .. }) =
            (&message.fate, &error)
        else {
            self.fail(RunError::Database(error));
            return Settled::Left(vec![message]);
        };
        let rejected = loading
            .rejecter
            .refuse(message.key, report, original, &message.receipt);
        if rejected.is_ok() || !self.reject_limit.is_known(message.key) {
            let one = Share {
                messages: 1,
                rejected: 1,
            };
            loading.decided += one;
            self.told(self.reject_limit.decided(one), || refusal(report));
        }
        if self.reject_limit.is_stopped() {
            return Settled::Left(vec![message]);
        }
        match rejected {
            Ok(rejected) => Settled::Refused(Box::new(Prepared {
                fate: Fate::Quarantine(rejected),
                ..message
            })),
            Err(reason) => {
                self.tally.add(1, LEFT, &reason);
                Settled::Left(vec![message])
            }
        }
    }

    /// Makes later batches no larger than half of one that took too long.
    fn lower_row_cap(&self, rows: usize, error: &DatabaseError) {
        let half = rows.div_ceil(2);
        if self.row_cap.fetch_min(half, Ordering::Relaxed) > half {
            tracing::warn!(%error, rows = half, "a batch took too long; fewer rows at once from now on");
        }
    }

    /// Makes later batches larger again where one as large as they may be was quick.
    fn raise_row_cap(&self, rows: usize, took: Duration) {
        let cap = self.most_rows();
        if cap < MOST_ROWS && rows >= cap && took < QUICK {
            self.row_cap
                .store((2 * cap).min(MOST_ROWS), Ordering::Relaxed);
        }
    }

    fn count(
        &self,
        loading: &mut Loading<'_>,
        loaded: Loaded,
        began: std::time::Instant,
    ) -> Vec<Durable> {
        let Loaded {
            loaded,
            quarantined,
            sent,
            duplicates,
            durable,
        } = loaded;
        let took = began.elapsed();
        self.metrics.took(Stage::Load, took);
        self.metrics
            .committed(loaded, duplicates, &quarantined, &sent);
        let rows = Share {
            messages: loaded,
            rejected: 0,
        };
        loading.decided += rows;
        self.told(self.reject_limit.decided(rows), || {
            "PostgreSQL refused the row".to_owned()
        });
        self.raise_row_cap(durable.len(), took);
        let (quarantined, seconds) = (quarantined.len(), took.as_secs_f64());
        tracing::debug!(
            loaded,
            quarantined,
            duplicates,
            seconds,
            "committed a batch"
        );
        durable
    }

    /// Leaves a batch in the queue, and on a FIFO queue, where nothing may overtake it, what came
    /// with the same receives and has yet to settle. It is given back at once if the run is ending,
    /// as soon as nothing of this very run could take it again or hide it, or if only trials are
    /// received; else its visibility time-out decides.
    pub(super) async fn leave(&self, mut batch: Batch, following: &mut Vec<Batch>) {
        if self.parts.queue.is_fifo() {
            let mut followers = Vec::new();
            for part in following.iter_mut() {
                let follows = |next: &mut Prepared| {
                    let came_with = |left: &Prepared| next.receipt.is_of_receive(&left.receipt);
                    batch.iter().rev().any(came_with)
                };
                followers.extend(part.extract_if(.., follows));
            }
            batch.append(&mut followers);
        }
        following.retain(|part| !part.is_empty());
        add(&self.metrics.left, batch.len());
        if self.abandon.is_cancelled() {
            // Whoever is not through by then is stuck, and takes nothing any more.
            let _ = tokio::time::timeout(2 * LAST_ANSWER, self.hiders.wait()).await;
            self.give_back(batch).await;
        } else if self.reject_limit.is_stopped() {
            self.give_back(batch).await;
        }
    }

    async fn give_back(&self, batch: Batch) {
        let left: Vec<_> = batch
            .into_iter()
            .map(|message| Left(message.receipt))
            .collect();
        let until = || Instant::now() + GIVING_BACK_DEADLINE;
        // When the run ends, all that is left has the same deadline.
        let until = if self.abandon.is_cancelled() {
            *self.give_back_until.get_or_init(until)
        } else {
            until()
        };
        acknowledge::give_back(&self.parts.queue, left, until).await;
    }

    /// Counts what is left or rejected; the rejects go back to the queue if most messages are.
    pub(super) async fn judge(&self, mut received: Received, turn: Turn) -> Received {
        if let Some(reason) = &received.left {
            let messages = received.messages - received.prepared.len();
            add(&self.metrics.left, messages);
            self.tally.add(messages, LEFT, reason);
        }
        let left = received.rejected.left.iter();
        let known = left.filter(|key| self.reject_limit.is_known(**key)).count();
        let share = Share {
            messages: received.messages - known,
            rejected: received.rejected.messages - known,
        };
        let change = self.reject_limit.prepared(turn, share);
        let last = &received.rejected.last;
        self.told(change, || last.iter().map(ToString::to_string).collect());
        self.give_back_rejects(&mut received.prepared).await;
        received
    }

    /// While most messages are rejected, they go back to the queue rather than into the quarantine;
    /// on a FIFO queue with the rest of their receive.
    pub(super) async fn give_back_rejects(&self, batch: &mut Batch) {
        if !self.reject_limit.is_stopped() {
            return;
        }
        let fifo = self.parts.queue.is_fifo();
        let mut rejects: Batch = Vec::new();
        for message in std::mem::take(batch) {
            let follows = rejects
                .last()
                .is_some_and(|reject| fifo && message.receipt.is_of_receive(&reject.receipt));
            match message.fate {
                Fate::Load(..) if !follows => batch.push(message),
                Fate::Load(..) | Fate::Quarantine(_) => rejects.push(message),
            }
        }
        add(&self.metrics.left, rejects.len());
        self.give_back(rejects).await;
    }

    /// Says what has changed about the share of rejected messages, and why the last one was; with
    /// `--once`, a flood ends the run.
    pub(super) fn told(&self, change: Change, reason: impl FnOnce() -> String) {
        match change {
            Change::None => {}
            Change::Resumed => {
                tracing::info!("messages are rows again: receiving as before");
            }
            Change::Stopped(share) => {
                let reason = reason();
                if self.until == Until::QueueEmpty {
                    return self.end(RunError::TooManyRejected { share, reason });
                }
                tracing::error!(
                    rejected = share.rejected,
                    messages = share.messages,
                    reason,
                    "most messages are rejected: has their producer changed? Rejected messages go back \
                     to the queue; {}",
                    RejectLimit::WHAT_NOW
                );
            }
        }
    }
}

fn halved(mut batch: Batch) -> Settled {
    let second = batch.split_off(batch.len().div_ceil(2));
    Settled::Halved(batch, second)
}

fn refusal(report: &Report) -> String {
    format!("PostgreSQL refused the row: {report}")
}
