//! Domains: which fields share tokens, and how their values are spelled and masked.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::{canonical::Canonical, method::Method, padding, token};

/// The name of a domain, such as `ip` or `device_id`.
///
/// A lower-case ASCII letter, then up to 62 of lower-case ASCII letters, digits, `_` and `-`. The name is an
/// input of key derivation: a domain cannot be renamed without losing the tokens that were made under it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(String);

/// A text that cannot name a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a domain is named by a lower-case letter, then up to {} lower-case letters, digits, `_` or `-`",
    DomainName::MAX_LEN - 1
)]
pub struct DomainNameError;

impl DomainName {
    /// The length of the longest name in bytes.
    pub const MAX_LEN: usize = 63;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_valid(name: &str) -> bool {
        let follows = |byte: &u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
        };
        match name.as_bytes() {
            [first, rest @ ..] => {
                first.is_ascii_lowercase() && rest.len() < Self::MAX_LEN && rest.iter().all(follows)
            }
            [] => false,
        }
    }
}

impl TryFrom<String> for DomainName {
    type Error = DomainNameError;

    fn try_from(name: String) -> Result<Self, DomainNameError> {
        if Self::is_valid(&name) {
            Ok(Self(name))
        } else {
            Err(DomainNameError)
        }
    }
}

impl FromStr for DomainName {
    type Err = DomainNameError;

    fn from_str(name: &str) -> Result<Self, DomainNameError> {
        Self::try_from(name.to_owned())
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.0
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A domain as a key set lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainSpec {
    /// What it is called.
    pub name: DomainName,
    /// How its values become tokens.
    pub method: Method,
    /// The one spelling its values are brought to first.
    pub canonical: Canonical,
}

impl DomainSpec {
    /// The length in characters of the shortest text token of the domain.
    pub fn shortest_token(&self) -> usize {
        match self.method {
            Method::Siv { padded } => token::siv_length(padding::padded_length(0, padded)),
            Method::Hmac => token::HMAC_LENGTH,
            Method::Ip => "::".len(),
            Method::Format(_) if self.canonical == Canonical::Uuid => UUID_LENGTH,
            Method::Format(format) => format.shortest().into(),
        }
    }

    /// The length in characters of the longest text token of the domain, where it has a bound that values come near to:
    /// addresses of e-mail can have 254 bytes, and hardly one has.
    ///
    /// With it a column that is too narrow is found before the first value.
    pub fn longest_token(&self) -> Option<usize> {
        match self.method {
            Method::Siv { padded } => {
                if self.canonical == Canonical::Email {
                    return None;
                }
                let longest = self.canonical.longest_plaintext()?;
                Some(token::siv_length(padding::padded_length(longest, padded)))
            }
            Method::Hmac => Some(token::HMAC_LENGTH),
            Method::Ip => Some(LONGEST_ADDRESS),
            Method::Format(_) => match self.canonical {
                Canonical::Uuid => Some(UUID_LENGTH),
                // Its own text: nothing but digits.
                Canonical::Phone => self.canonical.longest_plaintext(),
                Canonical::Exact | Canonical::Ip | Canonical::Email | Canonical::Text => None,
            },
        }
    }
}

/// The length of the longest text of an IPv6 address: eight groups of four, never an IPv4-mapped one.
const LONGEST_ADDRESS: usize = 39;

/// The length of the canonical text of a UUID.
const UUID_LENGTH: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_within_the_alphabet_and_length_are_taken() {
        let longest = format!("a{}", "z".repeat(62));
        for name in ["a", "ip", "device_id", "x-1_", longest.as_str()] {
            assert_eq!(name.parse::<DomainName>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn other_names_are_refused() {
        let too_long = "a".repeat(64);
        for name in [
            "",
            "1a",
            "_a",
            "-a",
            "Ip",
            "iP",
            "i p",
            "ip/",
            "ip\n",
            "é",
            too_long.as_str(),
        ] {
            assert_eq!(name.parse::<DomainName>(), Err(DomainNameError), "{name:?}");
        }
    }
}
