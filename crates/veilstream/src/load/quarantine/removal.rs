//! Giving entries up, and deleting old ones.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use tokio_postgres::Client;
use uuid::Uuid;

use super::{
    super::{DatabaseError, Step, transaction::Transaction},
    State,
};

/// In the order of their ids, so that two calls do not deadlock.
const STATES: &str = "SELECT id, state FROM veilstream.quarantine WHERE id = ANY ($1) \
    ORDER BY id FOR UPDATE";
const DISCARD: &str = "UPDATE veilstream.quarantine \
    SET state = 'discarded', settled_at = now(), sealed = '' \
    WHERE id = ANY ($1) AND state = 'open' RETURNING id";
const CUTOFF: &str = "SELECT now() - make_interval(secs => $1)";
const COUNT_OPEN: &str = "SELECT count(*) FROM veilstream.quarantine \
    WHERE state = 'open' AND quarantined_at < $1";
/// A few at a time: short transactions, and what is interrupted has deleted what it got through.
const PURGE_SETTLED: &str = "WITH gone AS (DELETE FROM veilstream.quarantine WHERE id = ANY (ARRAY(\
    SELECT id FROM veilstream.quarantine WHERE state <> 'open' AND settled_at < $1 \
    ORDER BY settled_at LIMIT 1000)) AND state <> 'open' RETURNING state) \
    SELECT state, count(*) FROM gone GROUP BY state";
const PURGE_OPEN: &str = "WITH gone AS (DELETE FROM veilstream.quarantine WHERE id = ANY (ARRAY(\
    SELECT id FROM veilstream.quarantine WHERE state = 'open' AND quarantined_at < $1 \
    ORDER BY quarantined_at LIMIT 1000)) AND state = 'open' RETURNING state) \
    SELECT state, count(*) FROM gone GROUP BY state";

/// Why nothing was discarded.
#[derive(Debug, thiserror::Error)]
pub enum DiscardError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no such entry.
    #[error("there is no entry {0} in quarantine; nothing is discarded")]
    Unknown(Uuid),
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

/// Gives open entries up, all of them or none, and erases their originals: how many. Those that
/// were discarded before do not count.
///
/// # Errors
///
/// When one of them is not there or was replayed, or the database fails.
pub async fn discard(client: Client, ids: &[Uuid]) -> Result<usize, DiscardError> {
    let transaction = Transaction::begin(client).await?;
    let rows = transaction.query(Step::Settle, STATES, &[&ids]).await?;
    let mut known = Vec::with_capacity(rows.len());
    for row in &rows {
        let id = row.get(0);
        match State::read(row.get(1))? {
            State::Open | State::Discarded => known.push(id),
            state @ (State::Replayed | State::Duplicate) => {
                return Err(DiscardError::Settled { id, state });
            }
        }
    }
    if let Some(unknown) = ids.iter().find(|id| !known.contains(id)) {
        return Err(DiscardError::Unknown(*unknown));
    }
    let discarded = transaction.query(Step::Settle, DISCARD, &[&ids]).await?;
    transaction.commit().await?;
    Ok(discarded.len())
}

/// What was deleted, by its state.
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

/// How many entries are open since before a time.
///
/// # Errors
///
/// When the database fails.
pub async fn count_open(client: &Client, before: SystemTime) -> Result<i64, DatabaseError> {
    let row = client.query_one(COUNT_OPEN, &[&before]).await;
    let row = row.map_err(|error| DatabaseError::of(Step::Settle, &error))?;
    Ok(row.get(0))
}

/// Deletes entries that were settled before a time and, if so asked, those that are open since
/// before it.
///
/// # Errors
///
/// When the database fails; what was deleted until then stays deleted.
pub async fn purge(
    mut client: Client,
    before: SystemTime,
    with_open: bool,
) -> Result<Purged, DatabaseError> {
    let mut purged = Purged::default();
    let statements: &[&str] = if with_open {
        &[PURGE_SETTLED, PURGE_OPEN]
    } else {
        &[PURGE_SETTLED]
    };
    for statement in statements {
        loop {
            let transaction = Transaction::begin(client).await?;
            let rows = transaction
                .query(Step::Settle, statement, &[&before])
                .await?;
            (_, client) = transaction.commit().await?;
            for row in &rows {
                let count = u64::try_from(row.get::<_, i64>(1)).unwrap_or(0);
                match State::read(row.get(0))? {
                    State::Open => purged.open += count,
                    State::Replayed => purged.replayed += count,
                    State::Duplicate => purged.duplicate += count,
                    State::Discarded => purged.discarded += count,
                }
            }
            if rows.is_empty() {
                break;
            }
        }
    }
    Ok(purged)
}
