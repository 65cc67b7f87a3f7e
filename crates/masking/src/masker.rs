//! Masking: a value becomes a token.

use std::fmt;

use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    canonical::Canonical,
    derive::SivKey,
    domain::{DomainName, DomainSpec},
    siv::Aes256Siv,
    token,
};

/// After a value that needed more, scratch memory shrinks back to this many bytes.
const SCRATCH_KEPT: usize = 4096;

/// Associated data of method `siv`: one component, which is empty, as in Tink's deterministic AEAD.
pub(crate) const ASSOCIATED_DATA: [&[u8]; 1] = [b""];

/// Masks the values of one domain, under the primary key of the set that it came from.
///
/// Keys are derived once; a call allocates only when `out` or the scratch memory has to grow.
/// Each thread or task takes a clone.
pub struct Masker {
    domain: DomainSpec,
    key: SivKey,
    siv: Aes256Siv,
    /// The wire format of the token being made. Between calls it holds ciphertext at the most.
    scratch: Zeroizing<Vec<u8>>,
}

/// A value was not masked. Nothing may be stored in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MaskError {
    /// The value cannot be brought to the canonical form of its domain.
    #[error(
        "the value has no canonical form `{0}`: correct it at the sender, or give its column a domain with \
         another canonical form"
    )]
    NotCanonical(Canonical),
    /// The cipher refused the value.
    #[error("the value could not be encrypted: this is a fault of the masking library, report it")]
    Encryption,
}

impl Masker {
    pub(crate) fn new(domain: DomainSpec, key: SivKey) -> Self {
        let siv = Aes256Siv::new(&key.bytes);
        Self {
            domain,
            key,
            siv,
            scratch: Zeroizing::new(Vec::new()),
        }
    }

    /// Appends the token of `value` to `out`. It is ASCII and has [`Self::token_length`] bytes.
    ///
    /// # Errors
    ///
    /// When the value has no canonical form or cannot be encrypted; `out` is then as it was.
    pub fn mask(&mut self, value: &str, out: &mut Vec<u8>) -> Result<(), MaskError> {
        let masked = self.encrypt(value);
        match masked {
            Ok(()) => token::append(&self.scratch, out),
            Err(_) => self.scratch.zeroize(),
        }
        self.scratch.clear();
        self.scratch.shrink_to(SCRATCH_KEPT);
        masked
    }

    /// Leaves the wire format of the token of `value` in the scratch memory.
    fn encrypt(&mut self, value: &str) -> Result<(), MaskError> {
        let canonical = self.domain.canonical;
        let wire = &mut self.scratch;
        // No plaintext is in there when it moves to a larger place.
        wire.reserve(token::HEADER_LEN + canonical.plaintext_bound(value));
        wire.resize(token::HEADER_LEN, 0);
        canonical
            .append_plaintext(value, wire)
            .map_err(|_| MaskError::NotCanonical(canonical))?;
        let (header, plaintext) = wire.split_at_mut(token::HEADER_LEN);
        let iv = self
            .siv
            .encrypt(ASSOCIATED_DATA, plaintext)
            .map_err(|_| MaskError::Encryption)?;
        header.copy_from_slice(&token::header(self.key.id, iv));
        Ok(())
    }

    /// The domain that the tokens are of.
    pub fn domain(&self) -> &DomainName {
        &self.domain.name
    }

    /// The form that values are brought to first.
    pub fn canonical(&self) -> Canonical {
        self.domain.canonical
    }

    /// The length in bytes of the token of a plaintext of `plaintext_len` bytes. For the form `exact` the
    /// plaintext is the value; see [`Canonical::longest_plaintext`] for the others.
    pub const fn token_length(plaintext_len: usize) -> usize {
        token::length(plaintext_len)
    }
}

impl Clone for Masker {
    fn clone(&self) -> Self {
        Self::new(self.domain.clone(), self.key.clone())
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}
