//! Key sets: root keys with their states, the domains, and a MAC over all of it.

mod change;
mod error;
mod file;
mod identity;
mod key;
mod mac;
mod tink;
mod wrapping;

use std::{collections::HashMap, fmt};

use zeroize::Zeroizing;

use self::key::Key;
use crate::{
    derive::{self, ROOT_LEN, Root},
    domain::DomainSpec,
    masker::Masker,
    method::Form,
    sealer::Sealer,
    unmasker::Unmasker,
};

pub use self::{
    error::KeysetError,
    file::LockedKeyset,
    identity::{Identifier, IdentityPart},
    key::{KeyInfo, KeyState},
    wrapping::{Argon2id, Kek, KmsKey, Lock, Wrapping},
};

/// Root keys and the domains that are masked with them.
///
/// This crate does no I/O: callers keep the JSON in a file that only its owner reads. Every key is wiped on drop.
pub struct Keyset {
    id: KeysetId,
    generation: u64,
    /// `None` when the root keys lie in clear.
    lock: Option<Lock>,
    keys: Vec<Key>,
    /// Index of the primary key in `keys`.
    primary: usize,
    domains: Vec<Domain>,
    /// The ledger key. Sets that were made before there was one have none.
    ledger: Option<Root>,
}

/// What a key set is known by as long as it lives: 8 random bytes. Displayed as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeysetId([u8; 8]);

/// A domain of a key set.
struct Domain {
    spec: DomainSpec,
    /// The ids of the keys that it has masked with, in order; the last is today's. None where it masks with the primary
    /// key, whichever that is.
    keys: Vec<u32>,
}

impl Keyset {
    /// A key set of one key, which is primary and has the id 1.
    ///
    /// `id` and `root` come from a cryptographically secure random generator. `created` is the time of day as RFC 3339
    /// writes it in UTC, such as `2026-01-31T12:00:00Z`. Without a lock, the root keys lie in the JSON in clear.
    ///
    /// # Errors
    ///
    /// When `created` is no such time, when a domain is listed twice or its method does not take its canonical form, or
    /// when two domains would have the same key id (once in millions of sets): then another root key is needed.
    pub fn create(
        id: KeysetId,
        root: Zeroizing<[u8; ROOT_LEN]>,
        created: &str,
        domains: Vec<DomainSpec>,
        lock: Option<Lock>,
    ) -> Result<Self, KeysetError> {
        let key = Key::new(1, KeyState::Primary, created.to_owned(), Some(root))?;
        let domains = domains
            .into_iter()
            .map(|spec| Domain::new(spec, key.id))
            .collect();
        Self {
            id,
            generation: 1,
            lock,
            keys: vec![key],
            primary: 0,
            domains,
            ledger: None,
        }
        .checked()
    }

    /// Reads the JSON of a key set whose root keys lie in clear; for any other there is [`LockedKeyset`].
    ///
    /// # Errors
    ///
    /// When it is not just what [`Self::to_json`] wrote: cut off, edited, of another version; or when it is locked.
    pub fn from_json(bytes: &[u8]) -> Result<Self, KeysetError> {
        LockedKeyset::from_json(bytes)?.unlock(None)
    }

    /// The key set as JSON with a fresh MAC, its root keys wrapped if it has a lock.
    pub fn to_json(&self) -> Zeroizing<String> {
        file::write(self)
    }

    /// What the key set is known by.
    pub fn id(&self) -> KeysetId {
        self.id
    }

    /// How often the key set was changed, counted from 1.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The MAC over all of the key set. It is no secret.
    pub fn mac(&self) -> [u8; 32] {
        mac::compute(self)
    }

    /// What tells for each key whether it is still the same, without telling anything else of it: 16 bytes that only its
    /// root gives, or `None` for one that is destroyed. The ledger key, if there is one, has the number 0.
    pub fn check_values(&self) -> impl Iterator<Item = (u32, Option<[u8; 16]>)> {
        let keys = self.keys.iter();
        let keys = keys.map(|key| (key.id, key.root().map(derive::check_value)));
        let ledger = self.ledger.iter();
        keys.chain(ledger.map(|secret| (identity::PLACE, Some(derive::check_value(secret)))))
    }

    /// Where the key that wraps the root keys comes from; `None` when they lie in clear.
    pub fn wrapping(&self) -> Option<&Wrapping> {
        self.lock.as_ref().map(|lock| &lock.wrapping)
    }

    /// The keys in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = KeyInfo<'_>> {
        self.keys.iter().map(Key::info)
    }

    /// The domains in the order of the file.
    pub fn domains(&self) -> impl Iterator<Item = &DomainSpec> {
        self.domains.iter().map(|domain| &domain.spec)
    }

    /// The domain of that name.
    pub fn domain(&self, name: &str) -> Option<&DomainSpec> {
        self.domains().find(|domain| domain.name.as_str() == name)
    }

    /// The id of the key that the domain's tokens are made with.
    ///
    /// # Errors
    ///
    /// When the key set does not list the domain.
    pub fn masking_key(&self, domain: &str) -> Result<u32, KeysetError> {
        let (_, key) = self.find(domain)?;
        Ok(key.id)
    }

    /// What masks the values of a domain, under the key that its tokens are made with.
    ///
    /// # Errors
    ///
    /// When the key set does not list the domain, or its method has no tokens of that form.
    pub fn masker(&self, domain: &str, form: Form) -> Result<Masker, KeysetError> {
        let (domain, key) = self.find(domain)?;
        masker_under(key, &domain.spec, form)
    }

    /// What makes the tokens that the values of a domain have, or can have had: one masker for every key that is or was
    /// in use, with its id. The one that masks today is the first.
    ///
    /// # Errors
    ///
    /// When the key set does not list the domain, or its method has no tokens of that form.
    pub fn maskers(&self, domain: &str, form: Form) -> Result<Vec<(u32, Masker)>, KeysetError> {
        let (domain, _) = self.find(domain)?;
        self.keys_of(domain)
            .map(|key| Ok((key.id, masker_under(key, &domain.spec, form)?)))
            .collect()
    }

    /// What opens the tokens of every domain, under every key that is not destroyed.
    pub fn unmasker(&self) -> Unmasker {
        let keys = self.domains.iter().flat_map(|domain| {
            // A pending key opens, too: another worker can have it as primary already.
            let follows = domain.keys.is_empty().then_some(&self.keys);
            let used = domain.keys.iter().rev().filter_map(|id| self.key(*id));
            follows.into_iter().flatten().chain(used).map(|key| {
                let domain_key = key
                    .root()
                    .map(|root| derive::domain_key(root, &domain.spec));
                (domain.spec.clone(), key.id, domain_key)
            })
        });
        Unmasker::new(keys)
    }

    /// What seals quarantined messages under the primary key, and opens them under every key.
    pub fn sealer(&self) -> Sealer {
        let others = self
            .keys
            .iter()
            .filter(|key| key.state != KeyState::Primary)
            .filter_map(|key| key.root().map(derive::seal_key));
        Sealer::new(&derive::seal_key(self.primary_root()), others)
    }

    fn key(&self, id: u32) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// The keys that the domain's tokens can be of, the one that makes them today first.
    fn keys_of<'a>(&'a self, domain: &'a Domain) -> Box<dyn Iterator<Item = &'a Key> + 'a> {
        if domain.keys.is_empty() {
            let today = &self.keys[self.primary];
            let others = self.keys.iter().filter(|key| match key.state {
                KeyState::DecryptOnly => true,
                KeyState::Pending | KeyState::Primary | KeyState::Destroyed => false,
            });
            return Box::new(std::iter::once(today).chain(others));
        }
        let used = domain.keys.iter().rev().filter_map(|id| self.key(*id));
        Box::new(used.filter(|key| key.root().is_some()))
    }

    fn find(&self, name: &str) -> Result<(&Domain, &Key), KeysetError> {
        let domain = self
            .domains
            .iter()
            .find(|domain| domain.spec.name.as_str() == name);
        match domain {
            Some(domain) => Ok((domain, self.key_of(domain))),
            None => Err(KeysetError::unknown_domain(name, self.domains())),
        }
    }

    /// The key that the domain masks with.
    fn key_of(&self, domain: &Domain) -> &Key {
        match domain.keys.last() {
            None => &self.keys[self.primary],
            Some(id) => self
                .key(*id)
                .expect("a domain's key is in the set: see `checked`"),
        }
    }

    fn primary_root(&self) -> &Root {
        self.keys[self.primary]
            .root()
            .expect("the primary key is not destroyed: see `Key::new`")
    }

    /// The one way to a key set: whatever holds for every one is checked here.
    fn checked(mut self) -> Result<Self, KeysetError> {
        self.primary = only_primary(&self.keys)?;
        self.refuse_duplicates()?;
        for domain in &self.domains {
            self.check_domain(domain)?;
        }
        self.refuse_id_collisions()?;
        Ok(self)
    }

    fn check_domain(&self, domain: &Domain) -> Result<(), KeysetError> {
        let Domain { spec, keys } = domain;
        spec.method
            .check(spec.canonical)
            .map_err(|source| KeysetError::MethodDoesNotFit {
                domain: spec.name.clone(),
                source,
            })?;
        let was_in_use = |id: &u32| {
            self.key(*id)
                .is_some_and(|key| key.state != KeyState::Pending)
        };
        let usable = match &keys[..] {
            [] => spec.method.follows_primary(),
            [before @ .., today] => {
                !spec.method.follows_primary()
                    && was_in_use(today)
                    && self.key(*today).is_some_and(|key| key.root().is_some())
                    && before.iter().all(was_in_use)
                    && (1..keys.len()).all(|i| !keys[..i].contains(&keys[i]))
            }
        };
        if usable {
            Ok(())
        } else {
            Err(KeysetError::BadDomainKey {
                domain: spec.name.clone(),
            })
        }
    }

    fn refuse_duplicates(&self) -> Result<(), KeysetError> {
        for (i, key) in self.keys.iter().enumerate() {
            if self.keys[..i].iter().any(|earlier| earlier.id == key.id) {
                return Err(KeysetError::DuplicateKey { key: key.id });
            }
        }
        for (i, Domain { spec, .. }) in self.domains.iter().enumerate() {
            if self.domains[..i]
                .iter()
                .any(|earlier| earlier.spec.name == spec.name)
            {
                return Err(KeysetError::DuplicateDomain {
                    domain: spec.name.clone(),
                });
            }
        }
        Ok(())
    }

    /// A token says by its 32-bit key id alone of which key and domain it is, so no two may share one.
    fn refuse_id_collisions(&self) -> Result<(), KeysetError> {
        let mut owners = HashMap::new();
        let usable = self.keys.iter().filter_map(|key| Some((key, key.root()?)));
        for (key, root) in usable {
            let sealing = (
                derive::seal_key_id(root),
                format!("sealing under key {}", key.id),
            );
            let domains = self.domains().filter_map(|domain| {
                let id = derive::domain_key_id(root, domain)?;
                Some((id, format!("domain `{}` under key {}", domain.name, key.id)))
            });
            for (id, owner) in std::iter::once(sealing).chain(domains) {
                if let Some(first) = owners.insert(id, owner.clone()) {
                    return Err(KeysetError::KeyIdCollision {
                        first,
                        second: owner,
                    });
                }
            }
        }
        Ok(())
    }
}

impl Domain {
    /// A domain that masks with the primary key, whose id that is.
    fn new(spec: DomainSpec, primary: u32) -> Self {
        let keys = if spec.method.follows_primary() {
            Vec::new()
        } else {
            vec![primary]
        };
        Self { spec, keys }
    }
}

impl KeysetId {
    /// 8 bytes from a cryptographically secure random generator.
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for KeysetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeysetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeysetId({self})")
    }
}

fn masker_under(key: &Key, domain: &DomainSpec, form: Form) -> Result<Masker, KeysetError> {
    if !domain.method.has_form(domain.canonical, form) {
        return Err(KeysetError::NoSuchForm {
            domain: domain.name.clone(),
            method: domain.method.name(),
            form,
        });
    }
    let root = key
        .root()
        .expect("no key that masks is destroyed: see `checked`");
    let key = derive::domain_key(root, domain);
    Ok(Masker::new(domain.clone(), form, key))
}

fn only_primary(keys: &[Key]) -> Result<usize, KeysetError> {
    let mut primaries = keys
        .iter()
        .enumerate()
        .filter(|(_, key)| key.state == KeyState::Primary)
        .map(|(i, _)| i);
    match (primaries.next(), primaries.count()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(KeysetError::PrimaryCount { found: 0 }),
        (Some(_), more) => Err(KeysetError::PrimaryCount { found: 1 + more }),
    }
}

impl fmt::Debug for Keyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyset")
            .field("id", &self.id)
            .field("generation", &self.generation)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
