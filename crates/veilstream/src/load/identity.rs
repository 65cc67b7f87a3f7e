//! Events known by their value: one key per event that was loaded, where a pipeline's identity is
//! not the queue's.

use uuid::Uuid;

use super::{DatabaseError, Step, transaction::Transaction};

const CLAIM: &str = "INSERT INTO veilstream.identity (key, keep_until) \
    SELECT key, (now() AT TIME ZONE 'UTC')::date + $2::int4 FROM unnest($1::uuid[]) AS key \
    ON CONFLICT DO NOTHING RETURNING key";

/// Claims events for a number of days: the keys that were not there before.
pub(crate) async fn claim(
    transaction: &Transaction,
    sorted_keys: &[Uuid],
    retention_days: u16,
) -> Result<Vec<Uuid>, DatabaseError> {
    let days = i32::from(retention_days);
    let rows = transaction
        .query(Step::Claim, CLAIM, &[&sorted_keys, &days])
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
