//! veilstream's own tables in the database: made by `migrate`, their version checked by `run`.

use tokio_postgres::Client;

use super::{DatabaseError, Step};
use crate::config::{Pipeline, TableName};

/// The version of schema `veilstream` that this program works with.
pub const VERSION: i32 = 4;

/// The oldest PostgreSQL that is served: 13.
const OLDEST_SERVER: i32 = 130_000;
/// What leads from each version to the next, the first from nothing to version 1.
const STEPS: [(i32, &str); 4] = [
    (1, include_str!("schema/1.sql")),
    (2, include_str!("schema/2.sql")),
    (3, include_str!("schema/3.sql")),
    (4, include_str!("schema/4.sql")),
];
const ADD_TODAYS_PARTITIONS: &str = "SELECT veilstream.add_ledger_partition(\
    (extract(epoch FROM now())::bigint / 86400) + ahead) FROM generate_series(-4, 2) AS ahead";

/// The search path without our own schema: PostgreSQL puts a role's namesake schema first, and the
/// table of a role called `veilstream` would be made among our own.
pub(super) const LEAVE_OUR_SCHEMA: &str = "SELECT set_config('search_path', \
    (SELECT coalesce(string_agg(quote_ident(name), ', ' ORDER BY place), '') \
    FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, place) \
    WHERE name <> 'veilstream'), true)";

/// One migration at a time; each sees what the one before has done.
const BEGIN_MIGRATING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
    SELECT pg_advisory_xact_lock(hashtextextended('veilstream.migrate', 0))";
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; \
    SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '10s'";
const USAGE: &str = "SELECT has_schema_privilege(oid, 'USAGE'), quote_ident(current_user) \
    FROM pg_catalog.pg_namespace WHERE nspname = 'veilstream'";
const VISIBLE: &str = "SELECT has_table_privilege(\
    to_regclass('veilstream.schema_version'), 'SELECT'), quote_ident(current_user)";
const MISSING_PRIVILEGES: &str = "SELECT format('%s TO %I', needed, current_user) FROM (VALUES \
    ('SELECT, INSERT ON veilstream.ledger', has_table_privilege('veilstream.ledger', 'SELECT') \
        AND has_table_privilege('veilstream.ledger', 'INSERT')), \
    ('INSERT ON veilstream.quarantine', has_table_privilege('veilstream.quarantine', 'INSERT')), \
    ('EXECUTE ON FUNCTION veilstream.add_ledger_partition', \
        has_function_privilege('veilstream.add_ledger_partition(bigint)', 'EXECUTE')), \
    ('SELECT, INSERT ON veilstream.identity', has_table_privilege('veilstream.identity', 'SELECT') \
        AND has_table_privilege('veilstream.identity', 'INSERT')), \
    ('EXECUTE ON FUNCTION veilstream.record_queue_retention', \
        has_function_privilege('veilstream.record_queue_retention(text, integer)', 'EXECUTE')), \
    ('EXECUTE ON FUNCTION veilstream.add_ledger_partitions_ahead', \
        has_function_privilege('veilstream.add_ledger_partitions_ahead()', 'EXECUTE')), \
    ('EXECUTE ON FUNCTION veilstream.drop_ledger_partition', \
        has_function_privilege('veilstream.drop_ledger_partition()', 'EXECUTE')), \
    ('EXECUTE ON FUNCTION veilstream.prune_identity', \
        has_function_privilege('veilstream.prune_identity()', 'EXECUTE')), \
    ('EXECUTE ON FUNCTION veilstream.ask_key_set', has_function_privilege(\
        'veilstream.ask_key_set(text, bigint, bytea, bigint[], bytea[], text)', 'EXECUTE')), \
    ('EXECUTE ON FUNCTION veilstream.use_key_set', has_function_privilege(\
        'veilstream.use_key_set(text, bigint, bytea, bigint[], bytea[], text)', 'EXECUTE'))) \
    AS privilege (needed, held) WHERE NOT held";

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
    /// The role may not do what the command needs.
    #[error(
        "the role lacks privileges on schema veilstream; its owner runs deploy/roles.sql, or: \
         GRANT {}", privileges.join("; GRANT ")
    )]
    MissingPrivileges {
        /// What to grant.
        privileges: Vec<String>,
    },
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
    execute(client, BEGIN_MIGRATING).await?;
    let migrated = migrate_in_transaction(client, pipeline).await;
    match migrated {
        Ok(_) => execute(client, "COMMIT").await?,
        // What failed first is what counts; with the connection the transaction ends anyway.
        Err(_) => drop(execute(client, "ROLLBACK").await),
    }
    migrated
}

async fn migrate_in_transaction(
    client: &Client,
    pipeline: &Pipeline,
) -> Result<Migrated, SchemaError> {
    check_server(client).await?;
    let from = version(client).await?;
    if let Some(found) = from.filter(|found| *found > VERSION) {
        return Err(SchemaError::Newer { found });
    }
    for (version, step) in STEPS {
        if from.is_none_or(|from| from < version) {
            execute(client, step).await?;
            let row = format!("INSERT INTO veilstream.schema_version (version) VALUES ({version})");
            execute(client, &row).await?;
        }
    }
    execute(client, ADD_TODAYS_PARTITIONS).await?;
    execute(client, LEAVE_OUR_SCHEMA).await?;
    let exists = exists(client, &pipeline.table).await?;
    if !exists {
        execute(client, &pipeline.create_table_sql()).await?;
    }
    Ok(Migrated {
        from,
        created: (!exists).then(|| pipeline.table.clone()),
    })
}

/// Opens a transaction for looking only. Statements that are prepared in it stay on one server
/// connection behind a pooler in transaction mode; it ends with the connection.
///
/// # Errors
///
/// When the database fails.
pub async fn begin_reading(client: &Client) -> Result<(), SchemaError> {
    execute(client, BEGIN_READING).await?;
    execute(client, LEAVE_OUR_SCHEMA).await
}

/// Ends that transaction, for another one on the same connection.
///
/// # Errors
///
/// When the database fails.
pub async fn end_reading(client: &Client) -> Result<(), SchemaError> {
    execute(client, "COMMIT").await
}

/// Whether the server is new enough, schema `veilstream` of this program's version, and the role
/// allowed to load.
///
/// # Errors
///
/// When it is not, saying what to do.
pub async fn check(client: &Client) -> Result<(), SchemaError> {
    check_server(client).await?;
    check_usage(client).await?;
    check_visible(client).await?;
    match version(client).await? {
        None => Err(SchemaError::Missing),
        Some(found) if found < VERSION => Err(SchemaError::Older { found }),
        Some(found) if found > VERSION => Err(SchemaError::Newer { found }),
        Some(_) => Ok(()),
    }
}

/// Whether the role may do with veilstream's tables what loading needs.
///
/// # Errors
///
/// When it may not, naming every missing grant.
pub async fn check_privileges(client: &Client) -> Result<(), SchemaError> {
    let rows = client
        .query(MISSING_PRIVILEGES, &[])
        .await
        .map_err(|error| schema_error(&error))?;
    let privileges: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if privileges.is_empty() {
        Ok(())
    } else {
        Err(SchemaError::MissingPrivileges { privileges })
    }
}

/// The version has to be read before anything else is known to be there.
async fn check_visible(client: &Client) -> Result<(), SchemaError> {
    let row = query_one(client, VISIBLE).await?;
    if row.get::<_, Option<bool>>(0) == Some(false) {
        let role: String = row.get(1);
        let privileges = vec![format!("SELECT ON veilstream.schema_version TO {role}")];
        return Err(SchemaError::MissingPrivileges { privileges });
    }
    Ok(())
}

/// Without USAGE on the schema its tables cannot even be looked for.
async fn check_usage(client: &Client) -> Result<(), SchemaError> {
    let row = client
        .query_opt(USAGE, &[])
        .await
        .map_err(|error| schema_error(&error))?;
    let row = row.ok_or(SchemaError::Missing)?;
    if row.get(0) {
        return Ok(());
    }
    let role: String = row.get(1);
    let privileges = vec![format!("USAGE ON SCHEMA veilstream TO {role}")];
    Err(SchemaError::MissingPrivileges { privileges })
}

async fn check_server(client: &Client) -> Result<(), SchemaError> {
    let row = query_one(
        client,
        "SELECT current_setting('server_version_num')::int4, current_setting('server_version')",
    )
    .await?;
    check_server_version(row.get(0), row.get(1))
}

/// `number` is as `server_version_num` says it: 130004 is 13.4.
fn check_server_version(number: i32, version: &str) -> Result<(), SchemaError> {
    if number < OLDEST_SERVER {
        return Err(SchemaError::ServerTooOld {
            version: version.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgresql_12_is_refused_and_13_is_not() {
        let refused = check_server_version(120_022, "12.22")
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("12.22") && refused.contains("13 or newer"),
            "{refused}"
        );
        assert!(check_server_version(130_000, "13.0").is_ok());
    }
}
