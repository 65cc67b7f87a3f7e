//! Loading a batch: claim, then copy, then commit, in one transaction.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Class, DatabaseError, Durable, Step,
    conninfo::ConnectionSettings,
    identity, ledger,
    quarantine::{self, Rejected},
    transaction::{Committed, Transaction},
};
use crate::{
    config::{Identity, Pipeline, TableName, pipeline::quote_identifier},
    decode::RejectionCode,
    delivery::Receipt,
    mask::Masked,
};

/// A server that hangs without closing the connection is given up after this time; its own
/// `statement_timeout` ends a live statement before.
const TRANSACTION_DEADLINE: Duration = Duration::from_mins(1);

/// What shall become of a message.
pub enum Fate {
    /// A row for the target table, and the message itself, should PostgreSQL refuse the row.
    Load(Masked, Original),
    /// An entry for the quarantine.
    Quarantine(Rejected),
}

/// A message as it was received; its body holds personal data in clear.
pub struct Original {
    /// The event, as text.
    pub body: String,
    /// When the message was sent, in milliseconds since 1970-01-01 UTC.
    pub sent_at_millis: i64,
}

/// A message that has been decoded and masked, or rejected.
pub struct Prepared {
    /// Its key in the ledger.
    pub key: Uuid,
    /// What shall become of it.
    pub fate: Fate,
    /// What settles its delivery.
    pub receipt: Receipt,
}

impl Prepared {
    /// What its event is known by, if it is to be loaded and that goes by its value.
    fn event(&self) -> Option<Uuid> {
        match &self.fate {
            Fate::Load(masked, _) => masked.identity(),
            Fate::Quarantine(_) => None,
        }
    }

    /// How many bytes it puts into the batch's buffers.
    pub fn size(&self) -> usize {
        match &self.fate {
            Fate::Load(masked, _) => masked.row().len(),
            Fate::Quarantine(rejected) => rejected.size(),
        }
    }
}

/// What goes into one transaction, in the order in which it was received.
pub type Batch = Vec<Prepared>;

/// What a committed transaction did, in messages.
pub struct Loaded {
    /// Rows in the target table.
    pub loaded: usize,
    /// Why those are in the quarantine that are.
    pub quarantined: Vec<RejectionCode>,
    /// When those of both were sent, in milliseconds since 1970-01-01 UTC.
    pub sent: Vec<u64>,
    /// Messages that had been claimed before, or stood twice in the batch.
    pub duplicates: usize,
    /// Every delivery of the batch, ready to be deleted; of a message that stands twice in it, the
    /// newest.
    pub durable: Vec<Durable>,
}

/// A batch that was not loaded, and why.
pub struct Unloaded {
    /// The batch, whole.
    pub batch: Batch,
    /// The reason.
    pub cause: Cause,
}

/// Why a batch was not loaded.
pub enum Cause {
    /// The database failed. Nothing of the batch has become durable, unless it was the answer to
    /// COMMIT that got lost: loading the same batch again finds that out.
    Failed(DatabaseError),
    /// These messages, which are not in the batch any more, are of days that the ledger has dropped:
    /// nobody knows whether they were loaded, so they are not loaded again. The batch can go on.
    Forgotten(Batch),
    /// The run is ending.
    Abandoned,
}

impl From<DatabaseError> for Cause {
    fn from(error: DatabaseError) -> Self {
        Self::Failed(error)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// All keys are new, as nearly always: one COPY.
    Optimistic,
    /// Some keys may be there already: an INSERT that returns the new ones.
    Careful,
}

/// One connection that loads batches into one table.
pub struct Loader {
    settings: Arc<ConnectionSettings>,
    target: Arc<Target>,
    client: Option<Client>,
    claim: Claim,
}

/// Where batches go.
pub struct Target {
    copy: String,
    queue_arn: String,
    pipeline: String,
    /// For how many days an event is known again, where that goes by its value.
    retention_days: Option<u16>,
}

impl Target {
    /// The table of a pipeline as it was found, fed from one queue.
    pub fn new(pipeline: &Pipeline, table: &TableName, queue_arn: &str) -> Self {
        Self {
            copy: copy_statement(pipeline, table),
            queue_arn: queue_arn.to_owned(),
            pipeline: pipeline.name.clone(),
            retention_days: match &pipeline.identity {
                Identity::MessageId => None,
                Identity::Value(value) => Some(value.retention_days),
            },
        }
    }
}

/// The COPY of a pipeline's columns into its table as it was found.
pub(super) fn copy_statement(pipeline: &Pipeline, table: &TableName) -> String {
    let columns: Vec<_> = pipeline
        .columns
        .iter()
        .map(|column| quote_identifier(&column.name))
        .collect();
    format!(
        "COPY {} ({}) FROM STDIN (FORMAT binary)",
        table.quoted(),
        columns.join(", ")
    )
}

impl Loader {
    /// A loader that connects when it first loads.
    pub fn new(settings: Arc<ConnectionSettings>, target: Arc<Target>) -> Self {
        Self {
            settings,
            target,
            client: None,
            claim: Claim::Optimistic,
        }
    }

    /// Loads a batch in one transaction: all of it or nothing. Until COMMIT is sent it can be
    /// abandoned; from then on its answer is waited for.
    ///
    /// # Errors
    ///
    /// The batch, and why it was not loaded.
    pub async fn load(
        &mut self,
        batch: Batch,
        abandon: &CancellationToken,
    ) -> Result<Loaded, Unloaded> {
        let mut partitions_added = false;
        loop {
            let error = match self.attempt(&batch, abandon).await {
                Ok((written, committed)) => return Ok(settled(batch, written, &committed)),
                Err(Cause::Failed(error)) => error,
                Err(cause @ (Cause::Abandoned | Cause::Forgotten(_))) => {
                    return Err(Unloaded { batch, cause });
                }
            };
            let mended = match error.class() {
                Class::Redelivery if self.claim == Claim::Optimistic => {
                    self.claim = Claim::Careful;
                    Ok(())
                }
                Class::MissingPartition if !partitions_added => {
                    partitions_added = true;
                    match self.add_partitions(&batch).await {
                        Ok(dropped) if dropped.is_empty() => Ok(()),
                        Ok(dropped) => return Err(without(batch, &dropped)),
                        Err(error) => Err(error),
                    }
                }
                Class::Redelivery
                | Class::MissingPartition
                | Class::Row
                | Class::Transient
                | Class::TooSlow
                | Class::Setup
                | Class::Unknown => Err(error),
            };
            if let Err(error) = mended {
                return Err(Unloaded {
                    batch,
                    cause: Cause::Failed(error),
                });
            }
        }
    }

    async fn attempt(
        &mut self,
        batch: &Batch,
        abandon: &CancellationToken,
    ) -> Result<(Written, Committed), Cause> {
        let (transaction, written) = tokio::select! {
            written = in_time(Step::Load, self.write(batch)) => written?,
            () = abandon.cancelled() => return Err(Cause::Abandoned),
        };
        let (committed, client) = in_time(Step::Commit, transaction.commit()).await?;
        self.client = Some(client);
        // Duplicates seldom come alone: stay careful until a batch has none.
        if !written.redelivered {
            self.claim = Claim::Optimistic;
        }
        Ok((written, committed))
    }

    async fn write(&mut self, batch: &Batch) -> Result<(Transaction, Written), DatabaseError> {
        let transaction = Transaction::begin(self.connection().await?).await?;
        match write(&transaction, &self.target, batch, self.claim).await {
            Ok(written) => Ok((transaction, written)),
            Err(error) => {
                self.client = transaction.roll_back().await;
                Err(error)
            }
        }
    }

    /// Adds what is missing: the days whose partition was dropped.
    async fn add_partitions(&mut self, batch: &Batch) -> Result<Vec<i64>, DatabaseError> {
        let adding = async {
            let transaction = Transaction::begin(self.connection().await?).await?;
            let dropped = ledger::add_partitions(&transaction, &sorted_keys(batch)).await?;
            Ok((dropped, transaction.commit().await?))
        };
        let (dropped, (_, client)) = in_time(Step::Partition, adding).await?;
        self.client = Some(client);
        Ok(dropped)
    }

    /// The connection that is open, or a new one. It is taken out, and put back only in a known
    /// state: whatever else happens, it is closed.
    async fn connection(&mut self) -> Result<Client, DatabaseError> {
        match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => Ok(client),
            None => Ok(self.settings.connect().await?),
        }
    }
}

/// Sets the messages of these days apart.
fn without(batch: Batch, dropped: &[i64]) -> Unloaded {
    let (forgotten, batch) = batch
        .into_iter()
        .partition(|message| dropped.contains(&ledger::day(&message.key)));
    Unloaded {
        batch,
        cause: Cause::Forgotten(forgotten),
    }
}

/// Whether the server is there and lets a transaction begin that may write.
///
/// # Errors
///
/// Why not.
pub async fn ask(settings: &ConnectionSettings) -> Result<(), DatabaseError> {
    let asking = async {
        let transaction = Transaction::begin(settings.connect().await?).await?;
        transaction.roll_back().await;
        Ok(())
    };
    in_time(Step::Begin, asking).await
}

/// Gives up a server that hangs, once the deadline of a transaction is over.
pub(super) async fn in_time<T>(
    step: Step,
    work: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    tokio::time::timeout(TRANSACTION_DEADLINE, work)
        .await
        .unwrap_or_else(|_| {
            let seconds = TRANSACTION_DEADLINE.as_secs();
            Err(DatabaseError::NoAnswer { step, seconds })
        })
}

/// A committed batch: every delivery of it may be deleted, loaded now or before.
fn settled(batch: Batch, written: Written, committed: &Committed) -> Loaded {
    let mut receipts: Vec<_> = batch.into_iter().map(|message| message.receipt).collect();
    // What stands twice in the batch is deleted by its newest receipt handle, the one that counts.
    if written.duplicates > 0 {
        Receipt::keep_newest(&mut receipts);
    }
    let durable = receipts
        .into_iter()
        .map(|receipt| Durable::new(receipt, committed));
    Loaded {
        loaded: written.loaded,
        quarantined: written.quarantined,
        sent: written.sent,
        duplicates: written.duplicates,
        durable: durable.collect(),
    }
}

struct Written {
    loaded: usize,
    sent: Vec<u64>,
    quarantined: Vec<RejectionCode>,
    duplicates: usize,
    /// Whether a message was claimed before; a value that was loaded before does not count.
    redelivered: bool,
}

/// Claims the batch's keys and copies what is new.
async fn write(
    transaction: &Transaction,
    target: &Target,
    batch: &Batch,
    claim: Claim,
) -> Result<Written, DatabaseError> {
    let keys = sorted_keys(batch);
    let claimed = match claim {
        Claim::Optimistic => {
            ledger::claim_all(transaction, &keys).await?;
            keys
        }
        Claim::Careful => ledger::claim_what_is_new(transaction, &keys).await?,
    };
    let mut new = only_new(batch, &claimed);
    let redelivered = new.len() < batch.len();
    if let Some(days) = target.retention_days {
        new = only_new_events(transaction, new, days).await?;
    }

    let (mut rows, mut rejected) = (Vec::with_capacity(new.len()), Vec::new());
    for message in &new {
        match &message.fate {
            Fate::Load(masked, _) => rows.push(masked.row()),
            Fate::Quarantine(entry) => rejected.push((message.key, entry)),
        }
    }
    let loaded = rows.len();
    if loaded > 0 {
        transaction.copy(Step::Rows, &target.copy, rows).await?;
    }
    if !rejected.is_empty() {
        quarantine::copy(transaction, &target.queue_arn, &target.pipeline, &rejected).await?;
    }
    let duplicates = batch.len() - new.len();
    let sent = new.iter().map(|one| ledger::sent_at_millis(&one.key));
    Ok(Written {
        loaded,
        sent: sent.collect(),
        quarantined: rejected.iter().map(|(_, entry)| entry.code()).collect(),
        duplicates,
        redelivered,
    })
}

/// The batch's keys in order, each once: a common order keeps two loaders from deadlocking.
fn sorted_keys(batch: &Batch) -> Vec<Uuid> {
    let mut keys: Vec<Uuid> = batch.iter().map(|message| message.key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The messages whose key this transaction claimed, in the order of the batch, each once.
fn only_new<'b>(batch: &'b Batch, claimed: &[Uuid]) -> Vec<&'b Prepared> {
    // Each key once, and all of them claimed, as nearly always: there is nothing to look up.
    if claimed.len() == batch.len() {
        return batch.iter().collect();
    }
    let mut claimed: HashSet<Uuid> = claimed.iter().copied().collect();
    batch
        .iter()
        .filter(|message| claimed.remove(&message.key))
        .collect()
}

/// Those of them whose event this transaction claimed, in the same order; of equal ones the first. What
/// is to be quarantined is known by its message alone, so that a corrected event is not taken for its
/// own duplicate.
async fn only_new_events<'b>(
    transaction: &Transaction,
    messages: Vec<&'b Prepared>,
    retention_days: u16,
) -> Result<Vec<&'b Prepared>, DatabaseError> {
    // In order, each once: as with the ledger, which every transaction claims first.
    let mut events: Vec<Uuid> = messages.iter().filter_map(|one| one.event()).collect();
    events.sort_unstable();
    events.dedup();
    if events.is_empty() {
        return Ok(messages);
    }
    let claimed = identity::claim(transaction, &events, retention_days).await?;
    let mut claimed: HashSet<Uuid> = claimed.into_iter().collect();
    let is_new = |message: &&Prepared| message.event().is_none_or(|event| claimed.remove(&event));
    Ok(messages.into_iter().filter(is_new).collect())
}
