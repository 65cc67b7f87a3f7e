//! The validated description of one pipeline: a target table and what each of its columns takes.

use std::fmt;

use super::{Mask, pointer};

/// What becomes of a message: the table it lands in and its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// The pipeline's name, for logs: `logins` for the built-in one.
    pub name: String,
    /// The table that rows are copied into.
    pub table: TableName,
    /// The columns to load, in the order of the COPY; never empty, names unique.
    pub columns: Vec<Column>,
    /// What makes two messages the same.
    pub identity: Identity,
    /// What becomes of a message that is rejected.
    pub on_reject: OnReject,
    /// The share of rejected messages, in percent (1 to 99), above which nothing more is received.
    pub reject_limit: u8,
}

/// What makes two messages the same, so that only the first is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The queue's own id of the message.
    MessageId,
    /// What the event says.
    Value(ValueIdentity),
}

/// An identity by value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueIdentity {
    /// Of what.
    pub of: IdentityOf,
    /// For how many days an event is known again; at least 1.
    pub retention_days: u16,
}

/// What of an event is its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityOf {
    /// All of its body, byte for byte.
    Body,
    /// These fields together, as the unescaped reference tokens of JSON Pointers (RFC 6901); never
    /// empty.
    Fields(Vec<Vec<String>>),
}

/// What becomes of a message that is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReject {
    /// It goes into the quarantine and is deleted from the queue.
    Quarantine,
    /// It stays in the queue, whose redrive policy decides.
    Leave,
}

/// A table's name, with its schema if one was given (else the search path decides).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The schema, unquoted.
    pub schema: Option<String>,
    /// The table, unquoted.
    pub table: String,
}

impl TableName {
    /// The name as SQL, every part quoted.
    pub fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!(
                "{}.{}",
                quote_identifier(schema),
                quote_identifier(&self.table)
            ),
            None => quote_identifier(&self.table),
        }
    }
}

impl std::str::FromStr for TableName {
    type Err = String;

    /// Reads a name without quotes: `table` or `schema.table`.
    fn from_str(text: &str) -> Result<Self, String> {
        super::target::table_name(text)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.table)
    }
}

/// An identifier in double quotes, as PostgreSQL wants it (SQL syntax, "Identifiers and Key
/// Words").
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// One column of the target table and where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The column's name in the table, unquoted.
    pub name: String,
    /// Where the value comes from.
    pub source: ColumnSource,
    /// The column's type. From the configuration it is what `migrate` creates; once the
    /// catalogue has been read it is what the table really has.
    pub column_type: ColumnType,
    /// How the JSON value becomes one of the column's type.
    pub conversion: Conversion,
    /// Set for a personal field: it is masked before it is loaded.
    pub mask: Option<Mask>,
    /// A message without a value here (absent or null) goes to quarantine.
    pub required: bool,
}

/// Where a column's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnSource {
    /// A field of the event, as the unescaped reference tokens of a JSON Pointer (RFC 6901);
    /// never empty. Only object members are reached, not array elements.
    Field(Vec<String>),
    /// The time the message was sent (SQS `SentTimestamp`).
    SentAt,
    /// The message's id, as SQS gave it.
    MessageId,
}

impl ColumnSource {
    /// The JSON Pointer (RFC 6901) of a field of the event.
    pub fn pointer(&self) -> Option<String> {
        match self {
            Self::Field(tokens) => Some(pointer::pointer(tokens)),
            Self::SentAt | Self::MessageId => None,
        }
    }
}

/// How a JSON value becomes one of the column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// What the column's type suggests.
    Natural,
    /// The ASCII digits of a version, joined: `2.3.0` is 230. Lossy: `2.30` is 230 too. For
    /// integer columns.
    VersionDigits,
    /// `major * 1_000_000 + minor * 1_000 + patch`, which sorts as versions do and keeps them
    /// apart; each of up to three parts is at most 999 but the first. For integer columns.
    VersionOrdered,
    /// Seconds since 1970-01-01 UTC, whole or with a fraction. For date and timestamp columns.
    UnixSeconds,
    /// Milliseconds since 1970-01-01 UTC. For date and timestamp columns.
    UnixMillis,
    /// Hexadecimal digits. For bytea columns, whose natural conversion is base64.
    Hex,
}

/// The types of PostgreSQL that veilstream loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `text`
    Text,
    /// `varchar(n)`: at most n characters (not bytes); without a number, any length.
    Varchar(Option<u32>),
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `double precision`
    Float8,
    /// `numeric(precision, scale)`, or any number.
    Numeric(Option<(u16, i16)>),
    /// `boolean`
    Bool,
    /// `date`
    Date,
    /// `timestamp without time zone`: the wall clock in UTC.
    Timestamp,
    /// `timestamp with time zone`
    Timestamptz,
    /// `uuid`
    Uuid,
    /// `inet`
    Inet,
    /// `jsonb`
    Jsonb,
    /// `bytea`
    Bytea,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Varchar(None) => f.write_str("varchar"),
            Self::Varchar(Some(length)) => write!(f, "varchar({length})"),
            Self::Int2 => f.write_str("int2"),
            Self::Int4 => f.write_str("int4"),
            Self::Int8 => f.write_str("int8"),
            Self::Float8 => f.write_str("float8"),
            Self::Numeric(None) => f.write_str("numeric"),
            Self::Numeric(Some((precision, scale))) => write!(f, "numeric({precision},{scale})"),
            Self::Bool => f.write_str("bool"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Timestamptz => f.write_str("timestamptz"),
            Self::Uuid => f.write_str("uuid"),
            Self::Inet => f.write_str("inet"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::Bytea => f.write_str("bytea"),
        }
    }
}
