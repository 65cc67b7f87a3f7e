//! A sample of a table's rows, every column as text. It reads only, in a transaction that can do
//! nothing else.

use futures_util::{TryStreamExt, pin_mut};
use tokio_postgres::{Client, types::ToSql};

use super::{
    DatabaseError, Step,
    schema::{self, SchemaError},
};
use crate::config::{TableName, pipeline::quote_identifier};

/// A table that is larger on disk, in bytes, is not read as a whole for a sample.
const LARGE: i64 = 64 << 20;
/// Pages of a large table from which it is seen how many rows it has: statistics can be stale, and
/// a partitioned table often has none.
const PROBED_PAGES: f64 = 200.0;
/// PostgreSQL's usual size of a page, in bytes.
const PAGE: f64 = 8192.0;
/// Of a longer value only so many characters are looked at.
const LONGEST_TEXT: u32 = 65_536;
/// JSON that is longer, in characters, is not looked into, and counts as null.
const LONGEST_JSON: u32 = 1_048_576;

const TABLE: &str = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, \
    (SELECT coalesce(sum(pg_relation_size(p.oid)), 0)::int8 \
        FROM pg_catalog.pg_class p WHERE p.oid = c.oid \
        OR p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid))), \
    has_schema_privilege(n.oid, 'USAGE'), c.oid = to_regclass($2) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.oid = to_regclass($1)";
const COLUMNS: &str = "SELECT attname::text, atttypid IN ('json'::regtype, 'jsonb'::regtype), \
    has_column_privilege(attrelid, attnum, 'SELECT') \
    FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped \
    ORDER BY attnum";

/// Why a table could not be sampled.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// No transaction could be opened.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// There is no such table on the search path.
    #[error("table {table} does not exist; write its schema as well, as in public.users")]
    NoTable {
        /// The name that was given.
        table: String,
    },
    /// The role may not read any of it.
    #[error(
        "the role may not read table {table}: GRANT SELECT ON {table}, and USAGE on its schema"
    )]
    NotReadable {
        /// The table's name.
        table: String,
    },
}

/// A table that can be sampled.
pub struct Sampled {
    /// Its name, with the schema that it was found in.
    pub table: TableName,
    /// Whether it is the table that the configuration loads into.
    pub is_target: bool,
    /// Columns that the role may not read.
    pub unreadable: Vec<String>,
}

/// A column as it is read.
struct Column {
    name: String,
    is_json: bool,
    readable: bool,
}

/// What the catalogue says of a table.
struct Class {
    oid: u32,
    kind: String,
    bytes: i64,
    sampled: Sampled,
}

/// Something that takes rows, column by column.
pub trait TakeRows {
    /// The next row begins.
    fn begin_row(&mut self);
    /// A column of it.
    fn take_column(&mut self, name: &str, text: Option<&str>, is_json: bool);
}

/// Reads up to `wanted` rows of a table; `target` is the one that the configuration loads into.
///
/// # Errors
///
/// When the table is not there, may not be read, or the database fails.
pub async fn sample(
    client: &Client,
    table: &TableName,
    target: &TableName,
    wanted: u32,
    rows: &mut impl TakeRows,
) -> Result<Sampled, TableError> {
    schema::begin_reading(client).await?;
    let mut class = class(client, table, target).await?;
    let columns = columns(client, class.oid).await?;
    let (readable, unreadable): (Vec<_>, Vec<_>) =
        columns.into_iter().partition(|column| column.readable);
    if readable.is_empty() {
        let table = class.sampled.table.to_string();
        return Err(TableError::NotReadable { table });
    }
    class.sampled.unreadable = unreadable.into_iter().map(|column| column.name).collect();
    let part = part(client, &class, wanted).await?;
    let sql = class.query(&readable, wanted, part);
    let none: [&(dyn ToSql + Sync); 0] = [];
    let stream = client
        .query_raw(&sql, none)
        .await
        .map_err(|error| failed(&error))?;
    pin_mut!(stream);
    while let Some(row) = stream.try_next().await.map_err(|error| failed(&error))? {
        rows.begin_row();
        for (place, column) in readable.iter().enumerate() {
            let text: Option<&str> = row.try_get(place).map_err(|error| failed(&error))?;
            rows.take_column(&column.name, text, column.is_json);
        }
    }
    Ok(class.sampled)
}

/// The part of a large table to read, in percent, for half as many rows again as are wanted; `None`
/// for one that is read as a whole.
async fn part(client: &Client, class: &Class, wanted: u32) -> Result<Option<f64>, TableError> {
    let is_table = matches!(class.kind.as_str(), "r" | "p" | "m");
    if !is_table || class.bytes <= LARGE {
        return Ok(None);
    }
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let probed = 100.0 * PROBED_PAGES * PAGE / class.bytes as f64;
    let table = class.sampled.table.quoted();
    let sql = format!("SELECT count(*)::float8 FROM {table} TABLESAMPLE SYSTEM ({probed:.9})");
    let row = client
        .query_one(&sql, &[])
        .await
        .map_err(|error| failed(&error))?;
    let rows = row.get::<_, f64>(0) * 100.0 / probed;
    Ok(Some((150.0 * f64::from(wanted) / rows.max(1.0)).min(100.0)))
}

async fn class(
    client: &Client,
    table: &TableName,
    target: &TableName,
) -> Result<Class, TableError> {
    let row = client
        .query_opt(TABLE, &[&table.quoted(), &target.quoted()])
        .await
        .map_err(|error| failed(&error))?
        .ok_or_else(|| TableError::NoTable {
            table: table.to_string(),
        })?;
    let found = TableName {
        schema: Some(row.get(1)),
        table: row.get(2),
    };
    if !row.get::<_, bool>(5) {
        let table = found.to_string();
        return Err(TableError::NotReadable { table });
    }
    Ok(Class {
        oid: row.get(0),
        kind: row.get(3),
        bytes: row.get(4),
        sampled: Sampled {
            table: found,
            is_target: row.get::<_, Option<bool>>(6) == Some(true),
            unreadable: Vec::new(),
        },
    })
}

async fn columns(client: &Client, oid: u32) -> Result<Vec<Column>, TableError> {
    let rows = client
        .query(COLUMNS, &[&oid])
        .await
        .map_err(|error| failed(&error))?;
    let column = |row: &tokio_postgres::Row| Column {
        name: row.get(0),
        is_json: row.get(1),
        readable: row.get(2),
    };
    Ok(rows.iter().map(column).collect())
}

impl Class {
    /// A large table is read by random pages, a small one in random order; of a view or a foreign
    /// table the first rows have to do.
    fn query(&self, columns: &[Column], wanted: u32, part: Option<f64>) -> String {
        let list =
            |each: fn(&Column) -> String| columns.iter().map(each).collect::<Vec<_>>().join(", ");
        let table = self.sampled.table.quoted();
        let is_small_table = self.bytes > 0 && self.bytes <= LARGE;
        let (part, order) = match part {
            Some(percent) => (format!(" TABLESAMPLE SYSTEM ({percent:.9})"), ""),
            None if is_small_table => (String::new(), " ORDER BY random()"),
            None => (String::new(), ""),
        };
        // Only of the rows that are wanted are long values fetched and spelt out.
        format!(
            "SELECT {} FROM (SELECT {} FROM {table}{part}{order} LIMIT {wanted}) AS sampled",
            list(Column::as_text),
            list(Column::quoted),
        )
    }
}

impl Column {
    fn quoted(&self) -> String {
        quote_identifier(&self.name)
    }

    fn as_text(&self) -> String {
        let name = self.quoted();
        if self.is_json {
            format!("CASE WHEN length({name}::text) <= {LONGEST_JSON} THEN {name}::text END")
        } else {
            format!("left({name}::text, {LONGEST_TEXT})")
        }
    }
}

fn failed(error: &tokio_postgres::Error) -> DatabaseError {
    DatabaseError::of(Step::Sample, error)
}
