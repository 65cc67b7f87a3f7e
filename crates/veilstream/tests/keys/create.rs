//! `veilstream keys create`.

use std::fs;

use serde_json::json;

use crate::{
    PASSPHRASE,
    folder::{Folder, mode, refused},
    python,
};

#[tokio::test]
async fn without_a_terminal_one_has_to_say_what_protects_the_keys() {
    let folder = Folder::new();
    let said = refused(folder.create(&[]).await, 2);
    for choice in ["--kms", "--passphrase-file", "--plaintext"] {
        assert!(said.contains(choice), "{said}");
    }
    assert!(folder.files().is_empty());
}

#[tokio::test]
async fn only_one_thing_protects_the_keys() {
    let folder = Folder::new();
    let file = folder.passphrase_file(PASSPHRASE);
    let both = folder
        .create(&["--plaintext", "--passphrase-file", &file])
        .await;
    refused(both, 2);
    assert_eq!(folder.files(), ["passphrase"]);
}

#[tokio::test]
async fn a_passphrase_of_a_file_or_the_environment_wraps_the_keys() {
    for variable in [
        None,
        Some("VEILSTREAM_PASSPHRASE_FILE"),
        Some("VEILSTREAM_PASSPHRASE"),
    ] {
        let folder = Folder::new();
        let file = folder.passphrase_file(PASSPHRASE);
        let path = folder.keyset().display().to_string();
        let created = match variable {
            None => folder.create(&["--passphrase-file", &file]).await,
            Some(name) => {
                let value = if name.ends_with("_FILE") {
                    &file
                } else {
                    PASSPHRASE
                };
                let binary = folder.binary().with(name, value);
                binary.run(&["keys", "create", &path]).await
            }
        };
        assert_eq!(created.code, Some(0), "{created:#?}");
        assert_eq!(mode(&folder.keyset()), 0o600);
        let said = format!("{}{}", created.stdout, created.stderr);
        assert!(!said.contains(PASSPHRASE), "{said}");
        // The root key in no spelling, of which Python makes sure with its own Argon2id and AES-SIV.
        let opened = python("opens_wrapped.py", &[&path, &hex(PASSPHRASE.as_bytes())]);
        assert_eq!(opened.trim(), "opened");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| {
        digits + &format!("{byte:02x}")
    })
}

#[tokio::test]
async fn plaintext_asked_for_is_plaintext_whatever_the_environment_says() {
    let folder = Folder::new();
    let file = folder.passphrase_file(PASSPHRASE);
    let path = folder.keyset().display().to_string();
    let binary = folder.binary().with("VEILSTREAM_PASSPHRASE_FILE", &file);
    let created = binary.run(&["keys", "create", &path, "--plaintext"]).await;
    assert_eq!(
        created.stdout,
        format!("{path} created, readable by you only, with domains ip, device_id\n")
    );
    assert_eq!(folder.json()["wrapping"], json!("plaintext"));
}

#[tokio::test]
async fn a_weak_or_exposed_passphrase_is_refused() {
    for (content, words) in [
        ("", "empty"),
        ("\n", "empty"),
        ("elevenchars\n", "12 characters"),
    ] {
        let folder = Folder::new();
        let file = folder.private("passphrase", content);
        let said = refused(folder.create(&["--passphrase-file", &file]).await, 5);
        assert!(said.contains(words), "{said}");
        assert!(!said.contains("eleven"), "{said}");
        assert_eq!(folder.files(), ["passphrase"]);
    }
    let folder = Folder::new();
    let file = folder.passphrase_file(PASSPHRASE);
    let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644);
    fs::set_permissions(&file, open).unwrap();
    let said = refused(folder.create(&["--passphrase-file", &file]).await, 5);
    assert!(said.contains("chmod 600"), "{said}");
    let said = refused(
        folder.create(&["--passphrase-file", "/nonexistent"]).await,
        5,
    );
    assert!(said.contains("passphrase file /nonexistent"), "{said}");
}

#[tokio::test]
async fn a_file_that_exists_is_left_as_it_is_before_anything_is_asked() {
    let folder = Folder::with_plaintext().await;
    let before = fs::read(folder.keyset()).unwrap();
    for more in [
        &["--plaintext"][..],
        &["--passphrase-file", "/nonexistent"],
        &[],
    ] {
        let said = refused(folder.create(more).await, 5);
        assert!(said.contains("left as it is"), "{said}");
    }
    assert_eq!(fs::read(folder.keyset()).unwrap(), before);
    assert_eq!(folder.files(), ["keyset.json"]);
}

#[tokio::test]
async fn domains_of_every_form_are_named() {
    let folder = Folder::new();
    let mut wanted = vec!["--plaintext"];
    for domain in [
        "ip", "a:exact", "b:ip", "c:email", "d:uuid", "e:phone", "f:text",
    ] {
        wanted.extend(["--domain", domain]);
    }
    folder.created(&wanted).await;
    let listed = folder.listed().await;
    let forms: Vec<_> = listed["domains"]
        .as_array()
        .unwrap()
        .iter()
        .map(|domain| {
            assert_eq!(domain["method"], "siv");
            format!(
                "{}:{}",
                domain["name"].as_str().unwrap(),
                domain["canonical"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        forms,
        [
            "ip:ip", "a:exact", "b:ip", "c:email", "d:uuid", "e:phone", "f:text"
        ]
    );
}
