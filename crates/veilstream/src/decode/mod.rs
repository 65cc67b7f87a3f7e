//! A message's body becomes typed columns, or is rejected with a reason.
//!
//! A [`Decoder`] is made once from the columns as the catalogue has them. It reads a body in one
//! validating pass, picks out the configured fields and converts each to its column's type. What
//! comes out, [`Decoded`], can neither be shown nor loaded: the only way on is
//! [`Masking::apply`](crate::mask::Masking::apply).

mod convert;
mod inet;
mod json;
mod jsonb;
mod numeric;
mod paths;
mod rejection;
mod time;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub use json::MAX_DEPTH;
pub use rejection::{Rejection, RejectionCode};

use crate::config::{Column, ColumnSource, ColumnType, Conversion};
use crate::encode::Value;
use crate::inspect;
use crate::mask::Personal;
use json::Json;
use paths::Paths;

/// What SQS says of a message beside its body.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// The message's id.
    pub message_id: &'a str,
    /// `SentTimestamp`: milliseconds since 1970-01-01 UTC.
    pub sent_at_millis: i64,
}

/// Turns bodies into typed columns. It does not change, so all workers share one.
#[derive(Debug)]
pub struct Decoder {
    paths: Paths,
    columns: Vec<Plan>,
}

/// What one column takes.
#[derive(Debug)]
struct Plan {
    name: Arc<str>,
    source: Source,
    column_type: ColumnType,
    conversion: Conversion,
    personal: bool,
    required: bool,
    /// Whether its values are looked at for what should have been masked.
    watched: bool,
}

#[derive(Debug)]
enum Source {
    /// A slot of [`Paths`].
    Field(usize),
    SentAt,
    MessageId,
}

/// A message's typed columns, the personal ones still in clear.
///
/// `Debug` shows no value.
pub struct Decoded<'b> {
    cells: Vec<Cell<'b>>,
}

/// One column of a decoded message.
pub(crate) enum Cell<'b> {
    /// No value.
    Null,
    /// A value that is loaded as it is.
    Clear(Value<'b>),
    /// A value that only masking can read.
    Personal(Personal<'b>),
}

impl Decoder {
    /// A decoder for these columns, in their order.
    #[expect(
        clippy::missing_panics_doc,
        reason = "the tree has every path that it was built from"
    )]
    pub fn new(columns: &[Column]) -> Self {
        let paths = Paths::new(columns.iter().filter_map(|column| match &column.source {
            ColumnSource::Field(path) => Some(path.as_slice()),
            ColumnSource::SentAt | ColumnSource::MessageId => None,
        }));
        let plan = |column: &Column| Plan {
            name: Arc::from(column.name.as_str()),
            source: match &column.source {
                ColumnSource::Field(path) => {
                    Source::Field(paths.slot(path).expect("the tree was built from this path"))
                }
                ColumnSource::SentAt => Source::SentAt,
                ColumnSource::MessageId => Source::MessageId,
            },
            column_type: column.column_type,
            conversion: column.conversion,
            personal: column.mask.is_some(),
            required: column.required,
            watched: column.mask.is_none()
                && matches!(column.source, ColumnSource::Field(_))
                && inspect::hint(column).is_none(),
        };
        let columns = columns.iter().map(plan).collect();
        Self { paths, columns }
    }

    /// The names of the columns that are loaded in clear and not warned of by their names, in the
    /// place that they have among all.
    pub(crate) fn watched(&self) -> impl Iterator<Item = Option<Arc<str>>> {
        self.columns
            .iter()
            .map(|plan| plan.watched.then(|| Arc::clone(&plan.name)))
    }

    /// The typed columns of a message.
    ///
    /// # Errors
    ///
    /// The first reason found why the message is no row: one of the body as a whole, else that of
    /// the first column, in their order, that has one.
    pub fn decode<'b>(
        &self,
        body: &'b str,
        envelope: &Envelope<'_>,
    ) -> Result<Decoded<'b>, Rejection> {
        let fields = json::pick(body, &self.paths).map_err(Rejection::of_body)?;
        let cells = self.columns.iter().map(|plan| {
            plan.cell(&fields, envelope)
                .map_err(|code| Rejection::of_column(code, &plan.name))
        });
        Ok(Decoded {
            cells: cells.collect::<Result<_, _>>()?,
        })
    }
}

impl Plan {
    fn cell<'b>(
        &self,
        fields: &[Option<Json<'b>>],
        envelope: &Envelope<'_>,
    ) -> Result<Cell<'b>, RejectionCode> {
        let field = match self.source {
            Source::Field(slot) => fields[slot],
            Source::SentAt => return self.sent_at(envelope.sent_at_millis),
            Source::MessageId => return self.message_id(envelope.message_id),
        };
        match field {
            None if self.required => Err(RejectionCode::MissingField),
            None => Ok(Cell::Null),
            Some(value) if self.personal => self.personal(convert::text_form(value)?),
            Some(value) => {
                convert::convert(value, self.column_type, self.conversion).map(Cell::Clear)
            }
        }
    }

    fn sent_at(&self, unix_millis: i64) -> Result<Cell<'static>, RejectionCode> {
        if self.personal {
            return Err(RejectionCode::BadConversion);
        }
        convert::sent_at(unix_millis, self.column_type).map(Cell::Clear)
    }

    fn message_id(&self, id: &str) -> Result<Cell<'static>, RejectionCode> {
        if self.personal {
            return self.personal(convert::without_nul(id.to_owned().into())?);
        }
        convert::message_id(id, self.column_type).map(Cell::Clear)
    }

    /// A value to be masked. The configuration allows masks on text columns only; should another
    /// get here, its messages are rejected rather than loaded in some other form.
    fn personal<'b>(&self, text: Cow<'b, str>) -> Result<Cell<'b>, RejectionCode> {
        let takes_tokens = matches!(self.column_type, ColumnType::Text | ColumnType::Varchar(_))
            && self.conversion == Conversion::Natural;
        if takes_tokens {
            Ok(Cell::Personal(Personal::new(text)))
        } else {
            Err(RejectionCode::BadConversion)
        }
    }
}

impl<'b> Decoded<'b> {
    /// The columns, in the order of the configuration.
    pub(crate) fn cells(&self) -> &[Cell<'b>] {
        &self.cells
    }

    /// The same, taken out.
    pub(crate) fn into_cells(self) -> Vec<Cell<'b>> {
        self.cells
    }
}

impl fmt::Debug for Decoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded")
            .field("columns", &self.cells.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
