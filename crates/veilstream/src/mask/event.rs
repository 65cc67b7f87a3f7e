//! What an event is known by, where a pipeline's identity is by value: in clear on its way in, 128
//! bits of an HMAC on its way out.

use std::borrow::Cow;

use masking::{Identifier, IdentityPart, Keyset, KeysetError};
use uuid::Uuid;

use super::Masking;
use crate::config::{Identity, TableName};

/// What an event is known by, in clear. Only this module can read it.
pub(crate) enum Event<'b> {
    /// The queue's id of its message; nothing is needed of the event.
    Unasked,
    /// All of its body.
    Body(&'b str),
    /// Fields, in the order of the configuration.
    Fields(Vec<Field<'b>>),
}

/// One field that an event is known by.
pub(crate) enum Field<'b> {
    /// The text of a string.
    Text(Cow<'b, str>),
    /// A number as it is spelled.
    Number(&'b str),
    /// A boolean as it is spelled.
    Boolean(&'b str),
}

impl Masking {
    /// The same, knowing the events of a table by what the identity says.
    ///
    /// # Errors
    ///
    /// The identity is by value, and the key set has no ledger key.
    pub fn knowing(
        self,
        identity: &Identity,
        table: &TableName,
        keyset: &Keyset,
    ) -> Result<Self, KeysetError> {
        let identifier = match identity {
            Identity::MessageId => None,
            Identity::Value(value) => {
                let schema = table.schema.as_deref().unwrap_or_default();
                let fields = value.of.pointers();
                Some(keyset.identifier(schema, &table.table, &fields)?)
            }
        };
        Ok(Self { identifier, ..self })
    }

    /// The event's identity; `Err` where what is there of the event is not what is asked for.
    pub(super) fn identity(&self, event: &Event<'_>) -> Result<Option<Uuid>, Mismatch> {
        match (&self.identifier, event) {
            (None, Event::Unasked) => Ok(None),
            (Some(identifier), Event::Body(body)) => {
                Ok(Some(identity(identifier, [IdentityPart::Body(body)])))
            }
            (Some(identifier), Event::Fields(fields)) => {
                let parts = fields.iter().map(|field| match field {
                    Field::Text(text) => IdentityPart::Text(text),
                    Field::Number(number) => IdentityPart::Number(number),
                    Field::Boolean(boolean) => IdentityPart::Boolean(boolean),
                });
                Ok(Some(identity(identifier, parts)))
            }
            (None, Event::Body(_) | Event::Fields(_)) | (Some(_), Event::Unasked) => Err(Mismatch),
        }
    }
}

/// Decoder and masking were made from different identities.
pub(super) struct Mismatch;

fn identity<'a>(
    identifier: &Identifier,
    parts: impl IntoIterator<Item = IdentityPart<'a>>,
) -> Uuid {
    Uuid::from_bytes(identifier.identity(parts))
}
