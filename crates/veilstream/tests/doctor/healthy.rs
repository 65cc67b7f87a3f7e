//! Nothing is wrong, and nothing is changed by looking.

use std::{path::Path, process::Command};

use serde_json::json;
use testkit::{QUEUE, Scene};
use veilstream::{
    doctor::Warnings,
    startup::{Overrides, Settings},
};

use crate::{BINARY, Checked, queue::redrive};

#[tokio::test]
async fn where_all_is_well_every_check_says_so_and_nothing_is_touched() {
    // GIVEN what a run needs, and a message
    let scene = Scene::new(BINARY).await;
    redrive(&scene, 10).await;
    scene.send("no JSON at all");
    let dump = "SELECT (SELECT count(*) FROM veilstream.ledger) + (SELECT count(*) FROM \
                veilstream.key_set) + (SELECT count(*) FROM veilstream.queue_retention)";
    assert_eq!(scene.database.count(dump).await, 0);

    // WHEN
    let checked = Checked::by(&scene.binary()).await;

    // THEN only the tests' server, which runs with fsync = off, endangers anything
    checked.assert("durability", "warning", 0, "fsync = off", "fsync = on");
    let expected = [
        "configuration",
        "key set",
        "queue dns",
        "queue",
        "queue tls",
        "queue clock",
        "permissions",
        "visibility time-out",
        "retention",
        "dead-letter queue",
        "database dns",
        "database",
        "database tls",
        "database clock",
        "privileges",
        "columns",
        "generation",
        "commit time",
    ];
    assert_eq!(checked.sound(), expected);
    let not_sound = checked.findings.len() - expected.len();
    assert_eq!(not_sound, 2, "fsync and full_page_writes");

    // AND nothing is received, deleted or written
    let counts = scene.queue.counts(QUEUE).unwrap();
    assert_eq!((counts.visible, counts.in_flight), (1, 0));
    assert_eq!(scene.database.count(dump).await, 0);
}

#[tokio::test]
async fn the_verdicts_are_told_to_people_within_80_columns_of_a_terminal() {
    let scene = Scene::new(BINARY).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys/terminal.py");
    let mut command = Command::new(testkit::python());
    command
        .arg(script)
        .args(["[]", BINARY, "check", "--queue-url"])
        .arg(scene.queue.queue_url(QUEUE))
        .args(["--database-url", &scene.database.url(), "--keyset"])
        .arg(scene.keyset());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let seen: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen["code"], json!(0), "{seen}");
    let text = seen["seen"].as_str().unwrap();
    for line in text.lines().filter(|line| line.trim().contains(' ')) {
        assert!(line.trim_end().chars().count() <= 80, "{line}");
    }
    let told = "warn   dead-letter queue: there is none";
    assert!(text.contains(told), "{text}");
    assert!(
        text.contains("\n       to do: make a queue for them"),
        "{text}"
    );
    assert!(text.contains("17 ok, warnings: 3, errors: 0"), "{text}");
}

#[tokio::test]
async fn a_run_is_told_what_endangers_it_of_what_it_knows_anyway() {
    // GIVEN a table that does not last, and a queue without a dead-letter queue
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "5")]).await;
    let unlogged = "ALTER TABLE user_logins SET UNLOGGED";
    scene.database.execute(unlogged).await;
    let overrides = Overrides {
        queue_url: Some(scene.queue.queue_url(QUEUE)),
        database_url: Some(scene.database.url()),
        keyset: Some(scene.keyset()),
        ..Overrides::default()
    };
    let settings = Settings::new(overrides).unwrap().without_environment();
    let queue = settings.queue().await.unwrap();
    let database = settings.database().unwrap();
    let fit = settings.fit(&database, None).await.unwrap();

    // WHEN
    let before = scene.queue.calls();
    let pipeline = &settings.configuration().pipeline;
    let warnings = Warnings::at_start(&queue, &fit, pipeline);
    let warnings: Vec<_> = warnings.lines().collect();

    // THEN each is told with what to do, and nobody was asked
    for words in [
        "UNLOGGED",
        "VisibilityTimeout=60",
        "dead-letter queue: there is none",
    ] {
        let told = warnings.iter().filter(|one| one.contains(words)).count();
        assert_eq!(told, 1, "{words}: {warnings:#?}");
    }
    assert_eq!(scene.queue.calls(), before);
}
