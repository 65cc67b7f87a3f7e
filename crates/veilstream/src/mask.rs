//! Personal fields become tokens, and the columns become a row. There is no other way to a row.
//!
//! Masking fails closed: a personal field without a masker, a masker without a personal field, or
//! any error of a masker rejects the message.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use masking::{Form, Keyset, KeysetError, MaskError, Masker};

use crate::config::{Column, ColumnType};
use crate::decode::{Cell, Decoded, Rejection, RejectionCode};
use crate::encode::{Row, Value};

/// Room for a token beside its value's own length: text before the ciphertext, and base64.
const TOKEN_OVERHEAD: usize = 40;

/// The text of a personal field. Only this module can read it.
pub(crate) struct Personal<'b>(Cow<'b, str>);

impl<'b> Personal<'b> {
    /// Closes the text in.
    pub(crate) fn new(text: Cow<'b, str>) -> Self {
        Self(text)
    }
}

/// The maskers of a pipeline's columns. Each worker has a clone of its own.
#[derive(Clone)]
pub struct Masking {
    columns: Vec<Target>,
}

/// What masking knows of a column.
#[derive(Clone)]
struct Target {
    name: Arc<str>,
    /// Set for a personal column.
    masker: Option<Masker>,
    /// The most characters that the column takes.
    limit: Option<usize>,
}

impl Masking {
    /// The maskers for these columns, which are those that the decoder was made from.
    ///
    /// # Errors
    ///
    /// The key set does not have a domain that a column names.
    pub fn new(columns: &[Column], keyset: &Keyset) -> Result<Self, KeysetError> {
        let target = |column: &Column| {
            let masker = match &column.mask {
                Some(mask) => Some(keyset.masker(mask.domain.as_str(), Form::Text)?),
                None => None,
            };
            let limit = if let ColumnType::Varchar(Some(limit)) = column.column_type {
                usize::try_from(limit).ok()
            } else {
                None
            };
            Ok(Target {
                name: Arc::from(column.name.as_str()),
                masker,
                limit,
            })
        };
        Ok(Self {
            columns: columns.iter().map(target).collect::<Result<_, _>>()?,
        })
    }

    /// Masks the personal columns and encodes the row.
    ///
    /// # Errors
    ///
    /// `NotCanonical`, `TooLong` (of a token) or `MaskFailed`, each of the first column that has
    /// it.
    pub fn apply(&mut self, decoded: Decoded<'_>) -> Result<Masked, Rejection> {
        let cells = decoded.into_cells();
        if cells.len() != self.columns.len() {
            return Err(Rejection::of_body(RejectionCode::MaskFailed));
        }
        let capacity = cells.iter().map(room).sum();
        let mut row = Row::new(cells.len(), capacity);
        for (target, cell) in self.columns.iter_mut().zip(cells) {
            target
                .add(cell, &mut row)
                .map_err(|code| Rejection::of_column(code, &target.name))?;
        }
        Ok(Masked {
            row: row.into_bytes(),
        })
    }
}

impl Target {
    fn add(&mut self, cell: Cell<'_>, row: &mut Row) -> Result<(), RejectionCode> {
        match (cell, &mut self.masker) {
            (Cell::Null, _) => row.null(),
            (Cell::Clear(value), None) => row.value(&value),
            (Cell::Personal(Personal(text)), Some(masker)) => {
                let length = row
                    .appended(|bytes| masker.mask(&text, bytes))
                    .map_err(rejection_code)?;
                // A token is ASCII: it has as many characters as bytes.
                if self.limit.is_some_and(|limit| length > limit) {
                    return Err(RejectionCode::TooLong);
                }
            }
            (Cell::Clear(_), Some(_)) | (Cell::Personal(_), None) => {
                return Err(RejectionCode::MaskFailed);
            }
        }
        Ok(())
    }
}

fn rejection_code(error: MaskError) -> RejectionCode {
    match error {
        MaskError::NotCanonical(_) | MaskError::AlreadyMasked | MaskError::OtherFormat { .. } => {
            RejectionCode::NotCanonical
        }
        MaskError::Encryption => RejectionCode::MaskFailed,
    }
}

/// About how many bytes of a row a column takes.
fn room(cell: &Cell<'_>) -> usize {
    match cell {
        Cell::Null => 4,
        Cell::Clear(value) => Value::encoded_len(value),
        Cell::Personal(Personal(text)) => TOKEN_OVERHEAD + text.len().div_ceil(3) * 4,
    }
}

impl fmt::Debug for Masking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masking")
            .field("columns", &self.columns.len())
            .finish_non_exhaustive()
    }
}

/// A row without personal data in clear, as a tuple of PostgreSQL's binary COPY format.
///
/// Made by [`Masking::apply`] only. `Debug` shows no value.
pub struct Masked {
    row: Vec<u8>,
}

impl Masked {
    /// The tuple: it goes between [`COPY_HEADER`](crate::encode::COPY_HEADER) and
    /// [`COPY_TRAILER`](crate::encode::COPY_TRAILER).
    pub fn row(&self) -> &[u8] {
        &self.row
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masked")
            .field("bytes", &self.row.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
