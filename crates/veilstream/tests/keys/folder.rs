//! A folder with key sets in it, and the binary that works on them.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Binary, Finished};

use crate::{PASSPHRASE, VEILSTREAM};

/// A folder of its own.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// One with a key set in clear.
    pub(crate) async fn with_plaintext() -> Self {
        let folder = Self::new();
        folder.created(&["--plaintext"]).await;
        folder
    }

    /// One with a key set wrapped by the passphrase.
    pub(crate) async fn with_passphrase() -> Self {
        let folder = Self::new();
        let file = folder.passphrase_file(PASSPHRASE);
        folder.created(&["--passphrase-file", &file]).await;
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn keyset(&self) -> PathBuf {
        self.path().join("keyset.json")
    }

    /// Writes a file that only its owner can read: its path.
    pub(crate) fn private(&self, name: &str, content: &str) -> String {
        let path = self.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    }

    pub(crate) fn passphrase_file(&self, passphrase: &str) -> String {
        self.private("passphrase", &format!("{passphrase}\n"))
    }

    /// The binary, with the key set in its environment, and everything said that can be said.
    pub(crate) fn binary(&self) -> Binary {
        Binary::new(VEILSTREAM)
            .with("VEILSTREAM_KEYSET", &self.keyset().display().to_string())
            .with("VEILSTREAM_LOG", "debug")
    }

    /// `veilstream keys create`.
    pub(crate) async fn create(&self, more: &[&str]) -> Finished {
        let path = self.keyset().display().to_string();
        let arguments = [&["keys", "create", &path], more].concat();
        self.binary().run(&arguments).await
    }

    pub(crate) async fn created(&self, more: &[&str]) -> Finished {
        done(self.create(more).await)
    }

    /// A subcommand of `veilstream keys` that succeeds.
    pub(crate) async fn keys(&self, arguments: &[&str]) -> Finished {
        done(self.binary().run(&[&["keys"], arguments].concat()).await)
    }

    /// A subcommand of `veilstream keys` that is refused with this exit code.
    pub(crate) async fn refused(&self, arguments: &[&str], code: i32) -> String {
        refused(
            self.binary().run(&[&["keys"], arguments].concat()).await,
            code,
        )
    }

    /// What `veilstream keys list --output json` says.
    pub(crate) async fn listed(&self) -> Value {
        self.keys(&["list", "--output", "json"]).await.summary()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&fs::read(self.keyset()).unwrap()).unwrap()
    }

    /// Puts another content in the place of the key set's.
    pub(crate) fn write(&self, keyset: &Value) {
        fs::write(self.keyset(), keyset.to_string()).unwrap();
    }

    /// The names of all files.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = fs::read_dir(self.path()).unwrap();
        let mut names: Vec<_> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }
}

pub(crate) fn done(finished: Finished) -> Finished {
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    finished
}

/// What it says; it prints nothing else.
pub(crate) fn refused(finished: Finished, code: i32) -> String {
    assert_eq!(finished.code, Some(code), "{finished:#?}");
    assert_eq!(finished.stdout, "", "{finished:#?}");
    finished.stderr
}

/// The tokens of values, one list a value.
pub(crate) async fn tokens(binary: &Binary, domain: &str, values: &[&str]) -> Vec<Vec<String>> {
    let masked = done(
        binary
            .run(&[&["mask", "--domain", domain], values].concat())
            .await,
    );
    let lines = masked.stdout.lines();
    lines
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
