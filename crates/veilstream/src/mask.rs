//! Personal fields become tokens, and the columns become a row. There is no other way to a row.
//!
//! Masking fails closed: a personal field without a masker, a masker without a personal field, or
//! any error of a masker rejects the message.

mod event;
mod fit;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use masking::{Form, Identifier, Keyset, KeysetError, MaskError, Masker};

use crate::config::{Column, Mask};
use crate::decode::{Cell, Decoded, Rejection, RejectionCode};
use crate::encode::{Row, Value};

pub(crate) use event::{Event, Field};
pub use fit::{MaskMisfit, MasksDoNotFit, check};

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
    /// Where events are known by their value.
    identifier: Option<Identifier>,
}

/// What masking knows of a column.
#[derive(Clone)]
struct Target {
    name: Arc<str>,
    treatment: Treatment,
}

/// What goes into a column.
#[derive(Clone)]
enum Treatment {
    /// Values as they are.
    Clear,
    /// Tokens.
    Masked {
        masker: Box<Masker>,
        /// The most characters that the column takes.
        limit: Option<usize>,
    },
    /// This text wherever there is a value.
    Redacted(Arc<str>),
    /// Nothing but NULL.
    Dropped,
}

impl Masking {
    /// The maskers for these columns, which are those that the decoder was made from.
    ///
    /// # Errors
    ///
    /// The key set does not have a domain that a column names, or that domain's method has no tokens
    /// for the column's type. [`check`] tells it better.
    pub fn new(columns: &[Column], keyset: &Keyset) -> Result<Self, KeysetError> {
        let target = |column: &Column| {
            let treatment = match &column.mask {
                None => Treatment::Clear,
                Some(Mask::Redact(text)) => Treatment::Redacted(Arc::from(text.as_str())),
                Some(Mask::Drop) => Treatment::Dropped,
                Some(Mask::Domain(mask)) => match column.column_type.token_form() {
                    Some(form) => Treatment::Masked {
                        masker: Box::new(keyset.masker(mask.domain.as_str(), form)?),
                        limit: column.column_type.most_characters(),
                    },
                    None => Treatment::Dropped,
                },
            };
            Ok(Target {
                name: Arc::from(column.name.as_str()),
                treatment,
            })
        };
        Ok(Self {
            columns: columns.iter().map(target).collect::<Result<_, _>>()?,
            identifier: None,
        })
    }

    /// Masks the personal columns and encodes the row.
    ///
    /// # Errors
    ///
    /// `NotCanonical`, `OtherFormat`, `AlreadyMasked`, `TooLong` (of a token) or `MaskFailed`, each of
    /// the first column that has it.
    pub fn apply(&mut self, decoded: Decoded<'_>) -> Result<Masked, Rejection> {
        let (cells, event) = decoded.into_parts();
        let identity = self.identity(&event);
        let identity = identity.map_err(|_| Rejection::of_body(RejectionCode::MaskFailed))?;
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
            identity,
        })
    }
}

impl Target {
    fn add(&mut self, cell: Cell<'_>, row: &mut Row) -> Result<(), RejectionCode> {
        match (cell, &mut self.treatment) {
            (Cell::Null, _) => row.null(),
            (Cell::Clear(value), Treatment::Clear) => row.value(&value),
            (Cell::Personal(Personal(text)), Treatment::Masked { masker, limit }) => {
                add_token(masker, &text, *limit, row)?;
            }
            (Cell::Present, Treatment::Redacted(text)) => {
                row.value(&Value::Text(Cow::Borrowed(text)));
            }
            (
                Cell::Clear(_),
                Treatment::Masked { .. } | Treatment::Redacted(_) | Treatment::Dropped,
            )
            | (Cell::Personal(_), Treatment::Clear | Treatment::Redacted(_) | Treatment::Dropped)
            | (Cell::Present, Treatment::Clear | Treatment::Masked { .. } | Treatment::Dropped) => {
                return Err(RejectionCode::MaskFailed);
            }
        }
        Ok(())
    }
}

/// Writes the token straight into the row, in the form that the masker makes it.
fn add_token(
    masker: &mut Masker,
    text: &str,
    limit: Option<usize>,
    row: &mut Row,
) -> Result<(), RejectionCode> {
    match masker.form() {
        Form::Text => {
            let length = row
                .appended(|bytes| masker.mask(text, bytes))
                .map_err(rejection_code)?;
            // A token is ASCII: it has as many characters as bytes.
            if limit.is_some_and(|limit| length > limit) {
                return Err(RejectionCode::TooLong);
            }
        }
        Form::Bytes | Form::Uuid => {
            row.appended(|bytes| masker.mask(text, bytes))
                .map_err(rejection_code)?;
        }
        Form::Address => row
            .appended_address(|bytes| masker.mask(text, bytes))
            .map_err(rejection_code)?,
    }
    Ok(())
}

fn rejection_code(error: MaskError) -> RejectionCode {
    match error {
        MaskError::NotCanonical(_) => RejectionCode::NotCanonical,
        MaskError::OtherFormat { .. } => RejectionCode::OtherFormat,
        MaskError::AlreadyMasked => RejectionCode::AlreadyMasked,
        MaskError::Encryption => RejectionCode::MaskFailed,
    }
}

/// About how many bytes of a row a column takes.
fn room(cell: &Cell<'_>) -> usize {
    match cell {
        Cell::Null => 4,
        Cell::Clear(value) => Value::encoded_len(value),
        Cell::Personal(Personal(text)) => TOKEN_OVERHEAD + text.len().div_ceil(3) * 4,
        Cell::Present => TOKEN_OVERHEAD,
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
    identity: Option<Uuid>,
}

impl Masked {
    /// The tuple: it goes between [`COPY_HEADER`](crate::encode::COPY_HEADER) and
    /// [`COPY_TRAILER`](crate::encode::COPY_TRAILER).
    pub fn row(&self) -> &[u8] {
        &self.row
    }

    /// The event's identity by value, where the pipeline has one.
    pub fn identity(&self) -> Option<Uuid> {
        self.identity
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
