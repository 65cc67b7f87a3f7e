//! Canonical forms: the one spelling that a value is brought to before it is masked, so that equal values
//! give equal tokens however they were written.

mod email;
mod ip;
mod phone;
mod text;
mod uuid;

use std::{fmt, str::FromStr};

use thiserror::Error;
use zeroize::Zeroizing;

/// The one spelling that the values of a domain are brought to.
///
/// A canonical form never passes on what it does not understand: such a value cannot be masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Canonical {
    /// The bytes as they are. The empty string is a value.
    Exact,
    /// An IP address without port, zone, leading zeros in IPv4 or white space. Encrypted as its 4 or 16 bytes
    /// in network order; an IPv4-mapped IPv6 address (`::ffff:1.2.3.4`, RFC 4291 section 2.5.5.2) is the IPv4
    /// address. Unmasked to dotted decimal or to the short form of RFC 5952.
    Ip,
    /// An e-mail address, `local@domain`. White space around it is dropped; the rest is brought to Unicode
    /// normalisation form C, with its ASCII letters in lower case on both sides of the `@`.
    ///
    /// Addresses that differ only in the case of ASCII letters become one. RFC 5321 section 2.4 allows a host to
    /// tell local parts apart by case; in practice none does, and people write their own address either way.
    /// Nothing more is made equal: not the case of other letters, not dots or `+tags` in the local part, not a
    /// domain in Unicode and its `xn--` form.
    ///
    /// There is exactly one `@` with something on both sides. White space and control characters inside are
    /// refused, and so are the special characters of RFC 5322 section 3.2.3 other than `@` and `.`, and with them
    /// quoted local parts, display names, comments, address literals and lists. At most
    /// [254 bytes](Self::longest_plaintext) in UTF-8, the most that fits a path of RFC 5321 section 4.5.3.1.3
    /// (RFC 3696 erratum 1690). Unassigned characters are refused as in [`Self::Text`].
    Email,
    /// A UUID (RFC 9562) in any case: hyphenated, 32 digits without hyphens, in braces, or after `urn:uuid:`. Of
    /// any version and variant. Encrypted as its 16 bytes; unmasked to the hyphenated form in lower case.
    Uuid,
    /// The digits of a telephone number, 3 to 15 of them: the shortest numbers in wide use have three (`112`),
    /// the longest that ITU-T E.164 recommends have fifteen. Space, `-`, `.`, `/`, `(` and `)` are dropped
    /// anywhere, and one `+` before the first digit. Anything else is refused.
    ///
    /// National and international spellings are not made equal: `+49 30 123456`, `0049 30 123456` and
    /// `030 123456` are three values, and the zero of `+49 (0)30 123456` makes a fourth. Which of them mean the same
    /// telephone depends on where the caller stands, so bring them to one spelling at the sender.
    Phone,
    /// Text without the white space around it, in Unicode normalisation form C (UAX #15). The empty string is a
    /// value. Case, width and white space inside are kept.
    ///
    /// A code point that Unicode does not assign (in the version that this was built with) is refused: a
    /// later version may give it a decomposition, and with it another plaintext to the same text. For text of
    /// assigned characters the stability policy of Unicode rules that out.
    Text,
}

/// A text that names no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no such canonical form; there are: exact, ip, email, uuid, phone, text")]
pub struct UnknownCanonical;

/// A value cannot be brought to the canonical form, or a plaintext is none that the form produces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotCanonical;

impl Canonical {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Exact,
        Self::Ip,
        Self::Email,
        Self::Uuid,
        Self::Phone,
        Self::Text,
    ];

    /// The name in key sets and configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Ip => "ip",
            Self::Email => "email",
            Self::Uuid => "uuid",
            Self::Phone => "phone",
            Self::Text => "text",
        }
    }

    /// The version of the form's rules. Any change that gives one value another plaintext is a new version,
    /// since it breaks equality with tokens that are already stored.
    pub const fn version(self) -> u32 {
        match self {
            Self::Exact | Self::Ip | Self::Email | Self::Uuid | Self::Phone | Self::Text => 1,
        }
    }

    /// The longest plaintext in bytes that the form encrypts, where it has a bound.
    ///
    /// With [`DomainSpec::longest_token`](crate::DomainSpec::longest_token) it says before the first value whether every
    /// token fits its column.
    pub const fn longest_plaintext(self) -> Option<usize> {
        match self {
            Self::Exact | Self::Text => None,
            Self::Ip | Self::Uuid => Some(16),
            Self::Email => Some(email::LONGEST),
            Self::Phone => Some(phone::LONGEST),
        }
    }

    /// At least the length in bytes of the plaintext of `value`, known before it is looked at.
    ///
    /// [`Self::append_plaintext`] never appends more than this, not even for a moment: a buffer with that much
    /// room is not moved, and leaves no copy of a plaintext behind.
    pub(crate) const fn plaintext_bound(self, value: &str) -> usize {
        match self {
            Self::Exact => value.len(),
            Self::Ip | Self::Uuid => 16,
            Self::Email => email::LONGEST,
            Self::Phone => phone::LONGEST,
            Self::Text => text::bound(value),
        }
    }

    /// Brings `value` to its canonical plaintext. On an error nothing is appended.
    pub(crate) fn append_plaintext(
        self,
        value: &str,
        plaintext: &mut Vec<u8>,
    ) -> Result<(), NotCanonical> {
        let before = plaintext.len();
        let appended = match self {
            Self::Exact => {
                plaintext.extend_from_slice(value.as_bytes());
                Ok(())
            }
            Self::Ip => ip::append(value, plaintext),
            Self::Email => email::append(value, plaintext),
            Self::Uuid => uuid::append(value, plaintext),
            Self::Phone => phone::append(value, plaintext),
            Self::Text => text::append(value, plaintext),
        };
        if appended.is_err() {
            text::wipe_from(plaintext, before);
        }
        appended
    }

    /// The text of a canonical plaintext; an error for bytes that [`Self::append_plaintext`] never makes.
    pub(crate) fn text(self, plaintext: &[u8]) -> Result<Zeroizing<String>, NotCanonical> {
        match self {
            Self::Exact => utf8(plaintext),
            Self::Ip => ip::text(plaintext),
            Self::Uuid => uuid::text(plaintext),
            Self::Email | Self::Phone | Self::Text => self.own_text(plaintext),
        }
    }

    /// The text of a form whose plaintexts are their own canonical form.
    fn own_text(self, plaintext: &[u8]) -> Result<Zeroizing<String>, NotCanonical> {
        let text = utf8(plaintext)?;
        let mut again = Zeroizing::new(Vec::with_capacity(self.plaintext_bound(&text)));
        self.append_plaintext(&text, &mut again)?;
        if again.as_slice() == plaintext {
            Ok(text)
        } else {
            Err(NotCanonical)
        }
    }
}

fn utf8(plaintext: &[u8]) -> Result<Zeroizing<String>, NotCanonical> {
    let text = std::str::from_utf8(plaintext).map_err(|_| NotCanonical)?;
    Ok(Zeroizing::new(text.to_owned()))
}

impl fmt::Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Canonical {
    type Err = UnknownCanonical;

    fn from_str(name: &str) -> Result<Self, UnknownCanonical> {
        let named = Self::ALL.into_iter().find(|form| form.as_str() == name);
        named.ok_or(UnknownCanonical)
    }
}

#[cfg(test)]
mod tests;
