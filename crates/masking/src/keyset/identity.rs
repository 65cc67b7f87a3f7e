//! The ledger key: a secret of its own, which never rotates, and under which events are known by their value. A plain
//! digest of personal data could be guessed; one under a key that rotates would not be known again.

use std::fmt;

use hmac::Mac;
use zeroize::Zeroizing;

use super::{Keyset, error::KeysetError, mac::Input};
use crate::derive::{self, ROOT_LEN};

/// The place of the ledger key among the keys of a set, which count from 1.
pub(super) const PLACE: u32 = 0;

/// Length of an identity in bytes.
const IDENTITY_LEN: usize = 16;

const LABEL: &[u8] = b"veilstream/v1/identity/event";

/// Tells events of one table by what they say: HMAC-SHA-256 cut to 128 bits. The key is wiped on drop.
#[derive(Clone)]
pub struct Identifier(Input);

/// A part of what an event is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityPart<'a> {
    /// All of its body.
    Body(&'a str),
    /// The text of a string.
    Text(&'a str),
    /// A number as it is spelled.
    Number(&'a str),
    /// `true` or `false`.
    Boolean(&'a str),
}

impl Keyset {
    /// The same with a ledger key, in place of the one that it has: for a key set that is being made. `secret` is random.
    #[must_use]
    pub fn with_ledger_key(mut self, secret: Zeroizing<[u8; ROOT_LEN]>) -> Self {
        self.ledger = Some(secret);
        self
    }

    /// Adds a ledger key to a key set that was made without. `secret` is random.
    ///
    /// # Errors
    ///
    /// When it has one: with another, no event would be known again.
    pub fn add_ledger_key(&mut self, secret: Zeroizing<[u8; ROOT_LEN]>) -> Result<(), KeysetError> {
        if self.ledger.is_some() {
            return Err(KeysetError::HasLedgerKey);
        }
        self.ledger = Some(secret);
        self.generation += 1;
        Ok(())
    }

    /// Whether it has a ledger key.
    pub fn has_ledger_key(&self) -> bool {
        self.ledger.is_some()
    }

    /// What knows the events of a table again, by these fields of theirs, as JSON Pointers; by the whole body where there
    /// are none.
    ///
    /// # Errors
    ///
    /// When the key set has no ledger key.
    pub fn identifier(
        &self,
        schema: &str,
        table: &str,
        fields: &[String],
    ) -> Result<Identifier, KeysetError> {
        let secret = self.ledger.as_ref().ok_or(KeysetError::NoLedgerKey)?;
        let mut input = Input::new(derive::identity_key(secret).as_slice());
        input.text(LABEL);
        input.text(schema.as_bytes());
        input.text(table.as_bytes());
        input.count(fields.len());
        for field in fields {
            input.text(field.as_bytes());
        }
        Ok(Identifier(input))
    }
}

impl Identifier {
    /// The identity of an event: its fields in their order, or its body.
    pub fn identity<'a>(
        &self,
        parts: impl IntoIterator<Item = IdentityPart<'a>>,
    ) -> [u8; IDENTITY_LEN] {
        let mut input = self.0.clone();
        for part in parts {
            let (kind, text) = match part {
                IdentityPart::Body(text) => (b"w", text),
                IdentityPart::Text(text) => (b"s", text),
                IdentityPart::Number(text) => (b"n", text),
                IdentityPart::Boolean(text) => (b"b", text),
            };
            input.0.update(kind);
            input.text(text.as_bytes());
        }
        let whole = input.0.finalize().into_bytes();
        std::array::from_fn(|i| whole[i])
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identifier").finish_non_exhaustive()
    }
}
