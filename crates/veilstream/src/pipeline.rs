//! The data path, top to bottom: receive, prepare (decode and mask), load, acknowledge.
//!
//! Receivers end first, when they are told to stop or the queue is empty; that closes the channel
//! to the loaders, which load what is in it and end; deleters end when nothing is left to delete.
//! The extender, which keeps hidden what is in flight, ends last. Receivers and deleters are as many
//! as help: two fleets that size themselves.

mod deleting;
mod ending;
mod fleet;
mod lease;
mod room;
mod settling;
mod settling_thread;
mod state;

use std::{
    collections::VecDeque,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use ending::{Progress, over_since};
use fleet::{Fleet, Member, Vote};
use settling::{Loading, Settled};
use settling_thread::SettlingThread;

pub use ending::RunError;
pub use state::{BudgetState, FleetState, ServiceState, State};

use crate::{
    acknowledge::MOST_ENTRIES,
    backoff::Backoff,
    delivery::Durable,
    inspect::Watch,
    load::{Batch, Prepared},
    metrics::{Metrics, Stage, add},
    prepare::{Preparer, Receive, Received},
    reachability::Reachability,
    reject_limit::RejectLimit,
    source::{Budget, Leases, Permit, QueueError, budget},
    startup::Parts,
    tally::Tally,
    upkeep,
};

/// One loader commits while the other fills.
const LOADERS: usize = 2;
/// While the other one is at work, fewer rows are not worth a transaction of their own.
const WORTH_ANOTHER: usize = 500;
/// A batch takes what is waiting, up to these caps.
const MOST_ROWS: usize = 5_000;
const MOST_BYTES: usize = 8 << 20;
/// What may be in flight: received and not yet settled.
const BUDGET_MESSAGES: u32 = 4_000;
const BUDGET_BYTES: u32 = 32 << 20;
/// SQS lets a receive wait at most this long (Amazon SQS API reference, ReceiveMessage).
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// A receiver that finds nothing for so long is one too many, unless it is the last; and with
/// `--once` nothing for so long, and then once more, is the end: a single empty answer is only a hint.
const SHORT_WAIT: Duration = Duration::from_secs(1);
const ONCE_EMPTY_POLLS: u32 = 2;
/// A receive of so many messages found a backlog, one of fewer than `ENOUGH` next to none: SQS may give
/// fewer than ten where there are more (Amazon SQS API reference, ReceiveMessage).
const MANY: usize = 8;
const ENOUGH: usize = 4;
/// After a stop, receives that are under way have so long for their answer: SQS may have taken
/// messages for them already, which would stay hidden until their visibility time-out ends.
const LAST_ANSWER: Duration = Duration::from_secs(1);
/// How long giving back may take in the end.
const GIVING_BACK_DEADLINE: Duration = Duration::from_secs(4);
/// With `--once`: how long the queue or the database may stay away.
const ONCE_PATIENCE: Duration = Duration::from_mins(1);
/// While anything waits to be deleted: one call that hangs must not hold up all that comes after it.
const LEAST_DELETERS: usize = 2;
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

/// A run of the data path, to be started and looked at.
#[derive(Clone)]
pub struct Pipeline(Arc<DataPath>);

impl Pipeline {
    /// A run until it is stopped or done; `metrics` tell what it did.
    pub fn new(parts: Parts, until: Until, metrics: Arc<Metrics>, stop: CancellationToken) -> Self {
        Self(Arc::new(DataPath::new(parts, until, metrics, stop)))
    }

    /// Runs it, once.
    ///
    /// # Errors
    ///
    /// When something fails that waiting does not mend; what was in flight is given back first.
    pub async fn run(self) -> Result<(), RunError> {
        run(self.0).await
    }

    /// How it stands at this moment.
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// What its messages have shown: columns that look personal and are loaded in clear.
    pub fn warnings(&self) -> Vec<String> {
        self.0.watch.warnings()
    }
}

async fn run(path: Arc<DataPath>) -> Result<(), RunError> {
    // Bounded by the budget as well: every message in the channel holds its permit.
    let (to_loaders, from_receivers) = mpsc::channel(BUDGET_MESSAGES as usize);
    let from_receivers = Arc::new(tokio::sync::Mutex::new(from_receivers));
    let settling_thread = SettlingThread::start().map_err(RunError::Thread)?;
    path.muster_receivers(&to_loaders);
    for _ in 0..LOADERS {
        let loading = Arc::clone(&path).load(Arc::clone(&from_receivers));
        let loading = Arc::clone(&path).guard(loading);
        path.tasks.spawn_on(loading, settling_thread.handle());
    }
    path.spawn(Arc::clone(&path).keep_ledger());
    drop((to_loaders, from_receivers));
    let settled = path.abandon.child_token();
    let extending = Arc::clone(&path).extend(settled.clone());
    let extending = path.hiders.track_future(extending);
    let extending = tokio::spawn(Arc::clone(&path).guard(extending));
    path.hiders.close();
    path.tasks.close();
    tokio::select! {
        () = path.wait_for_tasks() => {}
        () = path.tally.keep_telling() => {}
    }
    settled.cancel();
    let _ = extending.await;
    path.tally.tell();
    path.watch.clone().finish();
    drop(settling_thread);
    let failure = path.failure.lock().take();
    failure.map_or(Ok(()), Err)
}

/// What all tasks of a run share.
struct DataPath {
    parts: Parts,
    /// Looks at the first messages for personal values that are loaded in clear.
    watch: Watch,
    until: Until,
    metrics: Arc<Metrics>,
    /// No more receives; what is in flight is settled.
    stop: CancellationToken,
    /// No more loading either; what is in flight is given back.
    abandon: CancellationToken,
    /// Rows in a batch at the most; smaller once the database has been too slow for more.
    row_cap: AtomicUsize,
    /// How many loaders are.
    at_work: watch::Sender<usize>,
    /// All tasks but the extender.
    tasks: TaskTracker,
    /// The receivers and the extender: when they have ended, this run hides no message any more.
    hiders: TaskTracker,
    receivers: Arc<Fleet>,
    deleters: Arc<Fleet>,
    /// What is durable and not yet with a deleter.
    to_delete: Mutex<VecDeque<Durable>>,
    leases: Leases,
    budget: Budget,
    queue_state: Reachability,
    /// Of its own: a queue that only throttles deletes answers receives all the time.
    deleting_state: Reachability,
    database_state: Reachability,
    reject_limit: RejectLimit,
    tally: Tally,
    /// Looked at by a run with an end.
    progress: Mutex<Progress>,
    /// All that is left has the same deadline to be given back.
    give_back_until: OnceLock<tokio::time::Instant>,
    failure: Mutex<Option<RunError>>,
}

impl DataPath {
    fn new(parts: Parts, until: Until, metrics: Arc<Metrics>, stop: CancellationToken) -> Self {
        Self {
            watch: Watch::new(&parts.decoder),
            leases: Leases::new(parts.queue.terms()),
            receivers: Fleet::new(parts.fleets.receivers.into(), 1),
            deleters: Fleet::new(parts.fleets.deleters.into(), LEAST_DELETERS),
            reject_limit: RejectLimit::new(parts.reject_limit),
            tally: Tally::default(),
            progress: Mutex::new(Progress::new(&metrics)),
            parts,
            until,
            metrics,
            stop,
            abandon: CancellationToken::new(),
            row_cap: AtomicUsize::new(MOST_ROWS),
            at_work: watch::Sender::new(0),
            tasks: TaskTracker::new(),
            hiders: TaskTracker::new(),
            to_delete: Mutex::default(),
            budget: Budget::new(BUDGET_MESSAGES, BUDGET_BYTES),
            queue_state: Reachability::new("the queue"),
            deleting_state: Reachability::new("the queue, asked to delete,"),
            database_state: Reachability::new("the database"),
            give_back_until: OnceLock::new(),
            failure: Mutex::new(None),
        }
    }

    fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(Arc::clone(self).guard(task));
    }
}

// ------------------------------------------------------------------------------------ receive

impl DataPath {
    /// Begins as many receivers as are missing.
    fn muster_receivers(self: &Arc<Self>, to_loaders: &mpsc::Sender<Receive>) {
        for receiver in self.receivers.muster(usize::MAX) {
            let receiving = Arc::clone(self).receive(receiver, to_loaders.clone());
            self.spawn(self.hiders.track_future(receiving));
        }
    }

    /// Receives, prepares and hands on, until there are too many receivers, the run is stopped or,
    /// if so asked, the queue is empty.
    async fn receive(self: Arc<Self>, mut receiver: Member, to_loaders: mpsc::Sender<Receive>) {
        if self.stop.is_cancelled() {
            return;
        }
        let mut preparer = Preparer::new(&self.parts, self.watch.clone());
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(4));
        let mut empty_polls = 0;
        while !self.stop.is_cancelled() && !receiver.leaves_if_too_many() {
            if self.until == Until::QueueEmpty && self.only_leaves().await {
                return;
            }
            // What is in flight may hold back more: the rest of a FIFO queue's group, or itself if its
            // visibility time-out ends first. So a poll says nothing that began before all was settled.
            let idle = self.budget.is_idle();
            let began = Instant::now();
            match self.receive_once(&mut preparer, &mut receiver).await {
                Ok(None) => continue,
                Ok(Some(Received { messages: 0, .. })) => {
                    empty_polls = if idle { empty_polls + 1 } else { 0 };
                    let is_last = !receiver.leaves_unless_last();
                    if is_last && idle && self.until == Until::Stopped {
                        // Nobody loads, so nobody else would notice that the database is away.
                        tokio::select! {
                            () = self.ask_database() => {}
                            () = self.stop.cancelled() => {}
                        }
                    }
                }
                Ok(Some(Received { prepared, .. })) => {
                    empty_polls = 0;
                    self.muster_receivers(&to_loaders);
                    if !prepared.is_empty() && to_loaders.send(prepared).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    self.metrics.queue_failed(&error);
                    // No outage that is over in a moment: it will be as large the next time.
                    if let QueueError::TooLarge { .. } = error {
                        tracing::warn!(%error, "an answer is not read; its messages stay in the queue");
                    }
                    self.queue_state.failed(began, error.kind(), &error);
                    if self.is_out_of_patience(&self.queue_state) {
                        return self.fail(RunError::Queue(error));
                    }
                    if !receiver.leaves_after_failure(error.retry_after()) {
                        self.pause_after(&error, &mut backoff, &self.stop).await;
                    }
                    continue;
                }
            }
            backoff.reset();
            self.queue_state.answered(began);
            let empty = empty_polls >= ONCE_EMPTY_POLLS;
            // Only the last receiver comes so far.
            if self.until == Until::QueueEmpty && empty && self.budget.is_idle() {
                return;
            }
        }
    }

    /// One receive, bounded by the budget; `None` when it was stopped, when waiting for room or for
    /// the database took too long, or when another receiver waits already.
    async fn receive_once(
        &self,
        preparer: &mut Preparer<'_>,
        receiver: &mut Member,
    ) -> Result<Option<Received>, QueueError> {
        let queue = &self.parts.queue;
        let room = tokio::select! {
            room = self.room(receiver) => room,
            () = self.stop.cancelled() => None,
        };
        let Some(room) = room else { return Ok(None) };
        let wait = match self.until {
            // A queue that is back is noticed soon.
            Until::Stopped if receiver.is_last() && self.queue_state.away_for().is_none() => {
                LONGEST_WAIT
            }
            Until::Stopped | Until::QueueEmpty => SHORT_WAIT,
        };
        let asked = Instant::now();
        let answer = tokio::select! {
            biased;
            answer = queue.receive(wait) => answer?,
            () = over_since(&self.stop, LAST_ANSWER) => return Ok(None),
        };
        // From here on messages are in flight. If no room for their bytes comes free before others
        // may have them, the connection is dropped unread.
        let since = Instant::now();
        // A fleet grows only while the budget has room for several answers as large as this one.
        let several = answer.size().saturating_mul(8);
        let at_once = room.at_once && self.budget.has_bytes(several);
        if !at_once {
            // The budget is spent: the database is the limit, and more receives would only wait.
            receiver.vote(Vote::Fewer);
        }
        let mut bytes = tokio::select! {
            biased;
            bytes = self.budget.bytes(answer.size()) => bytes,
            () = tokio::time::sleep(queue.terms().visibility) => {
                receiver.leaves_unless_last();
                return Ok(None);
            }
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
        add(&self.metrics.received, messages.len());
        let bodies = messages.iter().flatten().map(|message| message.body.len());
        add(&self.metrics.bytes, bodies.sum());
        if messages.len() >= MANY {
            self.metrics.took(Stage::Receive, since - asked);
        }
        if at_once {
            receiver.vote(match messages.len() {
                MANY.. => Vote::More(since - asked),
                ENOUGH..MANY => Vote::Same,
                _ => Vote::Fewer,
            });
        }
        let permit = Permit::new(room.permit, bytes, messages.len());
        let lease = self.leases.begin(since, permit, &messages);
        let began = Instant::now();
        let received = preparer.prepare(messages, &lease);
        self.metrics.took(Stage::Prepare, began.elapsed());
        Ok(Some(self.judge(received, room.turn).await))
    }
}

// --------------------------------------------------------------------------------------- load

type FromReceivers = Arc<tokio::sync::Mutex<mpsc::Receiver<Receive>>>;

impl DataPath {
    /// Loads batches, one after the other, until the receivers have ended and nothing waits.
    async fn load(self: Arc<Self>, from_receivers: FromReceivers) {
        let mut loading = Loading::new(&self);
        while let Some(mut batch) = self.next_batch(&from_receivers).await {
            self.give_back_rejects(&mut batch).await;
            // In order, from left to right: a batch that is too slow, or has a row that PostgreSQL
            // refuses, is taken in halves.
            let mut parts = vec![batch];
            while let Some(batch) = parts.pop() {
                match self.settle(&mut loading, batch).await {
                    Settled::Durable(durable) => self.hand_on(durable),
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
            self.at_work.send_modify(|loaders| *loaders -= 1);
        }
    }

    /// Everything that is waiting, up to the caps: at once where no other loader is at work, else when it is
    /// worth a transaction of its own, or the other is done. `None` once the receivers have ended and
    /// all is taken.
    async fn next_batch(&self, from_receivers: &FromReceivers) -> Option<Batch> {
        let mut waiting = from_receivers.lock().await;
        let mut at_work = self.at_work.subscribe();
        let size = |receive: &Receive| receive.iter().map(Prepared::size).sum::<usize>();
        let mut batch = waiting.recv().await?;
        let mut bytes = size(&batch);
        while batch.len() < self.most_rows() && bytes < MOST_BYTES {
            let receive = match waiting.try_recv() {
                Ok(receive) => Some(receive),
                Err(_) if batch.len() >= WORTH_ANOTHER => None,
                Err(_) => tokio::select! {
                    biased;
                    _ = at_work.wait_for(|loaders| *loaders == 0) => None,
                    receive = waiting.recv() => receive,
                },
            };
            let Some(receive) = receive else { break };
            bytes += size(&receive);
            batch.extend(receive);
        }
        self.at_work.send_modify(|loaders| *loaders += 1);
        Some(batch)
    }

    async fn keep_ledger(self: Arc<Self>) {
        upkeep::keep(
            &self.parts,
            &self.metrics,
            self.until,
            UPKEEP_EVERY,
            &self.stop,
        )
        .await;
    }

    fn most_rows(&self) -> usize {
        self.row_cap.load(Ordering::Relaxed)
    }
}

// -------------------------------------------------------------------------------- acknowledge

impl DataPath {
    /// Hands on what is durable. Deleters run where the loaders do.
    fn hand_on(self: &Arc<Self>, durable: Vec<Durable>) {
        let mut waiting = self.to_delete.lock();
        waiting.extend(durable);
        self.muster_deleters(&waiting);
    }

    /// Deletes what is durable, until nothing waits or there are too many deleters.
    async fn acknowledge(self: Arc<Self>, mut deleter: Member) {
        while let Some(durable) = self.next_deletes(&mut deleter) {
            let is_full = durable.len() == MOST_ENTRIES;
            let began = Instant::now();
            if !self.delete(&mut deleter, durable).await {
                continue;
            }
            let waiting = self.to_delete.lock();
            deleter.vote(if is_full && waiting.len() >= MOST_ENTRIES {
                Vote::More(began.elapsed())
            } else {
                Vote::Fewer
            });
            self.muster_deleters(&waiting);
        }
    }
}
