//! The trail of a replay.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    CORRECTED, ROWS, assert_refused, assert_replayed, configured, corrected, open, rejected, replay,
};

const COUNT: &str = "SELECT count(*) FROM veilstream.audit";

#[tokio::test]
async fn a_replay_leaves_one_entry_that_names_the_target_table() {
    // GIVEN entries, and a configuration that masks nothing and loads into a table of somebody's own
    let scene = rejected(3).await;
    let own = "CREATE SCHEMA own; CREATE TABLE own.copy (ip text)";
    scene.database.execute(own).await;
    let (head, _) = CORRECTED.split_once("[[columns]]").unwrap();
    let head = head.replace("\"user_logins\"", "\"own.copy\"");
    let in_clear = format!("{head}[[columns]]\nname = \"ip\"\ntype = \"text\"\npath = \"/ip\"\n");

    // WHEN
    let replayed = replay(&configured(&scene, &in_clear), &["--all"]).await;

    // THEN the trail tells, in a chain that is whole
    assert_replayed(&replayed, 0, (3, 0, 0, json!({}), 0));
    let list = ["audit", "list", "--output", "json"];
    let listed = scene.binary().run(&list).await.summary();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let entry = &listed[0];
    assert_eq!(entry["action"], "replay");
    assert_eq!(entry["domain"], "(quarantine)");
    assert_eq!(entry["reason"], "replay of pipeline logins into own.copy");
    let digest = Sha256::digest("own.copy");
    let digits: Vec<_> = digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(entry["fingerprints"], json!([digits.concat()]));
    let verified = scene.binary().run(&["audit", "verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:#?}");

    // AND people read it, the domain in one piece
    let listed = scene.binary().run(&["audit", "list"]).await;
    for part in ["action", "replay", "(quarantine)"] {
        assert!(listed.stdout.contains(part), "{part}: {listed:#?}");
    }
    assert!(listed.stdout.lines().all(|line| line.chars().count() <= 80));
}

#[tokio::test]
async fn without_its_trail_nothing_is_replayed() {
    let scene = rejected(2).await;
    let ids = open(&scene).await;
    let limit = "UPDATE veilstream.unmask_limit SET per_hour = 1";
    scene.database.execute(limit).await;
    let corrected = corrected(&scene);
    let first = replay(&corrected, &[&ids[0]]).await;
    assert_replayed(&first, 0, (1, 0, 0, json!({}), 0));
    let said = ["nothing is replayed without its trail", "1 of 1 an hour"];
    assert_refused(&replay(&corrected, &["--all"]).await, 6, &said);
    let broken = "UPDATE veilstream.unmask_limit SET per_hour = 1000; \
        ALTER TABLE veilstream.audit ADD CHECK (seq < 2)";
    scene.database.execute(broken).await;
    let said = ["nothing is replayed without its trail", "23514"];
    assert_refused(&replay(&corrected, &["--all"]).await, 6, &said);
    assert_eq!(scene.database.count(ROWS).await, 1);
    assert_eq!(scene.database.count(COUNT).await, 1);
    assert_eq!(open(&scene).await, ids[1..]);
}
