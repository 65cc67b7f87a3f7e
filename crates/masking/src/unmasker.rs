//! Unmasking: a token becomes its value again, for who has the key set.

use std::{collections::HashMap, fmt, net::IpAddr};

use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    canonical::Canonical,
    derive::DomainKey,
    domain::{DomainName, DomainSpec},
    format::{self, FormatCipher},
    ip::IpCipher,
    masker::ASSOCIATED_DATA,
    method::Method,
    padding,
    siv::{Aes256Siv, IV_LEN},
    token::{self, Marked},
};

/// Opens the tokens of every domain of a key set, under every key of it that may decrypt.
pub struct Unmasker {
    /// By the id that their tokens carry.
    marked: HashMap<u32, MarkedKey>,
    unmarked: Vec<UnmarkedKey>,
}

/// A key of a domain whose tokens say what they are of.
struct MarkedKey {
    domain: DomainSpec,
    /// `None` for a one-way method.
    siv: Option<Padded>,
}

struct Padded {
    siv: Aes256Siv,
    padded: bool,
}

/// A key of a domain whose tokens do not say what they are of.
struct UnmarkedKey {
    domain: DomainSpec,
    /// Id of the root key.
    key: u32,
    /// `None` once it is destroyed: its tokens are still about.
    cipher: Option<Unmarked>,
}

enum Unmarked {
    Ip(IpCipher),
    Format(FormatCipher),
}

/// What a token held. `Debug` shows the domain only.
pub struct Unmasked {
    /// The domain that the token is of.
    pub domain: DomainName,
    /// The one spelling that all spellings of the token have in common, for telling tokens apart: of method `siv` the
    /// text token (`vs1s.…`), of `ip` the address in its shortest form, an IPv4-mapped one as IPv4, of `format` the
    /// symbols without separators.
    pub token: String,
    /// The value in its canonical form. Personal data in clear; wiped on drop.
    pub value: Zeroizing<String>,
}

/// A token was not opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnmaskError {
    /// The text is not spelled as a token.
    #[error(
        "this is no token: one begins with `vs1s.` and goes on in base64url without padding or white space, or is \
         the `\\x…` of a bytea column; copy the whole of it, and look whether the column cut it off. Tokens of methods \
         ip and format look like values: name their domain"
    )]
    NotAToken,
    /// No usable key of the set has the token's key id.
    #[error(
        "no usable key of this key set has the token's key id {key_id:08x}: if the key was destroyed \
         (`veilstream keys list`), the value is lost; else use the key set that the token was made with, and one \
         that lists its domain"
    )]
    UnknownKey {
        /// The id that the token carries.
        key_id: u32,
    },
    /// The key is there, but it did not make this token.
    #[error(
        "the token was changed after it was made in domain `{domain}`: look for what cut, edited or re-encoded \
         it, or take it from a backup"
    )]
    Tampered {
        /// The domain of the key that the token names.
        domain: DomainName,
    },
    /// The token is authentic, but its plaintext is none that the domain's canonical form produces.
    #[error(
        "the token is authentic, but does not hold what the canonical form of domain `{domain}` produces: \
         another program made it with this domain's key; open it with that one"
    )]
    NotCanonical {
        /// The domain of the token.
        domain: DomainName,
    },
    /// Nobody gets the value back.
    #[error(
        "the token is of domain `{domain}`, whose method hmac is one-way: no key opens it. Mask the values that you \
         suspect and compare"
    )]
    OneWay {
        /// The domain of the token.
        domain: DomainName,
    },
    /// The token is of another domain than the one named.
    #[error("the token is of domain `{found}`, not of `{named}`: name that one, or none")]
    OtherDomain {
        /// The domain of the token.
        found: DomainName,
        /// The domain that was named.
        named: String,
    },
    /// The key set has no such domain.
    #[error("the key set has no domain `{named}`: `veilstream keys list` shows those that it has")]
    UnknownDomain {
        /// The domain that was named.
        named: String,
    },
    /// A root key was named that cannot open tokens of the domain.
    #[error(
        "key {key} of the set cannot open tokens of domain `{domain}`: `veilstream keys list` shows the usable keys"
    )]
    UnusableKey {
        /// The root key that was named.
        key: u32,
        /// The domain that was named.
        domain: DomainName,
    },
    /// Tokens of the domain can be of several keys, and do not say of which.
    #[error(
        "domain `{domain}` has masked with several keys, and its tokens do not say with which: name one with --key, of \
         {keys}; the first makes its tokens today"
    )]
    WhichKey {
        /// The domain that was named.
        domain: DomainName,
        /// The ids of the root keys, joined by commas.
        keys: String,
    },
    /// The root key that was named is destroyed.
    #[error("key {key} is destroyed: what it made of values of domain `{domain}` is lost")]
    Destroyed {
        /// The root key that was named.
        key: u32,
        /// The domain that was named.
        domain: DomainName,
    },
    /// A root key was named for a token that says its own.
    #[error("tokens of domain `{domain}` say which key made them: name none")]
    KeyNotAsked {
        /// The domain that was named.
        domain: DomainName,
    },
    /// The text is none that the domain's method produces.
    #[error(
        "this is no token of domain `{domain}`: those have the spelling that its method {method} gives them",
        method = method
    )]
    NotOfDomain {
        /// The domain that was named.
        domain: DomainName,
        /// Its method.
        method: &'static str,
    },
}

impl Unmasker {
    /// `keys` are those that tokens can be of: domain, id of the root key, the domain's key unless it is destroyed.
    pub(crate) fn new(keys: impl Iterator<Item = (DomainSpec, u32, Option<DomainKey>)>) -> Self {
        let (mut marked, mut unmarked) = (HashMap::new(), Vec::new());
        for (domain, key, domain_key) in keys {
            let cipher = match domain_key {
                None if domain.method.is_marked() => continue,
                None => None,
                Some(DomainKey::Siv { key, padded }) => {
                    let siv = Some(Padded {
                        siv: Aes256Siv::new(&key.bytes),
                        padded,
                    });
                    marked.insert(key.id, MarkedKey { domain, siv });
                    continue;
                }
                Some(DomainKey::Hmac { id, .. }) => {
                    marked.insert(id, MarkedKey { domain, siv: None });
                    continue;
                }
                Some(DomainKey::Ip(bytes)) => Some(Unmarked::Ip(IpCipher::new(&bytes))),
                Some(DomainKey::Format { bytes, format }) => {
                    Some(Unmarked::Format(FormatCipher::new(&bytes, format)))
                }
            };
            unmarked.push(UnmarkedKey {
                domain,
                key,
                cipher,
            });
        }
        Self { marked, unmarked }
    }

    /// Gives back the value behind a token that says what it is of (`vs1s.…`, or `\x01…` of a `bytea` column), and
    /// its domain.
    ///
    /// # Errors
    ///
    /// When the text is no token, is one-way or of a key that is not here, or is not just as it was made.
    pub fn unmask(&mut self, token: &str) -> Result<Unmasked, UnmaskError> {
        let parts = token::parse(token).map_err(|_| UnmaskError::NotAToken)?;
        let key_id = parts.key_id;
        let key = self.marked.get_mut(&key_id);
        let MarkedKey { domain, siv } = key.ok_or(UnmaskError::UnknownKey { key_id })?;
        let tampered = || UnmaskError::Tampered {
            domain: domain.name.clone(),
        };
        let Some(Padded { siv, padded }) = siv else {
            return Err(match parts.method {
                Some(Marked::Siv) => tampered(),
                Some(Marked::Hmac) | None => UnmaskError::OneWay {
                    domain: domain.name.clone(),
                },
            });
        };
        let token = parts.siv_text();
        let mut rest = parts.rest;
        let (iv, ciphertext) = match parts.method {
            Some(Marked::Siv) | None => rest.split_first_chunk_mut::<IV_LEN>(),
            Some(Marked::Hmac) => None,
        }
        .ok_or_else(tampered)?;
        siv.decrypt(ASSOCIATED_DATA, *iv, ciphertext)
            .map_err(|_| tampered())?;
        let not_canonical = || UnmaskError::NotCanonical {
            domain: domain.name.clone(),
        };
        let plaintext = if *padded {
            padding::unpad(ciphertext).map_err(|_| not_canonical())?
        } else {
            ciphertext
        };
        let value = domain
            .canonical
            .text(plaintext)
            .map_err(|_| not_canonical())?;
        Ok(Unmasked {
            domain: domain.name.clone(),
            token,
            value,
        })
    }

    /// Gives back the value behind a token of the domain `named`. Tokens of methods `ip` and `format` are opened with
    /// the root key of id `key`, which has to be named where the domain has masked with several.
    ///
    /// Such a token cannot be told from one of another key or domain, or from a value: all of them open to something.
    ///
    /// # Errors
    ///
    /// When the set has no such domain or key, or the text is no token of it.
    pub fn unmask_in(
        &mut self,
        named: &str,
        key: Option<u32>,
        token: &str,
    ) -> Result<Unmasked, UnmaskError> {
        if let Some(MarkedKey { domain, .. }) = self
            .marked
            .values()
            .find(|key| key.domain.name.as_str() == named)
        {
            if domain.method == Method::Hmac {
                return Err(UnmaskError::OneWay {
                    domain: domain.name.clone(),
                });
            }
            if key.is_some() {
                return Err(UnmaskError::KeyNotAsked {
                    domain: domain.name.clone(),
                });
            }
            return match self.unmask(token)? {
                unmasked if unmasked.domain.as_str() == named => Ok(unmasked),
                unmasked => Err(UnmaskError::OtherDomain {
                    found: unmasked.domain,
                    named: named.to_owned(),
                }),
            };
        }
        let of_domain: Vec<_> = self
            .unmarked
            .iter()
            .filter(|known| known.domain.name.as_str() == named)
            .collect();
        let found = match (&of_domain[..], key) {
            ([], _) => {
                return Err(UnmaskError::UnknownDomain {
                    named: named.to_owned(),
                });
            }
            ([only], None) => only,
            ([first, ..], None) => {
                let keys: Vec<_> = of_domain
                    .iter()
                    .map(|known| match known.cipher {
                        Some(_) => known.key.to_string(),
                        None => format!("{} (destroyed)", known.key),
                    })
                    .collect();
                return Err(UnmaskError::WhichKey {
                    domain: first.domain.name.clone(),
                    keys: keys.join(", "),
                });
            }
            ([first, ..], Some(key)) => of_domain
                .iter()
                .find(|known| known.key == key)
                .ok_or_else(|| UnmaskError::UnusableKey {
                    key,
                    domain: first.domain.name.clone(),
                })?,
        };
        found.unmask(token)
    }
}

impl UnmarkedKey {
    fn unmask(&self, token: &str) -> Result<Unmasked, UnmaskError> {
        let DomainSpec {
            name,
            method,
            canonical,
        } = &self.domain;
        let opened = match &self.cipher {
            None => {
                return Err(UnmaskError::Destroyed {
                    key: self.key,
                    domain: name.clone(),
                });
            }
            Some(Unmarked::Ip(cipher)) => token.parse::<IpAddr>().ok().map(|token| {
                let value = Zeroizing::new(cipher.decrypt(token).to_string());
                (token.to_canonical().to_string(), value)
            }),
            Some(Unmarked::Format(cipher)) => {
                let value = cipher.decrypt(token).ok();
                value.map(|value| (format::symbols(token), value))
            }
        };
        // What the method does not produce, or opens to no canonical spelling, was never made here.
        match opened {
            Some((token, value)) if is_canonical(*canonical, &value) => Ok(Unmasked {
                domain: name.clone(),
                token,
                value,
            }),
            Some(_) | None => Err(UnmaskError::NotOfDomain {
                domain: name.clone(),
                method: method.name(),
            }),
        }
    }
}

/// Whether the value is spelled in its canonical form.
fn is_canonical(canonical: Canonical, value: &str) -> bool {
    let mut plaintext = Zeroizing::new(Vec::with_capacity(canonical.plaintext_bound(value)));
    canonical.append_plaintext(value, &mut plaintext).is_ok()
        && canonical
            .text(&plaintext)
            .is_ok_and(|text| text.as_str() == value)
}

impl fmt::Debug for Unmasker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unmasker")
            .field("keys", &(self.marked.len() + self.unmarked.len()))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Unmasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unmasked")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}
