//! What can be wrong with a key set.

use thiserror::Error;

use crate::{
    canonical::{Canonical, UnknownCanonical},
    domain::{DomainName, DomainNameError, DomainSpec},
    method::UnknownMethod,
};

/// A key set cannot be made, read or used as asked.
///
/// No message holds key material or quotes the file, but for the names of domains that are valid as such.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeysetError {
    /// The text ends before the JSON does, or there is none.
    #[error("the key set is empty or cut off at its end: restore the file from a backup")]
    CutOff,
    /// The text is not JSON.
    #[error(
        "the key set is not JSON (line {line}, column {column}): check that the path names a key set, or restore \
         the file from a backup"
    )]
    NotJson {
        /// Line of the text, from 1.
        line: usize,
        /// Column of the line, from 1.
        column: usize,
    },
    /// A member is unknown, missing, doubled or of the wrong type.
    #[error(
        "the key set has an unknown, missing or doubled member, or one of the wrong type (line {line}, column \
         {column}): check that the path names a key set, or restore the file from a backup"
    )]
    Shape {
        /// Line of the text, from 1.
        line: usize,
        /// Column of the line, from 1.
        column: usize,
    },
    /// The file is of a format that this version does not know.
    #[error(
        "the key set has format {found}, this version reads format {}: use the version of veilstream that wrote it",
        super::file::FORMAT
    )]
    UnsupportedFormat {
        /// The format that the file states.
        found: u64,
    },
    /// Generations count from 1.
    #[error("the key set has generation 0, but they count from 1: restore the file from a backup")]
    ZeroGeneration,
    /// Key ids count from 1.
    #[error(
        "the key set has a key with id 0, but they count from 1: restore the file from a backup"
    )]
    ZeroKey,
    /// A key is in a state that this version does not know.
    #[error(
        "key {key} is in a state other than `primary` and `decrypt_only`: use the version of veilstream that wrote \
         the key set, or restore the file from a backup"
    )]
    UnknownState {
        /// Id of the key.
        key: u32,
    },
    /// A root key is not 32 bytes in base64.
    #[error("the root of key {key} is not 32 bytes in base64: restore the file from a backup")]
    BadRoot {
        /// Id of the key.
        key: u32,
    },
    /// The time of a key's creation is not written as it should be.
    #[error(
        "the creation time of key {key} is not RFC 3339 in UTC, such as `2026-01-31T12:00:00Z`: restore the file \
         from a backup, or give the time in that form"
    )]
    BadCreated {
        /// Id of the key.
        key: u32,
    },
    /// Two keys have the same id.
    #[error("there are two keys with id {key}: restore the file from a backup")]
    DuplicateKey {
        /// The id.
        key: u32,
    },
    /// Not just one key is primary.
    #[error(
        "the key set has {found} primary keys, but needs exactly one: restore the file from a backup"
    )]
    PrimaryCount {
        /// How many there are.
        found: usize,
    },
    /// A domain's name is not valid.
    #[error("domain {position} of the key set has no valid name: restore the file from a backup")]
    BadDomainName {
        /// Its place in the list, from 1.
        position: usize,
        /// What a name looks like.
        source: DomainNameError,
    },
    /// A domain has a method that this version does not know.
    #[error(
        "domain `{domain}` has an unknown masking method: use the version of veilstream that wrote the key set, or \
         restore the file from a backup"
    )]
    UnknownMethod {
        /// The domain.
        domain: DomainName,
        /// What methods there are.
        source: UnknownMethod,
    },
    /// A domain has a canonical form that this version does not know.
    #[error(
        "domain `{domain}` has an unknown canonical form: use the version of veilstream that wrote the key set, or \
         restore the file from a backup"
    )]
    UnknownCanonical {
        /// The domain.
        domain: DomainName,
        /// What forms there are.
        source: UnknownCanonical,
    },
    /// A domain has a version of its canonical form that this version does not know.
    #[error(
        "domain `{domain}` has version {found} of canonical form `{canonical}`, this version knows {}: use the \
         version of veilstream that wrote the key set",
        canonical.version()
    )]
    UnsupportedCanonicalVersion {
        /// The domain.
        domain: DomainName,
        /// Its canonical form.
        canonical: Canonical,
        /// The version that the file states.
        found: u32,
    },
    /// A domain is listed twice.
    #[error("domain `{domain}` is listed twice: list it once")]
    DuplicateDomain {
        /// The domain.
        domain: DomainName,
    },
    /// Two derived keys have the same id, so that a token would not say which one it is of.
    #[error(
        "{first} and {second} have the same 32-bit key id by chance: create the key set anew with another random \
         root, or choose another domain name"
    )]
    KeyIdCollision {
        /// Use of the first key.
        first: String,
        /// Use of the second key.
        second: String,
    },
    /// The MAC is not 32 bytes in base64.
    #[error("the MAC of the key set is not 32 bytes in base64: restore the file from a backup")]
    BadMac,
    /// The MAC is not that of the contents.
    #[error(
        "the MAC of the key set does not match: the file was edited or damaged; restore it from a backup, a key set \
         is never edited by hand"
    )]
    MacMismatch,
    /// The key set does not list a domain.
    #[error(
        "the key set has no domain `{domain}` (it has: {known}): correct the name in the configuration, or use a key \
         set that lists the domain"
    )]
    UnknownDomain {
        /// The domain that was asked for.
        domain: String,
        /// Those that the key set lists, joined by commas.
        known: String,
    },
}

impl KeysetError {
    pub(super) fn unknown_domain<'a>(
        domain: &str,
        known: impl Iterator<Item = &'a DomainSpec>,
    ) -> Self {
        let names: Vec<_> = known.map(|domain| domain.name.as_str()).collect();
        let known = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        Self::UnknownDomain {
            domain: domain.to_owned(),
            known,
        }
    }
}
