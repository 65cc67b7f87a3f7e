//! Methods: how the canonical form of a value becomes a token.

use std::fmt;

use thiserror::Error;

use crate::{
    canonical::Canonical,
    format::{Alphabet, Format},
};

/// How the values of a domain are masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// AES-256-SIV (RFC 5297): deterministic, authenticated, reversible with the key.
    Siv {
        /// Whether plaintexts are padded to a multiple of 16 bytes, so that a token's length tells less.
        padded: bool,
    },
    /// HMAC-SHA-256 (RFC 2104) cut to 128 bits: one-way, all tokens of one length.
    Hmac,
    /// ipcrypt-deterministic (draft-denis-ipcrypt): an address for an address, reversible with the key.
    Ip,
    /// FF1 (NIST SP 800-38G revision 1): a text of the same length and alphabet, reversible with the key.
    Format(Format),
}

/// The form in which a token is stored, which its column's type asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Text.
    Text,
    /// Bytes: what a text token encodes in base64.
    Bytes,
    /// An IP address, in 4 or 16 bytes in network order.
    Address,
    /// A UUID, in its 16 bytes.
    Uuid,
}

/// A method and a canonical form that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MethodError {
    /// Method `ip` masks addresses only.
    #[error("method `ip` masks addresses: it goes with canonical form `ip` only, not with `{0}`")]
    NotAnAddress(Canonical),
    /// Method `format` keeps a text's own characters.
    #[error(
        "method `format` keeps the characters of the text, and canonical form `{canonical}` does not have those of \
         alphabet `{alphabet}`: with `phone` goes `digits`, with `uuid` goes `hex`, with `exact` and `text` any",
        alphabet = format.alphabet()
    )]
    OtherAlphabet {
        /// The canonical form.
        canonical: Canonical,
        /// The format.
        format: Format,
    },
}

impl Method {
    /// The names of all methods that use a key.
    pub const NAMES: [&'static str; 4] = ["siv", "hmac", "ip", "format"];

    /// The name in key sets and configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Siv { .. } => "siv",
            Self::Hmac => "hmac",
            Self::Ip => "ip",
            Self::Format(_) => "format",
        }
    }

    /// Whether who holds the key gets the value back.
    pub const fn is_reversible(self) -> bool {
        match self {
            Self::Siv { .. } | Self::Ip | Self::Format(_) => true,
            Self::Hmac => false,
        }
    }

    /// Whether a token says of itself under which key and in which domain it was made.
    pub const fn is_marked(self) -> bool {
        match self {
            Self::Siv { .. } | Self::Hmac => true,
            Self::Ip | Self::Format(_) => false,
        }
    }

    /// Whether the domain masks with whichever key is primary. The domains of the other methods stay on one key until
    /// they are promoted by themselves, since their tokens cannot be brought up to date: those of `hmac` are one-way,
    /// and those of `ip` and `format` do not say which key made them.
    pub const fn follows_primary(self) -> bool {
        match self {
            Self::Siv { .. } => true,
            Self::Hmac | Self::Ip | Self::Format(_) => false,
        }
    }

    /// Whether the method makes tokens in this form from values of this canonical form.
    pub const fn has_form(self, canonical: Canonical, form: Form) -> bool {
        match (self, form) {
            (_, Form::Text)
            | (Self::Siv { .. } | Self::Hmac, Form::Bytes)
            | (Self::Hmac, Form::Uuid)
            | (Self::Ip, Form::Address) => true,
            (Self::Format(_), Form::Uuid) => matches!(canonical, Canonical::Uuid),
            (Self::Ip | Self::Format(_), Form::Bytes)
            | (Self::Siv { .. } | Self::Hmac | Self::Format(_), Form::Address)
            | (Self::Siv { .. } | Self::Ip, Form::Uuid) => false,
        }
    }

    /// Whether the method takes values of this canonical form.
    ///
    /// # Errors
    ///
    /// When it does not, saying what goes together.
    pub fn check(self, canonical: Canonical) -> Result<(), MethodError> {
        match self {
            Self::Siv { .. } | Self::Hmac => Ok(()),
            Self::Ip if canonical == Canonical::Ip => Ok(()),
            Self::Ip => Err(MethodError::NotAnAddress(canonical)),
            Self::Format(format) => {
                let suits = match canonical {
                    Canonical::Exact | Canonical::Text => true,
                    Canonical::Phone => format.alphabet() == Alphabet::Digits,
                    Canonical::Uuid => format.alphabet() == Alphabet::Hex,
                    Canonical::Ip | Canonical::Email => false,
                };
                if suits {
                    Ok(())
                } else {
                    Err(MethodError::OtherAlphabet { canonical, format })
                }
            }
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Address => "address",
            Self::Uuid => "UUID",
        })
    }
}
