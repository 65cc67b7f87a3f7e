//! What keeps the ledger at its size: each call is a function of schema `veilstream`, in a
//! transaction of its own, and goes by the database's clock alone.

use std::time::Duration;

use tokio_postgres::{Client, Row, types::ToSql};

use super::{
    DatabaseError, Step, conninfo::ConnectionSettings, loader::in_time, transaction::Transaction,
};

const RECORD: &str = "SELECT veilstream.record_queue_retention($1, $2)";
const ADD_AHEAD: &str = "SELECT veilstream.add_ledger_partitions_ahead()";
const DROP_OLDEST: &str = "SELECT veilstream.drop_ledger_partition()";
const PRUNE: &str = "SELECT veilstream.prune_identity()";

const PARTITIONS: &str =
    "SELECT count(*) FROM pg_inherits WHERE inhparent = 'veilstream.ledger'::regclass";

/// Opens a connection, within a deadline also where `connect_timeout` sets none.
pub(crate) async fn connect(settings: &ConnectionSettings) -> Result<Client, DatabaseError> {
    let connecting = async { Ok(settings.connect().await?) };
    in_time(Step::Connect, connecting).await
}

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
    let ((), client) = call(client, RECORD, &[&queue_arn, &seconds], |_| ()).await?;
    Ok(client)
}

/// Makes the partitions of the ledger for today and two days ahead.
pub(crate) async fn add_ahead(client: Client) -> Result<Client, DatabaseError> {
    let ((), client) = call(client, ADD_AHEAD, &[], |_| ()).await?;
    Ok(client)
}

/// Drops the oldest partition of the ledger if no queue needs it: whether it did.
pub(crate) async fn drop_oldest(client: Client) -> Result<(bool, Client), DatabaseError> {
    let dropped = |row: &Row| row.get::<_, Option<i64>>(0).is_some();
    call(client, DROP_OLDEST, &[], dropped).await
}

/// Forgets some of the events whose time is over: whether there were any.
pub(crate) async fn prune(client: Client) -> Result<(bool, Client), DatabaseError> {
    call(client, PRUNE, &[], |row| row.get::<_, i64>(0) > 0).await
}

/// How many days the ledger has a partition for.
pub(crate) async fn partitions(client: Client) -> Result<(i64, Client), DatabaseError> {
    call(client, PARTITIONS, &[], |row| row.get(0)).await
}

/// Calls one function in a transaction: what it gave, and the connection.
async fn call<T>(
    client: Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
    read: impl FnOnce(&Row) -> T,
) -> Result<(T, Client), DatabaseError> {
    let calling = async {
        let transaction = Transaction::begin(client).await?;
        let rows = transaction.query(Step::Upkeep, sql, parameters).await?;
        let row = rows
            .first()
            .expect("a function that returns no set gives one row");
        let given = read(row);
        // Before COMMIT: see `Transaction::query`.
        drop(rows);
        let (_, client) = transaction.commit().await?;
        Ok((given, client))
    };
    in_time(Step::Upkeep, calling).await
}
