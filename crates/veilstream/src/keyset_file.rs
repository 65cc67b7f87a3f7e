//! The key set's file: read with care, opened with a passphrase or AWS KMS, changed as a whole,
//! never overwritten by a new one.

mod disk;
mod error;
mod kms;
mod passphrase;
mod terminal;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use masking::{Kek, Keyset, KeysetError, KeysetId, Lock, LockedKeyset, Wrapping};

use self::{disk::ChangeLock, kms::Kms};

pub use self::{
    error::KeysetFileError,
    kms::{KmsArn, KmsError},
    passphrase::{Passphrase, PassphraseError, PassphraseSource},
};
pub(crate) use disk::{Refused, read_private};

/// A key set's file and what opens it.
#[derive(Debug, Clone)]
pub struct KeysetFile {
    path: PathBuf,
    passphrase: PassphraseSource,
}

/// A key set that was opened to be changed.
pub struct Change<'f> {
    file: &'f KeysetFile,
    keyset: Keyset,
}

impl KeysetFile {
    /// The file at this path; the passphrase is asked for only where the key set is wrapped by one.
    pub fn new(path: PathBuf, passphrase: PassphraseSource) -> Self {
        Self { path, passphrase }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads and opens the key set. What is wrapped is unwrapped once, here: neither the passphrase nor
    /// AWS KMS is asked again.
    ///
    /// # Errors
    ///
    /// When the file is missing, open to others, no key set, or does not open.
    pub async fn open(&self) -> Result<Keyset, KeysetFileError> {
        let bytes = disk::read_keyset(&self.path)?;
        let locked = LockedKeyset::from_json(&bytes).map_err(|error| self.invalid(error))?;
        let by_passphrase = matches!(locked.wrapping(), Some(Wrapping::Passphrase(_)));
        let kek = self.kek(&locked).await?;
        locked.unlock(kek).map_err(|error| {
            if by_passphrase && matches!(error, KeysetError::WrongKek { .. }) {
                return KeysetFileError::WrongPassphrase {
                    path: self.path.clone(),
                    origin: self.passphrase.to_string(),
                };
            }
            self.invalid(error)
        })
    }

    /// Opens the key set to change it.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], and when the file is a symbolic link.
    pub async fn begin_change(&self) -> Result<Change<'_>, KeysetFileError> {
        disk::refuse_link(&self.path)?;
        let keyset = self.open().await?;
        Ok(Change { file: self, keyset })
    }

    async fn kek(&self, locked: &LockedKeyset) -> Result<Option<Kek>, KeysetFileError> {
        let by_passphrase = matches!(locked.wrapping(), Some(Wrapping::Passphrase(_)));
        if self.passphrase.is_given() && !by_passphrase {
            return Err(KeysetFileError::NotByPassphrase {
                path: self.path.clone(),
            });
        }
        match locked.wrapping() {
            None => Ok(None),
            Some(Wrapping::Passphrase(argon2id)) => {
                let passphrase = self.passphrase.read(&self.path).await?;
                Ok(Some(passphrase.kek(argon2id).await?))
            }
            Some(Wrapping::Kms(wrapped)) => {
                let arn = wrapped.key().parse()?;
                let kms = Kms::connect(arn, locked.id()).await?;
                Ok(Some(kms.decrypt(wrapped.ciphertext()).await?))
            }
        }
    }

    fn invalid(&self, error: KeysetError) -> KeysetFileError {
        KeysetFileError::Invalid {
            path: self.path.clone(),
            error,
        }
    }
}

impl Change<'_> {
    /// The key set as it was when it was opened.
    pub fn keyset(&self) -> &Keyset {
        &self.keyset
    }

    /// Makes the change and writes the file anew, whole or not at all.
    ///
    /// The file is read again under a lock: a change that somebody else has made meanwhile is kept,
    /// and the lock is held only as long as that and the writing take.
    ///
    /// # Errors
    ///
    /// When the file has become another key set, the change is refused, or the file cannot be written;
    /// it is then as it was.
    pub async fn apply<T>(
        self,
        change: impl FnOnce(&mut Keyset) -> Result<T, KeysetError>,
    ) -> Result<(Keyset, T), KeysetFileError> {
        let Self { file, keyset: seen } = self;
        let invalid = |error| file.invalid(error);
        let _lock = ChangeLock::take(&file.path).await?;
        let bytes = disk::read_keyset(&file.path)?;
        let mut keyset = seen.reopen(&bytes).map_err(invalid)?;
        let done = change(&mut keyset).map_err(invalid)?;
        disk::replace(&file.path, &keyset)?;
        Ok((keyset, done))
    }
}

/// Writes a new key set with mode 0600, whole or not at all.
///
/// # Errors
///
/// When the file exists or cannot be written.
pub fn create(path: &Path, keyset: &Keyset) -> Result<(), KeysetFileError> {
    disk::create(path, keyset)
}

/// Writes a new file with mode 0600 that holds secrets other than a key set's.
///
/// # Errors
///
/// When the file exists or cannot be written.
pub fn create_private(path: &Path, content: &[u8]) -> Result<(), KeysetFileError> {
    disk::create_private(path, content)
}

/// Refuses a path that something is at already, before anybody is asked for a passphrase.
///
/// # Errors
///
/// When there is something.
pub fn refuse_existing(path: &Path) -> Result<(), KeysetFileError> {
    disk::refuse_existing(path)
}

/// Has AWS KMS make a key-encryption key for a new key set, and unwrap it: so it is known before
/// anything is written that the set can be opened again.
///
/// # Errors
///
/// When AWS KMS is not reached or refuses either.
pub async fn lock_with_kms(arn: KmsArn, set: KeysetId) -> Result<Lock, KeysetFileError> {
    Ok(Kms::connect(arn, set).await?.lock().await?)
}

/// Makes a key-encryption key for a new key set out of a passphrase; `salt` is random.
///
/// # Errors
///
/// When the machine has no thread or memory for it.
pub async fn lock_with_passphrase(
    passphrase: &Passphrase,
    salt: [u8; 16],
) -> Result<Lock, KeysetFileError> {
    Ok(passphrase.lock(salt).await?)
}
