//! The configuration file as a whole: from TOML to a validated [`Configuration`].

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use toml::de::DeTable;

use super::Configuration;
use super::mistake::{ConfigurationError, Mistake, Mistakes};
use super::section::Section;
use super::{admin, connection, target};

/// The largest file that is read, in bytes: a hundred times what a thousand columns need would
/// still fit, and a path to the wrong file does not fill the memory.
const LARGEST_FILE: u64 = 1024 * 1024;

pub(super) const FILE_KEYS: &[&str] = &[
    "queue", "database", "keyset", "admin", "pipeline", "columns",
];

impl Configuration {
    /// Reads a configuration file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has mistakes: then every one of them, with its place.
    pub fn from_file(path: &Path) -> Result<Self, ConfigurationError> {
        let unreadable = |source| ConfigurationError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(LARGEST_FILE + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 > LARGEST_FILE {
            let problem = "the file has more than 1 MiB: this is no configuration";
            return Err(only_mistake(path, &bytes, 0, problem));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::from_toml(text, path),
            Err(error) => {
                let problem = "not UTF-8; save the file with that encoding";
                Err(only_mistake(path, &bytes, error.valid_up_to(), problem))
            }
        }
    }

    /// Reads the text of a configuration file; `path` names it in messages, and a relative path
    /// of the key set starts at its folder.
    ///
    /// # Errors
    ///
    /// Every mistake in the text, with its place.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, ConfigurationError> {
        let mut mistakes = Mistakes::new(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            mistakes.add_syntax(error.message(), error.span());
        }
        let root = Section::root(table.get_ref(), FILE_KEYS, &mut mistakes);
        let folder = path.parent().unwrap_or(Path::new(""));
        let queue = connection::queue(&root, &mut mistakes);
        let database = connection::database(&root, &mut mistakes);
        let (keyset, passphrase_file) = connection::keyset(&root, folder, &mut mistakes);
        let admin = admin::admin(&root, folder, &mut mistakes);
        let pipeline = target::pipeline(&root, &mut mistakes);
        let mistakes = mistakes.into_sorted();
        match pipeline {
            Some(pipeline) if mistakes.is_empty() => Ok(Self {
                queue,
                database,
                keyset,
                passphrase_file,
                admin,
                pipeline,
            }),
            Some(_) | None => Err(ConfigurationError::Mistakes {
                path: path.to_owned(),
                mistakes,
            }),
        }
    }
}

/// The error for a file that cannot be looked into any further.
fn only_mistake(path: &Path, bytes: &[u8], offset: usize, problem: &str) -> ConfigurationError {
    let before = String::from_utf8_lossy(&bytes[..offset]);
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    let mistake = Mistake {
        line: before.matches('\n').count() + 1,
        column: last_line.chars().count() + 1,
        path: String::new(),
        problem: problem.to_owned(),
    };
    ConfigurationError::Mistakes {
        path: path.to_owned(),
        mistakes: vec![mistake],
    }
}
