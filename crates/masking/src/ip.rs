//! Method `ip`: ipcrypt-deterministic (draft-denis-ipcrypt), an address for an address, over the `ipcrypt-rs` crate.

use std::{fmt, net::IpAddr};

use ipcrypt_rs::Ipcrypt;

/// Length of a key in bytes.
pub(crate) const KEY_LEN: usize = Ipcrypt::KEY_BYTES;

/// The permutation of all addresses under one key: AES-128 of the address's 16 bytes, an IPv4 address being
/// IPv4-mapped (`::ffff:0:0/96`). So nearly every IPv4 address becomes an IPv6 address.
///
/// The round keys are wiped on drop (feature `zeroize` of `aes`). The crate takes the key by value: a copy of its
/// 16 bytes can stay on the stack until that is used again.
pub(crate) struct IpCipher(Ipcrypt);

impl IpCipher {
    pub(crate) fn new(key: &[u8; KEY_LEN]) -> Self {
        Self(Ipcrypt::new(*key))
    }

    /// The address that stands for `address`. An IPv4-mapped one is taken for, and returned as, the IPv4 address.
    pub(crate) fn encrypt(&self, address: IpAddr) -> IpAddr {
        self.0.encrypt_ipaddr(address)
    }

    /// The address that `token` stands for. Every address stands for one: nothing shows that the key is the right
    /// one.
    pub(crate) fn decrypt(&self, token: IpAddr) -> IpAddr {
        self.0.decrypt_ipaddr(token)
    }
}

impl fmt::Debug for IpCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IpCipher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, net::Ipv4Addr};

    use proptest::prelude::*;
    use zeroize::ZeroizeOnDrop;

    use super::*;
    use crate::hex::unhex;

    /// draft-denis-ipcrypt-13, appendix "Test Vectors", section "ipcrypt-deterministic Test Vectors": all three.
    #[test]
    fn draft_denis_ipcrypt_vectors() {
        for (key, address, token) in [
            (
                "0123456789abcdeffedcba9876543210",
                "0.0.0.0",
                "bde9:6789:d353:824c:d7c6:f58a:6bd2:26eb",
            ),
            (
                "1032547698badcfeefcdab8967452301",
                "255.255.255.255",
                "aed2:92f6:ea23:58c3:48fd:8b8:74e8:45d8",
            ),
            (
                "2b7e151628aed2a6abf7158809cf4f3c",
                "192.0.2.1",
                "1dbd:c1b9:fff1:7586:7d0b:67b4:e76e:4777",
            ),
        ] {
            let cipher = IpCipher::new(&unhex(key).try_into().unwrap());
            assert_eq!(cipher.encrypt(address.parse().unwrap()).to_string(), token);
            assert_eq!(cipher.decrypt(token.parse().unwrap()).to_string(), address);
        }
    }

    /// FIPS 197 appendix C.1: the bytes of an IPv6 address are one AES block.
    #[test]
    fn an_ipv6_address_is_one_block_of_aes() {
        let cipher = IpCipher::new(&std::array::from_fn(|i| u8::try_from(i).unwrap()));
        let address: IpAddr = "11:2233:4455:6677:8899:aabb:ccdd:eeff".parse().unwrap();
        let token: IpAddr = "69c4:e0d8:6a7b:430:d8cd:b780:70b4:c55a".parse().unwrap();
        assert_eq!(cipher.encrypt(address), token);
        assert_eq!(cipher.decrypt(token), address);
    }

    #[test]
    fn addresses_that_differ_have_tokens_that_differ() {
        let cipher = IpCipher::new(&[7; KEY_LEN]);
        let network = |host: u16| Ipv4Addr::from(0x0a01_0000 | u32::from(host));
        let tokens: HashSet<_> = (0..=u16::MAX)
            .map(|host| cipher.encrypt(network(host).into()))
            .collect();
        assert_eq!(tokens.len(), 65_536);
    }

    /// Does not compile without the feature that wipes keys.
    #[test]
    fn keys_are_wiped_on_drop() {
        fn wiped<T: ZeroizeOnDrop>() {}
        wiped::<aes::Aes128>();
    }

    proptest! {
        #[test]
        fn decrypting_gives_the_address_back(key: [u8; KEY_LEN], address: IpAddr) {
            let cipher = IpCipher::new(&key);
            let address = address.to_canonical();
            prop_assert_eq!(cipher.decrypt(cipher.encrypt(address)), address);
            prop_assert_eq!(cipher.encrypt(cipher.decrypt(address)), address);
        }

        #[test]
        fn a_mapped_address_is_the_ipv4_address(key: [u8; KEY_LEN], address: Ipv4Addr) {
            let cipher = IpCipher::new(&key);
            let mapped = IpAddr::V6(address.to_ipv6_mapped());
            let token = cipher.encrypt(mapped);
            prop_assert_eq!(token, cipher.encrypt(address.into()));
            prop_assert_eq!(cipher.decrypt(token), IpAddr::V4(address));
            // The token that decrypts to the mapped address is that of the IPv4 address, in IPv4 form where it has one.
            prop_assert_eq!(cipher.encrypt(cipher.decrypt(mapped)), IpAddr::V4(address));
        }
    }
}
