//! Canonical forms: the one spelling that a value is brought to before it is masked, so that equal values
//! give equal tokens however they were written.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

/// The one spelling that the values of a domain are brought to.
///
/// A canonical form never passes on what it does not understand: such a value cannot be masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Canonical {
    /// The bytes as they are. The empty string is a value.
    Exact,
    /// An IP address without port, zone, leading zeros in IPv4 or white space. Encrypted as its 4 or 16 bytes
    /// in network order; an IPv4-mapped IPv6 address (`::ffff:1.2.3.4`, RFC 4291 section 2.5.5.2) is the IPv4
    /// address. Unmasked to dotted decimal or to the short form of RFC 5952.
    Ip,
}

/// A text that names no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no such canonical form; there are: exact, ip")]
pub struct UnknownCanonical;

/// A value cannot be brought to the canonical form, or a plaintext is none that the form produces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotCanonical;

impl Canonical {
    /// The name in key sets and configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Ip => "ip",
        }
    }

    /// The version of the form's rules. Any change that gives one value another plaintext is a new version,
    /// since it breaks equality with tokens that are already stored.
    pub const fn version(self) -> u32 {
        match self {
            Self::Exact | Self::Ip => 1,
        }
    }

    /// The longest plaintext in bytes that the form encrypts, where it has a bound.
    ///
    /// With [`Masker::token_length`](crate::Masker::token_length) it says before the first value whether every
    /// token fits its column.
    pub const fn longest_plaintext(self) -> Option<usize> {
        match self {
            Self::Exact => None,
            Self::Ip => Some(16),
        }
    }

    /// At least the length in bytes of the plaintext of `value`, known before it is looked at.
    pub(crate) const fn plaintext_bound(self, value: &str) -> usize {
        match self.longest_plaintext() {
            Some(longest) => longest,
            None => value.len(),
        }
    }

    /// Brings `value` to its canonical plaintext. On an error nothing is appended.
    pub(crate) fn append_plaintext(
        self,
        value: &str,
        plaintext: &mut Vec<u8>,
    ) -> Result<(), NotCanonical> {
        match self {
            Self::Exact => plaintext.extend_from_slice(value.as_bytes()),
            Self::Ip => match parse_ip(value)? {
                IpAddr::V4(address) => plaintext.extend_from_slice(&address.octets()),
                IpAddr::V6(address) => plaintext.extend_from_slice(&address.octets()),
            },
        }
        Ok(())
    }

    /// The text of a canonical plaintext; an error for bytes that [`Self::append_plaintext`] never makes.
    pub(crate) fn text(self, plaintext: &[u8]) -> Result<Zeroizing<String>, NotCanonical> {
        match self {
            Self::Exact => {
                let text = std::str::from_utf8(plaintext).map_err(|_| NotCanonical)?;
                Ok(Zeroizing::new(text.to_owned()))
            }
            Self::Ip => ip_text(plaintext),
        }
    }
}

fn parse_ip(value: &str) -> Result<IpAddr, NotCanonical> {
    match value.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => Ok(match address.to_ipv4_mapped() {
            Some(mapped) => IpAddr::V4(mapped),
            None => IpAddr::V6(address),
        }),
        Ok(IpAddr::V4(address)) => Ok(IpAddr::V4(address)),
        Err(_) => Err(NotCanonical),
    }
}

fn ip_text(plaintext: &[u8]) -> Result<Zeroizing<String>, NotCanonical> {
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

impl fmt::Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Canonical {
    type Err = UnknownCanonical;

    fn from_str(name: &str) -> Result<Self, UnknownCanonical> {
        match name {
            "exact" => Ok(Self::Exact),
            "ip" => Ok(Self::Ip),
            _ => Err(UnknownCanonical),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical_text(form: Canonical, value: &str) -> Result<String, NotCanonical> {
        let mut plaintext = Vec::new();
        form.append_plaintext(value, &mut plaintext)?;
        form.text(&plaintext).map(|text| text.to_string())
    }

    #[test]
    fn has_one_name_everywhere() {
        for form in [Canonical::Exact, Canonical::Ip] {
            assert_eq!(form.to_string().parse(), Ok(form));
            assert_eq!(serde_json::to_string(&form).unwrap(), format!("\"{form}\""));
        }
        assert_eq!("IP".parse::<Canonical>(), Err(UnknownCanonical));
    }

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
        assert_eq!(Canonical::Exact.text(&[0xff]).err(), Some(NotCanonical));
    }

    proptest! {
        #[test]
        fn exact_changes_nothing(value in ".*") {
            prop_assert_eq!(canonical_text(Canonical::Exact, &value), Ok(value));
        }

        #[test]
        fn ip_is_idempotent_and_keeps_the_address(address: IpAddr) {
            let canonical = canonical_text(Canonical::Ip, &address.to_string()).unwrap();
            prop_assert_eq!(canonical.parse::<IpAddr>().unwrap(), address.to_canonical());
            prop_assert_eq!(canonical_text(Canonical::Ip, &canonical), Ok(canonical));
        }

        #[test]
        fn ip_agrees_however_an_ipv6_address_is_spelled(groups: [u16; 8]) {
            let address = Ipv6Addr::from(groups);
            let long = groups.map(|group| format!("{group:04X}")).join(":");
            prop_assert_eq!(
                canonical_text(Canonical::Ip, &long),
                canonical_text(Canonical::Ip, &address.to_string())
            );
        }
    }
}
