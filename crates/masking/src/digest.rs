//! Method `hmac`: HMAC-SHA-256 (RFC 2104) cut to its first 128 bits, as HMAC-SHA-256-128 (RFC 4868) is.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac, digest::CtOutput};
use sha2::Sha256;

/// Length of a key in bytes.
pub(crate) const KEY_LEN: usize = 32;

/// Length of a tag in bytes.
pub(crate) const TAG_LEN: usize = 16;

/// HMAC-SHA-256-128 under one key. What holds the key is wiped on drop (features `zeroize` of `hmac` and `sha2`).
#[derive(Clone)]
pub(crate) struct KeyedDigest(Hmac<Sha256>);

impl KeyedDigest {
    pub(crate) fn new(key: &[u8; KEY_LEN]) -> Self {
        Self::with_any_key(key)
    }

    /// The tag of a plaintext. It cannot be turned back; with the key, a guess can be tried.
    pub(crate) fn tag(&self, plaintext: &[u8]) -> [u8; TAG_LEN] {
        let whole = self.whole(plaintext).into_bytes();
        std::array::from_fn(|i| whole[i])
    }

    fn with_any_key(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    fn whole(&self, plaintext: &[u8]) -> CtOutput<Hmac<Sha256>> {
        self.0.clone().chain_update(plaintext).finalize()
    }
}

impl fmt::Debug for KeyedDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedDigest").finish_non_exhaustive()
    }
}
