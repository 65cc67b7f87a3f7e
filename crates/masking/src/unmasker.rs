//! Unmasking: a token becomes its value again, for who has the key set.

use std::{collections::HashMap, fmt};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    derive::SivKey,
    domain::{DomainName, DomainSpec},
    masker::ASSOCIATED_DATA,
    siv::Aes256Siv,
    token,
};

/// Opens the tokens of every domain of a key set, under every key of it that may decrypt.
pub struct Unmasker {
    keys: HashMap<u32, DomainKey>,
}

struct DomainKey {
    domain: DomainSpec,
    siv: Aes256Siv,
}

/// What a token held. `Debug` shows the domain only.
pub struct Unmasked {
    /// The domain that the token is of.
    pub domain: DomainName,
    /// The value in its canonical form. Personal data in clear; wiped on drop.
    pub value: Zeroizing<String>,
}

/// A token was not opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnmaskError {
    /// The text is not spelled as a token.
    #[error(
        "this is no token: one begins with `vs1s.` and goes on in base64url without padding or white space; \
         copy the whole of it, and look whether the column cut it off"
    )]
    NotAToken,
    /// No usable key of the set has the token's key id.
    #[error(
        "no usable key of this key set has the token's key id {key_id:08x}: use the key set that the token was \
         made with, and one that lists its domain"
    )]
    UnknownKey {
        /// The id that the token carries.
        key_id: u32,
    },
    /// The key is there, but it did not make this token.
    #[error(
        "the token was changed after it was made in domain `{domain}`: look for what cut, edited or re-encoded \
         it, or take it from a backup"
    )]
    Tampered {
        /// The domain of the key that the token names.
        domain: DomainName,
    },
    /// The token is authentic, but its plaintext is none that the domain's canonical form produces.
    #[error(
        "the token is authentic, but does not hold what the canonical form of domain `{domain}` produces: \
         another program made it with this domain's key; open it with that one"
    )]
    NotCanonical {
        /// The domain of the token.
        domain: DomainName,
    },
}

impl Unmasker {
    pub(crate) fn new(keys: impl Iterator<Item = (DomainSpec, SivKey)>) -> Self {
        let keys = keys
            .map(|(domain, key)| {
                (
                    key.id,
                    DomainKey {
                        domain,
                        siv: Aes256Siv::new(&key.bytes),
                    },
                )
            })
            .collect();
        Self { keys }
    }

    /// Gives back the value behind `token` and the domain that it is of.
    ///
    /// # Errors
    ///
    /// When the text is no token, is of a key that is not here, or is not just as it was made.
    pub fn unmask(&mut self, token: &str) -> Result<Unmasked, UnmaskError> {
        let mut parts = token::parse(token).map_err(|_| UnmaskError::NotAToken)?;
        let key_id = parts.key_id;
        let DomainKey { domain, siv } = self
            .keys
            .get_mut(&key_id)
            .ok_or(UnmaskError::UnknownKey { key_id })?;
        siv.decrypt(ASSOCIATED_DATA, parts.iv, &mut parts.ciphertext)
            .map_err(|_| UnmaskError::Tampered {
                domain: domain.name.clone(),
            })?;
        let value =
            domain
                .canonical
                .text(&parts.ciphertext)
                .map_err(|_| UnmaskError::NotCanonical {
                    domain: domain.name.clone(),
                })?;
        Ok(Unmasked {
            domain: domain.name.clone(),
            value,
        })
    }
}

impl fmt::Debug for Unmasker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unmasker")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Unmasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unmasked")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}
