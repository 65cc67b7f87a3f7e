//! Why there is no key set.

use std::{io, path::PathBuf};

use masking::KeysetError;

use super::{kms::KmsError, passphrase::PassphraseError};

/// Why there is no key set, or it was not written. Never holds a key, a passphrase or a ciphertext.
#[derive(Debug, thiserror::Error)]
pub enum KeysetFileError {
    /// No file is named.
    #[error(
        "no key set is named. Its keys mask personal fields, and seal what goes to quarantine, \
         whatever the masks are. Create one with `veilstream keys create keyset.json` and name it \
         with --keyset, VEILSTREAM_KEYSET, or `file` under [keyset]"
    )]
    NotNamed,
    /// The passphrase is another one.
    #[error(
        "key set {} does not open with this passphrase, which came from {origin}: it is another one, or the file \
         was edited or damaged. Look for the right one, or restore the file from a backup",
        path.display()
    )]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
        /// Where the passphrase came from.
        origin: String,
    },
    /// A passphrase is given, and another thing or nothing wraps the key set.
    #[error(
        "key set {}: a passphrase is given, but none wraps it. Perhaps somebody has put another file in its \
         place; if it is the one that you mean, leave out --passphrase-file, VEILSTREAM_PASSPHRASE_FILE, \
         VEILSTREAM_PASSPHRASE and `passphrase_file`",
        path.display()
    )]
    NotByPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("key set {}: {error}. Create one with `veilstream keys create FILE`, or correct the path",
            path.display())]
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
    /// The file is not a whole and true key set, or lacks what was asked for.
    #[error("key set {}: {error}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: KeysetError,
    },
    /// There is no passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// AWS KMS does not unwrap.
    #[error(transparent)]
    Kms(#[from] KmsError),
    /// The file is a symbolic link, as Kubernetes and other mounts of secrets make them.
    #[error(
        "key set {} is a symbolic link and is left as it is: change the file where it is kept, then \
         distribute it (Kubernetes: update the secret)",
        path.display()
    )]
    IsLink {
        /// The link.
        path: PathBuf,
    },
    /// Somebody else holds the lock.
    #[error(
        "key set {} was not changed: for {seconds} s another process has held its lock. \
         Run it again when that is done",
        path.display()
    )]
    Busy {
        /// The file.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// A file could not be written; what was there is as it was.
    #[error(
        "{} was not written: {error}. Its folder has to be on a local disk and yours to write, \
         and a file that is changed has to be yours",
        path.display()
    )]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The file is there, but might not survive a power cut.
    #[error(
        "{} was written, but the system does not confirm that its name is on disk: {error}. Make a \
         copy of it elsewhere",
        path.display()
    )]
    NotSynced {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// What was read back is not what was written; what was there is as it was.
    #[error(
        "key set {} was not written: it did not read back as it was written ({error}). Check the disk",
        path.display()
    )]
    NotReadBack {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        error: KeysetError,
    },
    /// There is a file of that name.
    #[error("{} exists and is left as it is: a key set that is overwritten makes its tokens \
             unreadable for ever. Choose another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
}
