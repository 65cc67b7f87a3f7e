//! What can be wrong with a key set.

use thiserror::Error;

use crate::{
    canonical::{Canonical, UnknownCanonical},
    domain::{DomainName, DomainNameError, DomainSpec},
    format::FormatError,
    method::{Form, MethodError},
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
        "key {key} is in an unknown state: use the version of veilstream that wrote \
         the key set, or restore the file from a backup"
    )]
    UnknownState {
        /// Id of the key.
        key: u32,
    },
    /// A root key is not 32 bytes in base64.
    #[error(
        "the root of key {key} is not 32 bytes in base64, or wrapped ones, or a destroyed key still has one: restore \
         the file from a backup"
    )]
    BadRoot {
        /// Id of the key.
        key: u32,
    },
    /// The ledger key is not 32 bytes in base64, or was wrapped for another place.
    #[error(
        "the ledger key is not 32 bytes in base64, or not wrapped for this key set: restore the file from a backup"
    )]
    BadLedgerKey,
    /// The key set was made before there were ledger keys.
    #[error(
        "the key set has no ledger key, under which events are known by their value: `veilstream keys add-ledger-key` \
         makes one; distribute the file then"
    )]
    NoLedgerKey,
    /// The ledger key never changes.
    #[error(
        "the key set has a ledger key, which never changes: with another, no event would be known again"
    )]
    HasLedgerKey,
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
    /// A domain has an alphabet that this version does not know.
    #[error(
        "domain `{domain}` has an unknown alphabet: use the version of veilstream that wrote the key set, or restore \
         the file from a backup"
    )]
    UnknownAlphabet {
        /// The domain.
        domain: DomainName,
    },
    /// A domain of method `format` has too few values.
    #[error("domain `{domain}`: {source}")]
    BadFormat {
        /// The domain.
        domain: DomainName,
        /// What is wrong.
        source: FormatError,
    },
    /// A domain's method does not take values of its canonical form.
    #[error("domain `{domain}`: {source}")]
    MethodDoesNotFit {
        /// The domain.
        domain: DomainName,
        /// What goes together.
        source: MethodError,
    },
    /// A domain masks with a key that is not there or may not.
    #[error(
        "domain `{domain}` masks with a key that it cannot have: restore the file from a backup"
    )]
    BadDomainKey {
        /// The domain.
        domain: DomainName,
    },
    /// A method has no tokens of this form.
    #[error(
        "domain `{domain}` has method `{method}`, which makes no {form} tokens: give the column another type, or \
         another domain"
    )]
    NoSuchForm {
        /// The domain.
        domain: DomainName,
        /// Its method.
        method: &'static str,
        /// The form that was asked for.
        form: Form,
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
    /// A domain of that name is there already.
    #[error(
        "the key set has a domain `{domain}` already, and a domain is never changed: give the other one another name"
    )]
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
    /// The key set's id is not 16 hexadecimal digits.
    #[error("the id of the key set is not 16 hexadecimal digits: restore the file from a backup")]
    BadId,
    /// What wraps the root keys is not stated as it should be.
    #[error(
        "the key set does not say in a known way what its root keys are wrapped with: restore the file from a backup"
    )]
    BadWrapping,
    /// The root keys are wrapped, and no key to unwrap them was given.
    #[error("the root keys of the key set are wrapped: a passphrase or AWS KMS has to open it")]
    Locked,
    /// The root keys lie in clear, and a key to unwrap them was given.
    #[error(
        "the root keys of the key set lie in clear, where wrapped ones were expected: check the path"
    )]
    NotLocked,
    /// The file has become another key set.
    #[error(
        "the file holds another key set than a moment ago, an older one, or one that is wrapped otherwise: nothing \
         was changed; look at it with `veilstream keys list`, then run the command again"
    )]
    Exchanged,
    /// The key given does not unwrap a root key.
    #[error(
        "key {key} of the key set does not open with this passphrase or KMS key: it is another one, or the file was \
         edited or damaged; look for the right one or restore the file from a backup"
    )]
    WrongKek {
        /// Id of the root key.
        key: u32,
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
    /// There is no such key.
    #[error("the key set has no key {key}: `veilstream keys list` shows those that it has")]
    UnknownKey {
        /// The id that was asked for.
        key: u32,
    },
    /// Key ids are used up.
    #[error("the key set has had as many keys as there are ids: create a new one")]
    TooManyKeys,
    /// The key is primary.
    #[error(
        "key {key} is the primary one: promote another key first (`veilstream keys add` makes one)"
    )]
    IsPrimary {
        /// Its id.
        key: u32,
    },
    /// The key that is to be primary is so.
    #[error("key {key} is the primary one already")]
    PrimaryAlready {
        /// Its id.
        key: u32,
    },
    /// The key is pending.
    #[error(
        "key {key} is pending: promote it for the whole set first, with `veilstream keys promote {key}`"
    )]
    IsPending {
        /// Its id.
        key: u32,
    },
    /// The key only opens tokens already.
    #[error(
        "key {key} only opens tokens already; `veilstream keys destroy {key}` wipes it for ever"
    )]
    IsRetired {
        /// Its id.
        key: u32,
    },
    /// The key is wiped.
    #[error("key {key} is destroyed: nothing brings it back but a backup of the file")]
    IsDestroyed {
        /// Its id.
        key: u32,
    },
    /// Domains still mask with the key.
    #[error(
        "key {key} is still what these domains mask with: {domains}. Let them go on with another one first: \
         `veilstream keys promote ID --domain NAME`"
    )]
    InUse {
        /// Its id.
        key: u32,
        /// The domains, joined by commas.
        domains: String,
    },
    /// The domain masks with whichever key is primary.
    #[error(
        "domain `{domain}` masks with the primary key: promote a key for the whole set, without naming a domain"
    )]
    FollowsPrimary {
        /// The domain.
        domain: DomainName,
    },
    /// The domain masks with that key already.
    #[error("domain `{domain}` masks with key {key} already")]
    MasksAlready {
        /// The domain.
        domain: DomainName,
        /// The key.
        key: u32,
    },
    /// Google Tink has nothing that opens the domain's tokens.
    #[error("domain `{domain}` has method `{method}`; Tink opens tokens of method `siv` only")]
    NotForTink {
        /// The domain.
        domain: DomainName,
        /// Its method.
        method: &'static str,
    },
    /// The key set does not list a domain.
    #[error(
        "the key set has no domain `{domain}` (it has: {known}): correct the name, use the key set that lists it, or add \
         it with `veilstream keys add-domain {domain}`"
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
