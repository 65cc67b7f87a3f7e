//! The data path, top to bottom: receive, prepare (decode and mask), load, acknowledge.
//!
//! Receivers end first, when they are told to stop or the queue is empty; that closes the channel
//! to the loaders, which load what is in it and end; that closes the channel to the deleters. The
//! extender, which keeps hidden what is in flight, ends last.

mod ending;
mod lease;
mod room;
mod settling;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use ending::{Progress, over_since};
use settling::{Loading, Settled, warn_of_left};

use crate::{
    acknowledge::{self, MOST_ENTRIES},
    backoff::Backoff,
    counters::{Counters, add},
    delivery::Durable,
    inspect::Watch,
    load::{Batch, DatabaseError, Prepared},
    prepare::{Preparer, Receive, Received},
    reachability::Reachability,
    reject_limit::{RejectLimit, Share},
    source::{Budget, Leases, Permit, QueueError, budget},
    startup::Parts,
    upkeep,
};

/// Receives and deletes under way at once. More changes little: the database is the limit.
const RECEIVERS: usize = 8;
const DELETERS: usize = 8;
/// One loader commits while the other fills.
const LOADERS: usize = 2;
/// A batch takes what is waiting, up to these caps.
const MOST_ROWS: usize = 5_000;
const MOST_BYTES: usize = 8 << 20;
/// What may be in flight: received and not yet settled.
const BUDGET_MESSAGES: u32 = 12_000;
const BUDGET_BYTES: u32 = 32 << 20;
/// SQS lets a receive wait at most this long (Amazon SQS API reference, ReceiveMessage).
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// After a stop, receives that are under way have so long for their answer: SQS may have taken
/// messages for them already, which would stay hidden until their visibility time-out ends.
const LAST_ANSWER: Duration = Duration::from_secs(1);
/// How long giving back may take in the end.
const GIVING_BACK_DEADLINE: Duration = Duration::from_secs(4);
/// With `--once`: a receiver ends after so many empty polls of this length in a row.
const ONCE_WAIT: Duration = Duration::from_secs(1);
const ONCE_EMPTY_POLLS: u32 = 2;
/// With `--once`: how long the queue or the database may stay away.
const ONCE_PATIENCE: Duration = Duration::from_mins(1);
/// How often a worker looks after the ledger.
const UPKEEP_EVERY: Duration = Duration::from_hours(1);

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is stopped.
    Stopped,
    /// When the queue is empty and all that was in flight is settled.
    QueueEmpty,
}

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
    /// A fault in veilstream itself.
    #[error("a task of veilstream panicked; what was not committed stays in the queue")]
    Panicked,
}

/// Runs the data path until it is stopped or done; `counters` tell what it did.
///
/// # Errors
///
/// When something fails that waiting does not mend; what was in flight is given back first.
pub async fn run(
    parts: Parts,
    until: Until,
    counters: Arc<Counters>,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let reject_limit = RejectLimit::new(parts.reject_limit);
    let path = Arc::new(DataPath {
        watch: Watch::new(&parts.decoder),
        leases: Leases::new(parts.queue.terms()),
        parts,
        until,
        counters,
        stop,
        abandon: CancellationToken::new(),
        row_cap: AtomicUsize::new(MOST_ROWS),
        hiders: TaskTracker::new(),
        budget: Budget::new(BUDGET_MESSAGES, BUDGET_BYTES),
        queue_state: Reachability::new("the queue"),
        deleting_state: Reachability::new("the queue, asked to delete,"),
        database_state: Reachability::new("the database"),
        reject_limit,
        asking: tokio::sync::Mutex::default(),
        give_back_until: OnceLock::new(),
        failure: Mutex::new(None),
    });
    let tasks = TaskTracker::new();
    // Bounded by the budget as well: every message in a channel holds its permit.
    let (to_loaders, from_receivers) = mpsc::channel(BUDGET_MESSAGES as usize);
    let (to_deleters, from_loaders) = mpsc::channel(BUDGET_MESSAGES as usize);
    let from_receivers = Arc::new(tokio::sync::Mutex::new(from_receivers));
    let from_loaders = Arc::new(tokio::sync::Mutex::new(from_loaders));
    for _ in 0..RECEIVERS {
        let receiving = Arc::clone(&path).receive(to_loaders.clone());
        let receiving = path.hiders.track_future(receiving);
        tasks.spawn(Arc::clone(&path).guard(receiving));
    }
    for _ in 0..LOADERS {
        let loading = Arc::clone(&path).load(Arc::clone(&from_receivers), to_deleters.clone());
        tasks.spawn(Arc::clone(&path).guard(loading));
    }
    for _ in 0..DELETERS {
        let acknowledging = Arc::clone(&path).acknowledge(Arc::clone(&from_loaders));
        tasks.spawn(Arc::clone(&path).guard(acknowledging));
    }
    tasks.spawn(Arc::clone(&path).guard(Arc::clone(&path).keep_ledger()));
    drop((to_loaders, to_deleters, from_receivers, from_loaders));
    let settled = path.abandon.child_token();
    let extending = Arc::clone(&path).extend(settled.clone());
    let extending = path.hiders.track_future(extending);
    let extending = tokio::spawn(Arc::clone(&path).guard(extending));
    path.hiders.close();
    tasks.close();
    path.wait_for(&tasks).await;
    settled.cancel();
    let _ = extending.await;
    path.watch.clone().finish();
    let failure = path.failure.lock().take();
    failure.map_or(Ok(()), Err)
}

/// What all tasks of a run share.
struct DataPath {
    parts: Parts,
    /// Looks at the first messages for personal values that are loaded in clear.
    watch: Watch,
    until: Until,
    counters: Arc<Counters>,
    /// No more receives; what is in flight is settled.
    stop: CancellationToken,
    /// No more loading either; what is in flight is given back.
    abandon: CancellationToken,
    /// Rows in a batch at the most; smaller once the database has been too slow for more.
    row_cap: AtomicUsize,
    /// The receivers and the extender: when they have ended, this run hides no message any more.
    hiders: TaskTracker,
    leases: Leases,
    budget: Budget,
    queue_state: Reachability,
    /// Of its own: a queue that only throttles deletes answers receives all the time.
    deleting_state: Reachability,
    database_state: Reachability,
    reject_limit: RejectLimit,
    /// Held by the one receiver that asks whether the database is back.
    asking: tokio::sync::Mutex<()>,
    /// All that is left has the same deadline to be given back.
    give_back_until: OnceLock<tokio::time::Instant>,
    failure: Mutex<Option<RunError>>,
}

type Shared<T> = Arc<tokio::sync::Mutex<mpsc::Receiver<T>>>;

// ------------------------------------------------------------------------------------ receive

impl DataPath {
    /// Receives, prepares and hands on, until stopped or, if so asked, the queue is empty.
    async fn receive(self: Arc<Self>, to_loaders: mpsc::Sender<Receive>) {
        let mut preparer = Preparer::new(&self.parts, self.watch.clone());
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
        let mut empty_polls = 0;
        let mut progress = Progress::new(&self.counters);
        while !self.stop.is_cancelled() {
            if self.until == Until::QueueEmpty && self.only_leaves(&mut progress).await {
                return;
            }
            let began = Instant::now();
            match self.receive_once(&mut preparer).await {
                Ok(None) => continue,
                Ok(Some(Received { messages: 0, .. })) => empty_polls += 1,
                Ok(Some(Received { prepared, .. })) => {
                    empty_polls = 0;
                    if !prepared.is_empty() && to_loaders.send(prepared).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    self.queue_state.failed(began, error.kind(), &error);
                    if self.is_out_of_patience(&self.queue_state) {
                        return self.fail(RunError::Queue(error));
                    }
                    self.pause_after(&error, &mut backoff, &self.stop).await;
                    continue;
                }
            }
            backoff.reset();
            self.queue_state.answered(began);
            let empty = empty_polls >= ONCE_EMPTY_POLLS;
            // What is in flight may hold back more: the rest of a FIFO queue's group, or itself if
            // its visibility time-out ends first.
            if self.until == Until::QueueEmpty && empty && self.budget.is_idle() {
                return;
            }
        }
    }

    /// One receive, bounded by the budget; `None` when it was stopped, or when waiting for room or
    /// for the database took too long.
    async fn receive_once(
        &self,
        preparer: &mut Preparer<'_>,
    ) -> Result<Option<Received>, QueueError> {
        let wait = match self.until {
            Until::Stopped => LONGEST_WAIT,
            Until::QueueEmpty => ONCE_WAIT,
        };
        let queue = &self.parts.queue;
        let (turn, room) = tokio::select! {
            room = self.room() => room,
            () = self.stop.cancelled() => return Ok(None),
        };
        let answer = tokio::select! {
            biased;
            answer = queue.receive(wait) => answer?,
            () = over_since(&self.stop, LAST_ANSWER) => return Ok(None),
        };
        // From here on messages are in flight. If no room for their bytes comes free before others
        // may have them, the connection is dropped unread.
        let since = Instant::now();
        let mut bytes = tokio::select! {
            biased;
            bytes = self.budget.bytes(answer.size()) => bytes,
            () = tokio::time::sleep(queue.terms().visibility) => return Ok(None),
            () = over_since(&self.abandon, LAST_ANSWER) => return Ok(None),
        };
        let body = tokio::select! {
            biased;
            body = answer.read() => body?,
            () = over_since(&self.abandon, LAST_ANSWER) => return Ok(None),
        };
        // More was taken where the size was not known before.
        budget::keep(&mut bytes, body.len());
        let messages = queue.client().messages(&body)?;
        add(&self.counters.received, messages.len());
        let permit = Permit::new(room, bytes, messages.len());
        let lease = self.leases.begin(since, permit, &messages);
        let mut received = preparer.prepare(messages, &lease);
        if let Some(reason) = &received.left {
            let messages = received.messages - received.prepared.len();
            add(&self.counters.left, messages);
            warn_of_left(messages, reason);
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
        Ok(Some(received))
    }
}

// --------------------------------------------------------------------------------------- load

impl DataPath {
    /// Loads batches, one after the other, until the receivers have ended and nothing waits.
    async fn load(
        self: Arc<Self>,
        from_receivers: Shared<Receive>,
        to_deleters: mpsc::Sender<Vec<Durable>>,
    ) {
        let mut loading = Loading::new(&self);
        while let Some(mut batch) = next_batch(&from_receivers, self.most_rows()).await {
            self.give_back_rejects(&mut batch).await;
            // In order, from left to right: a batch that is too slow, or has a row that PostgreSQL
            // refuses, is taken in halves.
            let mut parts = vec![batch];
            while let Some(batch) = parts.pop() {
                match self.settle(&mut loading, batch).await {
                    Settled::Durable(durable) => hand_on(durable, &to_deleters).await,
                    Settled::Halved(first, second) => parts.extend([second, first]),
                    Settled::Refused(entry) => parts.push(vec![*entry]),
                    Settled::Forgotten(forgotten, rest) => {
                        parts.push(rest);
                        self.leave(forgotten, &mut parts).await;
                    }
                    Settled::Left(batch) => self.leave(batch, &mut parts).await,
                }
            }
            let change = self.reject_limit.settled(loading.take_decided());
            self.told(change, String::new);
        }
    }

    async fn keep_ledger(self: Arc<Self>) {
        upkeep::keep(&self.parts, self.until, UPKEEP_EVERY, &self.stop).await;
    }

    fn most_rows(&self) -> usize {
        self.row_cap.load(Ordering::Relaxed)
    }
}

async fn hand_on(durable: Vec<Durable>, to_deleters: &mpsc::Sender<Vec<Durable>>) {
    let mut durable = durable.into_iter();
    while durable.len() > 0 {
        let entries = durable.by_ref().take(MOST_ENTRIES).collect();
        if to_deleters.send(entries).await.is_err() {
            // The deleters have ended; what they do not delete comes back as duplicates.
            return;
        }
    }
}

/// Everything that is waiting, up to the caps; waits only while nothing is there. `None` once the
/// receivers have ended and all is taken.
async fn next_batch(from_receivers: &Shared<Receive>, most_rows: usize) -> Option<Batch> {
    let mut waiting = from_receivers.lock().await;
    let mut batch = waiting.recv().await?;
    let mut bytes: usize = batch.iter().map(Prepared::size).sum();
    while batch.len() < most_rows
        && bytes < MOST_BYTES
        && let Ok(receive) = waiting.try_recv()
    {
        bytes += receive.iter().map(Prepared::size).sum::<usize>();
        batch.extend(receive);
    }
    Some(batch)
}

// -------------------------------------------------------------------------------- acknowledge

impl DataPath {
    /// Deletes what is durable, until the loaders have ended and nothing waits.
    async fn acknowledge(self: Arc<Self>, from_loaders: Shared<Vec<Durable>>) {
        loop {
            let durable = from_loaders.lock().await.recv().await;
            let Some(durable) = durable else { return };
            self.delete(durable).await;
        }
    }

    /// Deletes up to ten deliveries, waiting for a queue that is away until the run is abandoned.
    async fn delete(&self, mut durable: Vec<Durable>) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
        while !self.abandon.is_cancelled() {
            let began = Instant::now();
            let queue = &self.parts.queue;
            let deleting = acknowledge::delete(queue, &mut durable, &self.counters, &self.abandon);
            let deleted = tokio::select! {
                biased;
                deleted = deleting => deleted,
                () = over_since(&self.abandon, LAST_ANSWER) => return,
            };
            let Err(error) = deleted else {
                return self.deleting_state.answered(began);
            };
            if error.is_denied() {
                return self.fail(RunError::Queue(error));
            }
            self.deleting_state.failed(began, error.kind(), &error);
            if self.is_out_of_patience(&self.deleting_state) {
                return self.fail(RunError::Queue(error));
            }
            self.pause_after(&error, &mut backoff, &self.abandon).await;
            acknowledge::give_up_overdue(&mut durable);
            if durable.is_empty() {
                return;
            }
        }
    }
}
