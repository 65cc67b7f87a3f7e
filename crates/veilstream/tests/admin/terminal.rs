//! What a run shows on a terminal.

use std::{path::Path, process::Command};

use serde_json::Value;
use testkit::{QUEUE, Scene, python};

use crate::{BINARY, login};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_an_end_shows_how_far_it_is_and_nothing_to_machines() {
    // GIVEN a backlog
    let scene = Scene::new(BINARY).await;
    for number in 0..500 {
        scene.send(&login(number, "android"));
    }

    // WHEN it is worked off on a terminal
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys/terminal.py");
    let (url, keyset) = (
        scene.queue.queue_url(QUEUE),
        scene.keyset().display().to_string(),
    );
    let database = scene.database.url();
    let mut command = Command::new(python());
    command.env("TERMINAL", "xterm");
    command
        .arg(script)
        .args(["[]", BINARY, "run", "--once", "--queue-url", &url]);
    command.args(["--database-url", &database, "--keyset", &keyset]);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();

    // THEN it shows how far it is, and in the end what it did
    assert!(output.status.success(), "{output:#?}");
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = seen["seen"].as_str().unwrap();
    for shown in [
        "%",
        "left",
        "messages/s",
        "in flight",
        "500 received: 500 loaded",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }

    // AND whoever reads it through a pipe sees none of that
    scene.send(&login(500, "android"));
    let finished = scene.binary().run(&["run", "--once"]).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert!(!finished.stderr.contains("messages/s"), "{finished:#?}");
}
