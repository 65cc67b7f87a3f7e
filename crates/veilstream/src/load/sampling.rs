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
/// About how many bytes a row takes, where the table was never analysed.
const ROW_BYTES: f64 = 100.0;
/// Of a longer value only so many characters are looked at.
const LONGEST_TEXT: u32 = 65_536;
/// JSON that is longer, in characters, is not looked into, and counts as null.
const LONGEST_JSON: u32 = 1_048_576;

const TABLE: &str = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, \
    c.reltuples::float8, (SELECT coalesce(sum(pg_relation_size(p.oid)), 0)::int8 \
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
    rows: f64,
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
    let mut percent = class.percent(wanted);
    while read(client, &class, &readable, wanted, percent, rows).await? == 0 {
        // Statistics can be stale: a larger part is tried, in the end the whole table.
        match percent {
            Some(part) => percent = (part < 10.0).then_some(part * 10.0),
            None => break,
        }
    }
    Ok(class.sampled)
}

/// Reads rows, of a part of the table if one is given in percent; how many there were.
async fn read(
    client: &Client,
    class: &Class,
    columns: &[Column],
    wanted: u32,
    percent: Option<f64>,
    rows: &mut impl TakeRows,
) -> Result<u32, TableError> {
    let sql = class.query(columns, wanted, percent);
    let none: [&(dyn ToSql + Sync); 0] = [];
    let stream = client.query_raw(&sql, none).await.map_err(failed)?;
    pin_mut!(stream);
    let mut count = 0;
    while let Some(row) = stream.try_next().await.map_err(failed)? {
        count += 1;
        rows.begin_row();
        for (place, column) in columns.iter().enumerate() {
            let text: Option<&str> = row.try_get(place).map_err(failed)?;
            rows.take_column(&column.name, text, column.is_json);
        }
    }
    Ok(count)
}

async fn class(
    client: &Client,
    table: &TableName,
    target: &TableName,
) -> Result<Class, TableError> {
    let row = client
        .query_opt(TABLE, &[&table.quoted(), &target.quoted()])
        .await
        .map_err(failed)?
        .ok_or_else(|| TableError::NoTable {
            table: table.to_string(),
        })?;
    let found = TableName {
        schema: Some(row.get(1)),
        table: row.get(2),
    };
    if !row.get::<_, bool>(6) {
        let table = found.to_string();
        return Err(TableError::NotReadable { table });
    }
    Ok(Class {
        oid: row.get(0),
        kind: row.get(3),
        rows: row.get(4),
        bytes: row.get(5),
        sampled: Sampled {
            table: found,
            is_target: row.get::<_, Option<bool>>(7) == Some(true),
            unreadable: Vec::new(),
        },
    })
}

async fn columns(client: &Client, oid: u32) -> Result<Vec<Column>, TableError> {
    let rows = client.query(COLUMNS, &[&oid]).await.map_err(failed)?;
    let column = |row: &tokio_postgres::Row| Column {
        name: row.get(0),
        is_json: row.get(1),
        readable: row.get(2),
    };
    Ok(rows.iter().map(column).collect())
}

impl Class {
    /// The part of a large table to read, in percent, for half as many rows again as are wanted.
    fn percent(&self, wanted: u32) -> Option<f64> {
        let is_table = matches!(self.kind.as_str(), "r" | "p" | "m");
        if !is_table || self.bytes <= LARGE {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let estimate = self.bytes as f64 / ROW_BYTES;
        let rows = if self.rows > 0.0 { self.rows } else { estimate };
        let percent = 150.0 * f64::from(wanted) / rows;
        (percent < 50.0).then_some(percent)
    }

    /// A large table is read by random pages, a small one in random order; of a view or a foreign
    /// table the first rows have to do.
    fn query(&self, columns: &[Column], wanted: u32, percent: Option<f64>) -> String {
        let columns = columns
            .iter()
            .map(Column::sql)
            .collect::<Vec<_>>()
            .join(", ");
        let table = self.sampled.table.quoted();
        let is_small_table = self.bytes > 0 && self.bytes <= LARGE;
        let (part, order) = match percent {
            Some(percent) => (format!(" TABLESAMPLE SYSTEM ({percent:.9})"), ""),
            None if is_small_table => (String::new(), " ORDER BY random()"),
            None => (String::new(), ""),
        };
        format!("SELECT {columns} FROM {table}{part}{order} LIMIT {wanted}")
    }
}

impl Column {
    fn sql(&self) -> String {
        let name = quote_identifier(&self.name);
        if self.is_json {
            format!("CASE WHEN length({name}::text) <= {LONGEST_JSON} THEN {name}::text END")
        } else {
            format!("left({name}::text, {LONGEST_TEXT})")
        }
    }
}

fn failed(error: tokio_postgres::Error) -> DatabaseError {
    DatabaseError::of(Step::Sample, &error)
}
