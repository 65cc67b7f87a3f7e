//! The form `ip`: an address as its 4 or 16 bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use zeroize::Zeroizing;

use super::NotCanonical;

pub(super) fn append(value: &str, plaintext: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value
        .parse::<IpAddr>()
        .map_err(|_| NotCanonical)?
        .to_canonical()
    {
        IpAddr::V4(address) => plaintext.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => plaintext.extend_from_slice(&address.octets()),
    }
    Ok(())
}

pub(super) fn text(plaintext: &[u8]) -> Result<Zeroizing<String>, NotCanonical> {
    if let Ok(octets) = <[u8; 4]>::try_from(plaintext) {
        return Ok(Zeroizing::new(Ipv4Addr::from(octets).to_string()));
    }
    let octets = <[u8; 16]>::try_from(plaintext).map_err(|_| NotCanonical)?;
    let address = Ipv6Addr::from(octets);
    match address.to_ipv4_mapped() {
        Some(_) => Err(NotCanonical),
        None => Ok(Zeroizing::new(address.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::canonical::{Canonical, tests::canonical_text};

    #[test]
    fn addresses_come_back_in_their_short_form() {
        for (written, canonical) in [
            ("199.172.111.135", "199.172.111.135"),
            ("0.0.0.0", "0.0.0.0"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("::FFFF:0102:0304", "1.2.3.4"),
            ("0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"),
            ("2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("::", "::"),
            ("::1", "::1"),
            ("fe80::1", "fe80::1"),
        ] {
            assert_eq!(
                canonical_text(Canonical::Ip, written).as_deref(),
                Ok(canonical)
            );
        }
    }

    #[test]
    fn an_address_is_encrypted_as_its_bytes_in_network_order() {
        let mut plaintext = Vec::new();
        Canonical::Ip
            .append_plaintext("::ffff:1.2.3.4", &mut plaintext)
            .unwrap();
        assert_eq!(plaintext, [1, 2, 3, 4]);
        plaintext.clear();
        Canonical::Ip
            .append_plaintext("2001:db8::1", &mut plaintext)
            .unwrap();
        assert_eq!(
            plaintext,
            [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        );
    }

    #[test]
    fn the_deprecated_ipv4_compatible_form_stays_ipv6() {
        let mut plaintext = Vec::new();
        Canonical::Ip
            .append_plaintext("::1.2.3.4", &mut plaintext)
            .unwrap();
        assert_eq!(plaintext.len(), 16);
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        for value in [
            "",
            " ",
            "1.2.3",
            "1.2.3.4.5",
            "010.1.1.1",
            "1.1.1.01",
            "256.1.1.1",
            "1.2.3.4 ",
            " 1.2.3.4",
            "1.2.3.4\n",
            "1.2.3.4:80",
            "1.2.3.4/32",
            "0x1.2.3.4",
            "16909060",
            "fe80::1%eth0",
            "[::1]",
            "[::1]:80",
            "::1/128",
            "::ffff:01.2.3.4",
            "::ffff:1.2.3",
            "1::2::3",
            ":::",
            "12345::",
            "g::",
            "1.2.3.٤",
            "localhost",
        ] {
            let mut plaintext = vec![7];
            assert_eq!(
                Canonical::Ip.append_plaintext(value, &mut plaintext),
                Err(NotCanonical),
                "{value:?}"
            );
            assert_eq!(plaintext, [7], "{value:?}");
        }
    }

    #[test]
    fn plaintexts_that_the_form_never_makes_are_refused() {
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets();
        for plaintext in [&[][..], &[1, 2, 3], &[0; 5], &[0; 15], &[0; 17], &mapped] {
            assert_eq!(Canonical::Ip.text(plaintext).err(), Some(NotCanonical));
        }
    }

    proptest! {
        #[test]
        fn the_address_is_kept(address: IpAddr) {
            let canonical = canonical_text(Canonical::Ip, &address.to_string()).unwrap();
            prop_assert_eq!(canonical.parse::<IpAddr>().unwrap(), address.to_canonical());
        }

        #[test]
        fn spellings_of_an_ipv6_address_agree(groups: [u16; 8]) {
            let address = Ipv6Addr::from(groups);
            let long = groups.map(|group| format!("{group:04X}")).join(":");
            prop_assert_eq!(
                canonical_text(Canonical::Ip, &long),
                canonical_text(Canonical::Ip, &address.to_string())
            );
        }
    }
}
