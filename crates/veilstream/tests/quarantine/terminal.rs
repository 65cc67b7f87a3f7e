//! On a terminal: what is asked, and what is shown.

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use testkit::Scene;

use crate::{BINARY, open};

/// What a command with these answers to these words ends with, and what the terminal showed.
async fn on_terminal(arguments: &[&str], answers: &[(&str, &str)]) -> (i64, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys/terminal.py");
    let mut command = Command::new(testkit::python());
    command
        .arg(script)
        .arg(json!(answers).to_string())
        .arg(BINARY)
        .args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    assert!(output.status.success(), "{output:#?}");
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = seen["seen"].as_str().unwrap().to_owned();
    (seen["code"].as_i64().unwrap(), text)
}

#[tokio::test]
async fn an_original_cannot_steer_the_terminal_and_is_erased_when_that_is_typed() {
    let scene = Scene::new(BINARY).await;
    scene.send("{\"a\": \"\u{202e}b\"}");
    assert_eq!(scene.run_once().await.total("quarantined"), 1);
    let id = open(&scene).await.remove(0);
    let (database, keyset) = (scene.database.url(), scene.keyset().display().to_string());
    let show = [
        "quarantine",
        "show",
        "--database-url",
        &database,
        "--keyset",
        &keyset,
        "--reason",
        "r",
        &id,
    ];
    let (code, seen) = on_terminal(&show, &[]).await;
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("{\"a\": \"\\u{202e}b\"}\r\n"), "{seen}");

    let discard = ["quarantine", "discard", "--database-url", &database, &id];
    let (code, seen) = on_terminal(&discard, &[("Type discard", "yes\n")]).await;
    assert_eq!(code, 2, "{seen}");
    assert!(seen.contains("for ever"), "{seen}");
    assert_eq!(open(&scene).await.len(), 1);
    let (code, seen) = on_terminal(&discard, &[("Type discard", "discard\n")]).await;
    assert_eq!(code, 0, "{seen}");
    assert!(seen.contains("1 discarded"), "{seen}");
    assert!(open(&scene).await.is_empty());
}
