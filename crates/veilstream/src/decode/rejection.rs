//! Why a message is no row: a code, the column at fault, and never a value.

use std::fmt;
use std::sync::Arc;

/// Why a message goes to quarantine rather than into the table.
///
/// It holds no value of the message, so it may be logged, counted and stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Rejection {
    /// What is wrong.
    pub code: RejectionCode,
    /// The column at fault; of several, the first one in the order of the configuration. The JSON
    /// Pointer of a field that the event is known by, where that is at fault. `None` where the body as
    /// a whole is.
    pub column: Option<Arc<str>>,
}

impl Rejection {
    pub(crate) fn of_body(code: RejectionCode) -> Self {
        Self { code, column: None }
    }

    pub(crate) fn of_column(code: RejectionCode, column: &Arc<str>) -> Self {
        Self {
            code,
            column: Some(Arc::clone(column)),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "{} in column {column}", self.code),
            None => self.code.fmt(f),
        }
    }
}

/// What is wrong with a message. The spellings are stored in the quarantine and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectionCode {
    /// The body is no JSON text (RFC 8259), or nests deeper than
    /// [`MAX_DEPTH`](super::MAX_DEPTH).
    NotJson,
    /// The body is JSON, but not an object.
    NotAnObject,
    /// A required field is absent or null.
    MissingField,
    /// A personal field cannot be brought to its domain's canonical form.
    NotCanonical,
    /// A personal field does not have the alphabet and length of its domain's format.
    OtherFormat,
    /// A personal field is a token already.
    AlreadyMasked,
    /// A value is not of the column's type, or beyond its range.
    BadConversion,
    /// Text, or the token it would become, is longer than its column.
    TooLong,
    /// Text holds U+0000, which PostgreSQL cannot store.
    NulInText,
    /// A personal field could not be masked.
    MaskFailed,
    /// PostgreSQL refuses the row: a constraint, a trigger or an index of the table is against it.
    RefusedByDatabase,
}

impl RejectionCode {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::NotJson,
        Self::NotAnObject,
        Self::MissingField,
        Self::NotCanonical,
        Self::OtherFormat,
        Self::AlreadyMasked,
        Self::BadConversion,
        Self::TooLong,
        Self::NulInText,
        Self::MaskFailed,
        Self::RefusedByDatabase,
    ];

    /// The code as it is stored and counted: `not_json`, `missing_field`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingField => "missing_field",
            Self::NotCanonical => "not_canonical",
            Self::OtherFormat => "other_format",
            Self::AlreadyMasked => "already_masked",
            Self::BadConversion => "bad_conversion",
            Self::TooLong => "too_long",
            Self::NulInText => "nul_in_text",
            Self::MaskFailed => "mask_failed",
            Self::RefusedByDatabase => "refused_by_database",
        }
    }
}

impl fmt::Display for RejectionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
