//! What `veilstream audit verify` finds, and what only an anchor that was kept elsewhere shows.

use serde_json::json;
use testkit::Scene;

use crate::{BINARY, DEVICE, IP, token, unmask};

/// A scene with four entries, and the anchor that was printed after them.
async fn with_trail() -> (Scene, String) {
    let scene = Scene::new(BINARY).await;
    let tokens = [token(&scene, "ip", IP), token(&scene, "device_id", DEVICE)];
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    for _ in 0..2 {
        let unmasked = unmask(&scene.binary(), &tokens).await;
        assert_eq!(unmasked.code, Some(0), "{unmasked:#?}");
    }
    let verified = scene.binary().run(&["audit", "verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:#?}");
    assert!(verified.stdout.contains("4 entries"), "{verified:#?}");
    let (_, anchor) = verified.stdout.trim().rsplit_once(' ').unwrap();
    assert!(anchor.starts_with("4:"), "{verified:#?}");
    scene
        .database
        .execute("CREATE TABLE whole AS TABLE veilstream.audit")
        .await;
    let anchor = anchor.to_owned();
    (scene, anchor)
}

/// As somebody does who owns the table and knows how its triggers are put aside.
async fn tamper(scene: &Scene, sql: &str) {
    let sql = format!(
        "SET session_replication_role = replica; TRUNCATE veilstream.audit; \
         INSERT INTO veilstream.audit TABLE whole; {sql}"
    );
    scene.database.execute(&sql).await;
}

const REHASH: &str = "DO $$ DECLARE one veilstream.audit; last bytea; BEGIN \
    last := decode(repeat('00', 32), 'hex'); \
    FOR one IN SELECT * FROM veilstream.audit ORDER BY seq LOOP \
        one.previous := last; last := veilstream.audit_hash(one); \
        UPDATE veilstream.audit a SET previous = one.previous, hash = last WHERE a.seq = one.seq; \
    END LOOP; END $$";

#[tokio::test]
async fn a_trail_that_was_tampered_with_names_the_first_entry_that_is_wrong() {
    let (scene, _) = with_trail().await;
    for (tampering, said) in [
        (
            "UPDATE veilstream.audit SET reason = 'another' WHERE seq = 2",
            "entry 2 was changed",
        ),
        (
            "UPDATE veilstream.audit SET at = at + interval '1 microsecond' WHERE seq = 3",
            "entry 3 was changed",
        ),
        (
            "UPDATE veilstream.audit SET at = 'infinity' WHERE seq = 3",
            "entry 3 was changed",
        ),
        (
            "UPDATE veilstream.audit a SET database_role = 'somebody', hash = \
             veilstream.audit_hash(ROW(seq, at, action, 'somebody', os_user, host, reason, domain, \
             tokens, fingerprints, previous, hash)::veilstream.audit) WHERE seq = 2",
            "entry 3 does not follow entry 2",
        ),
        (
            "DELETE FROM veilstream.audit WHERE seq = 2",
            "entry 2 is missing",
        ),
        (
            "DELETE FROM veilstream.audit WHERE seq = 1",
            "entry 1 is missing",
        ),
        (
            "DELETE FROM veilstream.audit WHERE seq = 2; \
             UPDATE veilstream.audit SET seq = seq - 1 WHERE seq = 3; \
             UPDATE veilstream.audit SET seq = seq - 1 WHERE seq = 4",
            "entry 2 was changed",
        ),
        (
            "UPDATE veilstream.audit SET seq = 9 WHERE seq = 2; \
             UPDATE veilstream.audit SET seq = 2 WHERE seq = 3; \
             UPDATE veilstream.audit SET seq = 3 WHERE seq = 9",
            "entry 2 was changed",
        ),
    ] {
        tamper(&scene, tampering).await;
        let found = scene.binary().run(&["audit", "verify"]).await;
        assert_eq!(found.code, Some(6), "{tampering}: {found:#?}");
        assert!(found.stderr.contains(said), "{tampering}: {found:#?}");
    }
    let found = ["audit", "verify", "--output", "json"];
    let found = scene.binary().run(&found).await;
    assert_eq!(found.code, Some(6), "{found:#?}");
    assert_eq!(found.summary()["ok"], json!(false));

    tamper(&scene, "SELECT").await;
    let whole = ["audit", "verify", "--output", "json"];
    let whole = scene.binary().run(&whole).await;
    assert_eq!(whole.code, Some(0), "{whole:#?}");
    assert_eq!(whole.summary()["entries"], json!(4));
}

#[tokio::test]
async fn an_entry_that_was_added_without_a_place_in_the_chain_is_found() {
    // GIVEN an owner who has taken the constraints away
    let (scene, _) = with_trail().await;
    scene
        .database
        .execute(
            "DO $$ DECLARE one name; BEGIN \
             FOR one IN SELECT conname FROM pg_constraint \
                 WHERE conrelid = 'veilstream.audit'::regclass LOOP \
                 EXECUTE format('ALTER TABLE veilstream.audit DROP CONSTRAINT %I', one); \
             END LOOP; \
             FOR one IN SELECT attname FROM pg_attribute \
                 WHERE attrelid = 'veilstream.audit'::regclass AND attnum > 0 LOOP \
                 EXECUTE format('ALTER TABLE veilstream.audit ALTER %I DROP NOT NULL', one); \
             END LOOP; END $$",
        )
        .await;
    let nothing = "INSERT INTO veilstream.audit (seq) VALUES (NULL)";
    let no_number = "INSERT INTO veilstream.audit SELECT (jsonb_populate_record(a, \
        '{\"seq\": null, \"reason\": \"added\"}')).* FROM veilstream.audit a WHERE seq = 2";
    for (sql, verified, listed) in [
        (nothing, "5 entries up to entry 4", Some("without a number")),
        (
            no_number,
            "5 entries up to entry 4",
            Some("without a number"),
        ),
        (
            "INSERT INTO veilstream.audit SELECT * FROM veilstream.audit WHERE seq = 4",
            "entry 5 is missing: entry 4",
            None,
        ),
        (
            "INSERT INTO veilstream.audit (seq) VALUES (5)",
            "entry 5 was changed",
            Some("entry 5 was changed"),
        ),
    ] {
        tamper(&scene, sql).await;
        let found = scene.binary().run(&["audit", "verify"]).await;
        assert_eq!(found.code, Some(6), "{sql}: {found:#?}");
        assert!(found.stderr.contains(verified), "{sql}: {found:#?}");
        let list = scene.binary().run(&["audit", "list"]).await;
        let code = if listed.is_some() { 6 } else { 0 };
        assert_eq!(list.code, Some(code), "{sql}: {list:#?}");
        let said = listed.unwrap_or_default();
        assert!(list.stderr.contains(said), "{sql}: {list:#?}");
    }
}

#[tokio::test]
async fn a_tail_that_was_cut_off_is_found_with_an_anchor_only() {
    let (scene, anchor) = with_trail().await;
    let expecting = ["audit", "verify", "--expect", &anchor];
    let whole = scene.binary().run(&expecting).await;
    assert_eq!(whole.code, Some(0), "{whole:#?}");

    tamper(&scene, "DELETE FROM veilstream.audit WHERE seq = 4").await;
    let cut = scene.binary().run(&["audit", "verify"]).await;
    assert_eq!(cut.code, Some(0), "a chain does not show it: {cut:#?}");
    let cut = scene.binary().run(&expecting).await;
    assert_eq!(cut.code, Some(6), "{cut:#?}");
    assert!(cut.stderr.contains("cut off"), "{cut:#?}");

    // Nor does a chain show that all of it was written anew.
    let anew = format!("UPDATE veilstream.audit SET reason = 'other' WHERE seq = 1; {REHASH}");
    tamper(&scene, &anew).await;
    let anew = scene.binary().run(&["audit", "verify"]).await;
    assert_eq!(anew.code, Some(0), "{anew:#?}");
    let anew = scene.binary().run(&expecting).await;
    assert_eq!(anew.code, Some(6), "{anew:#?}");
    assert!(anew.stderr.contains("entry 4"), "{anew:#?}");

    // And the anchor still holds when the trail went on.
    tamper(&scene, "SELECT").await;
    let ip = token(&scene, "ip", IP);
    assert_eq!(unmask(&scene.binary(), &[&ip]).await.code, Some(0));
    let longer = scene.binary().run(&expecting).await;
    assert_eq!(longer.code, Some(0), "{longer:#?}");
    assert!(longer.stdout.contains("newest: 5:"), "{longer:#?}");
}

#[tokio::test]
async fn the_rails_refuse_changes_even_to_the_owner() {
    let (scene, _) = with_trail().await;
    let client = scene.database.connect().await;
    for sql in [
        "UPDATE veilstream.audit SET reason = 'another'",
        "DELETE FROM veilstream.audit WHERE seq = 99",
        "TRUNCATE veilstream.audit",
    ] {
        let refused = client.batch_execute(sql).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "55000", "{sql}");
    }
}

#[tokio::test]
async fn an_empty_trail_is_whole() {
    let scene = Scene::new(BINARY).await;
    let verified = scene.binary().run(&["audit", "verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:#?}");
    assert!(verified.stdout.contains("0 entries"), "{verified:#?}");
    let listed = scene.binary().run(&["audit", "list"]).await;
    assert_eq!(listed.stdout, "nothing was unmasked\n", "{listed:#?}");
    let wrong = ["audit", "verify", "--expect", "4"];
    let wrong = scene.binary().run(&wrong).await;
    assert_eq!(wrong.code, Some(2), "{wrong:#?}");
}

#[tokio::test]
async fn a_trail_of_many_pages_is_followed_to_its_end() {
    let scene = Scene::new(BINARY).await;
    scene
        .database
        .execute(
            "SELECT veilstream.append_audit('unmask', 'ü', 'h', 'wéil', '{ip}', \
             ARRAY[decode(repeat('ab', 16), 'hex')]) FROM generate_series(1, 1234)",
        )
        .await;
    let verified = scene.binary().run(&["audit", "verify"]).await;
    assert_eq!(verified.code, Some(0), "{verified:#?}");
    assert!(verified.stdout.contains("1234 entries"), "{verified:#?}");
    tamper_last(&scene).await;
    let found = scene.binary().run(&["audit", "verify"]).await;
    assert_eq!(found.code, Some(6), "{found:#?}");
    assert!(found.stderr.contains("entry 1234"), "{found:#?}");
}

async fn tamper_last(scene: &Scene) {
    let sql = "SET session_replication_role = replica; \
               UPDATE veilstream.audit SET host = 'other' WHERE seq = 1234";
    scene.database.execute(sql).await;
}
