//! Passphrases: where they come from, and what they have to be.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use masking::{Argon2id, Kek, Lock, Wrapping};
use zeroize::Zeroizing;

use super::{
    disk::{self, Refused},
    terminal,
};
use crate::startup::environment;

/// The fewest characters of a new passphrase. Who gets hold of the file can try passphrases on machines of
/// their own, as many as they can pay for: Argon2id makes each try dear, and only length makes them too many.
const SHORTEST: usize = 12;

/// The variable that holds a passphrase itself.
const VARIABLE: &str = "VEILSTREAM_PASSPHRASE";

/// Where a passphrase comes from.
#[derive(Clone)]
pub enum PassphraseSource {
    /// A file that only its owner, and at the most its group, may read.
    File(PathBuf),
    /// The environment's `VEILSTREAM_PASSPHRASE`.
    Environment(Passphrase),
    /// Somebody at a terminal, if there is one.
    Terminal,
    /// Nobody.
    Nobody,
}

/// A passphrase, wiped on drop.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<Vec<u8>>);

/// Why there is no passphrase. Never holds one.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// Nothing says it, and nobody can be asked.
    #[error(
        "key set {} is wrapped by a passphrase, and there is no terminal to ask on: name a file that \
         holds it with --passphrase-file, VEILSTREAM_PASSPHRASE_FILE, or `passphrase_file` under \
         [keyset]; or set VEILSTREAM_PASSPHRASE",
        path.display()
    )]
    NotGiven {
        /// The key set.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("passphrase file {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The file's mode lets others at it.
    #[error("passphrase file {0}: its mode {mode:04o} lets others read it or the group write it; \
             run: chmod 600 {0}", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is nothing in it.
    #[error("the passphrase is empty: one that nobody has to know protects nothing")]
    Empty,
    /// A new passphrase is too short.
    #[error(
        "the passphrase is too short: take {SHORTEST} characters or more, since who gets the file can try \
         passphrases without limit. Five random words are a good one"
    )]
    TooShort,
    /// The two entries are not the same.
    #[error("the two passphrases differ: nothing was written, try again")]
    Differ,
    /// The terminal fails, or the entry was ended without a passphrase.
    #[error("no passphrase was read from the terminal: {error}")]
    Terminal {
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// Argon2id ran out of something.
    #[error(
        "the key could not be computed from the passphrase: the machine lacks memory or a thread"
    )]
    NotComputed,
}

impl fmt::Display for PassphraseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Environment(_) => f.write_str(VARIABLE),
            Self::Terminal => f.write_str("the terminal"),
            Self::Nobody => f.write_str("nobody"),
        }
    }
}

impl PassphraseSource {
    /// What is said where: a file named by a flag or its variable beats `VEILSTREAM_PASSPHRASE`, which beats
    /// a file that the configuration names. Where nothing is said, a person is asked.
    pub fn resolve(named: Option<PathBuf>, configured: Option<PathBuf>) -> Self {
        if let Some(path) = named {
            return Self::File(path);
        }
        if let Some(passphrase) = environment(VARIABLE) {
            return Self::Environment(Passphrase(Zeroizing::new(passphrase.into_bytes())));
        }
        configured.map_or(Self::Terminal, Self::File)
    }

    /// The same where nobody is asked, such as for a request that comes from elsewhere.
    #[must_use]
    pub fn unattended(self) -> Self {
        match self {
            Self::Terminal | Self::Nobody => Self::Nobody,
            given @ (Self::File(_) | Self::Environment(_)) => given,
        }
    }

    /// Whether a passphrase can be had: something says it, or there is a terminal to ask on.
    pub fn is_at_hand(&self) -> bool {
        match self {
            Self::File(_) | Self::Environment(_) => true,
            Self::Terminal => terminal::is_there(),
            Self::Nobody => false,
        }
    }

    /// Whether something says a passphrase.
    pub fn is_given(&self) -> bool {
        match self {
            Self::File(_) | Self::Environment(_) => true,
            Self::Terminal | Self::Nobody => false,
        }
    }

    /// The passphrase of a key set that is there.
    ///
    /// # Errors
    ///
    /// When it is not to be had, or is empty.
    pub async fn read(&self, keyset: &Path) -> Result<Passphrase, PassphraseError> {
        let passphrase = match self {
            Self::File(path) => from_file(path)?,
            Self::Environment(passphrase) => passphrase.clone(),
            Self::Terminal if terminal::is_there() => {
                ask(&format!("Passphrase of {}: ", keyset.display())).await?
            }
            Self::Terminal | Self::Nobody => {
                let path = keyset.to_owned();
                return Err(PassphraseError::NotGiven { path });
            }
        };
        if passphrase.0.is_empty() {
            return Err(PassphraseError::Empty);
        }
        Ok(passphrase)
    }

    /// A passphrase for a new key set: on a terminal it is asked for twice.
    ///
    /// # Errors
    ///
    /// As [`Self::read`], and when it is too short or the two differ.
    pub async fn choose(&self, keyset: &Path) -> Result<Passphrase, PassphraseError> {
        let passphrase = match self {
            Self::Terminal if terminal::is_there() => {
                let prompt = format!(
                    "New passphrase for {}, {SHORTEST} characters or more: ",
                    keyset.display()
                );
                let passphrase = ask(&prompt).await?;
                passphrase.check_new()?;
                if ask("The same again: ").await?.0 != passphrase.0 {
                    return Err(PassphraseError::Differ);
                }
                passphrase
            }
            Self::Terminal | Self::Nobody | Self::File(_) | Self::Environment(_) => {
                self.read(keyset).await?
            }
        };
        passphrase.check_new()?;
        Ok(passphrase)
    }
}

async fn ask(prompt: &str) -> Result<Passphrase, PassphraseError> {
    match terminal::ask(prompt).await {
        Ok(entered) => Ok(Passphrase(entered)),
        Err(error) => Err(PassphraseError::Terminal { error }),
    }
}

fn from_file(path: &Path) -> Result<Passphrase, PassphraseError> {
    let path = path.to_owned();
    let mut content = match disk::read_private(&path) {
        Ok(content) => content,
        Err(Refused::Unreadable(error)) => return Err(PassphraseError::Unreadable { path, error }),
        Err(Refused::OpenToOthers { mode }) => {
            return Err(PassphraseError::OpenToOthers { path, mode });
        }
    };
    let kept = without_newline(&content).len();
    content.truncate(kept);
    Ok(Passphrase(content))
}

/// Without the one line ending that editors and `echo` leave at the end.
fn without_newline(content: &[u8]) -> &[u8] {
    let line = content.strip_suffix(b"\n");
    line.map_or(content, |line| line.strip_suffix(b"\r").unwrap_or(line))
}

impl Passphrase {
    fn check_new(&self) -> Result<(), PassphraseError> {
        // Characters of UTF-8 begin with any byte but a continuation.
        let characters = self.0.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        match characters {
            0 => Err(PassphraseError::Empty),
            1..SHORTEST => Err(PassphraseError::TooShort),
            SHORTEST.. => Ok(()),
        }
    }

    /// Computes the key-encryption key, on a thread of its own: it takes tenths of a second.
    pub(super) async fn kek(&self, argon2id: &Argon2id) -> Result<Kek, PassphraseError> {
        let (passphrase, argon2id) = (self.0.clone(), argon2id.clone());
        tokio::task::spawn_blocking(move || argon2id.kek(&passphrase))
            .await
            .map_err(|_| PassphraseError::NotComputed)
    }

    pub(super) async fn lock(&self, salt: [u8; 16]) -> Result<Lock, PassphraseError> {
        let argon2id = Argon2id::new(salt);
        Ok(Lock {
            kek: self.kek(&argon2id).await?,
            wrapping: Wrapping::Passphrase(argon2id),
        })
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrase").finish_non_exhaustive()
    }
}

impl fmt::Debug for PassphraseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment(_) => f.write_str("Environment"),
            Self::Terminal => f.write_str("Terminal"),
            Self::Nobody => f.write_str("Nobody"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_ending_is_dropped_and_nothing_else() {
        for (content, kept) in [
            ("correct horse", "correct horse"),
            ("correct horse\n", "correct horse"),
            ("correct horse\r\n", "correct horse"),
            ("correct horse\n\n", "correct horse\n"),
            (" correct horse ", " correct horse "),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(without_newline(content.as_bytes()), kept.as_bytes());
        }
    }

    #[test]
    fn a_new_passphrase_has_twelve_characters_whatever_their_bytes() {
        let check = |text: &str| Passphrase(Zeroizing::new(text.into())).check_new();
        assert!(matches!(check(""), Err(PassphraseError::Empty)));
        assert!(matches!(
            check("elevenchars"),
            Err(PassphraseError::TooShort)
        ));
        assert!(matches!(
            check("ééééééééééé"),
            Err(PassphraseError::TooShort)
        ));
        assert!(check("twelve chars").is_ok());
        assert!(check("éééééééééééé").is_ok());
    }
}
