//! Files that hold secrets: read with a look at their mode, written whole or not at all.

use std::{
    fs::{File, Permissions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
    time::Duration,
};

use masking::{Keyset, KeysetError};
use tempfile::NamedTempFile;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::KeysetFileError;

/// Others may do nothing with the file and the group may not write it: Kubernetes mounts secrets
/// with mode 0440.
const FORBIDDEN_MODE: u32 = 0o027;
/// A key set with thousands of domains is far below this.
const MOST_BYTES: u64 = 1 << 20;

/// A change takes milliseconds under the lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const LOCK_RETRY: Duration = Duration::from_millis(20);

/// A file of secrets that is not read.
pub(crate) enum Refused {
    /// It cannot be.
    Unreadable(io::Error),
    /// More than its owner and its group could read it, or more than its owner write it.
    OpenToOthers {
        /// Its mode.
        mode: u32,
    },
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Reads a file that only its owner, and at the most its group, may read.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, Refused> {
    // To open a named pipe would wait for a writer.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file").into());
    }
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & FORBIDDEN_MODE != 0 {
        return Err(Refused::OpenToOthers { mode });
    }
    read_all(&mut file)
}

fn read_all(file: &mut File) -> Result<Zeroizing<Vec<u8>>, Refused> {
    // With room for all of it from the start, no copy is left behind by a growing buffer.
    let length = file.metadata()?.len().min(MOST_BYTES);
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    file.take(MOST_BYTES).read_to_end(&mut content)?;
    Ok(content)
}

/// Reads the file of a key set.
pub(super) fn read_keyset(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeysetFileError> {
    let path = path.to_owned();
    read_private(&path).map_err(|refused| match refused {
        Refused::Unreadable(error) => KeysetFileError::Unreadable { path, error },
        Refused::OpenToOthers { mode } => KeysetFileError::OpenToOthers { path, mode },
    })
}

/// Refuses a path that something is at already.
pub(super) fn refuse_existing(path: &Path) -> Result<(), KeysetFileError> {
    if path.symlink_metadata().is_ok() {
        let path = path.to_owned();
        return Err(KeysetFileError::Exists { path });
    }
    Ok(())
}

/// Refuses a symbolic link: to rename a file over it would cut it off from what it points to.
pub(super) fn refuse_link(path: &Path) -> Result<(), KeysetFileError> {
    let is_link = path
        .symlink_metadata()
        .is_ok_and(|metadata| metadata.is_symlink());
    if is_link {
        let path = path.to_owned();
        return Err(KeysetFileError::IsLink { path });
    }
    Ok(())
}

/// Writes a new key set with mode 0600.
pub(super) fn create(path: &Path, keyset: &Keyset) -> Result<(), KeysetFileError> {
    let file = Unnamed::write(path, keyset.to_json().as_bytes())?;
    file.verify(keyset)?;
    file.persist_new()
}

/// Writes a new file with mode 0600.
pub(super) fn create_private(path: &Path, content: &[u8]) -> Result<(), KeysetFileError> {
    Unnamed::write(path, content)?.persist_new()
}

/// Writes a changed key set in the place of the one before, with its owner and mode. The caller holds
/// the lock.
pub(super) fn replace(path: &Path, keyset: &Keyset) -> Result<(), KeysetFileError> {
    refuse_link(path)?;
    let file = Unnamed::write(path, keyset.to_json().as_bytes())?;
    file.verify(keyset)?;
    file.persist_over()
}

/// A file that is written and on disk, and does not have its name yet. Dropped, it is gone.
struct Unnamed<'p> {
    file: NamedTempFile,
    path: &'p Path,
}

impl<'p> Unnamed<'p> {
    fn write(path: &'p Path, content: &[u8]) -> Result<Self, KeysetFileError> {
        let write = || {
            let mut file = tempfile::Builder::new()
                .prefix(".keyset-")
                .permissions(Permissions::from_mode(0o600))
                .tempfile_in(folder(path))?;
            file.write_all(content)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        match write() {
            Ok(file) => Ok(Self { file, path }),
            Err(error) => Err(not_written(path, error)),
        }
    }

    /// Reads it back and opens it, as a later start will.
    fn verify(&self, keyset: &Keyset) -> Result<(), KeysetFileError> {
        let bytes = self
            .file
            .reopen()
            .map_err(Refused::from)
            .and_then(|mut file| read_all(&mut file));
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(Refused::Unreadable(error)) => return Err(not_written(self.path, error)),
            Err(Refused::OpenToOthers { .. }) => unreachable!("the mode is not looked at here"),
        };
        let same = keyset.reopen(&bytes).and_then(|read| {
            if read.mac() == keyset.mac() {
                Ok(())
            } else {
                Err(KeysetError::MacMismatch)
            }
        });
        same.map_err(|error| KeysetFileError::NotReadBack {
            path: self.path.to_owned(),
            error,
        })
    }

    fn persist_new(self) -> Result<(), KeysetFileError> {
        let path = self.path;
        self.file.persist_noclobber(path).map_err(|failed| {
            if failed.error.kind() == io::ErrorKind::AlreadyExists {
                let path = path.to_owned();
                KeysetFileError::Exists { path }
            } else {
                not_written(path, failed.error)
            }
        })?;
        sync_folder(path)
    }

    fn persist_over(self) -> Result<(), KeysetFileError> {
        let Self { file, path } = self;
        let give = || {
            let (before, now) = (path.metadata()?, file.as_file().metadata()?);
            if (before.uid(), before.gid()) != (now.uid(), now.gid()) {
                fchown(file.as_file(), Some(before.uid()), Some(before.gid()))?;
            }
            // After the owner, since the system may drop bits when that changes. Modes that let others
            // at it were refused when it was read.
            file.as_file().set_permissions(before.permissions())?;
            file.as_file().sync_all()
        };
        give().map_err(|error| not_written(path, error))?;
        file.persist(path)
            .map_err(|failed| not_written(path, failed.error))?;
        sync_folder(path)
    }
}

/// The name is on disk too once its folder is.
fn sync_folder(path: &Path) -> Result<(), KeysetFileError> {
    File::open(folder(path))
        .and_then(|folder| folder.sync_all())
        .map_err(|error| KeysetFileError::NotSynced {
            path: path.to_owned(),
            error,
        })
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn not_written(path: &Path, error: io::Error) -> KeysetFileError {
    KeysetFileError::NotWritten {
        path: path.to_owned(),
        error,
    }
}

/// The lock on a key set's file, which only who may read it can take. The system drops it with the process.
pub(super) struct ChangeLock {
    _file: File,
}

impl ChangeLock {
    /// Waits for the lock, up to [`LOCK_TIMEOUT`].
    pub(super) async fn take(path: &Path) -> Result<Self, KeysetFileError> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match try_lock(path) {
                Ok(Some(file)) => return Ok(Self { _file: file }),
                Err(error) => return Err(not_written(path, error)),
                Ok(None) if Instant::now() < deadline => tokio::time::sleep(LOCK_RETRY).await,
                Ok(None) => {
                    return Err(KeysetFileError::Busy {
                        path: PathBuf::from(path),
                        seconds: LOCK_TIMEOUT.as_secs(),
                    });
                }
            }
        }
    }
}

/// `None` where somebody else has the lock, or had it: a change puts another file in the place of the one that was
/// locked.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = File::open(path)?;
    match file.try_lock() {
        Ok(()) => {
            let (locked, named) = (file.metadata()?, path.metadata()?);
            let same = (locked.dev(), locked.ino()) == (named.dev(), named.ino());
            Ok(same.then_some(file))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
