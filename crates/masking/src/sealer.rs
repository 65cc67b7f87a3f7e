//! Sealing: whole messages are kept encrypted in quarantine.

use std::{fmt, iter};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    derive::SivKey,
    siv::{Aes256Siv, IV_LEN},
};

/// S2V takes 126 components beside the plaintext (RFC 5297 section 2.6); one of them is the nonce.
const MOST_ASSOCIATED: usize = 125;

/// Encrypts and authenticates byte strings with a random nonce (AES-256-SIV, RFC 5297 section 3): unlike a
/// token, a sealed text does not show whether two plaintexts are equal.
///
/// Seals under the primary key of the set, opens under every key of it that may decrypt. A sealed text is the
/// 16-byte synthetic IV, then the ciphertext. Key id, nonce and associated data are kept beside it.
pub struct Sealer {
    primary: Key,
    others: Vec<Key>,
}

struct Key {
    id: u32,
    siv: Aes256Siv,
}

/// A text was not sealed or not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// More associated strings than the cipher can bind.
    #[error("{found} associated strings: at most {MOST_ASSOCIATED} can be bound to a sealed text")]
    TooManyAssociated {
        /// How many were given.
        found: usize,
    },
    /// No usable key of the set has this id.
    #[error(
        "no usable key of this key set has the sealing key id {key_id:08x}: use the key set that the text was \
         sealed with"
    )]
    UnknownKey {
        /// The id that was asked for.
        key_id: u32,
    },
    /// The text, its nonce or what it is bound to is not as it was when it was sealed.
    #[error(
        "the sealed text, its nonce or the row that it is bound to was changed after sealing: look for what \
         edited or moved it, or take the row from a backup"
    )]
    Tampered,
}

impl Sealer {
    pub(crate) fn new(primary: &SivKey, others: impl Iterator<Item = SivKey>) -> Self {
        Self {
            primary: Key::new(primary),
            others: others.map(|key| Key::new(&key)).collect(),
        }
    }

    /// The id of the key that [`Self::seal`] uses, to be kept beside what it returns.
    pub fn key_id(&self) -> u32 {
        self.primary.id
    }

    /// Seals `plaintext` and binds it to the strings of `associated`, each of which is a component of its own:
    /// their number, order and boundaries count.
    ///
    /// `nonce` comes from a cryptographically secure random generator, fresh for each call. Should one ever
    /// repeat, equal plaintexts with equal associated strings can be seen to be equal, no more.
    ///
    /// # Errors
    ///
    /// With more than 125 associated strings.
    pub fn seal(
        &mut self,
        nonce: &[u8; 16],
        associated: &[&[u8]],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let mut sealed = Vec::with_capacity(IV_LEN + plaintext.len());
        sealed.resize(IV_LEN, 0);
        sealed.extend_from_slice(plaintext);
        let iv = self
            .primary
            .siv
            .encrypt(components(associated, nonce)?, &mut sealed[IV_LEN..])
            .map_err(|_| SealError::TooManyAssociated {
                found: associated.len(),
            })?;
        sealed[..IV_LEN].copy_from_slice(&iv);
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] returned under the key `key_id`, with the same nonce and associated strings.
    ///
    /// # Errors
    ///
    /// When the key is not here, or when anything is not as it was when it was sealed.
    pub fn open(
        &mut self,
        key_id: u32,
        nonce: &[u8; 16],
        associated: &[&[u8]],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let key = iter::once(&mut self.primary)
            .chain(&mut self.others)
            .find(|key| key.id == key_id)
            .ok_or(SealError::UnknownKey { key_id })?;
        let (&iv, ciphertext) = sealed
            .split_first_chunk::<IV_LEN>()
            .ok_or(SealError::Tampered)?;
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        key.siv
            .decrypt(components(associated, nonce)?, iv, &mut plaintext)
            .map_err(|_| SealError::Tampered)?;
        Ok(plaintext)
    }
}

impl Key {
    fn new(key: &SivKey) -> Self {
        Self {
            id: key.id,
            siv: Aes256Siv::new(&key.bytes),
        }
    }
}

/// The associated strings, then the nonce (RFC 5297 section 3).
fn components<'a>(
    associated: &'a [&'a [u8]],
    nonce: &'a [u8; 16],
) -> Result<impl Iterator<Item = &'a [u8]>, SealError> {
    if associated.len() > MOST_ASSOCIATED {
        return Err(SealError::TooManyAssociated {
            found: associated.len(),
        });
    }
    Ok(associated
        .iter()
        .copied()
        .chain(iter::once(nonce.as_slice())))
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("key_id", &self.primary.id)
            .finish_non_exhaustive()
    }
}
