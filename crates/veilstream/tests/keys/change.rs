//! Key sets that change: add, promote, retire, destroy, add-domain.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use serde_json::json;

use crate::{
    IP, PASSPHRASE,
    folder::{Folder, done, mode, refused, tokens},
};

#[tokio::test]
async fn a_list_shows_everything_but_keys_on_80_columns() {
    let folder = Folder::with_plaintext().await;
    let long = "a-domain-with-the-longest-name-that-there-can-be_0123456789-0123";
    folder
        .keys(&[
            "add-domain",
            &long[..63],
            "--method",
            "format",
            "--alphabet",
            "alphanumeric",
        ])
        .await;
    folder
        .keys(&["add-domain", "email", "--canonical", "email", "--padded"])
        .await;
    folder.keys(&["add"]).await;
    let text = folder.keys(&["list"]).await;
    let root = folder.json()["keys"][0]["root"]
        .as_str()
        .unwrap()
        .to_owned();
    let width = text.stdout.lines().map(|line| line.chars().count()).max();
    assert!(width <= Some(80), "{}", text.stdout);
    for words in [
        "in clear",
        "generation 4",
        "primary",
        "pending",
        "siv, padded",
        "email, version 1",
        "ledger key: there is one",
    ] {
        assert!(text.stdout.contains(words), "{words}: {}", text.stdout);
    }
    let listed = folder.listed().await;
    assert_eq!(listed["wrapping"], json!({"kind": "plaintext"}));
    assert_eq!(listed["generation"], 4);
    assert_eq!(listed["ledger_key"], true);
    assert_eq!(listed["id"], folder.json()["id"]);
    assert_eq!(
        listed["keys"][0]["domains"],
        json!(["ip", "device_id", &long[..63], "email"])
    );
    assert_eq!(listed["keys"][1]["state"], "pending");
    assert_eq!(
        listed["domains"][2],
        json!({"name": &long[..63], "method": "format", "canonical": "exact", "canonical_version": 1,
               "padded": null, "alphabet": "alphanumeric", "length": 4, "key": 1})
    );
    assert!(!text.stdout.contains(&root) && !listed.to_string().contains(&root));
}

#[tokio::test]
async fn domains_of_every_method_are_added_and_mask() {
    let folder = Folder::with_plaintext().await;
    let added: [(&[&str], &str, &str); 5] = [
        (
            &["mail", "--canonical", "email", "--padded"],
            "A@b.example",
            "vs1s.",
        ),
        (
            &["news", "--method", "hmac", "--canonical", "email"],
            "A@b.example",
            "vs1h.",
        ),
        (&["client", "--method", "ip"], IP, ""),
        (
            &[
                "ssn",
                "--method",
                "format",
                "--alphabet",
                "digits",
                "--length",
                "9",
            ],
            "593-47-5928",
            "",
        ),
        (
            &[
                "visitor",
                "--method",
                "format",
                "--alphabet",
                "hex",
                "--canonical",
                "uuid",
            ],
            "424cdd21-063a-43a7-b91b-7ca1a833afae",
            "",
        ),
    ];
    for (arguments, value, mark) in added {
        folder.keys(&[&["add-domain"], arguments].concat()).await;
        let token = tokens(&folder.binary(), arguments[0], &[value])
            .await
            .concat()
            .concat();
        assert!(token.starts_with(mark) && token != value, "{token}");
        if arguments.contains(&"format") {
            let shape = |text: &str| text.replace(|c: char| c.is_ascii_alphanumeric(), "x");
            assert_eq!(shape(&token), shape(value));
        }
    }
    let listed = folder.listed().await;
    assert_eq!(listed["generation"], 6);
    assert_eq!(listed["domains"][4]["canonical"], "ip");
}

#[tokio::test]
async fn domains_that_make_no_sense_are_errors_of_usage() {
    let folder = Folder::with_plaintext().await;
    let before = fs::read(folder.keyset()).unwrap();
    let wrong: [(&[&str], &str); 9] = [
        (&["Name"], "lower-case"),
        (&["d", "--canonical", "mail"], "exact, ip, email"),
        (&["d", "--method", "sha256"], "siv"),
        (
            &["d", "--method", "ip", "--canonical", "email"],
            "masks addresses",
        ),
        (&["d", "--method", "hmac", "--padded"], "--padded"),
        (&["d", "--method", "format"], "--alphabet"),
        (&["d", "--alphabet", "digits"], "--method format"),
        (
            &[
                "d",
                "--method",
                "format",
                "--alphabet",
                "digits",
                "--length",
                "5",
            ],
            "6",
        ),
        (
            &[
                "d",
                "--method",
                "format",
                "--alphabet",
                "digits",
                "--canonical",
                "uuid",
            ],
            "hex",
        ),
    ];
    for (arguments, words) in wrong {
        let said = folder
            .refused(&[&["add-domain"], arguments].concat(), 2)
            .await;
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    let said = folder.refused(&["add-domain", "ip"], 5).await;
    assert!(said.contains("has a domain"), "{said}");
    assert_eq!(fs::read(folder.keyset()).unwrap(), before);
}

#[tokio::test]
async fn changes_that_a_key_does_not_allow_change_nothing() {
    let folder = Folder::with_plaintext().await;
    folder
        .keys(&["add-domain", "news", "--method", "hmac"])
        .await;
    folder.keys(&["add"]).await;
    let before = fs::read(folder.keyset()).unwrap();
    let wrong: [(&[&str], &str); 9] = [
        (&["promote", "1"], "is the primary one"),
        (&["promote", "7"], "keys list"),
        (&["promote", "2", "--domain", "news"], "pending"),
        (
            &["promote", "2", "--domain", "ip"],
            "without naming a domain",
        ),
        (&["promote", "1", "--domain", "news"], "already"),
        (
            &["promote", "2", "--domain", "nothing"],
            "ip, device_id, news",
        ),
        (&["retire", "1"], "promote another key first"),
        (&["destroy", "1", "--yes"], "promote another key first"),
        (&["destroy", "7", "--yes"], "keys list"),
    ];
    for (arguments, words) in wrong {
        let said = folder.refused(arguments, 5).await;
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    // What cannot be asked for is not done.
    let said = folder.refused(&["destroy", "2"], 2).await;
    assert!(
        said.contains("--yes") && said.contains("quarantine"),
        "{said}"
    );
    assert_eq!(fs::read(folder.keyset()).unwrap(), before);
    folder.keys(&["retire", "2"]).await;
    folder.keys(&["promote", "2"]).await;
    let said = folder.refused(&["destroy", "1", "--yes"], 5).await;
    assert!(said.contains("news"), "{said}");
}

#[tokio::test]
async fn what_many_change_at_once_is_all_there() {
    let folder = Folder::with_passphrase().await;
    let binary = folder.binary().with("VEILSTREAM_PASSPHRASE", PASSPHRASE);
    let running: Vec<_> = (0..6).map(|_| binary.start(&["keys", "add"])).collect();
    let mut said = Vec::new();
    for one in running {
        said.push(done(one.finish().await).stdout);
    }
    let listed = done(binary.run(&["keys", "list", "--output", "json"]).await).summary();
    assert_eq!(listed["generation"], 7);
    for key in 2..=7 {
        let added = format!("key {key} added");
        let told = said.iter().filter(|said| said.starts_with(&added)).count();
        assert_eq!(told, 1, "{said:#?}");
    }
    assert_eq!(folder.files(), ["keyset.json", "passphrase"]);
}

/// It is killed wherever it happens to be; how far it has come differs from try to try.
#[tokio::test]
async fn a_change_that_is_killed_leaves_a_whole_key_set() {
    let folder = Folder::with_plaintext().await;
    let mut generation = 1;
    for patience in 0..25 {
        let running = folder.binary().start(&["keys", "add"]);
        tokio::time::sleep(std::time::Duration::from_millis(patience)).await;
        running.kill().await;
        let now = folder.listed().await["generation"].as_u64().unwrap();
        assert!(now == generation || now == generation + 1, "{now}");
        generation = now;
    }
    // The lock went with those who held it.
    folder.keys(&["add"]).await;
}

#[tokio::test]
async fn a_changed_file_keeps_its_mode() {
    let folder = Folder::with_plaintext().await;
    for wanted in [0o400, 0o440, 0o600, 0o640] {
        fs::set_permissions(folder.keyset(), Permissions::from_mode(wanted)).unwrap();
        folder.keys(&["add"]).await;
        assert_eq!(mode(&folder.keyset()), wanted);
    }
    assert_eq!(folder.files(), ["keyset.json"]);
}

#[tokio::test]
async fn a_key_set_behind_a_symbolic_link_opens_and_does_not_change() {
    // As Kubernetes mounts a secret.
    let folder = Folder::with_plaintext().await;
    let data = folder.path().join("..data");
    fs::create_dir(&data).unwrap();
    fs::rename(folder.keyset(), data.join("keyset.json")).unwrap();
    std::os::unix::fs::symlink("..data/keyset.json", folder.keyset()).unwrap();
    tokens(&folder.binary(), "ip", &[IP]).await;
    let said = folder.refused(&["add"], 5).await;
    assert!(
        said.contains("symbolic link") && said.contains("Kubernetes"),
        "{said}"
    );
    assert_eq!(folder.listed().await["generation"], 1);
    let path = folder.keyset().display().to_string();
    let create = ["keys", "create", &path, "--plaintext"];
    refused(folder.binary().run(&create).await, 5);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_says_so() {
    let said = refused(
        Folder::new()
            .binary()
            .run(&["keys", "create", "/proc/keyset.json", "--plaintext"])
            .await,
        5,
    );
    assert!(
        said.contains("was not written") && said.contains("folder"),
        "{said}"
    );
}
