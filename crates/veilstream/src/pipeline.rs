//! The data path, top to bottom: receive, prepare (decode and mask), load, acknowledge.
//!
//! Receivers end first, when they are told to stop or the queue is empty; that closes the channel
//! to the loaders, which load what is in it and end; that closes the channel to the deleters.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use md5::{Digest, Md5};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    acknowledge,
    backoff::Backoff,
    counters::{Counters, add},
    decode::{Decoder, Envelope},
    delivery::{Delivery, Durable, Left, Receipt},
    load::{
        Batch, Class, Committed, DatabaseError, Fate, Loaded, Loader, Prepared, Target,
        conninfo::ConnectionSettings,
        ledger,
        quarantine::{Origin, Rejected, SealingError},
    },
    mask::Masking,
    reachability::Reachability,
    source::{Budget, Message, Permit, Queue, QueueError},
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
/// A receive asks for as many as SQS gives (Amazon SQS API reference, ReceiveMessage).
const MOST_MESSAGES: u32 = 10;
/// SQS lets a receive wait at most this long (Amazon SQS API reference, ReceiveMessage).
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// After a stop, receives that are under way have so long for their answer: SQS may have taken
/// messages for them already, which would stay hidden until their visibility time-out ends.
const LAST_ANSWER: Duration = Duration::from_millis(500);
/// With `--once`: a receiver ends after so many empty polls of this length in a row.
const ONCE_WAIT: Duration = Duration::from_secs(1);
const ONCE_EMPTY_POLLS: u32 = 2;
/// With `--once`: how long the queue or the database may stay away.
const ONCE_PATIENCE: Duration = Duration::from_mins(1);
/// An error that the table does not know is tried so often, then the batch is left.
const UNKNOWN_TRIES: u32 = 5;
/// How long what is in flight may take to settle after a stop.
const DRAIN_DEADLINE: Duration = Duration::from_secs(20);
/// How long the tasks have to end after that.
const ABANDON_DEADLINE: Duration = Duration::from_secs(5);

/// Everything that the data path works with; made by [`crate::startup`].
pub struct Parts {
    /// The queue, reached.
    pub queue: Queue,
    /// Where the loaders connect to.
    pub database: Arc<ConnectionSettings>,
    /// Where rows go.
    pub target: Arc<Target>,
    /// From body to typed columns.
    pub decoder: Decoder,
    /// From typed columns to a masked row.
    pub masking: Masking,
    /// Seals what is rejected.
    pub keyset: masking::Keyset,
}

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
    let path = Arc::new(DataPath {
        parts,
        until,
        counters,
        stop,
        abandon: CancellationToken::new(),
        budget: Budget::new(BUDGET_MESSAGES, BUDGET_BYTES),
        queue_state: Reachability::new("the queue"),
        database_state: Reachability::new("the database"),
        failure: Mutex::new(None),
    });
    let tasks = TaskTracker::new();
    // Bounded by the budget as well: every message in a channel holds its permit.
    let (to_loaders, from_receivers) = mpsc::channel(BUDGET_MESSAGES as usize);
    let (to_deleters, from_loaders) = mpsc::channel(BUDGET_MESSAGES as usize);
    let from_receivers = Arc::new(tokio::sync::Mutex::new(from_receivers));
    let from_loaders = Arc::new(tokio::sync::Mutex::new(from_loaders));
    for _ in 0..RECEIVERS {
        tasks.spawn(Arc::clone(&path).receive(to_loaders.clone()));
    }
    for _ in 0..LOADERS {
        tasks.spawn(Arc::clone(&path).load(Arc::clone(&from_receivers), to_deleters.clone()));
    }
    for _ in 0..DELETERS {
        tasks.spawn(Arc::clone(&path).acknowledge(Arc::clone(&from_loaders)));
    }
    drop((to_loaders, to_deleters, from_receivers, from_loaders));
    tasks.close();
    path.wait_for(&tasks).await;
    let failure = path.failure.lock().take();
    failure.map_or(Ok(()), Err)
}

/// What all tasks of a run share.
struct DataPath {
    parts: Parts,
    until: Until,
    counters: Arc<Counters>,
    /// No more receives; what is in flight is settled.
    stop: CancellationToken,
    /// No more loading either; what is in flight is given back.
    abandon: CancellationToken,
    budget: Budget,
    queue_state: Reachability,
    database_state: Reachability,
    failure: Mutex<Option<RunError>>,
}

/// The messages of one receive, in order. They are never split over batches: of a FIFO queue's
/// group, SQS delivers nothing more while they are in flight.
type Receive = Vec<Prepared>;
type Shared<T> = Arc<tokio::sync::Mutex<mpsc::Receiver<T>>>;

/// A receiver's own copies of the stages that need a scratch buffer.
struct Stages {
    masking: Masking,
    sealer: masking::Sealer,
}

// ------------------------------------------------------------------------------------ receive

impl DataPath {
    /// Receives, prepares and hands on, until stopped or, if so asked, the queue is empty.
    async fn receive(self: Arc<Self>, to_loaders: mpsc::Sender<Receive>) {
        let mut stages = Stages {
            masking: self.parts.masking.clone(),
            sealer: self.parts.keyset.sealer(),
        };
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
        let mut empty_polls = 0;
        while !self.stop.is_cancelled() {
            match self.receive_once(&mut stages).await {
                Ok(Some(received)) if received.is_empty() => empty_polls += 1,
                Ok(Some(received)) => {
                    empty_polls = 0;
                    if to_loaders.send(received).await.is_err() {
                        return;
                    }
                }
                Ok(None) => continue,
                Err(error) => {
                    self.queue_state.failed(&error);
                    if self.is_out_of_patience(&self.queue_state) {
                        return self.fail(RunError::Queue(error));
                    }
                    self.pause(&mut backoff, &self.stop).await;
                    continue;
                }
            }
            backoff.reset();
            self.queue_state.answered();
            // What is in flight may hold back more: the rest of a FIFO queue's group, or itself if
            // its visibility time-out ends first.
            let empty = empty_polls >= ONCE_EMPTY_POLLS && self.budget.is_idle();
            if self.until == Until::QueueEmpty && empty {
                return;
            }
        }
    }

    /// One receive, bounded by the budget; `None` when it was stopped or no room came free.
    async fn receive_once(&self, stages: &mut Stages) -> Result<Option<Receive>, QueueError> {
        let wait = match self.until {
            Until::Stopped => LONGEST_WAIT,
            Until::QueueEmpty => ONCE_WAIT,
        };
        let queue = &self.parts.queue;
        let room = tokio::select! {
            room = self.budget.messages(MOST_MESSAGES) => room,
            () = self.stop.cancelled() => return Ok(None),
        };
        let answer = tokio::select! {
            answer = queue.receive(wait) => answer?,
            () = self.stopped_for(LAST_ANSWER) => return Ok(None),
        };
        // From here on messages are in flight. If no room for their bytes comes free before others
        // may have them, the connection is dropped unread.
        let lease = queue.settings().visibility_timeout;
        let Ok(bytes) = tokio::time::timeout(lease, self.budget.bytes(answer.size())).await else {
            tracing::debug!("no room for a receive within its visibility time-out");
            return Ok(None);
        };
        let body = answer.read().await?;
        let messages = queue.client().messages(&body)?;
        add(&self.counters.received, messages.len());
        let permit = Arc::new(Permit::new(room, bytes, messages.len()));
        let prepare = |message| self.prepare(stages, accept(message, &permit)?);
        let outcomes: Vec<_> = messages.into_iter().map(prepare).collect();
        Ok(Some(self.without_left(outcomes)))
    }

    /// Waits until the run has been stopped for some time.
    async fn stopped_for(&self, time: Duration) {
        self.stop.cancelled().await;
        tokio::time::sleep(time).await;
    }

    /// Keeps what can go on; what is left is counted, and SQS delivers it again.
    fn without_left(&self, outcomes: Vec<Result<Prepared, LeaveReason>>) -> Receive {
        let mut receive = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            match outcome {
                Ok(prepared) => receive.push(prepared),
                Err(reason) => {
                    add(&self.counters.left, 1);
                    tracing::warn!(%reason, "a message is left in the queue");
                }
            }
        }
        receive
    }

    // -------------------------------------------------------------------------------- prepare

    /// Decodes and masks a message; one that is rejected is sealed for the quarantine.
    fn prepare(&self, stages: &mut Stages, delivery: Delivery) -> Result<Prepared, LeaveReason> {
        let Delivery {
            message_id,
            body,
            sent_at_millis,
            receipt,
        } = delivery;
        let queue_arn = &self.parts.queue.settings().arn;
        let key = ledger::key(queue_arn, &message_id, sent_at_millis);
        let envelope = Envelope {
            message_id: &message_id,
            sent_at_millis,
        };
        let decoded = self.parts.decoder.decode(&body, &envelope);
        let fate = match decoded.and_then(|decoded| stages.masking.apply(decoded)) {
            Ok(masked) => Fate::Load(masked),
            Err(rejection) => {
                let origin = Origin {
                    id: key,
                    queue_arn,
                    message_id: &message_id,
                    sent_at_millis,
                };
                Fate::Quarantine(Rejected::seal(
                    &mut stages.sealer,
                    &origin,
                    rejection,
                    &body,
                )?)
            }
        };
        Ok(Prepared { key, fate, receipt })
    }
}

/// Why a message is left in the queue before it was decoded.
#[derive(Debug, thiserror::Error)]
enum LeaveReason {
    #[error("its body is not what its MD5 digest says")]
    WrongDigest,
    #[error("the server gave no SentTimestamp, without which a redelivery cannot be known")]
    NoSentTimestamp,
    #[error(transparent)]
    Sealing(#[from] SealingError),
}

/// Takes a message as delivered if it arrived whole.
fn accept(message: Message<'_>, permit: &Arc<Permit>) -> Result<Delivery, LeaveReason> {
    let digest = message
        .md5_of_body
        .as_deref()
        .ok_or(LeaveReason::WrongDigest)?;
    if !is_md5_of(digest, &message.body) {
        return Err(LeaveReason::WrongDigest);
    }
    let sent_at_millis = message
        .sent_at_millis()
        .ok_or(LeaveReason::NoSentTimestamp)?;
    Ok(Delivery {
        message_id: message.message_id.into(),
        body: message.body.into_owned(),
        sent_at_millis,
        receipt: Receipt::new(message.receipt_handle.into(), Arc::clone(permit)),
    })
}

fn is_md5_of(hexadecimal: &str, body: &str) -> bool {
    let digest = Md5::digest(body);
    hexadecimal.len() == 2 * digest.len()
        && hexadecimal
            .as_bytes()
            .chunks(2)
            .zip(digest)
            .all(|(pair, byte)| format!("{byte:02x}").as_bytes().eq_ignore_ascii_case(pair))
}

// --------------------------------------------------------------------------------------- load

impl DataPath {
    /// Loads batches, one after the other, until the receivers have ended and nothing waits.
    async fn load(
        self: Arc<Self>,
        from_receivers: Shared<Receive>,
        to_deleters: mpsc::Sender<Vec<Durable>>,
    ) {
        let mut loader = Loader::new(
            Arc::clone(&self.parts.database),
            Arc::clone(&self.parts.target),
        );
        while let Some(batch) = next_batch(&from_receivers).await {
            let durable = match self.load_until_settled(&mut loader, &batch).await {
                Verdict::Durable(committed) => batch
                    .into_iter()
                    .map(|message| Durable::new(message.receipt, &committed))
                    .collect::<Vec<_>>(),
                Verdict::Leave => {
                    self.leave(batch).await;
                    continue;
                }
            };
            let mut durable = durable.into_iter();
            loop {
                let entries: Vec<_> = durable.by_ref().take(acknowledge::MOST_ENTRIES).collect();
                if entries.is_empty() || to_deleters.send(entries).await.is_err() {
                    break;
                }
            }
        }
    }

    /// Loads a batch, trying again as long as that can help.
    async fn load_until_settled(&self, loader: &mut Loader, batch: &Batch) -> Verdict {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(10));
        let mut unknown = 0;
        loop {
            if self.abandon.is_cancelled() {
                return Verdict::Leave;
            }
            let began = Instant::now();
            let result = tokio::select! {
                result = loader.load(batch) => result,
                () = self.abandon.cancelled() => return Verdict::Leave,
            };
            let error = match result {
                Ok(loaded) => {
                    self.database_state.answered();
                    return Verdict::Durable(self.count(loaded, began));
                }
                Err(error) => error,
            };
            match error.class() {
                Class::Transient => {
                    self.database_state.failed(&error);
                    if self.is_out_of_patience(&self.database_state) {
                        self.fail(RunError::Database(error));
                        return Verdict::Leave;
                    }
                }
                Class::Row | Class::Setup => {
                    self.fail(RunError::Database(error));
                    return Verdict::Leave;
                }
                Class::Unknown | Class::Redelivery | Class::MissingPartition => {
                    unknown += 1;
                    if unknown == UNKNOWN_TRIES {
                        tracing::error!(%error, messages = batch.len(), "a batch is left in the queue");
                        return Verdict::Leave;
                    }
                }
            }
            self.pause(&mut backoff, &self.abandon).await;
        }
    }

    fn count(&self, loaded: Loaded, began: Instant) -> Committed {
        let Loaded {
            loaded,
            quarantined,
            duplicates,
            committed,
        } = loaded;
        add(&self.counters.loaded, loaded);
        add(&self.counters.quarantined, quarantined);
        add(&self.counters.duplicates, duplicates);
        let seconds = began.elapsed().as_secs_f64();
        tracing::debug!(
            loaded,
            quarantined,
            duplicates,
            seconds,
            "committed a batch"
        );
        committed
    }

    /// Gives a batch back to the queue at once if the run is ending; else its visibility time-out
    /// decides, so that it is not taken again straight away.
    async fn leave(&self, batch: Batch) {
        add(&self.counters.left, batch.len());
        if self.abandon.is_cancelled() {
            let left = batch
                .into_iter()
                .map(|message| Left(message.receipt))
                .collect();
            acknowledge::give_back(&self.parts.queue, left).await;
        }
    }
}

/// What became of a batch.
enum Verdict {
    /// It is committed; here is the proof.
    Durable(Committed),
    /// It stays in the queue.
    Leave,
}

/// Everything that is waiting, up to the caps; waits only while nothing is there. `None` once the
/// receivers have ended and all is taken.
async fn next_batch(from_receivers: &Shared<Receive>) -> Option<Batch> {
    let mut waiting = from_receivers.lock().await;
    let mut batch = waiting.recv().await?;
    let mut bytes: usize = batch.iter().map(Prepared::size).sum();
    while batch.len() < MOST_ROWS
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
            acknowledge::delete(&self.parts.queue, durable, &self.counters, &self.abandon).await;
        }
    }

    // ------------------------------------------------------------------------------ the ending

    /// Waits for all tasks; once stopped, they have a deadline.
    async fn wait_for(&self, tasks: &TaskTracker) {
        tokio::select! {
            () = tasks.wait() => return,
            () = self.stop.cancelled() => {}
        }
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

    /// Ends the run with an error; the first one counts.
    fn fail(&self, error: RunError) {
        self.failure.lock().get_or_insert(error);
        self.abandon.cancel();
        self.stop.cancel();
    }

    /// Whether a run with an end has waited long enough for a service.
    fn is_out_of_patience(&self, service: &Reachability) -> bool {
        self.until == Until::QueueEmpty
            && service.away_for().is_some_and(|away| away >= ONCE_PATIENCE)
    }

    async fn pause(&self, backoff: &mut Backoff, unless: &CancellationToken) {
        tokio::select! {
            () = tokio::time::sleep(backoff.next_delay()) => {}
            () = unless.cancelled() => {}
        }
    }
}
