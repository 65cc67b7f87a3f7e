//! AES-SIV (RFC 5297) over the `aes-siv` crate, in place and with the synthetic IV apart.
//!
//! Generic over the block cipher, so that the official vectors, which are for AES-128, run through the very
//! code that the product runs with AES-256.

use std::{fmt, ops::Add};

use aes::cipher::{
    BlockCipherEncrypt, BlockSizeUser, KeyInit, KeySizeUser, array::ArraySize, consts::U16,
};
use aes_siv::{Tag, siv::CmacSiv};

/// Length of the synthetic IV in bytes. It is also the authentication tag.
pub(crate) const IV_LEN: usize = 16;

/// Length of an AES-256-SIV key in bytes: 32 for S2V, then 32 for CTR.
pub(crate) const KEY_LEN: usize = 64;

/// AES-256-SIV. SIV only ever encrypts blocks, so the decrypting half of the cipher is not expanded.
pub(crate) type Aes256Siv = Siv<aes::Aes256Enc>;

/// AES-SIV under one key. The key is wiped on drop (features `zeroize` of `aes` and `aes-siv`).
pub(crate) struct Siv<C>(CmacSiv<C>)
where
    C: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + KeyInit;

/// Encryption or decryption did not succeed: too many components, or a ciphertext that is not authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SivError;

impl Aes256Siv {
    pub(crate) fn new(key: &[u8; KEY_LEN]) -> Self {
        Self(CmacSiv::new(key.into()))
    }
}

impl<C> Siv<C>
where
    C: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + KeyInit,
    C: KeySizeUser<KeySize: Add<Output: ArraySize>>,
{
    /// Encrypts `buffer` in place and returns the synthetic IV.
    ///
    /// `components` are the strings of associated data as S2V takes them (RFC 5297 section 2.4); a nonce is the
    /// last one (section 3). No component and one empty component are different inputs.
    pub(crate) fn encrypt<I>(
        &mut self,
        components: I,
        buffer: &mut [u8],
    ) -> Result<[u8; IV_LEN], SivError>
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        match self.0.encrypt_inout_detached(components, buffer.into()) {
            Ok(iv) => Ok(iv.into()),
            Err(aes_siv::Error) => Err(SivError),
        }
    }

    /// Decrypts `buffer` in place. On an error it holds the ciphertext again, never unauthentic plaintext.
    pub(crate) fn decrypt<I>(
        &mut self,
        components: I,
        iv: [u8; IV_LEN],
        buffer: &mut [u8],
    ) -> Result<(), SivError>
    where
        I: IntoIterator<Item: AsRef<[u8]>>,
    {
        let iv = Tag::from(iv);
        match self
            .0
            .decrypt_inout_detached(components, buffer.into(), &iv)
        {
            Ok(()) => Ok(()),
            Err(aes_siv::Error) => Err(SivError),
        }
    }
}

impl<C> fmt::Debug for Siv<C>
where
    C: BlockSizeUser<BlockSize = U16> + BlockCipherEncrypt + KeyInit,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Siv").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
