//! Giving entries up, and deleting old ones.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio_postgres::{Client, Row, types::ToSql};
use uuid::Uuid;

use super::{
    super::{DatabaseError, Step, transaction::Transaction},
    State,
};

const LOOK: &str =
    "SELECT id, state, pipeline FROM veilstream.quarantine WHERE id = ANY ($1) ORDER BY id";
/// In the order of their ids, so that two calls do not deadlock.
const HOLD: &str = "SELECT id, state, pipeline FROM veilstream.quarantine WHERE id = ANY ($1) \
    ORDER BY id FOR UPDATE";
const DISCARD: &str = "UPDATE veilstream.quarantine \
    SET state = 'discarded', settled_at = now(), sealed = '' \
    WHERE id = ANY ($1) AND state = 'open' RETURNING id";
const CUTOFF: &str = "SELECT now() - make_interval(secs => $1)";
/// What is old, by its state. `$2` is the pipeline, or NULL for all; `$3` says whether open ones count.
const COUNT: &str = "SELECT count(*) FILTER (WHERE state = 'open'), \
    count(*) FILTER (WHERE state = 'replayed'), count(*) FILTER (WHERE state = 'duplicate'), \
    count(*) FILTER (WHERE state = 'discarded') FROM veilstream.quarantine \
    WHERE ((state <> 'open' AND settled_at < $1) OR ($3 AND state = 'open' AND quarantined_at < $1)) \
    AND ($2::text IS NULL OR pipeline = $2)";
/// A few at a time: short transactions, and what is interrupted has deleted what it got through. How many
/// were picked tells whether there may be more: another purge can have deleted some of them meanwhile.
const PURGE_SETTLED: &str = "WITH picked AS MATERIALIZED (\
    SELECT id FROM veilstream.quarantine WHERE state <> 'open' AND settled_at < $1 \
    AND ($2::text IS NULL OR pipeline = $2) ORDER BY settled_at LIMIT 1000), \
    gone AS (DELETE FROM veilstream.quarantine WHERE id = ANY (ARRAY(SELECT id FROM picked)) \
    AND state <> 'open' RETURNING state)";
const PURGE_OPEN: &str = "WITH picked AS MATERIALIZED (\
    SELECT id FROM veilstream.quarantine WHERE state = 'open' AND quarantined_at < $1 \
    AND ($2::text IS NULL OR pipeline = $2) ORDER BY quarantined_at LIMIT 1000), \
    gone AS (DELETE FROM veilstream.quarantine WHERE id = ANY (ARRAY(SELECT id FROM picked)) \
    AND state = 'open' RETURNING state)";
const GONE: &str = "SELECT count(*) FILTER (WHERE state = 'open'), \
    count(*) FILTER (WHERE state = 'replayed'), count(*) FILTER (WHERE state = 'duplicate'), \
    count(*) FILTER (WHERE state = 'discarded'), (SELECT count(*) FROM picked) FROM gone";

/// Why nothing was discarded.
#[derive(Debug, thiserror::Error)]
pub enum DiscardError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no such entry.
    #[error("there is no entry {0} in quarantine; nothing is discarded")]
    Unknown(Uuid),
    /// It is not this pipeline's.
    #[error(
        "entry {id} is of pipeline {theirs}, and this is pipeline {ours}: discard it with the \
         configuration of {theirs}; nothing is discarded"
    )]
    OtherPipeline {
        /// The entry.
        id: Uuid,
        /// Its pipeline.
        theirs: String,
        /// The configured one.
        ours: String,
    },
    /// Its row is loaded, so there is nothing to give up.
    #[error(
        "entry {id} is {} already; nothing is discarded. `veilstream quarantine purge` deletes \
         entries that are settled", state.as_str()
    )]
    Settled {
        /// The entry.
        id: Uuid,
        /// What became of it.
        state: State,
    },
}

/// How many of these entries are open: so many originals would be erased.
///
/// # Errors
///
/// When one of them is not there, was replayed or is another pipeline's, or the database fails.
pub async fn count_to_discard(
    client: &Client,
    ids: &[Uuid],
    pipeline: &str,
) -> Result<u64, DiscardError> {
    let rows = client.query(LOOK, &[&ids]).await;
    let rows = rows.map_err(|error| DatabaseError::of(Step::Settle, &error))?;
    check(&rows, ids, pipeline)
}

/// Gives a pipeline's open entries up, all of them or none, and erases their originals: how many. Those
/// that were discarded before do not count.
///
/// # Errors
///
/// When one of them is not there, was replayed or is another pipeline's, or the database fails.
pub async fn discard(client: Client, ids: &[Uuid], pipeline: &str) -> Result<usize, DiscardError> {
    let transaction = Transaction::begin(client).await?;
    let rows = transaction.query(Step::Settle, HOLD, &[&ids]).await?;
    check(&rows, ids, pipeline)?;
    // No row may outlive its transaction: behind a pooler, its statement is closed with it.
    drop(rows);
    let discarded = transaction.query(Step::Settle, DISCARD, &[&ids]).await?;
    let discarded = discarded.len();
    transaction.commit().await?;
    Ok(discarded)
}

/// Whether all of the entries may be discarded; how many of them are open.
fn check(rows: &[Row], ids: &[Uuid], pipeline: &str) -> Result<u64, DiscardError> {
    let mut known = Vec::with_capacity(rows.len());
    let mut open = 0;
    for row in rows {
        let id = row.get(0);
        let theirs: String = row.get(2);
        if theirs != pipeline {
            let ours = pipeline.to_owned();
            return Err(DiscardError::OtherPipeline { id, theirs, ours });
        }
        match State::read(row.get(1))? {
            State::Open => open += 1,
            State::Discarded => {}
            state @ (State::Replayed | State::Duplicate) => {
                return Err(DiscardError::Settled { id, state });
            }
        }
        known.push(id);
    }
    match ids.iter().find(|id| !known.contains(id)) {
        Some(unknown) => Err(DiscardError::Unknown(*unknown)),
        None => Ok(open),
    }
}

/// What is deleted, or would be, by its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Purged {
    /// Entries whose originals nobody has any more.
    pub open: u64,
    /// Entries whose row is loaded.
    pub replayed: u64,
    /// Entries of which a row of the same identity was there.
    pub duplicate: u64,
    /// Entries that were given up before.
    pub discarded: u64,
}

impl Purged {
    /// Of a row that begins with the four counts.
    fn of(row: &Row) -> Self {
        let count = |place: usize| u64::try_from(row.get::<_, i64>(place)).unwrap_or(0);
        Self {
            open: count(0),
            replayed: count(1),
            duplicate: count(2),
            discarded: count(3),
        }
    }

    /// All of them.
    pub fn entries(&self) -> u64 {
        self.open + self.replayed + self.duplicate + self.discarded
    }
}

/// Which entries are to be deleted.
#[derive(Debug, Clone)]
pub struct Old {
    /// Those of one pipeline only.
    pub pipeline: Option<String>,
    /// Settled before this time.
    pub before: SystemTime,
    /// Those that are open since before it as well.
    pub with_open: bool,
}

/// The time that was so long ago by the database's clock.
///
/// # Errors
///
/// When the database fails.
pub async fn cutoff(client: &Client, age: Duration) -> Result<SystemTime, DatabaseError> {
    let row = client.query_one(CUTOFF, &[&age.as_secs_f64()]).await;
    let row = row.map_err(|error| DatabaseError::of(Step::Settle, &error))?;
    Ok(row.get(0))
}

/// What [`purge`] would delete.
///
/// # Errors
///
/// When the database fails.
pub async fn count_old(client: &Client, old: &Old) -> Result<Purged, DatabaseError> {
    let parameters: [&(dyn ToSql + Sync); 3] = [&old.before, &old.pipeline, &old.with_open];
    let row = client.query_one(COUNT, &parameters).await;
    let row = row.map_err(|error| DatabaseError::of(Step::Settle, &error))?;
    Ok(Purged::of(&row))
}

/// Deletes old entries.
///
/// # Errors
///
/// When the database fails; what was deleted until then stays deleted.
pub async fn purge(mut client: Client, old: &Old) -> Result<Purged, DatabaseError> {
    let mut purged = Purged::default();
    let kinds: &[&str] = if old.with_open {
        &[PURGE_SETTLED, PURGE_OPEN]
    } else {
        &[PURGE_SETTLED]
    };
    for kind in kinds {
        let statement = format!("{kind} {GONE}");
        loop {
            let transaction = Transaction::begin(client).await?;
            let (gone, more) = {
                let parameters: [&(dyn ToSql + Sync); 2] = [&old.before, &old.pipeline];
                let rows = transaction
                    .query(Step::Settle, &statement, &parameters)
                    .await?;
                let row = rows.first().expect("a count has a row");
                (Purged::of(row), row.get::<_, i64>(4) > 0)
            };
            (_, client) = transaction.commit().await?;
            purged.open += gone.open;
            purged.replayed += gone.replayed;
            purged.duplicate += gone.duplicate;
            purged.discarded += gone.discarded;
            if !more {
                break;
            }
        }
    }
    Ok(purged)
}
