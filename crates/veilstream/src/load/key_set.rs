//! The key sets that a database has seen: an old or a forked one is refused, and so is one that did
//! not make the tokens which the target table holds.

use masking::Keyset;
use tokio_postgres::{Client, types::ToSql};

use super::{DatabaseError, Step, schema::LEAVE_OUR_SCHEMA, transaction::Transaction};
use crate::config::TableName;

const ASK: &str = "SELECT outcome, newest_generation, bound_to, \
    to_char(bound_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI \"UTC\"') \
    FROM veilstream.ask_key_set($1, $2, $3, $4, $5, $6)";
const USE: &str = "SELECT outcome, newest_generation, bound_to, \
    to_char(bound_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI \"UTC\"') \
    FROM veilstream.use_key_set($1, $2, $3, $4, $5, $6)";
/// And whether somebody has decided that the table holds its tokens.
const ASK_BOUND: &str = "SELECT outcome, newest_generation, bound_to, \
    to_char(bound_since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI \"UTC\"'), \
    $6::text IS NULL OR veilstream.holds_tokens_of($6, $1) \
    FROM veilstream.ask_key_set($1, $2, $3, $4, $5, $6)";
const BEGIN_UNBINDING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
    SET LOCAL lock_timeout = '10s'";
const UNBIND: &str = "DELETE FROM veilstream.masked_table WHERE table_name = (\
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)) \
    RETURNING key_set, to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI \"UTC\"')";

/// With the last table that held its tokens goes what was seen of a key set.
const FORGET: &str = "DELETE FROM veilstream.key_set k WHERE k.id = $1 AND NOT EXISTS (\
    SELECT FROM veilstream.masked_table m WHERE m.key_set = k.id)";

/// What tells a state of a key set from every other one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The key set's id, 16 hexadecimal digits.
    pub id: String,
    /// Counts its changes.
    pub generation: i64,
    /// The MAC over all of it, 32 bytes.
    pub mac: Vec<u8>,
    /// The ids of its keys.
    pub keys: Vec<i64>,
    /// What tells for each key whether it is still the same; nothing for one that is destroyed.
    pub check_values: Vec<Option<Vec<u8>>>,
}

/// Which key set's tokens a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The key set's id.
    pub key_set: String,
    /// Since when, to the minute, in UTC.
    pub since: String,
}

/// Why a key set may not be used with this database.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The database has seen a newer generation.
    #[error(
        "the key set {id} is out of date: the file holds generation {generation}, and the database \
         has seen generation {newest}. An old copy may lack keys, or mask with one that was retired: \
         use the newest copy. Where that is lost for good, an owner lets this one begin with `veilstream \
         migrate --new-key-set`; what only the lost keys open stays closed"
    )]
    Older {
        /// The key set.
        id: String,
        /// The file's generation.
        generation: i64,
        /// The newest one that was seen.
        newest: i64,
    },
    /// The database has seen another state of the same generation.
    #[error(
        "the database has seen generation {generation} of the key set {id} with other contents: two \
         copies of it were changed apart from each other. Use the copy that the others use; if this \
         is to be the right one, an owner lets it begin with `veilstream migrate --new-key-set`"
    )]
    Forked {
        /// The key set.
        id: String,
        /// The generation of both.
        generation: i64,
    },
    /// The file has the key set's id, and not its keys.
    #[error(
        "the keys of the key set {id} are not those that the database knows: somebody has exchanged the \
         file, or a copy that lacks keys was changed. Use the right copy. (A key is to be destroyed only after \
         a worker has started with its successor.) If this is to be the right one, an owner lets it begin \
         with `veilstream migrate --new-key-set`"
    )]
    Exchanged {
        /// The key set.
        id: String,
    },
    /// The table holds another key set's tokens.
    #[error(
        "table {table} holds tokens of key set {} (since {}), and this is key set {id}: equal values \
         would get different tokens. Use that key set; or, to go on with this one, run `veilstream \
         migrate --new-key-set`: old and new tokens will not match, and the old ones open only with \
         the old key set", bound.key_set, bound.since
    )]
    Other {
        /// The table.
        table: TableName,
        /// The key set.
        id: String,
        /// Whose tokens the table holds.
        bound: Binding,
    },
    /// The table holds nobody's tokens yet.
    #[error(
        "table {table} holds tokens of no key set yet: the next run decides which it is. Start \
         `veilstream run` first, then replay"
    )]
    Unbound {
        /// The table.
        table: TableName,
    },
}

impl Identity {
    /// The identity of a key set as it was read.
    pub fn of(keyset: &Keyset) -> Self {
        let (keys, check_values) = keyset
            .check_values()
            .map(|(key, value)| (i64::from(key), value.map(|value| value.to_vec())))
            .unzip();
        Self {
            keys,
            check_values,
            id: keyset.id().to_string(),
            // More changes than that nobody can make.
            generation: i64::try_from(keyset.generation()).unwrap_or(i64::MAX),
            mac: keyset.mac().to_vec(),
        }
    }

    /// Whether it may be used for a table (or, without one, at all); nothing is written.
    ///
    /// # Errors
    ///
    /// When it may not, saying what to do.
    pub async fn ask(&self, client: &Client, table: Option<&TableName>) -> Result<(), KeySetError> {
        let failed = |error| DatabaseError::of(Step::KeySet, &error);
        let target = table.map(TableName::quoted);
        let parameters = self.parameters(&target);
        let row = client.query_one(ASK, &parameters).await.map_err(failed)?;
        self.outcome(&row, table)
    }

    /// The same, for who may not decide whose tokens a table holds: a worker has to have done it. The
    /// client may be within a transaction.
    ///
    /// # Errors
    ///
    /// When it may not be used, or nobody has decided yet, saying what to do.
    pub async fn ask_bound(
        &self,
        client: &Client,
        table: Option<&TableName>,
    ) -> Result<(), KeySetError> {
        let failed = |error| DatabaseError::of(Step::KeySet, &error);
        let target = table.map(TableName::quoted);
        let parameters = self.parameters(&target);
        let row = client.query_one(ASK_BOUND, &parameters).await;
        let row = row.map_err(failed)?;
        self.outcome(&row, table)?;
        match table {
            Some(table) if !row.get::<_, bool>(4) => {
                let table = table.clone();
                Err(KeySetError::Unbound { table })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether it may be used at all, as a part of a transaction.
    pub(crate) async fn ask_in(&self, transaction: &Transaction) -> Result<(), KeySetError> {
        self.query(transaction, ASK, None).await
    }

    /// The same, and writes down what was seen and, with a table, that it holds tokens of this key
    /// set from now on. Gives the connection back.
    ///
    /// # Errors
    ///
    /// When it may not be used, saying what to do.
    pub async fn record(
        &self,
        client: Client,
        table: Option<&TableName>,
    ) -> Result<Client, KeySetError> {
        let transaction = Transaction::begin(client).await?;
        self.query(&transaction, USE, table).await?;
        let (_, client) = transaction.commit().await?;
        Ok(client)
    }

    async fn query(
        &self,
        transaction: &Transaction,
        sql: &str,
        table: Option<&TableName>,
    ) -> Result<(), KeySetError> {
        let target = table.map(TableName::quoted);
        let rows = transaction
            .query(Step::KeySet, sql, &self.parameters(&target))
            .await?;
        let row = rows
            .first()
            .expect("a function with OUT parameters gives a row");
        self.outcome(row, table)
    }

    fn parameters<'a>(&'a self, target: &'a (dyn ToSql + Sync)) -> [&'a (dyn ToSql + Sync); 6] {
        [
            &self.id,
            &self.generation,
            &self.mac,
            &self.keys,
            &self.check_values,
            target,
        ]
    }

    fn outcome(
        &self,
        row: &tokio_postgres::Row,
        table: Option<&TableName>,
    ) -> Result<(), KeySetError> {
        let id = self.id.clone();
        let generation = self.generation;
        match (row.get(0), table) {
            ("ok", _) => Ok(()),
            ("older", _) => Err(KeySetError::Older {
                id,
                generation,
                newest: row.get(1),
            }),
            ("forked", _) => Err(KeySetError::Forked { id, generation }),
            ("exchanged", _) => Err(KeySetError::Exchanged { id }),
            ("other", Some(table)) => Err(KeySetError::Other {
                table: table.clone(),
                id,
                bound: Binding {
                    key_set: row.get(2),
                    since: row.get(3),
                },
            }),
            (_, _) => Err(DatabaseError::unknown_answer(Step::KeySet).into()),
        }
    }
}

/// Forgets whose tokens the target table holds, for a new key set, or an older copy of the same, to begin; only the
/// owner may.
///
/// # Errors
///
/// When the database refuses.
pub async fn unbind(client: &Client, table: &TableName) -> Result<Option<Binding>, DatabaseError> {
    let failed = |error| DatabaseError::of(Step::KeySet, &error);
    client
        .batch_execute(BEGIN_UNBINDING)
        .await
        .map_err(failed)?;
    client
        .batch_execute(LEAVE_OUR_SCHEMA)
        .await
        .map_err(failed)?;
    let row = client.query_opt(UNBIND, &[&table.quoted()]).await;
    let row = row.map_err(failed)?;
    // Without the row, which holds its statement, before COMMIT: see `Transaction::query`.
    let binding = row.map(|row| Binding {
        key_set: row.get(0),
        since: row.get(1),
    });
    if let Some(Binding { key_set, .. }) = &binding {
        let forgotten = client.execute(FORGET, &[key_set]).await;
        forgotten.map_err(failed)?;
    }
    client.batch_execute("COMMIT").await.map_err(failed)?;
    Ok(binding)
}
