//! The ledger: one key per message that was loaded or quarantined, so that a redelivery is known.

use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{DatabaseError, Step, transaction::Transaction};

const CLAIM_BY_COPY: &str = "COPY veilstream.ledger (key) FROM STDIN (FORMAT binary)";
const CLAIM_WHAT_IS_NEW: &str = "INSERT INTO veilstream.ledger (key) SELECT unnest($1::uuid[]) \
                                 ON CONFLICT DO NOTHING RETURNING key";
const ADD_PARTITIONS: &str =
    "SELECT day, veilstream.add_ledger_partition(day) FROM unnest($1::bigint[]) AS day";
const MAY_READ_START: &str =
    "SELECT has_table_privilege('veilstream.ledger_start', 'SELECT'), quote_ident(current_user)";
/// Without its row the ledger refuses no day.
const START: &str = "SELECT greatest(0, extract(epoch FROM now()) - s.day * 86400.0)::float8, \
    to_char(timestamp 'epoch' + s.day * interval '1 day', 'YYYY-MM-DD') \
    FROM (SELECT coalesce((SELECT day FROM veilstream.ledger_start), 0) AS day) s";
const MILLIS_PER_DAY: u64 = 86_400_000;

/// Where the ledger begins: messages that were sent before are left in the queue.
pub(crate) enum Start {
    /// So long ago by the database's clock, at the beginning of this day (UTC).
    Known { ago: Duration, day: String },
    /// This role may not read it.
    NotReadable { role: String },
}

/// Where the ledger begins, as far as the role may know. Keeps the transaction that it is read in.
pub(crate) async fn start(client: &Client) -> Result<Start, DatabaseError> {
    let failed = |error| DatabaseError::of(Step::Schema, &error);
    let may = client
        .query_one(MAY_READ_START, &[])
        .await
        .map_err(failed)?;
    if !may.get::<_, bool>(0) {
        return Ok(Start::NotReadable { role: may.get(1) });
    }
    let row = client.query_one(START, &[]).await.map_err(failed)?;
    Ok(Start::Known {
        ago: Duration::try_from_secs_f64(row.get(0)).unwrap_or(Duration::MAX),
        day: row.get(1),
    })
}

/// A message's identity: 48 bits of `SentTimestamp` in milliseconds, then the first 80 bits of
/// SHA-256 over queue ARN, a zero byte and message id. Redelivery changes none of them, and keys
/// grow with time, so that an index over them grows at one edge.
pub fn key(queue_arn: &str, message_id: &str, sent_at_millis: i64) -> Uuid {
    let digest = Sha256::new()
        .chain_update(queue_arn)
        .chain_update([0])
        .chain_update(message_id)
        .finalize();
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&sent_at_millis.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&digest[..10]);
    Uuid::from_bytes(bytes)
}

/// The optimistic claim: all keys are new, or it fails with a unique violation.
pub(super) async fn claim_all(
    transaction: &Transaction,
    sorted_keys: &[Uuid],
) -> Result<(), DatabaseError> {
    let rows = sorted_keys.iter().map(key_row);
    transaction.copy(Step::Claim, CLAIM_BY_COPY, rows).await
}

/// The careful claim: the keys that were not there before.
pub(super) async fn claim_what_is_new(
    transaction: &Transaction,
    sorted_keys: &[Uuid],
) -> Result<Vec<Uuid>, DatabaseError> {
    let rows = transaction
        .query(Step::Claim, CLAIM_WHAT_IS_NEW, &[&sorted_keys])
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Makes the partitions that the keys fall into, one a day (UTC); those that exist stay. Gives the
/// days whose partition was dropped: nobody knows any more whether their messages were loaded.
pub(super) async fn add_partitions(
    transaction: &Transaction,
    sorted_keys: &[Uuid],
) -> Result<Vec<i64>, DatabaseError> {
    let mut days: Vec<i64> = sorted_keys.iter().map(day).collect();
    days.dedup();
    let rows = transaction
        .query(Step::Partition, ADD_PARTITIONS, &[&days])
        .await?;
    let dropped = rows.iter().filter(|row| !row.get::<_, bool>(1));
    Ok(dropped.map(|row| row.get(0)).collect())
}

/// When a key's message was sent, in milliseconds since 1970-01-01 UTC.
pub(crate) fn sent_at_millis(key: &Uuid) -> u64 {
    u64::try_from(key.as_u128() >> 80).expect("48 bits fit")
}

/// The day of a key, in days since 1970-01-01.
pub(super) fn day(key: &Uuid) -> i64 {
    i64::try_from(sent_at_millis(key) / MILLIS_PER_DAY).expect("48 bits of milliseconds fit")
}

/// A key as a row of binary COPY: one field of sixteen bytes.
fn key_row(key: &Uuid) -> [u8; 22] {
    let mut row = [0; 22];
    row[..2].copy_from_slice(&1_u16.to_be_bytes());
    row[2..6].copy_from_slice(&16_u32.to_be_bytes());
    row[6..].copy_from_slice(key.as_bytes());
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:login-queue";

    #[test]
    fn a_key_begins_with_the_time_and_is_the_message_s_own() {
        let sent_at = 1_700_000_000_123;
        let one = key(QUEUE, "m-1", sent_at);
        assert_eq!(one, key(QUEUE, "m-1", sent_at));
        assert_ne!(one, key(QUEUE, "m-2", sent_at));
        assert_ne!(
            one,
            key("arn:aws:sqs:us-east-1:000000000000:other", "m-1", sent_at)
        );
        assert_eq!(one.as_u128() >> 80, 1_700_000_000_123);
        assert!(key(QUEUE, "m-1", sent_at + 1) > one);
        assert_eq!(day(&one), 19_675);
    }
}
