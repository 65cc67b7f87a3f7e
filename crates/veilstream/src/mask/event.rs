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

#[cfg(test)]
mod tests {
    use masking::{KeysetId, Zeroizing};

    use super::*;
    use crate::{
        config::{Column, ColumnType, IdentityOf, ValueIdentity},
        decode::{Decoder, Envelope, Rejection, RejectionCode, tests::column},
        mask::Masked,
    };

    const ENVELOPE: Envelope<'_> = Envelope {
        message_id: "m-1",
        sent_at_millis: 0,
    };

    fn keyset() -> Keyset {
        let (id, root) = (KeysetId::new([7; 8]), Zeroizing::new([7; 32]));
        let keyset = Keyset::create(id, root, "2026-01-31T12:00:00Z", vec![], None).unwrap();
        keyset.with_ledger_key(Zeroizing::new([9; 32]))
    }

    fn by_value(of: IdentityOf) -> Identity {
        Identity::Value(ValueIdentity {
            of,
            retention_days: 30,
        })
    }

    fn by_fields(fields: &[&str]) -> Identity {
        let path = |field: &&str| field.split('.').map(str::to_owned).collect();
        by_value(IdentityOf::Fields(fields.iter().map(path).collect()))
    }

    fn run(decoded: &Identity, masked: &Identity, body: &str) -> Result<Masked, Rejection> {
        let columns: [Column; 1] = [column("c", "v", ColumnType::Jsonb)];
        let table: TableName = "public.t".parse().unwrap();
        let masking = Masking::new(&columns, &keyset()).unwrap();
        let mut masking = masking.knowing(masked, &table, &keyset()).unwrap();
        masking.apply(Decoder::knowing(&columns, decoded).decode(body, &ENVELOPE)?)
    }

    fn identity_of(identity: &Identity, body: &str) -> Uuid {
        let masked = run(identity, identity, body).unwrap();
        masked.identity().unwrap()
    }

    #[test]
    fn events_are_equal_where_their_fields_are_however_they_are_written() {
        let fields = by_fields(&["id", "meta.at"]);
        let first = identity_of(&fields, r#"{"id": "é", "meta": {"at": 1.0}, "v": 1}"#);
        for same in [
            r#"{"v":2,"meta":{"at":1.0,"x":[]},"id":"\u00e9"}"#,
            // Of equal keys the last one counts.
            r#"{"id": 7, "meta": {"at": 9}, "id": "é", "meta": {"at": 1.0}}"#,
        ] {
            assert_eq!(identity_of(&fields, same), first, "{same}");
        }
        for other in [
            r#"{"id": "é", "meta": {"at": 1}}"#,
            r#"{"id": "é", "meta": {"at": "1.0"}}"#,
            r#"{"id": "e\u0301", "meta": {"at": 1.0}}"#,
            r#"{"id": "", "meta": {"at": 1.0}}"#,
            r#"{"id": true, "meta": {"at": 1.0}}"#,
            r#"{"id": "true", "meta": {"at": 1.0}}"#,
        ] {
            assert_ne!(identity_of(&fields, other), first, "{other}");
        }
        // A column and the identity can have one field, or one can lie in the other's.
        let shared = by_fields(&["v.id"]);
        let nested = identity_of(&shared, r#"{"v": {"id": 1}}"#);
        assert_eq!(identity_of(&shared, r#"{"v": {"id": 1, "x": 2}}"#), nested);
        let body = by_value(IdentityOf::Body);
        assert_eq!(identity_of(&body, "{}"), identity_of(&body, "{}"));
        assert_ne!(identity_of(&body, "{}"), identity_of(&body, "{ }"));
    }

    #[test]
    fn what_is_not_there_or_no_single_value_is_rejected_by_its_pointer() {
        let fields = by_fields(&["id", "meta.a/b"]);
        for (body, code, pointer) in [
            (
                r#"{"meta": {"a/b": 1}}"#,
                RejectionCode::MissingField,
                "/id",
            ),
            (
                r#"{"id": 1, "meta": {"a/b": null}}"#,
                RejectionCode::MissingField,
                "/meta/a~1b",
            ),
            (
                r#"{"id": 1, "meta": 1}"#,
                RejectionCode::MissingField,
                "/meta/a~1b",
            ),
            (
                r#"{"id": {}, "meta": {"a/b": 1}}"#,
                RejectionCode::BadConversion,
                "/id",
            ),
            (
                r#"{"id": [1], "meta": {"a/b": 1}}"#,
                RejectionCode::BadConversion,
                "/id",
            ),
        ] {
            let rejection = run(&fields, &fields, body).unwrap_err();
            assert_eq!(
                (rejection.code, rejection.column.as_deref()),
                (code, Some(pointer)),
                "{body}"
            );
        }
    }

    #[test]
    fn an_identity_that_masking_was_not_made_for_rejects_the_message() {
        let fields = by_fields(&["id"]);
        let body = by_value(IdentityOf::Body);
        let event = r#"{"id": 1}"#;
        for (decoded, masked) in [
            (&Identity::MessageId, &fields),
            (&Identity::MessageId, &body),
            (&fields, &Identity::MessageId),
            (&body, &Identity::MessageId),
        ] {
            let rejection = run(decoded, masked, event).unwrap_err();
            assert_eq!(rejection.code, RejectionCode::MaskFailed);
        }
        let none = run(&Identity::MessageId, &Identity::MessageId, event).unwrap();
        assert_eq!(none.identity(), None);
    }
}
