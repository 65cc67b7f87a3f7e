//! What a run shows on a terminal.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use testkit::{QUEUE, Scene, python};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::{BINARY, login, settled};

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
    for shown in [" %, ", "/s, ", "in flight", "500 received: 500 loaded"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }

    // AND whoever reads it through a pipe sees none of that
    scene.send(&login(500, "android"));
    let finished = scene.binary().run(&["run", "--once"]).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert!(!finished.stderr.contains("in flight"), "{finished:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_when_its_terminal_is_gone() {
    // GIVEN a run that was started on a terminal, and is not to end with it
    let scene = Scene::new(BINARY).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admin/vanishing.py");
    let (url, keyset) = (
        scene.queue.queue_url(QUEUE),
        scene.keyset().display().to_string(),
    );
    let database = scene.database.url();
    let mut python = tokio::process::Command::new(python())
        .arg(script)
        .args([
            BINARY,
            "run",
            "--queue-url",
            &url,
            "--database-url",
            &database,
        ])
        .args(["--keyset", &keyset])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(python.stdout.take().unwrap()).lines();
    let process = lines.next_line().await.unwrap().unwrap();
    scene.send(&login(0, "android"));
    settled(&scene).await;

    // WHEN the terminal goes away
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(b"\n").await.unwrap();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "gone");

    // THEN what comes then is loaded, with lines of the log that nobody sees
    for number in 1..30 {
        scene.send(&login(number, "android"));
    }
    scene.send("no JSON");
    settled(&scene).await;
    // The subject is time: the line is drawn four times a second.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(
        scene
            .database
            .count("SELECT count(*) FROM user_logins")
            .await,
        30
    );

    // AND it ends in order
    let killed = Command::new("kill").args(["-TERM", &process]).status();
    assert!(killed.unwrap().success());
    // That its summary cannot be written is no fault of the run.
    let code = lines.next_line().await.unwrap().unwrap();
    assert!(["143", "1"].contains(&&*code), "{code}");
}
