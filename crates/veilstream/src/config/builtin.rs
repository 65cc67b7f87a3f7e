//! The built-in configuration: the pipeline `logins`.

use std::path::Path;

use super::Configuration;

/// The built-in configuration as a file, commented so that it can be copied and changed.
pub const LOGINS_TOML: &str = include_str!("logins.toml");

impl Configuration {
    /// The built-in configuration: the pipeline `logins`, and no queue, database or key set,
    /// which flags and the environment have to name.
    #[expect(
        clippy::missing_panics_doc,
        reason = "the text is fixed, and a test reads it"
    )]
    pub fn builtin() -> Self {
        Self::from_toml(LOGINS_TOML, Path::new("logins.toml"))
            .expect("the text is part of the program, and a test reads it")
    }
}
