//! Keys, passphrases and values are looked for in whatever a command has said.

use std::fs;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use testkit::{Binary, Finished};

use crate::{IP, PASSPHRASE, folder::Folder, python};

/// Everything that can be asked of a key set, well and badly.
const COMMANDS: [&[&str]; 18] = [
    &["keys", "list"],
    &["keys", "list", "--output", "json"],
    &["keys", "add"],
    &["keys", "add-ledger-key"],
    &["keys", "add-domain", "news", "--method", "hmac"],
    &["keys", "add-domain", "ip"],
    &["mask", "--domain", "ip", IP],
    &["mask", "--domain", "news", "--output", "json", IP],
    &[
        "mask",
        "--domain",
        "device_id",
        "--output",
        "json",
        "vs1s.AQAAAAA",
        IP,
    ],
    &[
        "mask",
        "--domain",
        "ip",
        "--output",
        "json",
        IP,
        "canary-no-address",
    ],
    &["keys", "promote", "2"],
    &["keys", "promote", "2", "--domain", "news"],
    &["keys", "promote", "2", "--domain", "ip"],
    &["unmask", "--reason", "test", "vs1s.AQAAAAAcanary"],
    &["run", "--once", "--output", "json"],
    &["check", "--output", "json"],
    &["keys", "destroy", "1"],
    &["keys", "destroy", "1", "--yes"],
];

async fn all(binary: &Binary, folder: &Folder) -> Vec<Finished> {
    let mut said = Vec::new();
    for command in COMMANDS {
        said.push(binary.run(command).await);
    }
    let file = folder.path().join("tink.json").display().to_string();
    let export = [
        "keys", "export", "--domain", "ip", "--format", "tink", &file,
    ];
    said.push(binary.run(&export).await);
    assert_eq!(said.last().unwrap().code, Some(0), "{said:#?}");
    said
}

/// A secret as it is, in base64 and in hexadecimal digits.
fn spellings(secret: &[u8]) -> Vec<String> {
    let digits: Vec<_> = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let base64 = STANDARD.encode(secret).trim_end_matches('=').to_owned();
    let mut spellings = vec![digits.concat(), base64];
    spellings.extend(String::from_utf8(secret.to_owned()));
    spellings
}

fn assert_unsaid(secrets: &[Vec<u8>], said: &[Finished]) {
    for one in said {
        for spelling in secrets.iter().flat_map(|secret| spellings(secret)) {
            let found = one.stdout.contains(&spelling) || one.stderr.contains(&spelling);
            assert!(!found, "{spelling} in {one:#?}");
        }
    }
}

/// The key that an export holds.
fn exported(folder: &Folder) -> Vec<Vec<u8>> {
    let exported = fs::read(folder.path().join("tink.json")).unwrap();
    let exported: Value = serde_json::from_slice(&exported).unwrap();
    let keys = exported["key"].as_array().unwrap().iter();
    keys.map(|key| {
        let value = key["keyData"]["value"].as_str().unwrap();
        STANDARD.decode(value).unwrap()[2..].to_owned()
    })
    .collect()
}

#[tokio::test]
async fn no_command_says_a_key_a_passphrase_or_a_value() {
    let folder = Folder::with_plaintext().await;
    let root = STANDARD.decode(folder.json()["keys"][0]["root"].as_str().unwrap());
    let ledger = STANDARD.decode(folder.json()["ledger_key"].as_str().unwrap());
    let mut said = all(&folder.binary(), &folder).await;
    let mut secrets = exported(&folder);
    secrets.extend([root.unwrap(), ledger.unwrap(), IP.into(), "canary".into()]);
    let later = STANDARD.decode(folder.json()["keys"][1]["root"].as_str().unwrap());
    secrets.push(later.unwrap());
    assert_unsaid(&secrets, &said);

    let folder = Folder::with_passphrase().await;
    let path = folder.keyset().display().to_string();
    let digits = spellings(PASSPHRASE.as_bytes()).remove(0);
    let binary = folder.binary().with("VEILSTREAM_PASSPHRASE", PASSPHRASE);
    said = all(&binary, &folder).await;
    secrets = exported(&folder);
    secrets.extend([PASSPHRASE.into(), IP.into(), "canary".into()]);
    let opened = python("opens_wrapped.py", &[&path, &digits]);
    assert_eq!(opened.trim(), "opened");
    assert_unsaid(&secrets, &said);

    // What is wrong with the passphrase is said without it.
    let wrong = folder
        .binary()
        .with("VEILSTREAM_PASSPHRASE", "canary, but wrong");
    said = vec![
        wrong.run(&["keys", "list"]).await,
        wrong.run(&["check"]).await,
    ];
    assert_unsaid(&secrets, &said);
}

#[test]
fn the_search_finds_what_is_said() {
    let said = |text: &str| Finished {
        code: Some(0),
        stdout: String::new(),
        stderr: text.to_owned(),
    };
    for text in ["a canary b", "2063616e617279", "Y2FuYXJ5"] {
        let found = std::panic::catch_unwind(|| assert_unsaid(&["canary".into()], &[said(text)]));
        assert!(found.is_err(), "{text}");
    }
}
