//! Key sets: root keys with their states, the domains, and a MAC over all of it.

mod error;
mod file;
mod key;
mod mac;

use std::{collections::HashMap, fmt};

use zeroize::Zeroizing;

use self::key::{Key, KeyState};
use crate::{
    derive::{self, ROOT_LEN, Root},
    domain::DomainSpec,
    masker::Masker,
    method::Method,
    sealer::Sealer,
    unmasker::Unmasker,
};

pub use self::error::KeysetError;

/// Root keys and the domains that are masked with them.
///
/// Its JSON holds the keys in clear. It is for a file that only its owner reads; this crate does no I/O. Every
/// root key is wiped on drop.
pub struct Keyset {
    generation: u64,
    keys: Vec<Key>,
    /// Index of the primary key in `keys`.
    primary: usize,
    domains: Vec<DomainSpec>,
}

impl Keyset {
    /// A key set of one key, which is primary and has the id 1.
    ///
    /// `root` comes from a cryptographically secure random generator. `created` is the time of day as RFC 3339
    /// writes it in UTC, such as `2026-01-31T12:00:00Z`.
    ///
    /// # Errors
    ///
    /// When `created` is no such time, when a domain is listed twice, or when two domains would have the same
    /// key id (once in millions of sets): then another root key is needed.
    pub fn create(
        root: Zeroizing<[u8; ROOT_LEN]>,
        created: &str,
        domains: Vec<DomainSpec>,
    ) -> Result<Self, KeysetError> {
        Self::assemble(1, vec![Key::first(root, created)?], domains)
    }

    /// Reads the JSON that [`Self::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// When it is not just that: cut off, edited, of another version. Spacing and JSON escapes do not matter.
    pub fn from_json(bytes: &[u8]) -> Result<Self, KeysetError> {
        let contents = file::read(bytes)?;
        let keyset = Self::assemble(contents.generation, contents.keys, contents.domains)?;
        if mac::verify(&keyset, &contents.mac) {
            Ok(keyset)
        } else {
            Err(KeysetError::MacMismatch)
        }
    }

    /// The key set as JSON, with its root keys in clear and a fresh MAC.
    pub fn to_json(&self) -> Zeroizing<String> {
        file::write(self)
    }

    /// The domains in the order of the file.
    pub fn domains(&self) -> impl Iterator<Item = &DomainSpec> {
        self.domains.iter()
    }

    /// The domain of that name.
    pub fn domain(&self, name: &str) -> Option<&DomainSpec> {
        self.domains
            .iter()
            .find(|domain| domain.name.as_str() == name)
    }

    /// What masks the values of a domain, under the primary key.
    ///
    /// # Errors
    ///
    /// When the key set does not list the domain.
    pub fn masker(&self, domain: &str) -> Result<Masker, KeysetError> {
        let Some(spec) = self.domain(domain) else {
            return Err(KeysetError::unknown_domain(domain, self.domains()));
        };
        match spec.method {
            Method::Siv => {
                let key = derive::domain_key(self.primary_root(), &spec.name);
                Ok(Masker::new(spec.clone(), key))
            }
        }
    }

    /// What opens the tokens of every domain, under every key.
    pub fn unmasker(&self) -> Unmasker {
        let keys = self.keys.iter().flat_map(|key| {
            self.domains.iter().map(|domain| match domain.method {
                Method::Siv => (domain.clone(), derive::domain_key(&key.root, &domain.name)),
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
            .map(|key| derive::seal_key(&key.root));
        Sealer::new(&derive::seal_key(self.primary_root()), others)
    }

    fn primary_root(&self) -> &Root {
        &self.keys[self.primary].root
    }

    /// The one way to a key set: whatever holds for every one is checked here.
    fn assemble(
        generation: u64,
        keys: Vec<Key>,
        domains: Vec<DomainSpec>,
    ) -> Result<Self, KeysetError> {
        let primary = only_primary(&keys)?;
        let keyset = Self {
            generation,
            keys,
            primary,
            domains,
        };
        keyset.refuse_duplicates()?;
        keyset.refuse_id_collisions()?;
        Ok(keyset)
    }

    fn refuse_duplicates(&self) -> Result<(), KeysetError> {
        for (i, key) in self.keys.iter().enumerate() {
            if self.keys[..i].iter().any(|earlier| earlier.id == key.id) {
                return Err(KeysetError::DuplicateKey { key: key.id });
            }
        }
        for (i, domain) in self.domains.iter().enumerate() {
            if self.domains[..i]
                .iter()
                .any(|earlier| earlier.name == domain.name)
            {
                return Err(KeysetError::DuplicateDomain {
                    domain: domain.name.clone(),
                });
            }
        }
        Ok(())
    }

    /// A token says by its 32-bit key id alone of which key and domain it is, so no two may share one.
    fn refuse_id_collisions(&self) -> Result<(), KeysetError> {
        let mut owners = HashMap::new();
        for key in &self.keys {
            let sealing = (
                derive::seal_key_id(&key.root),
                format!("sealing under key {}", key.id),
            );
            let domains = self.domains.iter().map(|domain| {
                let id = derive::domain_key_id(&key.root, &domain.name);
                (id, format!("domain `{}` under key {}", domain.name, key.id))
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
            .field("generation", &self.generation)
            .field("keys", &self.keys)
            .field("domains", &self.domains)
            .finish_non_exhaustive()
    }
}
