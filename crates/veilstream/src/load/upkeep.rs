//! What keeps the ledger at its size: each call is a function of schema `veilstream`, in a
//! transaction of its own, and goes by the database's clock alone.

use std::time::Duration;

use tokio_postgres::{Client, Row, types::ToSql};

use super::{DatabaseError, Step, loader::in_time, transaction::Transaction};

const RECORD: &str = "SELECT veilstream.record_queue_retention($1, $2)";
const ADD_AHEAD: &str = "SELECT veilstream.add_ledger_partitions_ahead()";
const DROP_OLDEST: &str = "SELECT veilstream.drop_ledger_partition()";
const PRUNE: &str = "SELECT veilstream.prune_identity()";

/// Writes down for how long a queue keeps messages. The ledger knows them at least as long.
///
/// # Errors
///
/// When the database fails or refuses.
pub(crate) async fn record(
    client: Client,
    queue_arn: &str,
    retention: Duration,
) -> Result<Client, DatabaseError> {
    // SQS keeps nothing longer than 14 days.
    let seconds = i32::try_from(retention.as_secs()).unwrap_or(i32::MAX);
    let (_, client) = call(client, RECORD, &[&queue_arn, &seconds]).await?;
    Ok(client)
}

/// Makes the partitions of the ledger for today and two days ahead.
pub(crate) async fn add_ahead(client: Client) -> Result<Client, DatabaseError> {
    let (_, client) = call(client, ADD_AHEAD, &[]).await?;
    Ok(client)
}

/// Drops the oldest partition of the ledger if no queue needs it: whether it did.
pub(crate) async fn drop_oldest(client: Client) -> Result<(bool, Client), DatabaseError> {
    let (row, client) = call(client, DROP_OLDEST, &[]).await?;
    Ok((row.get::<_, Option<i64>>(0).is_some(), client))
}

/// Forgets some of the events whose time is over: whether there were any.
pub(crate) async fn prune(client: Client) -> Result<(bool, Client), DatabaseError> {
    let (row, client) = call(client, PRUNE, &[]).await?;
    Ok((row.get::<_, i64>(0) > 0, client))
}

/// Calls one function in a transaction, and gives the connection back.
async fn call(
    client: Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<(Row, Client), DatabaseError> {
    let calling = async {
        let transaction = Transaction::begin(client).await?;
        let mut rows = transaction.query(Step::Upkeep, sql, parameters).await?;
        let row = rows
            .pop()
            .expect("a function that returns no set gives one row");
        let (_, client) = transaction.commit().await?;
        Ok((row, client))
    };
    in_time(Step::Upkeep, calling).await
}
