//! `.pgpass`: passwords by host, port, database and user.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// A password file's text; empty if there is none that may be used.
pub(super) struct PasswordFile(Zeroizing<String>);

/// What a line of the file is looked up by.
pub(super) struct Login<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

impl PasswordFile {
    /// Reads the file. As in libpq, one that is missing counts as empty, and one that others can
    /// read is left alone, with a warning.
    pub(super) fn read(path: Option<PathBuf>) -> Self {
        let text = path
            .and_then(|path| read_if_private(&path))
            .unwrap_or_default();
        Self(Zeroizing::new(text))
    }

    /// The password of the first line that matches.
    pub(super) fn password(&self, login: &Login<'_>) -> Option<Zeroizing<String>> {
        self.0.lines().find_map(|line| password_of(line, login))
    }
}

fn read_if_private(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    let file = path.display();
    if !metadata.is_file() {
        tracing::warn!(%file, "the password file is not a plain file and is not used");
        return None;
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(%file, "others can read the password file, so it is not used; chmod 0600 it");
        return None;
    }
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) => {
            tracing::warn!(%file, reason = %error.kind(), "the password file cannot be read");
            None
        }
    }
}

/// `host:port:database:user:password`; `*` stands for anything, `\` takes the next character as it is.
fn password_of(line: &str, login: &Login<'_>) -> Option<Zeroizing<String>> {
    if line.starts_with('#') {
        return None;
    }
    let port = login.port.to_string();
    let mut rest = line;
    for wanted in [login.host, &port, login.database, login.user] {
        let (field, after) = split_field(rest);
        let after = after?;
        if field != "*" && unescape(field) != wanted {
            return None;
        }
        rest = after;
    }
    let (password, _) = split_field(rest);
    Some(Zeroizing::new(unescape(password))).filter(|password| !password.is_empty())
}

/// Up to the next colon that is not escaped, and what follows it.
fn split_field(text: &str) -> (&str, Option<&str>) {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ':' => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}

fn unescape(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        text.push(if c == '\\' {
            chars.next().unwrap_or(c)
        } else {
            c
        });
    }
    text
}
