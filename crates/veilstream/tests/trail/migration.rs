//! From version 1 of schema `veilstream` to the next.

use testkit::Scene;

use crate::BINARY;

const FIRST: &str = include_str!("../../src/load/schema/1.sql");
const ROWS: &str = "INSERT INTO veilstream.schema_version (version) VALUES (1); \
    SELECT veilstream.add_ledger_partition(19675); \
    INSERT INTO veilstream.ledger VALUES ('018bcfe5-687b-0000-0000-000000000001'); \
    INSERT INTO veilstream.quarantine (id, message_id, queue_arn, pipeline, sent_at, reason, \
        key_id, nonce, sealed) \
    VALUES ('018bcfe5-687b-0000-0000-000000000001', 'm', 'q', 'p', now(), 'missing_field', 1, \
        '\\x00', '\\x00')";

#[tokio::test]
async fn a_database_of_version_1_is_led_on_and_keeps_its_rows() {
    // GIVEN a database as version 1 left it
    let scene = Scene::unmigrated(BINARY, &[]).await;
    scene.database.execute(FIRST).await;
    scene.database.execute(ROWS).await;

    // WHEN it is used, THEN every command says what to do
    for arguments in [
        &["run", "--once"][..],
        &["check"],
        &["quarantine", "list"],
        &["audit", "list"],
        &["audit", "verify"],
    ] {
        let refused = scene.binary().run(arguments).await;
        assert_eq!(refused.code, Some(4), "{refused:#?}");
        let all = format!("{}{}", refused.stdout, refused.stderr);
        assert!(all.contains("run `veilstream migrate`"), "{refused:#?}");
    }

    // AND migrating leads to the newest version
    let migrated = scene.binary().run(&["migrate"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    assert!(
        migrated.stdout.contains("from version 1 to 4"),
        "{migrated:#?}"
    );
    for table in ["ledger", "quarantine"] {
        let rows = format!("SELECT count(*) FROM veilstream.{table}");
        assert_eq!(scene.database.count(&rows).await, 1, "{table}");
    }
    let versions = "SELECT count(*) FROM veilstream.schema_version";
    assert_eq!(scene.database.count(versions).await, 4);
    assert_eq!(scene.run_once().await.code, Some(0));
}
