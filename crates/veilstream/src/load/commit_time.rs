//! How long the server takes to commit.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::{DatabaseError, Step, loader::in_time, transaction::Transaction};

/// How many commits are measured.
pub(crate) const COMMITS: usize = 5;

/// Puts a record into the write-ahead log, so that the commit has to wait for the disk (and for
/// synchronous standbys) as that of a batch does. No table changes; only a logical decoder that asks for
/// messages sees it (PostgreSQL documentation, "Replication Management Functions").
const EMIT: &str =
    "SELECT pg_catalog.pg_logical_emit_message(true, 'veilstream.check'::text, ''::text)";

/// The median of some commits that change no table, each of a transaction that begins as a loader's does.
///
/// # Errors
///
/// When the server refuses or gives no answer.
pub(crate) async fn measure(mut client: Client) -> Result<Duration, DatabaseError> {
    let mut times = [Duration::ZERO; COMMITS];
    for time in &mut times {
        let (taken, idle) = in_time(Step::Commit, commit(client)).await?;
        *time = taken;
        client = idle;
    }
    times.sort_unstable();
    Ok(times[COMMITS / 2])
}

async fn commit(client: Client) -> Result<(Duration, Client), DatabaseError> {
    let transaction = Transaction::begin(client).await?;
    let emitted = transaction.client().batch_execute(EMIT).await;
    emitted.map_err(|error| DatabaseError::of(Step::Commit, &error))?;
    let began = Instant::now();
    let (_, client) = transaction.commit().await?;
    Ok((began.elapsed(), client))
}
