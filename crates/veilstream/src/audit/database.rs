//! The trail in the database: table `veilstream.audit`, written by its function `append_audit` only.

use masking::Keyset;
use tokio_postgres::{Client, Row, types::ToSql};

use super::{Anchor, Break, Chain, Entry, Hash, Moment, Opening, hex::Hex};
use crate::load::{
    DatabaseError, Step,
    key_set::{Identity, KeySetError},
    transaction::Transaction,
};

const APPEND: &str = "SELECT outcome, last_seq, last_hash, allowed, used, \
    to_char(room_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"') \
    FROM veilstream.append_audit($1, $2, $3, $4, $5, $6)";
/// Everything of an entry. Where an owner has taken the table's constraints away there can be NULL,
/// or a time without end.
const ENTRIES: &str = "SELECT seq, \
    CASE WHEN isfinite(at) THEN (extract(epoch FROM at) * 1000000)::bigint END, action, \
    database_role, os_user, host, reason, domain, tokens, fingerprints, previous, hash \
    FROM veilstream.audit";
const PAGE: &str = "WHERE seq > $1 ORDER BY seq LIMIT 500";
/// Entries that the pages leave out: without a number, or with one that was there before. Those after the
/// last one that was read may just have been written.
const COUNT: &str = "SELECT count(*) FROM veilstream.audit WHERE seq IS NULL OR seq <= $1";
const NEWEST: &str = "WHERE $1::text IS NULL OR domain = $1 ORDER BY seq DESC LIMIT $2";

/// Why the trail was not written. Nothing may be printed then.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The key set may not be used.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    /// The call opens too many tokens.
    #[error(
        "{asked} tokens are more than one call may open here ({allowed}): open fewer at a time, or \
         have the owner raise per_call in veilstream.unmask_limit"
    )]
    PerCall {
        /// Tokens of the call.
        asked: usize,
        /// What the database allows.
        allowed: i32,
    },
    /// The role has opened too many tokens within an hour.
    #[error(
        "{asked} tokens are more than this role may open now: {used} of {allowed} an hour are used; {}",
        room(room_at.as_deref())
    )]
    PerHour {
        /// Tokens of the call.
        asked: usize,
        /// What the database allows.
        allowed: i32,
        /// Tokens opened in the last hour.
        used: i64,
        /// When there is room again, in UTC; never, for a call larger than the limit.
        room_at: Option<String>,
    },
}

fn room(room_at: Option<&str>) -> String {
    match room_at {
        Some(time) => format!("there is room for this call at {time}"),
        None => "open fewer at a time".to_owned(),
    }
}

/// Why a trail was not found whole.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The trail is broken.
    #[error("the trail in veilstream.audit is broken: {0}")]
    Broken(#[from] Break),
}

/// Writes and commits what is about to be printed, after a look whether the key set is the newest
/// that the database has seen.
///
/// # Errors
///
/// When the trail is not on the database's disk. (Where the answer to COMMIT was lost, it may be.)
pub async fn append(
    client: Client,
    keyset: &Keyset,
    opening: &Opening,
) -> Result<Anchor, AppendError> {
    let transaction = Transaction::begin(client).await?;
    Identity::of(keyset).ask_in(&transaction).await?;
    let anchor = append_in(&transaction, opening).await?;
    transaction.commit().await?;
    Ok(anchor)
}

/// The same within a transaction, without that look and without the COMMIT.
pub(crate) async fn append_in(
    transaction: &Transaction,
    opening: &Opening,
) -> Result<Anchor, AppendError> {
    let domains: Vec<&String> = opening.domains.keys().collect();
    let fingerprints: Vec<Vec<u8>> = opening
        .domains
        .values()
        .map(|of_domain| of_domain.iter().flat_map(|one| one.0).collect())
        .collect();
    let rows = transaction
        .query(
            Step::Audit,
            APPEND,
            &[
                &opening.action,
                &opening.os_user,
                &opening.host,
                &opening.reason,
                &domains,
                &fingerprints,
            ],
        )
        .await?;
    let row = rows
        .first()
        .expect("a function with OUT parameters gives a row");
    let asked = opening.tokens();
    match row.get(0) {
        "ok" => Ok(Anchor {
            seq: row.get(1),
            hash: hash(row, 2).ok_or_else(|| DatabaseError::unknown_answer(Step::Audit))?,
        }),
        "per_call" => Err(AppendError::PerCall {
            asked,
            allowed: row.get(3),
        }),
        "per_hour" => Err(AppendError::PerHour {
            asked,
            allowed: row.get(3),
            used: row.get(4),
            room_at: row.get(5),
        }),
        _ => Err(DatabaseError::unknown_answer(Step::Audit).into()),
    }
}

/// The newest entries, at most `limit`, of one domain or of all, the newest first. The chain is not
/// looked at, but for what no trail can hold.
///
/// # Errors
///
/// When the database fails.
pub async fn newest(
    client: &Client,
    domain: Option<&str>,
    limit: i64,
) -> Result<Vec<Entry>, VerifyError> {
    let rows = entries(client, NEWEST, &[&domain, &limit]).await?;
    Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
}

/// Follows the chain from the first entry to the last: the anchor of the last.
///
/// # Errors
///
/// When the database fails, or the chain is broken.
pub async fn verify(client: &Client, expected: Option<Anchor>) -> Result<Anchor, VerifyError> {
    let mut chain = Chain::new(expected);
    let mut after = i64::MIN;
    loop {
        let rows = entries(client, PAGE, &[&after]).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            chain.follow(&entry(row)?)?;
        }
        after = chain.end().seq;
    }
    let last = chain.end().seq;
    let counted = client.query_one(COUNT, &[&last]).await;
    let counted = counted.map_err(|error| DatabaseError::of(Step::Audit, &error))?;
    let found = counted.get(0);
    if found != last {
        return Err(Break::Added { last, found }.into());
    }
    Ok(chain.finish()?)
}

async fn entries(
    client: &Client,
    which: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, DatabaseError> {
    let sql = format!("{ENTRIES} {which}");
    let rows = client.query(&sql, parameters).await;
    rows.map_err(|error| DatabaseError::of(Step::Audit, &error))
}

fn entry(row: &Row) -> Result<Entry, Break> {
    let seq = row.try_get(0).map_err(|_| Break::Unnumbered)?;
    read(row, seq).ok_or(Break::Malformed { seq })
}

fn read(row: &Row, seq: i64) -> Option<Entry> {
    let text = |column: usize| row.try_get::<_, String>(column).ok();
    let fingerprints: Vec<u8> = row.try_get(9).ok()?;
    let (fingerprints, rest) = fingerprints.as_chunks::<16>();
    if !rest.is_empty() {
        return None;
    }
    Some(Entry {
        seq,
        at: Moment::from_micros(row.try_get(1).ok()?)?,
        action: text(2)?,
        database_role: text(3)?,
        os_user: text(4)?,
        host: text(5)?,
        reason: text(6)?,
        domain: text(7)?,
        tokens: row.try_get(8).ok()?,
        fingerprints: fingerprints.iter().map(|bytes| Hex(*bytes)).collect(),
        previous: hash(row, 10)?,
        hash: hash(row, 11)?,
    })
}

fn hash(row: &Row, column: usize) -> Option<Hash> {
    let bytes: Vec<u8> = row.try_get(column).ok()?;
    bytes.try_into().ok().map(Hex)
}
