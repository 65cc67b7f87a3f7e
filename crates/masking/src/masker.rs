//! Masking: a value becomes a token.

use std::{fmt, io::Write, net::IpAddr};

use thiserror::Error;
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    canonical::Canonical,
    derive::DomainKey,
    digest::KeyedDigest,
    domain::DomainSpec,
    format::{Alphabet, Format, FormatCipher, NotOfFormat},
    ip::IpCipher,
    method::Form,
    padding,
    siv::Aes256Siv,
    token::{self, MARK_LEN, Marked, SIV_HEADER_LEN},
};

/// After a value that needed more, scratch memory shrinks back to this many bytes.
const SCRATCH_KEPT: usize = 4096;

/// Associated data of method `siv`: one component, which is empty, as in Tink's deterministic AEAD.
pub(crate) const ASSOCIATED_DATA: [&[u8]; 1] = [b""];

/// Masks the values of one domain, under one key of the set that it came from.
///
/// Keys are derived once; for method `siv` a call allocates only when `out` or the scratch memory has to grow.
/// Each thread or task takes a clone.
pub struct Masker {
    domain: DomainSpec,
    form: Form,
    key: DomainKey,
    cipher: Cipher,
    /// The plaintext, then the wire format of the token being made. Between calls it holds ciphertext at the most.
    scratch: Zeroizing<Vec<u8>>,
}

/// A value was not masked. Nothing may be stored in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MaskError {
    /// The value cannot be brought to the canonical form of its domain.
    #[error(
        "the value has no canonical form `{0}`: correct it at the sender, or give its column a domain with \
         another canonical form"
    )]
    NotCanonical(Canonical),
    /// The value is a token already.
    #[error(
        "the value is a token already, and masked twice it would match nothing: send the value in clear, or load \
         the token into a column without a mask"
    )]
    AlreadyMasked,
    /// The value is not of the alphabet and length of its domain's format.
    #[error(
        "the value does not consist of at least {shortest} characters of alphabet `{alphabet}` with nothing but \
         separators between them: correct it at the sender, or give its column a domain with method `siv`"
    )]
    OtherFormat {
        /// The domain's alphabet.
        alphabet: Alphabet,
        /// The fewest characters of it.
        shortest: u16,
    },
    /// The cipher refused the value.
    #[error("the value could not be encrypted: this is a fault of the masking library, report it")]
    Encryption,
}

/// A method under one key.
enum Cipher {
    Siv {
        key_id: u32,
        siv: Aes256Siv,
        padded: bool,
    },
    Hmac {
        key_id: u32,
        hmac: KeyedDigest,
    },
    Ip(IpCipher),
    Format {
        cipher: FormatCipher,
        format: Format,
    },
}

impl Cipher {
    fn new(key: &DomainKey) -> Self {
        match key {
            DomainKey::Siv { key, padded } => Self::Siv {
                key_id: key.id,
                siv: Aes256Siv::new(&key.bytes),
                padded: *padded,
            },
            DomainKey::Hmac { id, bytes } => Self::Hmac {
                key_id: *id,
                hmac: KeyedDigest::new(bytes),
            },
            DomainKey::Ip(bytes) => Self::Ip(IpCipher::new(bytes)),
            DomainKey::Format { bytes, format } => Self::Format {
                cipher: FormatCipher::new(bytes, *format),
                format: *format,
            },
        }
    }
}

impl Masker {
    /// The domain's method has tokens of this form, and the key is one of the domain.
    pub(crate) fn new(domain: DomainSpec, form: Form, key: DomainKey) -> Self {
        Self {
            cipher: Cipher::new(&key),
            domain,
            form,
            key,
            scratch: Zeroizing::new(Vec::new()),
        }
    }

    /// Appends the token of `value` to `out`, in the masker's form.
    ///
    /// # Errors
    ///
    /// When the value has no canonical form, is a token already, is not of the domain's format or cannot be encrypted;
    /// `out` is then as it was.
    pub fn mask(&mut self, value: &str, out: &mut Vec<u8>) -> Result<(), MaskError> {
        if token::is_token(value) {
            return Err(MaskError::AlreadyMasked);
        }
        let start = out.len();
        let masked = self.append(value, out);
        // Method `siv` leaves ciphertext here when all went well, the others plaintext.
        if masked.is_err() || !matches!(self.cipher, Cipher::Siv { .. }) {
            self.scratch.zeroize();
        }
        if masked.is_err() {
            out.truncate(start);
        }
        self.scratch.clear();
        self.scratch.shrink_to(SCRATCH_KEPT);
        masked
    }

    fn append(&mut self, value: &str, out: &mut Vec<u8>) -> Result<(), MaskError> {
        let canonical = self.domain.canonical;
        let scratch = &mut self.scratch;
        // No plaintext is in there when it moves to a larger place.
        scratch.reserve(SIV_HEADER_LEN + canonical.plaintext_bound(value) + padding::BUCKET);
        scratch.resize(SIV_HEADER_LEN, 0);
        canonical
            .append_plaintext(value, scratch)
            .map_err(|_| MaskError::NotCanonical(canonical))?;
        match &mut self.cipher {
            Cipher::Siv {
                key_id,
                siv,
                padded,
            } => {
                if *padded {
                    padding::pad(scratch, SIV_HEADER_LEN);
                }
                let (header, plaintext) = scratch.split_at_mut(SIV_HEADER_LEN);
                let iv = siv
                    .encrypt(ASSOCIATED_DATA, plaintext)
                    .map_err(|_| MaskError::Encryption)?;
                header[..MARK_LEN].copy_from_slice(&token::mark(*key_id));
                header[MARK_LEN..].copy_from_slice(&iv);
                append_marked(Marked::Siv, self.form, scratch, out);
            }
            Cipher::Hmac { key_id, hmac } => {
                let tag = hmac.tag(&scratch[SIV_HEADER_LEN..]);
                if self.form == Form::Uuid {
                    out.extend_from_slice(&tag);
                } else {
                    let wire = [&token::mark(*key_id)[..], &tag].concat();
                    append_marked(Marked::Hmac, self.form, &wire, out);
                }
            }
            Cipher::Ip(cipher) => {
                let address = address(&scratch[SIV_HEADER_LEN..]);
                let address = address.ok_or(MaskError::NotCanonical(canonical))?;
                append_address(cipher.encrypt(address), self.form, out);
            }
            Cipher::Format { cipher, format } => {
                let text = canonical
                    .text(&scratch[SIV_HEADER_LEN..])
                    .map_err(|_| MaskError::NotCanonical(canonical))?;
                append_formatted(cipher, &text, self.form, out).map_err(|_| {
                    MaskError::OtherFormat {
                        alphabet: format.alphabet(),
                        shortest: format.shortest(),
                    }
                })?;
            }
        }
        Ok(())
    }

    /// The domain that the tokens are of.
    pub fn domain(&self) -> &DomainSpec {
        &self.domain
    }

    /// The form that tokens are made in.
    pub fn form(&self) -> Form {
        self.form
    }
}

fn append_marked(method: Marked, form: Form, wire: &[u8], out: &mut Vec<u8>) {
    match form {
        Form::Text => token::append(method, wire, out),
        Form::Bytes | Form::Address | Form::Uuid => out.extend_from_slice(wire),
    }
}

/// The address of a plaintext of canonical form `ip`.
fn address(plaintext: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(plaintext).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(plaintext).map(IpAddr::from))
        .ok()
}

fn append_address(address: IpAddr, form: Form, out: &mut Vec<u8>) {
    match (form, address) {
        (Form::Text, address) => {
            write!(out, "{address}").expect("a vector takes all that is written to it");
        }
        (Form::Bytes | Form::Address | Form::Uuid, IpAddr::V4(address)) => {
            out.extend_from_slice(&address.octets());
        }
        (Form::Bytes | Form::Address | Form::Uuid, IpAddr::V6(address)) => {
            out.extend_from_slice(&address.octets());
        }
    }
}

fn append_formatted(
    cipher: &FormatCipher,
    text: &str,
    form: Form,
    out: &mut Vec<u8>,
) -> Result<(), NotOfFormat> {
    if form == Form::Text {
        return cipher.encrypt(text, out);
    }
    let mut token = Vec::with_capacity(text.len());
    cipher.encrypt(text, &mut token)?;
    let uuid = Uuid::try_parse_ascii(&token).map_err(|_| NotOfFormat)?;
    out.extend_from_slice(uuid.as_bytes());
    Ok(())
}

impl Clone for Masker {
    fn clone(&self) -> Self {
        Self::new(self.domain.clone(), self.form, self.key.clone())
    }
}

impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker")
            .field("domain", &self.domain)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}
