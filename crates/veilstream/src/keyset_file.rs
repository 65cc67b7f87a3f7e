//! The key set's file: read with care, written once, never overwritten.

use std::{
    fs::{File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use masking::{Keyset, KeysetError};
use zeroize::Zeroizing;

/// Others may do nothing with the file and the group may not write it: Kubernetes mounts secrets
/// with mode 0440.
const FORBIDDEN_MODE: u32 = 0o027;
/// A key set with thousands of domains is far below this.
const MOST_BYTES: u64 = 1 << 20;

/// Why there is no key set. Never holds a key.
#[derive(Debug, thiserror::Error)]
pub enum KeysetFileError {
    /// No file is named.
    #[error(
        "no key set is named. Its keys mask personal fields, and seal what goes to quarantine, \
         whatever the masks are. Create one with `veilstream keys \
         create keyset.json --plaintext` and name it with --keyset, VEILSTREAM_KEYSET, or `file` \
         under [keyset]"
    )]
    NotNamed,
    /// The file cannot be read.
    #[error("key set {}: {error}. Create one with `veilstream keys create FILE --plaintext`, or \
             correct the path", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The file's mode lets others at it.
    #[error("key set {0}: its mode {mode:04o} lets others read it or the group write it; \
             run: chmod 600 {0}", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not a whole and true key set, or lacks a domain.
    #[error("key set {}: {error}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: KeysetError,
    },
    /// A new file could not be written.
    #[error("key set {} was not written: {error}", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// There is a file of that name.
    #[error("{} exists and is left as it is: a key set that is overwritten makes its tokens \
             unreadable for ever. Choose another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a key set.
///
/// # Errors
///
/// When the file is missing, open to others, or not a key set.
pub fn read(path: &Path) -> Result<Keyset, KeysetFileError> {
    let unreadable = |error| KeysetFileError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is not a file")));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & FORBIDDEN_MODE != 0 {
        return Err(KeysetFileError::OpenToOthers {
            path: path.to_owned(),
            mode,
        });
    }
    // With room for all of it from the start, no copy is left behind by a growing buffer.
    let length = metadata.len().min(MOST_BYTES);
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    (&mut file)
        .take(MOST_BYTES)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    Keyset::from_json(&content).map_err(|error| KeysetFileError::Invalid {
        path: path.to_owned(),
        error,
    })
}

/// Writes a new key set with mode 0600, whole or not at all.
///
/// # Errors
///
/// When the file exists or cannot be written.
pub fn create(path: &Path, keyset: &Keyset) -> Result<(), KeysetFileError> {
    let not_written = |error| KeysetFileError::NotWritten {
        path: path.to_owned(),
        error,
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".keyset-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(not_written)?;
    file.write_all(keyset.to_json().as_bytes())
        .map_err(not_written)?;
    file.as_file().sync_all().map_err(not_written)?;
    file.persist_noclobber(path).map_err(|failed| {
        if failed.error.kind() == io::ErrorKind::AlreadyExists {
            KeysetFileError::Exists {
                path: path.to_owned(),
            }
        } else {
            not_written(failed.error)
        }
    })?;
    // The name is on disk too once its folder is.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(not_written)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use masking::{Canonical, DomainSpec, KeysetId, Method};

    use super::*;

    fn keyset() -> Keyset {
        let ip = DomainSpec {
            name: "ip".parse().unwrap(),
            method: Method::Siv { padded: false },
            canonical: Canonical::Ip,
        };
        Keyset::create(
            KeysetId::new([7; 8]),
            Zeroizing::new([7; 32]),
            "2026-01-01T00:00:00Z",
            vec![ip],
            None,
        )
        .unwrap()
    }

    #[test]
    fn a_key_set_is_written_for_its_owner_only_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyset.json");
        create(&path, &keyset()).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600);
        assert!(read(&path).unwrap().domain("ip").is_some());

        let before = fs::read(&path).unwrap();
        assert!(matches!(
            create(&path, &keyset()),
            Err(KeysetFileError::Exists { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_set_that_others_can_read_or_the_group_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyset.json");
        create(&path, &keyset()).unwrap();
        for (mode, fine) in [
            (0o400, true),
            (0o440, true),
            (0o600, true),
            (0o640, true),
            (0o644, false),
            (0o660, false),
            (0o604, false),
            (0o601, false),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let result = read(&path);
            assert_eq!(result.is_ok(), fine, "{mode:o}");
            if let Err(error) = result {
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
    }

    #[test]
    fn missing_and_damaged_files_say_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyset.json");
        let missing = read(&path).unwrap_err();
        assert!(
            missing.to_string().contains("veilstream keys create"),
            "{missing}"
        );
        create(&path, &keyset()).unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(matches!(read(&path), Err(KeysetFileError::Invalid { .. })));
        fs::write(&path, b"").unwrap();
        assert!(matches!(read(&path), Err(KeysetFileError::Invalid { .. })));
        assert!(matches!(
            read(folder.path()),
            Err(KeysetFileError::Unreadable { .. })
        ));
    }
}
