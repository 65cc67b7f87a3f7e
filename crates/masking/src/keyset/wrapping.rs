//! Wrapping: root keys lie in the file under a key-encryption key, which comes from a passphrase or from AWS KMS.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::{KeysetId, error::KeysetError};
use crate::{
    derive::{self, ROOT_LEN, Root},
    siv::{Aes256Siv, IV_LEN},
};

/// Length of a wrapped root key in bytes.
pub(super) const WRAPPED_LEN: usize = IV_LEN + ROOT_LEN;

/// The first component of associated data of a wrapped root.
const LABEL: &[u8] = b"veilstream/v1/root";

/// AWS KMS gives ciphertexts of up to 6,144 bytes (API reference of KMS, `GenerateDataKeyWithoutPlaintext`).
const LONGEST_CIPHERTEXT: usize = 6144;

/// The longest `KeyId` that AWS KMS takes, in characters.
const LONGEST_KMS_KEY: usize = 2048;

/// Where the key-encryption key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrapping {
    /// From a passphrase.
    Passphrase(Argon2id),
    /// From AWS KMS.
    Kms(KmsKey),
}

/// How a key-encryption key is computed from a passphrase: Argon2id (RFC 9106), version 1.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argon2id {
    pub(super) salt: [u8; 16],
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

/// A key-encryption key as AWS KMS encrypted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsKey {
    key: String,
    ciphertext: Vec<u8>,
}

/// A key-encryption key: 32 bytes, wiped on drop.
#[derive(Clone)]
pub struct Kek(Root);

/// A key-encryption key and where it comes from.
#[derive(Clone)]
pub struct Lock {
    /// Where the key comes from: kept in the file.
    pub wrapping: Wrapping,
    /// The key: never kept.
    pub kek: Kek,
}

impl Argon2id {
    /// The second recommendation of RFC 9106 section 4: 64 MiB, 3 passes, 4 lanes. `salt` is random.
    pub const fn new(salt: [u8; 16]) -> Self {
        Self {
            salt,
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 4,
        }
    }

    /// Parameters as a file states them. They are bounded, since they are used before anything is authenticated:
    /// 8 MiB to 1 GiB of memory, at most 16 passes, at most 16 lanes.
    pub(super) fn stated(
        salt: [u8; 16],
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    ) -> Result<Self, KeysetError> {
        let bounded = (8 * 1024..=1024 * 1024).contains(&memory_kib)
            && (1..=16).contains(&passes)
            && (1..=16).contains(&lanes);
        if bounded {
            Ok(Self {
                salt,
                memory_kib,
                passes,
                lanes,
            })
        } else {
            Err(KeysetError::BadWrapping)
        }
    }

    /// Computes the key. It takes tenths of a second and `memory_kib` of memory.
    pub fn kek(&self, passphrase: &[u8]) -> Kek {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(ROOT_LEN))
            .expect("parameters are bounded when they are made");
        let mut kek = Root::new([0; ROOT_LEN]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, &self.salt, kek.as_mut_slice())
            .expect("a passphrase is shorter than 4 GiB");
        Kek(kek)
    }
}

impl KmsKey {
    /// `key` names the KMS key, by its ARN; `ciphertext` is what KMS made of the key-encryption key.
    ///
    /// # Errors
    ///
    /// When either is empty, longer than KMS has them, or the name holds other than printable ASCII.
    pub fn new(key: String, ciphertext: Vec<u8>) -> Result<Self, KeysetError> {
        let named = (1..=LONGEST_KMS_KEY).contains(&key.len())
            && key
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if named && (1..=LONGEST_CIPHERTEXT).contains(&ciphertext.len()) {
            Ok(Self { key, ciphertext })
        } else {
            Err(KeysetError::BadWrapping)
        }
    }

    /// The ARN of the KMS key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key-encryption key, encrypted.
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }
}

impl Kek {
    /// 32 uniformly random bytes, as AWS KMS generates them.
    pub const fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// AES-256-SIV without a nonce, which is what it was made for (RFC 5297 section 1.1); bound to the key's place.
    pub(super) fn wrap(&self, set: KeysetId, key: u32, root: &Root) -> [u8; WRAPPED_LEN] {
        let mut wrapped = [0; WRAPPED_LEN];
        let (head, body) = wrapped.split_at_mut(IV_LEN);
        let mut plaintext = root.clone();
        let iv = self
            .cipher()
            .encrypt(
                components(&set, &key.to_be_bytes()),
                plaintext.as_mut_slice(),
            )
            .expect("three components are within what SIV takes");
        head.copy_from_slice(&iv);
        body.copy_from_slice(plaintext.as_slice());
        wrapped
    }

    /// `None` when this is not the key that wrapped it, or not the place that it was wrapped for.
    pub(super) fn unwrap(
        &self,
        set: KeysetId,
        key: u32,
        wrapped: &[u8; WRAPPED_LEN],
    ) -> Option<Root> {
        let (&iv, body) = wrapped.split_first_chunk::<IV_LEN>()?;
        let mut root = Root::new(body.try_into().ok()?);
        self.cipher()
            .decrypt(
                components(&set, &key.to_be_bytes()),
                iv,
                root.as_mut_slice(),
            )
            .ok()?;
        Some(root)
    }

    fn cipher(&self) -> Aes256Siv {
        Aes256Siv::new(&derive::wrapping_key(&self.0))
    }
}

fn components<'a>(set: &'a KeysetId, key: &'a [u8; 4]) -> [&'a [u8]; 3] {
    [LABEL, set.as_bytes(), key]
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kek").finish_non_exhaustive()
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock")
            .field("wrapping", &self.wrapping)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use argon2::{AssociatedData, ParamsBuilder};

    use super::*;
    use crate::hex::unhex;

    /// RFC 9106 section 5.3, with its secret and associated data, through the same crate and algorithm.
    #[test]
    fn rfc_9106_vector() {
        let params = ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(AssociatedData::new(&[4; 12]).unwrap())
            .output_len(32)
            .build()
            .unwrap();
        let argon2 =
            Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let mut tag = [0; 32];
        argon2
            .hash_password_into(&[1; 32], &[2; 16], &mut tag)
            .unwrap();
        assert_eq!(
            tag[..],
            unhex("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659")
        );
    }

    #[test]
    fn a_root_is_unwrapped_at_its_place_with_its_key_only() {
        let [kek, other] = [1, 2].map(|byte| Kek::new(Zeroizing::new([byte; 32])));
        let [set, other_set] = [3, 4].map(|byte| KeysetId::new([byte; 8]));
        let wrapped = kek.wrap(set, 1, &Root::new([7; ROOT_LEN]));
        assert_eq!(*kek.unwrap(set, 1, &wrapped).unwrap(), [7; ROOT_LEN]);
        assert!(other.unwrap(set, 1, &wrapped).is_none());
        assert!(kek.unwrap(set, 2, &wrapped).is_none());
        assert!(kek.unwrap(other_set, 1, &wrapped).is_none());
        for at in 0..WRAPPED_LEN {
            let mut damaged = wrapped;
            damaged[at] ^= 1;
            assert!(kek.unwrap(set, 1, &damaged).is_none());
        }
    }

    #[test]
    fn parameters_that_would_exhaust_the_machine_or_protect_nothing_are_refused() {
        assert!(Argon2id::stated([0; 16], 64 * 1024, 3, 4).is_ok());
        for (memory, passes, lanes) in [
            (8, 3, 4),
            (u32::MAX, 3, 4),
            (65_536, 0, 4),
            (65_536, 99, 4),
            (65_536, 3, 0),
            (65_536, 3, 99),
        ] {
            assert_eq!(
                Argon2id::stated([0; 16], memory, passes, lanes),
                Err(KeysetError::BadWrapping)
            );
        }
        assert!(KmsKey::new(String::new(), vec![1]).is_err());
        assert!(KmsKey::new("alias/a".to_owned(), vec![]).is_err());
        assert!(KmsKey::new("alias/a\n".to_owned(), vec![1]).is_err());
    }
}
