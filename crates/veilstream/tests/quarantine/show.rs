//! Originals that are shown, and the trail of it.

use std::fs;

use masking::{Keyset, Zeroizing};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::{Binary, Finished, Scene};

use crate::{BINARY, NOT_THERE, assert_refused, event, open, rejected};

const COUNT: &str = "SELECT count(*) FROM veilstream.audit";

async fn show(binary: &Binary, arguments: &[&str]) -> Finished {
    let show = ["quarantine", "show", "--reason", "ticket 4711"];
    binary.run(&[&show, arguments].concat()).await
}

#[tokio::test]
async fn an_original_is_shown_with_an_entry_in_the_trail() {
    // GIVEN an original with what would steer a terminal
    let scene = Scene::new(BINARY).await;
    let body = "{\"foo\": \"oops\u{202e}\",\n \"bar\": 1}";
    scene.send(body);
    assert_eq!(scene.run_once().await.total("quarantined"), 1);
    let id = open(&scene).await.remove(0);

    // WHEN
    let shown = show(&scene.binary(), &[&id]).await;
    let json = show(&scene.binary(), &["--output", "json", &id.to_uppercase()]).await;

    // THEN it is there as it was sent, and escaped for machines
    assert_eq!(shown.code, Some(0), "{shown:#?}");
    assert_eq!(shown.stdout, format!("{body}\n"));
    assert!(!shown.stderr.contains("oops"), "{shown:#?}");
    let summary = json.summary();
    assert_eq!(summary["body"], body);
    assert_eq!(summary["id"], json!(id));
    assert_eq!(summary["reason"], "missing_field");
    assert!(!json.stdout.contains('\u{202e}'), "{json:#?}");

    // AND the trail tells it, in a chain that is whole
    let list = [
        "audit",
        "list",
        "--output",
        "json",
        "--domain",
        "(quarantine)",
    ];
    let listed = scene.binary().run(&list).await.summary();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let entry = &listed[0];
    assert_eq!(entry["action"], "show");
    assert_eq!(entry["reason"], "ticket 4711");
    assert_eq!(entry["tokens"], 1);
    let digest = Sha256::digest(id.as_bytes());
    let digits: Vec<_> = digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(entry["fingerprints"], json!([digits.concat()]));
    assert!(!listed.to_string().contains("oops"));
    let verified = scene.binary().run(&["audit", "verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:#?}");
    for other in ["hide", "Show", ""] {
        let append = format!(
            "SELECT veilstream.append_audit('{other}', 'u', 'h', 'r', '{{ip}}', \
             ARRAY[decode(repeat('ab', 16), 'hex')])"
        );
        let client = scene.database.connect().await;
        let refused = client.batch_execute(&append).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "23514", "{other}");
    }
}

#[tokio::test]
async fn what_cannot_be_shown_leaves_no_trail() {
    let scene = rejected(1).await;
    let id = open(&scene).await.remove(0);
    let binary = scene.binary();
    assert_refused(
        &show(&binary, &[NOT_THERE]).await,
        2,
        &["no entry", NOT_THERE],
    );
    assert_refused(&show(&binary, &["nonsense"]).await, 2, &["prints it"]);
    let silent = ["quarantine", "show", "--reason", " ", &id];
    assert_refused(&binary.run(&silent).await, 2, &["reason"]);

    // Another key set does not open it, nor one whose key was destroyed.
    let foreign = scene.folder.path().join("foreign.json");
    let foreign = foreign.to_str().unwrap();
    let create = ["keys", "create", foreign, "--plaintext"];
    assert_eq!(binary.run(&create).await.code, Some(0));
    let with_foreign = scene.binary().with("VEILSTREAM_KEYSET", foreign);
    let refused = show(&with_foreign, &[&id]).await;
    assert_refused(&refused, 5, &["does not open", "use the key set that"]);
    let mut keyset = Keyset::from_json(&fs::read(scene.keyset()).unwrap()).unwrap();
    let root = Zeroizing::new([3; 32]);
    let key = keyset.add_key(root, "2026-01-31T12:00:00Z").unwrap();
    keyset.promote(key).unwrap();
    keyset.destroy(1).unwrap();
    fs::write(scene.keyset(), keyset.to_json().as_bytes()).unwrap();
    let refused = show(&binary, &[&id]).await;
    assert_refused(&refused, 5, &["does not open", "destroyed", "discard"]);
    assert_eq!(scene.database.count(COUNT).await, 0);
}

#[tokio::test]
async fn an_entry_that_was_changed_or_moved_does_not_open() {
    let scene = rejected(2).await;
    let ids = open(&scene).await;
    let unguarded = "ALTER TABLE veilstream.quarantine DISABLE TRIGGER guard_entry";
    scene.database.execute(unguarded).await;
    for change in [
        "sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)",
        "queue_arn = queue_arn || 'x'",
        "nonce = '\\x00'",
        "(nonce, sealed) = (SELECT nonce, sealed FROM veilstream.quarantine o WHERE o.id <> q.id)",
    ] {
        let client = scene.database.connect().await;
        let sql = format!(
            "UPDATE veilstream.quarantine q SET {change} WHERE id = '{}'",
            ids[0]
        );
        let backup = "CREATE TEMP TABLE backup AS SELECT * FROM veilstream.quarantine";
        client
            .batch_execute(&format!("{backup}; {sql}"))
            .await
            .unwrap();
        let refused = show(&scene.binary(), &[&ids[0]]).await;
        assert_refused(&refused, 5, &["was changed after sealing"]);
        let restore = "DELETE FROM veilstream.quarantine; \
                       INSERT INTO veilstream.quarantine SELECT * FROM backup";
        client.batch_execute(restore).await.unwrap();
    }
    assert_eq!(show(&scene.binary(), &[&ids[0]]).await.code, Some(0));
}

#[tokio::test]
async fn an_original_counts_as_one_token_of_the_limits() {
    let scene = rejected(1).await;
    let id = open(&scene).await.remove(0);
    scene
        .database
        .execute("UPDATE veilstream.unmask_limit SET per_hour = 1")
        .await;
    let shown = show(&scene.binary(), &["--output", "json", &id]).await;
    let body: Value = serde_json::from_str(shown.summary()["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, event("device-0"));
    let refused = show(&scene.binary(), &[&id]).await;
    assert_refused(
        &refused,
        6,
        &["nothing is shown without its trail", "1 of 1 an hour"],
    );
}
