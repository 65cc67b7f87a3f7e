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

pub use crate::json::MAX_DEPTH;
pub use rejection::{Rejection, RejectionCode};

use crate::config::{
    Column, ColumnSource, ColumnType, Conversion, Identity, IdentityOf, Mask, ValueIdentity,
};
use crate::encode::Value;
use crate::inspect;
use crate::mask::{Event, Field, Personal};
use json::{Json, Kind};
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
    known_by: KnownBy,
}

/// What of an event is handed on, for it to be known again.
#[derive(Debug)]
enum KnownBy {
    Nothing,
    Body,
    /// The slots of fields, each with its pointer.
    Fields(Vec<(Arc<str>, usize)>),
}

/// What one column takes.
#[derive(Debug)]
struct Plan {
    name: Arc<str>,
    source: Source,
    column_type: ColumnType,
    conversion: Conversion,
    treatment: Treatment,
    required: bool,
    /// Whether its values are looked at for what should have been masked.
    watched: bool,
}

/// What becomes of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// It is loaded.
    Clear,
    /// It is masked.
    Personal,
    /// Another text is loaded in its place; it is not looked at.
    Replaced,
    /// Nothing is loaded; it is not looked at.
    Dropped,
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
    event: Event<'b>,
}

/// One column of a decoded message.
pub(crate) enum Cell<'b> {
    /// No value.
    Null,
    /// A value that is loaded as it is.
    Clear(Value<'b>),
    /// A value that only masking can read.
    Personal(Personal<'b>),
    /// A value of which nothing is known but that it is there.
    Present,
}

impl Decoder {
    /// A decoder for these columns, in their order, of events that are known by their message's id.
    pub fn new(columns: &[Column]) -> Self {
        Self::knowing(columns, &Identity::MessageId)
    }

    /// The same, of events that are known by what the identity says.
    #[expect(
        clippy::missing_panics_doc,
        reason = "the tree has every path that it was built from"
    )]
    pub fn knowing(columns: &[Column], identity: &Identity) -> Self {
        let fields: &[Vec<String>] = match identity {
            Identity::Value(ValueIdentity {
                of: IdentityOf::Fields(fields),
                ..
            }) => fields,
            Identity::Value(ValueIdentity {
                of: IdentityOf::Body,
                ..
            })
            | Identity::MessageId => &[],
        };
        let of_columns = columns.iter().filter_map(|column| match &column.source {
            ColumnSource::Field(path) => Some(path.as_slice()),
            ColumnSource::SentAt | ColumnSource::MessageId => None,
        });
        let paths = Paths::new(of_columns.chain(fields.iter().map(Vec::as_slice)));
        let slot =
            |path: &Vec<String>| paths.slot(path).expect("the tree was built from this path");
        let known_by = match identity {
            Identity::MessageId => KnownBy::Nothing,
            Identity::Value(value) => match &value.of {
                IdentityOf::Body => KnownBy::Body,
                IdentityOf::Fields(fields) => {
                    let pointers = value.of.pointers().into_iter().map(Arc::from);
                    KnownBy::Fields(pointers.zip(fields.iter().map(slot)).collect())
                }
            },
        };
        let plan = |column: &Column| Plan {
            name: Arc::from(column.name.as_str()),
            source: match &column.source {
                ColumnSource::Field(path) => Source::Field(slot(path)),
                ColumnSource::SentAt => Source::SentAt,
                ColumnSource::MessageId => Source::MessageId,
            },
            column_type: column.column_type,
            conversion: column.conversion,
            treatment: match &column.mask {
                None => Treatment::Clear,
                Some(Mask::Domain(_)) => Treatment::Personal,
                Some(Mask::Redact(_)) => Treatment::Replaced,
                Some(Mask::Drop) => Treatment::Dropped,
            },
            required: column.required,
            watched: column.mask.is_none()
                && matches!(column.source, ColumnSource::Field(_))
                && inspect::hint(column).is_none(),
        };
        let columns = columns.iter().map(plan).collect();
        Self {
            paths,
            columns,
            known_by,
        }
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
    /// the first column, in their order, that has one, else that of the first field that the event is
    /// known by (with its JSON Pointer in place of a column).
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
            event: self.known_by.event(body, &fields)?,
        })
    }
}

impl KnownBy {
    fn event<'b>(
        &self,
        body: &'b str,
        fields: &[Option<Json<'b>>],
    ) -> Result<Event<'b>, Rejection> {
        match self {
            Self::Nothing => Ok(Event::Unasked),
            Self::Body => Ok(Event::Body(body)),
            Self::Fields(known) => {
                let of_event = known.iter().map(|(pointer, slot)| {
                    known_field(fields[*slot]).map_err(|code| Rejection::of_column(code, pointer))
                });
                Ok(Event::Fields(of_event.collect::<Result<_, _>>()?))
            }
        }
    }
}

/// A field that an event is known by: it has to be there, and to be one value.
fn known_field(field: Option<Json<'_>>) -> Result<Field<'_>, RejectionCode> {
    let value = field.ok_or(RejectionCode::MissingField)?;
    match value.kind() {
        Kind::String => Ok(Field::Text(value.text())),
        Kind::Number => Ok(Field::Number(value.raw())),
        Kind::Bool => Ok(Field::Boolean(value.raw())),
        Kind::Container => Err(RejectionCode::BadConversion),
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
        let Some(value) = field else {
            return if self.required {
                Err(RejectionCode::MissingField)
            } else {
                Ok(Cell::Null)
            };
        };
        match self.treatment {
            Treatment::Clear => {
                convert::convert(value, self.column_type, self.conversion).map(Cell::Clear)
            }
            Treatment::Personal => self.personal(convert::text_form(value)?),
            Treatment::Replaced => Ok(Cell::Present),
            Treatment::Dropped => Ok(Cell::Null),
        }
    }

    fn sent_at(&self, unix_millis: i64) -> Result<Cell<'static>, RejectionCode> {
        self.of_message(convert::sent_at(unix_millis, self.column_type))
    }

    fn message_id(&self, id: &str) -> Result<Cell<'static>, RejectionCode> {
        self.of_message(convert::message_id(id, self.column_type))
    }

    /// What SQS says of a message is not personal, and the configuration allows no mask on it; should one get here,
    /// its messages are rejected rather than loaded in clear.
    fn of_message(
        &self,
        value: Result<Value<'static>, RejectionCode>,
    ) -> Result<Cell<'static>, RejectionCode> {
        match self.treatment {
            Treatment::Clear => value.map(Cell::Clear),
            Treatment::Personal | Treatment::Replaced | Treatment::Dropped => {
                Err(RejectionCode::BadConversion)
            }
        }
    }

    /// A value to be masked. The configuration allows masks on columns that hold tokens only; should
    /// another get here, its messages are rejected rather than loaded in some other form.
    fn personal<'b>(&self, text: Cow<'b, str>) -> Result<Cell<'b>, RejectionCode> {
        let takes_tokens =
            self.column_type.token_form().is_some() && self.conversion == Conversion::Natural;
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

    /// The same, taken out, with what the event is known by.
    pub(crate) fn into_parts(self) -> (Vec<Cell<'b>>, Event<'b>) {
        (self.cells, self.event)
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
