//! Passphrases and confirmations on a terminal.

use serde_json::{Value, json};

use crate::{
    PASSPHRASE, VEILSTREAM,
    folder::{Folder, done},
    python,
};

/// What a command with these answers to these words ends with, and what the terminal showed.
async fn on_terminal(arguments: &[&str], answers: &[(&str, &str)]) -> (i64, String) {
    let answers = json!(answers).to_string();
    let arguments: Vec<String> = [&[answers.as_str(), VEILSTREAM], arguments]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let seen = tokio::task::spawn_blocking(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        python("terminal.py", &arguments)
    });
    let seen: Value = serde_json::from_str(&seen.await.unwrap()).unwrap();
    assert_eq!(seen["shows"], true, "the terminal is left silent: {seen}");
    let text = seen["seen"].as_str().unwrap().to_owned();
    (seen["code"].as_i64().unwrap(), text)
}

#[tokio::test]
async fn a_passphrase_is_asked_for_twice_then_once_and_never_shown() {
    let folder = Folder::new();
    let path = folder.keyset().display().to_string();
    let line = format!("{PASSPHRASE}\n");
    let twice = [("New passphrase", line.as_str()), ("The same again", &line)];
    let (code, seen) = on_terminal(&["keys", "create", &path], &twice).await;
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("created"), "{seen}");
    assert!(!seen.contains("canary"), "{seen}");

    let once = [("Passphrase of", line.as_str())];
    let (code, seen) = on_terminal(&["keys", "list", "--keyset", &path], &once).await;
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("wrapped by a passphrase"), "{seen}");
    assert!(!seen.contains("canary"), "{seen}");
    // It is the very passphrase that was typed.
    let by_variable = folder.binary().with("VEILSTREAM_PASSPHRASE", PASSPHRASE);
    done(by_variable.run(&["keys", "list"]).await);
}

#[tokio::test]
async fn two_that_differ_and_one_that_is_short_make_no_key_set() {
    let folder = Folder::new();
    let path = folder.keyset().display().to_string();
    let line = format!("{PASSPHRASE}\n");
    let differ = [
        ("New passphrase", line.as_str()),
        ("The same again", "another one\n"),
    ];
    let (code, seen) = on_terminal(&["keys", "create", &path], &differ).await;
    assert_eq!(code, 5, "{seen}");
    assert!(seen.contains("differ"), "{seen}");
    let (code, seen) = on_terminal(&["keys", "create", &path], &[("New", "short\n")]).await;
    assert_eq!(code, 5, "{seen}");
    assert!(seen.contains("12 characters"), "{seen}");
    assert!(folder.files().is_empty());
}

#[tokio::test]
async fn ctrl_c_at_the_question_leaves_the_terminal_as_it_was() {
    let folder = Folder::new();
    let path = folder.keyset().display().to_string();
    let (code, seen) = on_terminal(&["keys", "create", &path], &[("New", "\u{3}")]).await;
    assert_eq!(code, 130, "{seen}");
    assert!(folder.files().is_empty());
}

#[tokio::test]
async fn a_key_is_destroyed_when_its_id_is_typed_and_not_otherwise() {
    let folder = Folder::with_plaintext().await;
    folder.keys(&["add"]).await;
    folder.keys(&["promote", "2"]).await;
    let path = folder.keyset().display().to_string();
    let destroy = ["keys", "destroy", "1", "--keyset", &path];
    let (code, seen) = on_terminal(&destroy, &[("Type 1", "y\n")]).await;
    assert_eq!(code, 2, "{seen}");
    assert!(seen.contains("not destroyed"), "{seen}");
    assert_eq!(folder.listed().await["generation"], 3);
    let (code, seen) = on_terminal(&destroy, &[("Type 1", "1\n")]).await;
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("can never be read again"), "{seen}");
    assert_eq!(folder.listed().await["keys"][0]["state"], "destroyed");
}

#[tokio::test]
async fn a_value_cannot_steer_the_terminal_that_it_is_shown_on() {
    let folder = Folder::with_plaintext().await;
    let path = folder.keyset().display().to_string();
    let trail = folder.path().join("trail.jsonl").display().to_string();
    let sent = "a\u{1b}]0;title\u{7}\r\u{202e}b";
    let mask = ["mask", "--domain", "device_id", sent];
    let token = done(folder.binary().run(&mask).await).stdout;
    let unmask = [
        "unmask",
        "--keyset",
        &path,
        "--offline",
        "--trail",
        &trail,
        "--reason",
        "ticket 4711",
        token.trim_end(),
    ];
    let (code, seen) = on_terminal(&unmask, &[]).await;
    assert_eq!(code, 0, "{seen}");
    let shown = "a\\u{1b}]0;title\\u{7}\\u{d}\\u{202e}b\r\n";
    assert!(seen.contains(shown), "{seen}");
}
