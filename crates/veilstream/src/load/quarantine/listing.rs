//! What is in quarantine and why, without the originals.

use serde::Serialize;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::{
    super::{DatabaseError, Step},
    State,
};

const LISTED: &str = "SELECT id::text, message_id, queue_arn, pipeline, \
    to_char(sent_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), \
    to_char(quarantined_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), \
    reason, column_name, sqlstate, state, \
    to_char(settled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') \
    FROM veilstream.quarantine";
const FILTER: &str = "($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR reason = $2) \
    AND ($3::text IS NULL OR pipeline = $3)";
pub(super) const OPEN_ELSEWHERE: &str = "SELECT pipeline, count(*) FROM veilstream.quarantine \
    WHERE state = 'open' AND pipeline <> $1 GROUP BY pipeline ORDER BY count(*) DESC, pipeline";

/// An entry of the quarantine, without the original.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// The entry's id.
    pub id: String,
    /// The message's id in the queue.
    pub message_id: String,
    /// The queue.
    pub queue_arn: String,
    /// The pipeline that rejected it.
    pub pipeline: String,
    /// When it was sent, RFC 3339 in UTC.
    pub sent_at: String,
    /// When it was quarantined, RFC 3339 in UTC.
    pub quarantined_at: String,
    /// The reason's code.
    pub reason: String,
    /// The column whose value was the reason, or the constraint.
    pub column: Option<String>,
    /// PostgreSQL's code, if it was PostgreSQL that refused the row.
    pub sqlstate: Option<String>,
    /// What became of it: `open`, `replayed`, `duplicate` or `discarded`.
    pub state: String,
    /// Since when it is not open any more, RFC 3339 in UTC.
    pub settled_at: Option<String>,
}

/// Which entries.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those in this state only.
    pub state: Option<State>,
    /// Those with this reason's code only.
    pub reason: Option<String>,
    /// Those of this pipeline only.
    pub pipeline: Option<String>,
}

impl Filter {
    fn state(&self) -> Option<&'static str> {
        self.state.map(State::as_str)
    }
}

/// The newest entries, at most `limit`, the newest first.
///
/// # Errors
///
/// When the database fails.
pub async fn list(
    client: &Client,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Listed>, DatabaseError> {
    let sql = format!("{LISTED} WHERE {FILTER} ORDER BY quarantined_at DESC, id DESC LIMIT $4");
    let rows = client
        .query(
            &sql,
            &[&filter.state(), &filter.reason, &filter.pipeline, &limit],
        )
        .await;
    Ok(rows
        .map_err(|error| failed(&error))?
        .iter()
        .map(listed)
        .collect())
}

/// How many entries there are of each reason, the most frequent first.
///
/// # Errors
///
/// When the database fails.
pub async fn count_by_reason(
    client: &Client,
    filter: &Filter,
) -> Result<Vec<(String, i64)>, DatabaseError> {
    let sql = format!(
        "SELECT reason, count(*) FROM veilstream.quarantine WHERE {FILTER} \
         GROUP BY reason ORDER BY count(*) DESC, reason"
    );
    let rows = client
        .query(&sql, &[&filter.state(), &filter.reason, &filter.pipeline])
        .await
        .map_err(|error| failed(&error))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// How many entries of each other pipeline are open, the most first.
///
/// # Errors
///
/// When the database fails.
pub async fn count_open_elsewhere(
    client: &Client,
    pipeline: &str,
) -> Result<Vec<(String, i64)>, DatabaseError> {
    let rows = client.query(OPEN_ELSEWHERE, &[&pipeline]).await;
    let rows = rows.map_err(|error| failed(&error))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The entry of an id, if there is one.
///
/// # Errors
///
/// When the database fails.
pub async fn find(client: &Client, id: Uuid) -> Result<Option<Listed>, DatabaseError> {
    let sql = format!("{LISTED} WHERE id = $1");
    let row = client
        .query_opt(&sql, &[&id])
        .await
        .map_err(|error| failed(&error))?;
    Ok(row.as_ref().map(listed))
}

fn failed(error: &tokio_postgres::Error) -> DatabaseError {
    DatabaseError::of(Step::Settle, error)
}

fn listed(row: &Row) -> Listed {
    Listed {
        id: row.get(0),
        message_id: row.get(1),
        queue_arn: row.get(2),
        pipeline: row.get(3),
        sent_at: row.get(4),
        quarantined_at: row.get(5),
        reason: row.get(6),
        column: row.get(7),
        sqlstate: row.get(8),
        state: row.get(9),
        settled_at: row.get(10),
    }
}
