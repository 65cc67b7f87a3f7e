//! Replaying: what was rejected is opened, decoded and masked as the configuration says today, and
//! its row loaded, each entry in a transaction of its own.
//!
//! An entry is loaded once, whatever fails: its row and its state commit together, and the state is
//! looked at under a lock on the entry. So an answer to COMMIT that was lost, or a replay that was
//! killed, is made good by replaying again.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant, SystemTime},
};

use serde::Serialize;
use tokio_postgres::{Client, Row, types::ToSql};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    super::{
        Class, DatabaseError, Step, conninfo::ConnectionSettings, key_set::KeySetError,
        loader::in_time, transaction::Transaction,
    },
    State,
    listing::OPEN_ELSEWHERE,
    settlement::{Outcome, Replay, Still},
};
use crate::{
    audit::{
        Opening,
        database::{AppendError, append_in},
    },
    backoff::Backoff,
};

/// How long a database that is away, or busy, is waited for at one entry.
const PATIENCE: Duration = Duration::from_mins(1);
/// So often a row is tried that takes too long, or fails for a reason which is neither the table's, nor
/// passing, nor known; then it counts as refused, so that it does not hold up the entries behind it. (Two
/// statements that take too long are shorter than [`PATIENCE`].)
const HOPELESS_TRIES: u32 = 2;
/// Entries are looked up so many at a time; an id takes 16 bytes.
const PAGE_ENTRIES: i64 = 500;

const ASKED: &str = "SELECT id, pipeline, state FROM veilstream.quarantine WHERE id = ANY ($1)";
/// What comes into quarantine after the beginning is left to the next replay: this one ends.
const BEGINNING: &str = "SELECT now(), count(*) FROM veilstream.quarantine \
    WHERE state = 'open' AND pipeline = $1 AND ($2::text IS NULL OR reason = $2)";
const PAGE: &str = "SELECT id, quarantined_at FROM veilstream.quarantine \
    WHERE state = 'open' AND pipeline = $1 AND ($2::text IS NULL OR reason = $2) \
    AND (quarantined_at, id) > ($3, $4) AND quarantined_at <= $5 \
    ORDER BY quarantined_at, id LIMIT $6";
/// Which entries to replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// These.
    Ids(Vec<Uuid>),
    /// All that are open, or those of them with this reason's code.
    Open(Option<String>),
}

/// What a replay did, in entries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Rows that are loaded now.
    pub replayed: u64,
    /// Entries of which a row of the same identity was there.
    pub duplicates: u64,
    /// Entries that were settled before, or by somebody else meanwhile.
    pub settled_before: u64,
    /// Entries that stay open, by their reason's code as it is now.
    pub still_rejected: BTreeMap<&'static str, u64>,
    /// Entries that stay open since their originals do not open.
    pub unopened: u64,
}

impl Totals {
    /// How many entries it looked at.
    pub fn entries(&self) -> u64 {
        self.replayed + self.duplicates + self.settled_before + self.open()
    }

    /// How many of them stay open.
    pub fn open(&self) -> u64 {
        self.still_rejected.values().sum::<u64>() + self.unopened
    }
}

/// Why nothing, or nothing more, is replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The database failed. What is settled stays so; replaying again goes on from there.
    #[error("{0}. Replaying again goes on where this one stopped")]
    Database(#[from] DatabaseError),
    /// It failed at one entry.
    #[error(
        "at entry {id}: {error}. Replaying again goes on with it; others can be replayed by their ids"
    )]
    Entry {
        /// The entry; it stays open.
        id: Uuid,
        /// How it failed.
        error: DatabaseError,
    },
    /// The key set may not be used any more.
    #[error("{0}. What is replayed stays so")]
    KeySet(KeySetError),
    /// The trail was not written, so nothing was opened.
    #[error("nothing is replayed without its trail: {0}")]
    NoTrail(#[from] AppendError),
    /// There is no such entry.
    #[error("there is no entry {0} in quarantine; nothing is replayed")]
    Unknown(Uuid),
    /// It is not this pipeline's.
    #[error(
        "entry {id} is of pipeline {theirs}, and this is pipeline {ours}: replay it with the \
         configuration of {theirs}. Nothing is replayed"
    )]
    OtherPipeline {
        /// The entry.
        id: Uuid,
        /// Its pipeline.
        theirs: String,
        /// The configured one.
        ours: String,
    },
    /// Its original is gone.
    #[error("entry {0} was discarded and its original erased; nothing is replayed")]
    Discarded(Uuid),
}

/// Loads entries, one after the other, over one connection.
pub struct Replayer {
    settings: ConnectionSettings,
    replay: Replay,
    stop: CancellationToken,
    client: Option<Client>,
    totals: Totals,
}

impl Replayer {
    /// A replayer that connects when it first has to, and ends between two entries when it is
    /// stopped.
    pub fn new(settings: ConnectionSettings, replay: Replay, stop: CancellationToken) -> Self {
        Self {
            settings,
            replay,
            stop,
            client: None,
            totals: Totals::default(),
        }
    }

    /// What was done so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Replays what is asked for, until it is through or stopped. `progress` hears after each entry
    /// what was done so far, and of how many.
    ///
    /// # Errors
    ///
    /// Why nothing more is replayed; [`totals`](Self::totals) tells what is.
    pub async fn run(
        &mut self,
        asked: Asked,
        mut progress: impl FnMut(&Totals, u64),
    ) -> Result<(), ReplayError> {
        match asked {
            Asked::Ids(mut ids) => {
                let mut seen = HashSet::new();
                ids.retain(|id| seen.insert(*id));
                self.check(&ids).await?;
                self.leave_trail().await?;
                let all = ids.len() as u64;
                for id in ids {
                    self.settle(id, true).await?;
                    progress(&self.totals, all);
                }
            }
            Asked::Open(code) => self.run_open(code.as_deref(), progress).await?,
        }
        Ok(())
    }

    /// All that are open by now, the oldest first.
    async fn run_open(
        &mut self,
        code: Option<&str>,
        mut progress: impl FnMut(&Totals, u64),
    ) -> Result<(), ReplayError> {
        let pipeline = self.replay.pipeline.clone();
        let counted = |row: &Row| (row.get::<_, SystemTime>(0), row.get::<_, i64>(1));
        let beginning = self.read(BEGINNING, &[&pipeline, &code], counted).await?;
        let (until, all) = *beginning.first().expect("a count has a row");
        let all = u64::try_from(all).unwrap_or(0);
        let mut after = (SystemTime::UNIX_EPOCH, Uuid::nil());
        if all == 0 {
            return self.tell_of_others(code).await;
        }
        self.leave_trail().await?;
        // What another replay holds just now is looked at again at the end.
        let mut held = Vec::new();
        loop {
            let (time, id) = after;
            let page: [&(dyn ToSql + Sync); 6] =
                [&pipeline, &code, &time, &id, &until, &PAGE_ENTRIES];
            let place = |row: &Row| (row.get(1), row.get(0));
            let entries: Vec<(SystemTime, Uuid)> = self.read(PAGE, &page, place).await?;
            let Some(&last) = entries.last() else { break };
            after = last;
            for (_, id) in entries {
                if !self.settle(id, false).await? {
                    held.push(id);
                }
                progress(&self.totals, all);
            }
        }
        for id in held {
            self.settle(id, true).await?;
            progress(&self.totals, all);
        }
        Ok(())
    }

    /// Nothing is open of what is asked for: whether that can be by mistake.
    async fn tell_of_others(&mut self, code: Option<&str>) -> Result<(), ReplayError> {
        let pipeline = self.replay.pipeline.clone();
        let other = |row: &Row| {
            let (pipeline, open) = (row.get::<_, &str>(0), row.get::<_, i64>(1));
            format!("{open} of pipeline {pipeline}")
        };
        let others = self.read(OPEN_ELSEWHERE, &[&pipeline], other).await?;
        let code = code.map_or_else(String::new, |code| format!(" with reason {code}"));
        if others.is_empty() {
            tracing::info!("nothing of pipeline {pipeline} is open{code}");
        } else {
            let others = others.join(", ");
            tracing::warn!("nothing of pipeline {pipeline} is open{code}; also open: {others}");
        }
        Ok(())
    }

    /// Writes and commits, before the first original is opened, that this replay opens some.
    async fn leave_trail(&mut self) -> Result<(), ReplayError> {
        let table = self.replay.table.to_string();
        let opening = Opening::of_replay(&self.replay.pipeline, &table);
        let writing = async {
            let transaction = self.begin().await?;
            match self.replay.ask_key_set(&transaction).await {
                Ok(()) => {}
                Err(KeySetError::Database(error)) => return Err(error),
                Err(error) => return Ok(Err(AppendError::KeySet(error))),
            }
            match append_in(&transaction, &opening).await {
                Ok(anchor) => {
                    let (_, client) = transaction.commit().await?;
                    self.client = Some(client);
                    Ok(Ok(anchor))
                }
                Err(error) => Ok(Err(error)),
            }
        };
        let written = in_time(Step::Audit, writing)
            .await
            .map_err(AppendError::from)?;
        let trail = match written {
            Ok(anchor) => anchor.seq,
            Err(AppendError::KeySet(error)) => return Err(ReplayError::KeySet(error)),
            Err(error) => return Err(error.into()),
        };
        tracing::info!(table, trail, "replaying");
        Ok(())
    }

    /// Whether the entries asked for are ones to replay here, before the first of them is.
    async fn check(&mut self, ids: &[Uuid]) -> Result<(), ReplayError> {
        let entry = |row: &Row| (row.get(0), (row.get(1), row.get(2)));
        let known: Vec<(Uuid, (String, String))> = self.read(ASKED, &[&ids], entry).await?;
        let known: HashMap<_, _> = known.into_iter().collect();
        for &id in ids {
            let (theirs, state) = known.get(&id).ok_or(ReplayError::Unknown(id))?;
            if *theirs != self.replay.pipeline {
                let (theirs, ours) = (theirs.clone(), self.replay.pipeline.clone());
                return Err(ReplayError::OtherPipeline { id, theirs, ours });
            }
            if State::read(state)? == State::Discarded {
                return Err(ReplayError::Discarded(id));
            }
        }
        Ok(())
    }

    /// Replays one entry: false if another transaction holds it and it is not waited for.
    async fn settle(&mut self, id: Uuid, waiting: bool) -> Result<bool, ReplayError> {
        if self.stop.is_cancelled() {
            return Ok(true);
        }
        let tried = self.try_long(id, waiting).await;
        let (outcome, answer_lost) = tried.map_err(|error| ReplayError::Entry { id, error })?;
        match outcome {
            // The COMMIT whose answer was lost has succeeded.
            Outcome::Before(Some(state)) if answer_lost => self.count(state),
            Outcome::Settled(state) => self.count(state),
            Outcome::Before(_) => self.totals.settled_before += 1,
            Outcome::Held => return Ok(false),
            Outcome::KeySet(error) => return Err(ReplayError::KeySet(error)),
            Outcome::Rejected(Still {
                code,
                column,
                sqlstate,
            }) => {
                let (reason, column) = (code.as_str(), column.as_deref());
                let sqlstate = sqlstate.as_deref();
                tracing::debug!(entry = %id, reason, column, sqlstate, "still rejected");
                *self.totals.still_rejected.entry(reason).or_default() += 1;
            }
            Outcome::Unopened(error) => {
                if self.totals.unopened == 0 {
                    tracing::warn!("{error}");
                } else {
                    tracing::warn!("the original of entry {id} does not open either");
                }
                self.totals.unopened += 1;
            }
        }
        Ok(true)
    }

    /// Tries one entry again as long as that can help; true if the answer to a COMMIT was lost.
    async fn try_long(
        &mut self,
        id: Uuid,
        mut waiting: bool,
    ) -> Result<(Outcome, bool), DatabaseError> {
        let mut patience = Patience::new();
        let mut answer_lost = false;
        let mut hopeless_tries = 0;
        loop {
            let error = match self.attempt(id, waiting).await {
                Ok(outcome) => return Ok((outcome, answer_lost)),
                Err(error) => error,
            };
            hopeless_tries += u32::from(is_hopeless(&error));
            if error.class() == Class::Row || hopeless_tries == HOPELESS_TRIES {
                return Ok((self.keep_open(id, error).await?, answer_lost));
            }
            answer_lost |= error.step() == Some(Step::Commit);
            // It can be our own last transaction that still holds the entry.
            waiting = true;
            patience.wait(error, &self.stop).await?;
        }
    }

    fn count(&mut self, state: State) {
        match state {
            State::Replayed => self.totals.replayed += 1,
            State::Duplicate => self.totals.duplicates += 1,
            State::Open | State::Discarded => self.totals.settled_before += 1,
        }
    }

    async fn attempt(&mut self, id: Uuid, waiting: bool) -> Result<Outcome, DatabaseError> {
        let (transaction, outcome) = in_time(Step::Load, self.write(id, waiting)).await?;
        let (_, client) = in_time(Step::Commit, transaction.commit()).await?;
        self.client = Some(client);
        Ok(outcome)
    }

    async fn write(
        &mut self,
        id: Uuid,
        waiting: bool,
    ) -> Result<(Transaction, Outcome), DatabaseError> {
        let transaction = self.begin().await?;
        match self.replay.load(&transaction, id, waiting).await {
            Ok(outcome) => Ok((transaction, outcome)),
            Err(error) => {
                self.client = transaction.roll_back().await;
                Err(error)
            }
        }
    }

    /// Writes down why PostgreSQL refuses an entry's row, in a transaction of its own.
    async fn keep_open(
        &mut self,
        id: Uuid,
        error: DatabaseError,
    ) -> Result<Outcome, DatabaseError> {
        let DatabaseError::Server { report, .. } = error else {
            return Err(error);
        };
        let still = Still::refused(&report);
        let mut patience = Patience::new();
        loop {
            let writing = async {
                let transaction = self.begin().await?;
                let open = still.write(&transaction, id).await?;
                let (_, client) = transaction.commit().await?;
                self.client = Some(client);
                Ok(open)
            };
            match in_time(Step::Settle, writing).await {
                Ok(true) => return Ok(Outcome::Rejected(still)),
                Ok(false) => return Ok(Outcome::Before(None)),
                Err(error) => patience.wait(error, &self.stop).await?,
            }
        }
    }

    /// Reads in a transaction of its own: behind a pooler nothing may be prepared outside of one, nor
    /// a row outlive it, since its statement is closed with it.
    async fn read<T>(
        &mut self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        taken: impl Fn(&Row) -> T,
    ) -> Result<Vec<T>, DatabaseError> {
        let mut patience = Patience::new();
        loop {
            let reading = async {
                let transaction = self.begin().await?;
                let rows = transaction.query(Step::Settle, sql, parameters).await?;
                let read: Vec<T> = rows.iter().map(&taken).collect();
                drop(rows);
                self.client = transaction.roll_back().await;
                Ok(read)
            };
            match in_time(Step::Settle, reading).await {
                Ok(rows) => return Ok(rows),
                Err(error) => patience.wait(error, &self.stop).await?,
            }
        }
    }

    /// A transaction on the connection that is open, or on a new one.
    async fn begin(&mut self) -> Result<Transaction, DatabaseError> {
        let client = match self.client.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.settings.connect().await?,
        };
        Transaction::begin(client).await
    }
}

/// Whether it is the server's answer to a row, and trying again hardly helps.
fn is_hopeless(error: &DatabaseError) -> bool {
    let answered = matches!(error, DatabaseError::Server { .. });
    let to_row = matches!(error.step(), Some(Step::Rows | Step::Commit));
    answered && to_row && matches!(error.class(), Class::TooSlow | Class::Unknown)
}

/// Waiting for the database, for so long at the most.
struct Patience {
    backoff: Backoff,
    began: Instant,
}

impl Patience {
    fn new() -> Self {
        Self {
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(5)),
            began: Instant::now(),
        }
    }

    /// Waits before the next try, or gives up with the error.
    async fn wait(
        &mut self,
        error: DatabaseError,
        stop: &CancellationToken,
    ) -> Result<(), DatabaseError> {
        if error.class() == Class::Setup || self.began.elapsed() > PATIENCE {
            return Err(error);
        }
        if self.backoff.failures() == 0 {
            tracing::warn!(%error, "trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(self.backoff.next_delay()) => Ok(()),
            () = stop.cancelled() => Err(error),
        }
    }
}
