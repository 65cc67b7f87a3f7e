//! Changes of a key set. Each makes the next generation; one that is refused changes nothing.

use zeroize::Zeroizing;

use super::{
    Domain, Keyset,
    error::KeysetError,
    file::LockedKeyset,
    key::{Key, KeyState},
};
use crate::{derive::ROOT_LEN, domain::DomainSpec};

impl Keyset {
    /// Reads the JSON of this key set as somebody may have changed it meanwhile, and opens it with the key that
    /// opened this one: no passphrase and no AWS KMS is asked again.
    ///
    /// # Errors
    ///
    /// When it is another key set, is wrapped otherwise, is older than this one, or is not just as it was written.
    pub fn reopen(&self, bytes: &[u8]) -> Result<Self, KeysetError> {
        let locked = LockedKeyset::from_json(bytes)?;
        if locked.id() != self.id || locked.wrapping() != self.wrapping() {
            return Err(KeysetError::Exchanged);
        }
        let kek = self.lock.as_ref().map(|lock| lock.kek.clone());
        let keyset = locked.unlock(kek)?;
        if keyset.generation < self.generation {
            return Err(KeysetError::Exchanged);
        }
        Ok(keyset)
    }

    /// Adds a pending key and returns its id. `root` is random, `created` the time of day as RFC 3339 in UTC.
    ///
    /// # Errors
    ///
    /// When `created` is no such time, or by chance a key id would collide: then another root is needed.
    pub fn add_key(
        &mut self,
        root: Zeroizing<[u8; ROOT_LEN]>,
        created: &str,
    ) -> Result<u32, KeysetError> {
        let last = self.keys.iter().map(|key| key.id).max().unwrap_or(0);
        let id = last.checked_add(1).ok_or(KeysetError::TooManyKeys)?;
        let key = Key::new(id, KeyState::Pending, created.to_owned(), Some(root))?;
        self.keys.push(key);
        if let Err(error) = self.refuse_id_collisions() {
            self.keys.pop();
            return Err(error);
        }
        self.generation += 1;
        Ok(id)
    }

    /// Makes a key primary. The one before goes on opening what it made. Domains of methods other than `siv` stay on
    /// the key that they have.
    ///
    /// # Errors
    ///
    /// When there is no such key, it is primary, or it is destroyed.
    pub fn promote(&mut self, id: u32) -> Result<(), KeysetError> {
        let index = self.usable(id)?;
        if index == self.primary {
            return Err(KeysetError::PrimaryAlready { key: id });
        }
        self.keys[self.primary].state = KeyState::DecryptOnly;
        self.keys[index].state = KeyState::Primary;
        self.primary = index;
        self.generation += 1;
        Ok(())
    }

    /// Lets a domain that does not follow the primary key mask with this one.
    ///
    /// # Errors
    ///
    /// When there is no such key or domain, the key is pending or destroyed, or the domain follows the primary key.
    pub fn promote_domain(&mut self, id: u32, domain: &str) -> Result<(), KeysetError> {
        let index = self.usable(id)?;
        let (found, masking) = self.find(domain)?;
        let name = found.spec.name.clone();
        if found.spec.method.follows_primary() {
            return Err(KeysetError::FollowsPrimary { domain: name });
        }
        if masking.id == id {
            return Err(KeysetError::MasksAlready {
                domain: name,
                key: id,
            });
        }
        if self.keys[index].state == KeyState::Pending {
            return Err(KeysetError::IsPending { key: id });
        }
        for domain in &mut self.domains {
            if domain.spec.name == name {
                domain.keys.retain(|used| *used != id);
                domain.keys.push(id);
            }
        }
        self.generation += 1;
        Ok(())
    }

    /// Lets a key only open tokens from now on. For a pending key that is not to be promoted after all; what was
    /// primary is retired by promoting another.
    ///
    /// # Errors
    ///
    /// When there is no such key, it is not pending, or a domain still masks with it.
    pub fn retire(&mut self, id: u32) -> Result<(), KeysetError> {
        let index = self.usable(id)?;
        self.refuse_in_use(id)?;
        if self.keys[index].state == KeyState::DecryptOnly {
            return Err(KeysetError::IsRetired { key: id });
        }
        self.keys[index].state = KeyState::DecryptOnly;
        self.generation += 1;
        Ok(())
    }

    /// Wipes a key for ever. What it masked and sealed can then never be read again.
    ///
    /// # Errors
    ///
    /// When there is no such key, it is primary or destroyed, or a domain still masks with it.
    pub fn destroy(&mut self, id: u32) -> Result<(), KeysetError> {
        let index = self.usable(id)?;
        self.refuse_in_use(id)?;
        self.keys[index].destroy();
        self.generation += 1;
        Ok(())
    }

    /// Adds a domain, which masks with the primary key.
    ///
    /// # Errors
    ///
    /// When the set has one of that name, or its method does not take its canonical form, or its key id collides by
    /// chance: then it needs another name.
    pub fn add_domain(&mut self, spec: DomainSpec) -> Result<(), KeysetError> {
        let domain = Domain::new(spec, self.keys[self.primary].id);
        self.check_domain(&domain)?;
        self.domains.push(domain);
        let refused = self
            .refuse_duplicates()
            .and_then(|()| self.refuse_id_collisions());
        if let Err(error) = refused {
            self.domains.pop();
            return Err(error);
        }
        self.generation += 1;
        Ok(())
    }

    /// The place of a key that is not destroyed.
    fn usable(&self, id: u32) -> Result<usize, KeysetError> {
        let index = self
            .keys
            .iter()
            .position(|key| key.id == id)
            .ok_or(KeysetError::UnknownKey { key: id })?;
        if self.keys[index].state == KeyState::Destroyed {
            return Err(KeysetError::IsDestroyed { key: id });
        }
        Ok(index)
    }

    /// Refuses a key that tokens are made with.
    fn refuse_in_use(&self, id: u32) -> Result<(), KeysetError> {
        if self.keys[self.primary].id == id {
            return Err(KeysetError::IsPrimary { key: id });
        }
        let staying: Vec<_> = self
            .domains
            .iter()
            .filter(|domain| domain.keys.last() == Some(&id))
            .map(|domain| domain.spec.name.as_str())
            .collect();
        if staying.is_empty() {
            Ok(())
        } else {
            Err(KeysetError::InUse {
                key: id,
                domains: staying.join(", "),
            })
        }
    }
}
