//! `veilstream keys create`.

use std::{os::unix::fs::PermissionsExt, path::PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Binary, Finished};

use crate::VEILSTREAM;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("keyset.json")
    }

    async fn create(&self, more: &[&str]) -> Finished {
        let file = self.file().display().to_string();
        let mut arguments = vec!["keys", "create", &file];
        arguments.extend(more);
        Binary::new(VEILSTREAM).run(&arguments).await
    }
}

/// Each domain's name and canonical form, in the order of the file.
fn domains(file: &PathBuf) -> Vec<(String, String)> {
    let content = std::fs::read(file).expect("the file is there");
    let keyset: Value = serde_json::from_slice(&content).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let domains = keyset["domains"].as_array().expect("an array");
    domains
        .iter()
        .map(|domain| (text(&domain["name"]), text(&domain["canonical"])))
        .collect()
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, form)| ((*name).to_owned(), (*form).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_key_set_is_readable_by_its_owner_only_and_has_the_built_in_domains() {
    let folder = Folder::new();
    let created = folder.create(&["--plaintext"]).await;
    assert_eq!(created.code, Some(0), "{created:#?}");
    let mode = std::fs::metadata(folder.file())
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(
        domains(&folder.file()),
        named(&[("ip", "ip"), ("device_id", "exact")])
    );
}

#[tokio::test]
async fn a_key_set_is_never_overwritten() {
    let folder = Folder::new();
    folder.create(&["--plaintext"]).await;
    let before = std::fs::read(folder.file()).expect("a file");
    let again = folder.create(&["--plaintext"]).await;
    assert_eq!(again.code, Some(5), "{again:#?}");
    assert!(again.stderr.contains("left as it is"), "{again:#?}");
    assert_eq!(std::fs::read(folder.file()).expect("a file"), before);
}

#[tokio::test]
async fn domains_are_named_with_their_form() {
    let folder = Folder::new();
    let wanted = ["--plaintext", "--domain", "client:ip", "--domain", "email"];
    let created = folder.create(&wanted).await;
    assert_eq!(created.code, Some(0), "{created:#?}");
    assert_eq!(
        domains(&folder.file()),
        named(&[("client", "ip"), ("email", "exact")])
    );
}

#[tokio::test]
async fn wrong_domains_and_a_missing_plaintext_are_errors_of_usage() {
    for wrong in [
        &["--plaintext", "--domain", "IP"][..],
        &["--plaintext", "--domain", "ip:nothing"],
        &[],
    ] {
        let folder = Folder::new();
        let refused = folder.create(wrong).await;
        assert_eq!(refused.code, Some(2), "{wrong:?}: {refused:#?}");
        assert!(!folder.file().exists());
    }
}

#[tokio::test]
async fn the_same_domain_twice_is_refused() {
    let folder = Folder::new();
    let refused = folder
        .create(&["--plaintext", "--domain", "email", "--domain", "email"])
        .await;
    assert_eq!(refused.code, Some(5), "{refused:#?}");
    assert!(!folder.file().exists());
}
