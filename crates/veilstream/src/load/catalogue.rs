//! The target table as PostgreSQL's catalogue has it, held against the configured columns.

use std::{collections::HashMap, fmt};

use masking::Keyset;
use tokio_postgres::{Client, types::Type};

use super::{DatabaseError, Step};
use crate::config::{Column, ColumnType, Mask, Pipeline, TableName, mask};

/// A table with all of its partitions: rows may land in any of them.
const TABLE: &str = "SELECT c.oid, n.nspname::text, c.relname::text, \
    array_agg(DISTINCT p.relkind::text), bool_or(p.relrowsecurity), \
    bool_or(p.relpersistence = 'u') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_class p ON p.oid = c.oid \
        OR p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid)) \
    WHERE c.oid = to_regclass($1) GROUP BY c.oid, n.nspname, c.relname";
const COLUMNS: &str = "SELECT attname::text, atttypid, atttypmod, attnotnull, atthasdef, \
    attgenerated <> '' OR attidentity <> '', format_type(atttypid, atttypmod), \
    has_column_privilege(attrelid, attnum, 'INSERT'), quote_ident(current_user) \
    FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped";
const DURABILITY: &str =
    "SELECT current_setting('fsync')::bool, current_setting('full_page_writes')::bool";

/// Stands for the table in the text of a misfit, which does not know it.
const THIS_TABLE: &str = "…";
/// What is written before a variable-length type's own length in `atttypmod`.
const TYPMOD_HEADER: i32 = 4;

/// The configured columns with the types that the table really has, and what an operator should
/// know.
#[derive(Debug)]
pub struct Fit {
    /// The table, with the schema that it was found in.
    pub table: TableName,
    /// The columns to load.
    pub columns: Vec<Column>,
    /// Things that work but endanger what veilstream promises.
    pub warnings: Vec<String>,
}

impl Fit {
    /// The table, if tokens go into it.
    pub fn masked_table(&self) -> Option<&TableName> {
        let masked = self.columns.iter().any(|column| column.mask.is_some());
        masked.then_some(&self.table)
    }
}

/// Why the configured columns do not fit the table.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no such table on the search path.
    #[error("table {table} does not exist: run `veilstream migrate`, or create it yourself")]
    NoTable {
        /// The table's name.
        table: String,
    },
    /// It is a view or the like, or has row security.
    #[error("{table} {what}; veilstream loads into plain tables only")]
    NotATable {
        /// Its name.
        table: String,
        /// What it is instead.
        what: &'static str,
    },
    /// Columns are missing or of another type.
    #[error(
        "table {table} does not fit the configuration:{}",
        lines(table, misfits)
    )]
    Misfits {
        /// The table's name.
        table: String,
        /// Every misfit.
        misfits: Vec<Misfit>,
    },
}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// The table lacks a configured column.
    MissingColumn {
        /// Its name.
        column: String,
        /// Its configured type.
        expected: ColumnType,
    },
    /// A column has another type than configured.
    WrongType {
        /// Its name.
        column: String,
        /// Its type in the table.
        found: String,
        /// Its configured type.
        expected: ColumnType,
    },
    /// A column that PostgreSQL computes itself.
    Generated {
        /// Its name.
        column: String,
    },
    /// A column that the role may not write.
    NotWritable {
        /// Its name.
        column: String,
        /// The role, quoted where SQL asks for it.
        role: String,
    },
    /// A masked column that is too short for what its mask writes.
    TooShortForMask {
        /// Its name.
        column: String,
        /// Its type in the table.
        found: String,
        /// The length in characters that it needs at least.
        needed: usize,
    },
    /// A column that may not be NULL, and whose mask drops every value.
    DropsEveryValue {
        /// Its name.
        column: String,
    },
    /// A column that must have a value but is not configured and has no default.
    NeedsValue {
        /// Its name.
        column: String,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingColumn { column, expected } => {
                write!(
                    f,
                    "column {column} is missing; add it: ALTER TABLE {THIS_TABLE} ADD COLUMN {column} {expected}"
                )
            }
            Self::WrongType {
                column,
                found,
                expected,
            } => {
                write!(
                    f,
                    "column {column} is {found} where {expected} is configured"
                )
            }
            Self::Generated { column } => {
                write!(
                    f,
                    "column {column} is generated by PostgreSQL; leave it out of [[columns]]"
                )
            }
            Self::NotWritable { column, role } => {
                write!(
                    f,
                    "column {column} may not be written: GRANT INSERT ON {THIS_TABLE} TO {role}"
                )
            }
            Self::TooShortForMask {
                column,
                found,
                needed,
            } => write!(
                f,
                "column {column} is {found}, too short for what its mask writes: make it \
                 varchar({needed}) or longer"
            ),
            Self::DropsEveryValue { column } => write!(
                f,
                "column {column} is NOT NULL, but its mask drops every value: \
                 ALTER TABLE {THIS_TABLE} ALTER COLUMN {column} DROP NOT NULL, or mask with redact"
            ),
            Self::NeedsValue { column } => {
                write!(
                    f,
                    "column {column} is NOT NULL without a default and not in [[columns]]"
                )
            }
        }
    }
}

fn lines(table: &str, misfits: &[Misfit]) -> String {
    let lines = misfits
        .iter()
        .map(|misfit| format!("\n  {misfit}").replace(THIS_TABLE, table));
    let lines: String = lines.collect();
    // What a role lacks has nothing to do with how the table was made.
    if misfits
        .iter()
        .all(|misfit| matches!(misfit, Misfit::NotWritable { .. }))
    {
        return lines;
    }
    lines + "\n`veilstream migrate` creates the table as configured where there is none"
}

#[expect(clippy::struct_excessive_bools, reason = "as pg_attribute has them")]
struct Attribute {
    column_type: Option<ColumnType>,
    type_name: String,
    not_null: bool,
    has_default: bool,
    generated: bool,
    writable: bool,
    /// Who asks.
    role: String,
}

/// Holds a pipeline's columns against the table. With a key set, masked columns are held against
/// the tokens that its domains make.
///
/// # Errors
///
/// When the table is not there or does not fit, naming every misfit.
pub async fn fit(
    client: &Client,
    pipeline: &Pipeline,
    keyset: Option<&Keyset>,
) -> Result<Fit, CatalogueError> {
    let table = pipeline.table.to_string();
    let failed = |error: tokio_postgres::Error| DatabaseError::of(Step::Schema, &error);
    let class = client
        .query_opt(TABLE, &[&pipeline.table.quoted()])
        .await
        .map_err(failed)?
        .ok_or_else(|| CatalogueError::NoTable {
            table: table.clone(),
        })?;
    let schema: String = class.get(1);
    let kinds: Vec<String> = class.get(3);
    if let Some(what) = unfit(&schema, &kinds, class.get(4)) {
        return Err(CatalogueError::NotATable { table, what });
    }
    let oid: u32 = class.get(0);
    let rows = client.query(COLUMNS, &[&oid]).await.map_err(failed)?;
    let attributes: HashMap<String, Attribute> = rows
        .iter()
        .map(|row| (row.get(0), attribute(row)))
        .collect();
    let columns = fit_columns(&pipeline.columns, &attributes, keyset).map_err(|misfits| {
        CatalogueError::Misfits {
            table: table.clone(),
            misfits,
        }
    })?;

    let mut warnings = Vec::new();
    if class.get(5) {
        warnings.push(format!(
            "table {table} is UNLOGGED: a crash of the server empties it after messages were deleted"
        ));
    }
    let durability = client.query_one(DURABILITY, &[]).await.map_err(failed)?;
    for (place, setting) in ["fsync", "full_page_writes"].into_iter().enumerate() {
        if !durability.get::<_, bool>(place) {
            warnings.push(format!(
                "the server runs with {setting} = off: a crash can lose rows whose messages were deleted"
            ));
        }
    }
    let table = TableName {
        schema: Some(schema),
        table: class.get(2),
    };
    Ok(Fit {
        table,
        columns,
        warnings,
    })
}

/// Why rows cannot be loaded there with the promise that veilstream makes.
fn unfit(schema: &str, kinds: &[String], row_security: bool) -> Option<&'static str> {
    let is = |kind| kinds.iter().any(|one| one == kind);
    if schema == "veilstream" {
        Some("is in schema veilstream, among veilstream's own tables; name the schema of yours")
    } else if is("v") {
        Some("is a view")
    } else if is("m") {
        Some("is a materialized view")
    } else if is("f") {
        Some("is a foreign table, or has one as a partition")
    } else if row_security {
        Some("has row security, which can hide or refuse rows")
    } else if kinds.iter().all(|kind| kind == "r" || kind == "p") {
        None
    } else {
        Some("is not a table")
    }
}

fn fit_columns(
    configured: &[Column],
    attributes: &HashMap<String, Attribute>,
    keyset: Option<&Keyset>,
) -> Result<Vec<Column>, Vec<Misfit>> {
    let mut misfits = Vec::new();
    let mut columns = Vec::with_capacity(configured.len());
    for column in configured {
        let name = column.name.clone();
        let expected = column.column_type;
        let Some(attribute) = attributes.get(&name) else {
            misfits.push(Misfit::MissingColumn {
                column: name,
                expected,
            });
            continue;
        };
        if attribute.generated {
            misfits.push(Misfit::Generated { column: name });
            continue;
        }
        let fitting = attribute
            .column_type
            .filter(|found| same_kind(*found, expected));
        let Some(column_type) = fitting else {
            let found = attribute.type_name.clone();
            misfits.push(Misfit::WrongType {
                column: name,
                found,
                expected,
            });
            continue;
        };
        if !attribute.writable {
            let role = attribute.role.clone();
            misfits.push(Misfit::NotWritable { column: name, role });
            continue;
        }
        if let Some(needed) = missing_room(column, column_type, keyset) {
            let found = attribute.type_name.clone();
            misfits.push(Misfit::TooShortForMask {
                column: name,
                found,
                needed,
            });
            continue;
        }
        if attribute.not_null && column.mask == Some(Mask::Drop) {
            misfits.push(Misfit::DropsEveryValue { column: name });
            continue;
        }
        // A NULL would be refused by the server; here the message gets its own reason.
        let required = column.required || attribute.not_null;
        columns.push(Column {
            column_type,
            required,
            ..column.clone()
        });
    }
    let mut needed: Vec<_> = attributes
        .iter()
        .filter(|(name, attribute)| {
            attribute.not_null
                && !attribute.has_default
                && !attribute.generated
                && configured.iter().all(|column| column.name != **name)
        })
        .map(|(name, _)| Misfit::NeedsValue {
            column: name.clone(),
        })
        .collect();
    needed.sort_by_key(ToString::to_string);
    misfits.extend(needed);
    if misfits.is_empty() {
        Ok(columns)
    } else {
        Err(misfits)
    }
}

/// The length that a masked column needs, if it is shorter: for its domain's longest token, or,
/// where values have no longest, for the shortest.
fn missing_room(column: &Column, found: ColumnType, keyset: Option<&Keyset>) -> Option<usize> {
    let needed = match column.mask.as_ref()? {
        Mask::Drop => return None,
        Mask::Redact(text) => text.chars().count(),
        Mask::Domain(domain) => {
            let listed = keyset.and_then(|keyset| keyset.domain(domain.domain.as_str()));
            mask::room(&listed.cloned().or_else(|| domain.stated())?).length
        }
    };
    (!found.has_room(needed)).then_some(needed)
}

/// Lengths and precisions may differ, the table's count; text and varchar are one kind.
fn same_kind(found: ColumnType, expected: ColumnType) -> bool {
    let text = |one| matches!(one, ColumnType::Text | ColumnType::Varchar(_));
    (text(found) && text(expected))
        || std::mem::discriminant(&found) == std::mem::discriminant(&expected)
}

fn attribute(row: &tokio_postgres::Row) -> Attribute {
    Attribute {
        column_type: column_type(row.get(1), row.get(2)),
        type_name: row.get(6),
        not_null: row.get(3),
        has_default: row.get(4),
        generated: row.get(5),
        writable: row.get(7),
        role: row.get(8),
    }
}

/// A type and its modifier as the catalogue holds them, if it is one that veilstream loads.
fn column_type(oid: u32, modifier: i32) -> Option<ColumnType> {
    let modifier = (modifier >= TYPMOD_HEADER).then(|| modifier - TYPMOD_HEADER);
    let column_type = match Type::from_oid(oid)? {
        Type::TEXT => ColumnType::Text,
        Type::VARCHAR => {
            ColumnType::Varchar(modifier.and_then(|length| u32::try_from(length).ok()))
        }
        Type::INT2 => ColumnType::Int2,
        Type::INT4 => ColumnType::Int4,
        Type::INT8 => ColumnType::Int8,
        Type::FLOAT8 => ColumnType::Float8,
        Type::NUMERIC => ColumnType::Numeric(modifier.map(precision_and_scale)),
        Type::BOOL => ColumnType::Bool,
        Type::DATE => ColumnType::Date,
        Type::TIMESTAMP => ColumnType::Timestamp,
        Type::TIMESTAMPTZ => ColumnType::Timestamptz,
        Type::UUID => ColumnType::Uuid,
        Type::INET => ColumnType::Inet,
        Type::JSONB => ColumnType::Jsonb,
        Type::BYTEA => ColumnType::Bytea,
        _ => return None,
    };
    Some(column_type)
}

/// Precision in the upper half, scale in the lower eleven bits, signed since PostgreSQL 15
/// (`numeric.c`, `make_numeric_typmod`).
fn precision_and_scale(modifier: i32) -> (u16, i16) {
    let precision = u16::try_from((modifier >> 16) & 0xffff).expect("sixteen bits");
    let scale = i16::try_from(((modifier & 0x7ff) ^ 0x400) - 0x400).expect("eleven bits");
    (precision, scale)
}
