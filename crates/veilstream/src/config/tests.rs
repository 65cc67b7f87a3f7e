//! The configuration file as its writer meets it.

mod builtin;
mod checks;
mod create_table;
mod documentation;
mod identity;
mod masks;
mod report;

use std::path::Path;

use super::{Configuration, ConfigurationError, Mistake};

/// Reads a text as `/etc/veilstream/veilstream.toml`.
fn read(text: &str) -> Result<Configuration, ConfigurationError> {
    Configuration::from_toml(text, Path::new("/etc/veilstream/veilstream.toml"))
}

/// The mistakes of a text that has some.
fn mistakes(text: &str) -> Vec<Mistake> {
    match read(text).unwrap_err() {
        ConfigurationError::Mistakes { mistakes, .. } => mistakes,
        ConfigurationError::Unreadable { .. } => panic!("nothing was to be read"),
    }
}

/// The only mistake of a text, as `path: problem`.
fn only_mistake(text: &str) -> String {
    let mistakes = mistakes(text);
    assert_eq!(mistakes.len(), 1, "{text}\n{mistakes:#?}");
    format!("{}: {}", mistakes[0].path, mistakes[0].problem)
}

/// A file with one column, which has these settings.
fn with_column(settings: &str) -> String {
    format!("[pipeline]\ntable = \"t\"\n[[columns]]\n{settings}\n")
}
