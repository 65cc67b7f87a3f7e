//! veilstream's own tables in the database: made by `migrate`, their version checked by `run`.

use tokio_postgres::Client;

use super::{DatabaseError, Step};
use crate::config::{Pipeline, TableName};

/// The version of schema `veilstream` that this program works with.
pub const VERSION: i32 = 1;

const FIRST: &str = include_str!("schema.sql");
const ADD_TODAYS_PARTITIONS: &str = "SELECT veilstream.add_ledger_partition(\
    (extract(epoch FROM now())::bigint / 86400) + ahead) FROM generate_series(-4, 2) AS ahead";

/// The search path begins with the schema of the user's own name. For a user called `veilstream` that
/// is ours, where nobody would look for the target table.
const LEAVE_OUR_SCHEMA: &str = "SELECT set_config('search_path', \
    coalesce(string_agg(quote_ident(name), ', ' ORDER BY place), ''), true) \
    FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, place) \
    WHERE name <> 'veilstream'";

/// Why the database cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// PostgreSQL 12 or older.
    #[error("the server is PostgreSQL {version}; veilstream needs 13 or newer")]
    ServerTooOld {
        /// The server's version.
        version: String,
    },
    /// Schema `veilstream` is not there.
    #[error("schema veilstream is missing in the database: run `veilstream migrate`")]
    Missing,
    /// An earlier veilstream made it.
    #[error(
        "schema veilstream has version {found}, this program needs {VERSION}: run `veilstream migrate`"
    )]
    Older {
        /// The version in the database.
        found: i32,
    },
    /// A later veilstream made it.
    #[error(
        "schema veilstream has version {found}, this program knows {VERSION}: use the newer veilstream"
    )]
    Newer {
        /// The version in the database.
        found: i32,
    },
}

/// What `migrate` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The schema's version before, if it was there.
    pub from: Option<i32>,
    /// Whether the target table was created.
    pub created: Option<TableName>,
}

/// Makes schema `veilstream`, and the target table unless it exists, in one transaction.
///
/// # Errors
///
/// When the database refuses, or a newer veilstream has been there.
pub async fn migrate(client: &Client, pipeline: &Pipeline) -> Result<Migrated, SchemaError> {
    check_server(client).await?;
    execute(
        client,
        "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('veilstream.migrate', 0))",
    )
    .await?;
    let result = migrate_in_transaction(client, pipeline).await;
    execute(client, if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    result
}

async fn migrate_in_transaction(
    client: &Client,
    pipeline: &Pipeline,
) -> Result<Migrated, SchemaError> {
    let from = version(client).await?;
    match from {
        Some(found) if found > VERSION => return Err(SchemaError::Newer { found }),
        Some(_) => {}
        None => {
            execute(client, FIRST).await?;
            execute(
                client,
                "INSERT INTO veilstream.schema_version (version) VALUES (1)",
            )
            .await?;
        }
    }
    execute(client, ADD_TODAYS_PARTITIONS).await?;
    let exists = exists(client, &pipeline.table).await?;
    if !exists {
        execute(client, LEAVE_OUR_SCHEMA).await?;
        execute(client, &pipeline.create_table_sql()).await?;
    }
    Ok(Migrated {
        from,
        created: (!exists).then(|| pipeline.table.clone()),
    })
}

/// Whether the server is new enough and schema `veilstream` of this program's version.
///
/// # Errors
///
/// When it is not, saying what to do.
pub async fn check(client: &Client) -> Result<(), SchemaError> {
    check_server(client).await?;
    match version(client).await? {
        None => Err(SchemaError::Missing),
        Some(found) if found < VERSION => Err(SchemaError::Older { found }),
        Some(found) if found > VERSION => Err(SchemaError::Newer { found }),
        Some(_) => Ok(()),
    }
}

async fn check_server(client: &Client) -> Result<(), SchemaError> {
    let row = query_one(
        client,
        "SELECT current_setting('server_version_num')::int4, current_setting('server_version')",
    )
    .await?;
    if row.get::<_, i32>(0) < 130_000 {
        return Err(SchemaError::ServerTooOld {
            version: row.get(1),
        });
    }
    Ok(())
}

async fn version(client: &Client) -> Result<Option<i32>, SchemaError> {
    let there = query_one(
        client,
        "SELECT to_regclass('veilstream.schema_version') IS NOT NULL",
    )
    .await?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    let row = query_one(client, "SELECT max(version) FROM veilstream.schema_version").await?;
    Ok(row.get(0))
}

async fn exists(client: &Client, table: &TableName) -> Result<bool, SchemaError> {
    let row = client
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&table.quoted()])
        .await
        .map_err(|error| schema_error(&error))?;
    Ok(row.get(0))
}

async fn execute(client: &Client, sql: &str) -> Result<(), SchemaError> {
    client
        .batch_execute(sql)
        .await
        .map_err(|error| schema_error(&error))
}

async fn query_one(client: &Client, sql: &str) -> Result<tokio_postgres::Row, SchemaError> {
    client
        .query_one(sql, &[])
        .await
        .map_err(|error| schema_error(&error))
}

fn schema_error(error: &tokio_postgres::Error) -> SchemaError {
    DatabaseError::of(Step::Schema, error).into()
}
