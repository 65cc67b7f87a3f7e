//! Masking of personal data: a value becomes a token, equal values become equal tokens, and who has the key set
//! gets the value back.
//!
//! A pure library: no I/O, no clock, no randomness. Callers read and write the key set's file, ask AWS KMS, and pass in
//! the time and the random bytes.
//!
//! ```
//! use masking::{Canonical, DomainSpec, Form, Keyset, KeysetId, Method, Zeroizing};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # fn random<const N: usize>() -> [u8; N] { [7; N] }
//! // `random` is the caller's, from the operating system.
//! let ip = DomainSpec {
//!     name: "ip".parse()?,
//!     method: Method::Siv { padded: false },
//!     canonical: Canonical::Ip,
//! };
//! let id = KeysetId::new(random());
//! let keyset = Keyset::create(id, Zeroizing::new(random()), "2026-01-31T12:00:00Z", vec![ip], None)?;
//!
//! let mut masker = keyset.masker("ip", Form::Text)?;
//! let (mut first, mut second) = (Vec::new(), Vec::new());
//! masker.mask("199.172.111.135", &mut first)?;
//! masker.mask("::ffff:199.172.111.135", &mut second)?;
//! assert_eq!(first, second);
//! assert!(masker.mask("199.172.111.135:443", &mut first).is_err());
//!
//! // Later, elsewhere, with nothing but the file and a token.
//! let keyset = Keyset::from_json(keyset.to_json().as_bytes())?;
//! let unmasked = keyset.unmasker().unmask(std::str::from_utf8(&first)?)?;
//! assert_eq!(unmasked.domain.as_str(), "ip");
//! assert_eq!(*unmasked.value, "199.172.111.135");
//! # Ok(())
//! # }
//! ```
//!
//! # What it protects against
//!
//! Without the key set a token tells nothing about its value but whether it is equal to another of the same domain,
//! and the value's length, where the domain does not pad (for an address: IPv4 or IPv6). Equality is wanted, and has
//! its price: how often a value occurs can be seen, and who can both send values and read tokens can try guesses. A
//! token of method `siv` that was changed, or moved to another key's id, is refused, not opened to something else; but
//! a whole token can be copied to another row of the same or another column, since it is not bound to its place. Tokens
//! of methods `ip` and `format` have no room for a key id or a tag: whatever has their spelling opens to something.
//!
//! # The construction
//!
//! This section is normative: whatever follows it makes the same tokens, in any language. `||` joins byte strings,
//! texts in quotes are ASCII, integers are big-endian.
//!
//! **Keys.** A *root key* is 32 random bytes. All else is derived from it by HKDF-SHA-256 (RFC 5869) with an empty
//! salt, the root key as input keying material, and the `info` of the table.
//!
//! | derived | `info` | bytes |
//! |---|---|---|
//! | key of a domain, method `siv` | `"veilstream/v1/siv/" \|\| domain` | 64 |
//! | its key id | `"veilstream/v1/kid/siv/" \|\| domain` | 4 |
//! | key of a domain, method `hmac` | `"veilstream/v1/hmac/" \|\| domain` | 32 |
//! | its key id | `"veilstream/v1/kid/hmac/" \|\| domain` | 4 |
//! | key of a domain, method `ip` | `"veilstream/v1/ip/" \|\| domain` | 16 |
//! | key of a domain, method `format` | `"veilstream/v1/format/" \|\| domain` | 32 |
//! | sealing key | `"veilstream/v1/seal"` | 64 |
//! | key id of the sealing key | `"veilstream/v1/kid/seal"` | 4 |
//! | key of the key set's MAC | `"veilstream/v1/keyset-mac"` | 32 |
//! | check value, by which a database tells whether a root is still the same | `"veilstream/v1/check"` | 16 |
//! | key of identities, from the ledger key | `"veilstream/v1/identity"` | 32 |
//! | wrapping key, from a key-encryption key | `"veilstream/v1/wrap"` | 64 |
//!
//! A *domain* is a name of the form `[a-z][a-z0-9_-]{0,62}`. It separates fields: tokens of different domains are
//! never equal by design, even where the values are. All key ids of a key set differ from each other; one in which two
//! happened to be equal would be refused.
//!
//! **Canonical form.** A value becomes the plaintext by the rules of its domain's canonical form, or is refused.
//! [`Canonical`] states the rules; each has a version, which is 1.
//!
//! * `exact`: the UTF-8 bytes of the value as they are. The empty string is a value.
//! * `ip`: an IPv4 address in dotted decimal with four parts and no leading zeros is its 4 bytes in network order. An
//!   IPv6 address (RFC 4291 section 2.2) is its 16 bytes in network order, or, if it is IPv4-mapped
//!   (`::ffff:0:0/96`), the 4 bytes of that IPv4 address. Ports, zones, prefix lengths, brackets and white space are
//!   refused. The text of a plaintext is dotted decimal, or the form of RFC 5952.
//! * `email`: white space at both ends is dropped; Unicode normalisation form C (UAX #15); the letters `A` to `Z` become
//!   `a` to `z`; form C again. The UTF-8 bytes of that, 254 at most (also before `A` to `Z` change). It has exactly one
//!   `@`, with something on both sides, and none of: white space, control characters (general category `Cc`),
//!   `( ) < > [ ] : ; \ , "`, unassigned code points.
//! * `uuid`: 32 hexadecimal digits in either case, alone; or with hyphens as in RFC 9562 section 4, then also in braces
//!   or after `urn:uuid:` in either case. The 16 bytes; their text is hyphenated and in lower case.
//! * `phone`: the ASCII digits, 3 to 15 of them, of a value of digits, spaces and `- . / ( )` with at most one `+`, which
//!   stands before the first digit.
//! * `text`: white space at both ends is dropped, then form C; the UTF-8 bytes of that. Unassigned code points are
//!   refused. The empty string is a value.
//!
//! *White space* is U+0009 to U+000D, U+0020, U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F and
//! U+3000. *Unassigned* is general category `Cn`, as of Unicode 18.0 or later; private use is not.
//!
//! A value that is spelled as a token of method `siv` or `hmac`, white space around it or not, is refused, and so is the
//! text in which PostgreSQL prints the bytes of one: `\x01`, then 20 or more bytes in hexadecimal.
//!
//! **Method `siv`.** AES-256-SIV (RFC 5297) under the domain's key: its first 32 bytes are the key of S2V, the last 32
//! that of CTR. There is exactly one component of associated data, and it is empty (which is not the same as none).
//! Where the domain is padded, the plaintext is first followed by the byte `80` and by as few zero bytes as make its
//! length a multiple of 16.
//!
//! A token is `"vs1s."`, then base64url without padding (RFC 4648 section 5) of
//!
//! ```text
//! 0x01 || key id, 4 bytes || synthetic IV, 16 bytes || ciphertext, as long as the (padded) plaintext
//! ```
//!
//! What is behind the dot is the wire format of Google Tink's deterministic AEAD with key type `AesSivKey`, output
//! prefix type `TINK` and empty associated data. A reader refuses any other spelling: padding, spare bits that are
//! set, white space. In a `bytea` column the token is the bytes behind the dot.
//!
//! **Method `hmac`.** HMAC-SHA-256 (RFC 2104) of the plaintext under the domain's key, cut to its first 16 bytes. A
//! token is `"vs1h."`, then base64url without padding of `0x01 || key id, 4 bytes || the 16 bytes`; in a `bytea` column
//! the bytes behind the dot, in a `uuid` column the 16 bytes.
//!
//! **Method `ip`.** ipcrypt-deterministic (draft-denis-ipcrypt): AES-128 of the address as 16 bytes, an IPv4 address as
//! an IPv4-mapped one. The token is the address that the 16 bytes are, an IPv4-mapped one as IPv4.
//!
//! **Method `format`.** FF1 (NIST SP 800-38G revision 1) with AES-256 and an empty tweak, over the characters of the
//! canonical *text* that belong to the domain's alphabet, in order. Their number is the radix; a character's numeral is
//! its place, counted from 0: digits `0-9`, hex `0-9a-f`, lower `a-z`, upper `A-Z`, letters `A-Za-z`, alphanumeric
//! `0-9A-Za-z`. Space and `- . / : ( ) + _` stay where they are and are no input; any other character is refused. There
//! are at least as many characters of the alphabet as the domain says, never so few that they would have less than 10^6
//! values, and at most 256.
//!
//! **Sealed text.** AES-256-SIV under the sealing key. The components of associated data are the caller's strings, in
//! order, then a random nonce of 16 bytes (RFC 5297 section 3). The sealed text is the 16-byte synthetic IV, then the
//! ciphertext.
//!
//! **Identity of an event.** HMAC-SHA-256 under the key of identities, cut to its first 16 bytes, over what follows; *text*
//! and *integer* are those of the key set's MAC below. Text: `"veilstream/v1/identity/event"`; texts: the target table's
//! schema, its name; integer: the number of fields (0 where the whole body counts), and for each of them, in order, text:
//! its JSON Pointer (RFC 6901). Then for each field, in the same order, one byte and a text: `s` and a string's characters
//! in UTF-8, `n` and a number as it is spelled, `b` and `true` or `false`; or, for the body, `w` and the body. The *ledger
//! key* is 32 random bytes beside the root keys; it never changes.
//!
//! **Key set.** JSON in UTF-8, all members present, but for `ledger_key` in sets that were made before there was one, and
//! none besides:
//!
//! ```json
//! {
//!   "format": 1,
//!   "id": "0f1e2d3c4b5a6978",
//!   "generation": 1,
//!   "wrapping": "plaintext",
//!   "keys": [
//!     {"id": 1, "state": "primary", "created": "2026-01-31T12:00:00Z", "root": "<base64 of 32 bytes>"}
//!   ],
//!   "domains": [
//!     {"name": "ip", "method": {"siv": {"padded": false}}, "canonical": "ip", "canonical_version": 1, "keys": []},
//!     {"name": "ssn", "method": {"format": {"alphabet": "digits", "shortest": 6}},
//!      "canonical": "exact", "canonical_version": 1, "keys": [1]}
//!   ],
//!   "ledger_key": "<base64 of 32 bytes>",
//!   "mac": "<base64 of 32 bytes>"
//! }
//! ```
//!
//! Base64 is the standard alphabet with padding. `id` is 8 random bytes in lower-case hexadecimal. `generation` and key
//! ids count from 1, no two key ids and no two names are equal, `created` is RFC 3339 in UTC with `T` and `Z`. Each
//! change makes the next generation.
//!
//! The states of a key: exactly one is `primary`; it makes the tokens of all domains of method `siv`. A `pending` one
//! makes none yet, a `decrypt_only` one was primary; both open tokens. The `root` of a `destroyed` one is `null`. The
//! other methods are `"hmac"` and `"ip"`. `keys` of a domain of method `siv` is empty; of any other it lists the keys that
//! have made its tokens, each once and none of them pending, in order: the last makes them today and is not destroyed.
//!
//! `wrapping` is `"plaintext"`, or says where the *key-encryption key* comes from, 32 bytes:
//!
//! ```json
//! {"passphrase": {"kdf": "argon2id", "memory_kib": 65536, "passes": 3, "lanes": 4, "salt": "<base64 of 16 bytes>"}}
//! ```
//! ```json
//! {"aws_kms": {"key": "<ARN>", "ciphertext": "<base64 of what AWS KMS made of the key-encryption key>"}}
//! ```
//!
//! Argon2id (RFC 9106) has version 1.3, no secret and no associated data. The `root` of a wrapped key is the base64 of
//! AES-256-SIV of the root key under the wrapping key, synthetic IV first, with three components of associated data:
//! `"veilstream/v1/root"`, the 8 bytes of `id`, and the key's id as a 4-byte integer. The ledger key is wrapped in the same
//! way, its number being 0; under that number it has a check value, too.
//!
//! `mac` is HMAC-SHA-256 (RFC 2104) under the MAC key of the primary root, over what follows. A *text* is its length in
//! bytes as a 4-byte integer, then its bytes; an *integer* has 8 bytes.
//!
//! 1. text `"veilstream/v1/keyset"`; integer: `format`; text: the 8 bytes of `id`; integer: `generation`;
//! 2. text: `"plaintext"`; or text: `"passphrase"`, text: salt, integers: memory, passes, lanes; or text: `"aws_kms"`,
//!    text: key, text: ciphertext;
//! 3. integer: number of keys; for each of them in the order of the file, integer: `id`, text: `state`, text:
//!    `created`, text: the 32 bytes of the root, unwrapped, or the empty text;
//! 4. integer: number of domains; for each of them in the order of the file, text: `name`, text: the method's name,
//!    text: `canonical`, integer: `canonical_version`; for `siv`, integer: 1 where padded, else 0; for `format`, text:
//!    alphabet, integer: `shortest`; integer: number of its keys, and an integer for each;
//! 5. where there is a ledger key, text: `"ledger"`, text: its 32 bytes, unwrapped.

mod canonical;
mod derive;
mod digest;
mod domain;
mod format;
#[cfg(test)]
mod hex;
mod ip;
mod keyset;
mod masker;
mod method;
mod padding;
mod sealer;
mod siv;
mod token;
mod unmasker;

pub use crate::{
    canonical::{Canonical, UnknownCanonical},
    domain::{DomainName, DomainNameError, DomainSpec},
    format::{Alphabet, Format, FormatError, UnknownAlphabet},
    keyset::{
        Argon2id, Identifier, IdentityPart, Kek, KeyInfo, KeyState, Keyset, KeysetError, KeysetId,
        KmsKey, Lock, LockedKeyset, Wrapping,
    },
    masker::{MaskError, Masker},
    method::{Form, Method, MethodError},
    sealer::{SealError, Sealer},
    token::is_token,
    unmasker::{UnmaskError, Unmasked, Unmasker},
};
pub use zeroize::Zeroizing;
