//! The roles of deploy/roles.sql: each does its job, and nothing else.

use std::process::Command;

use testkit::{Binary, Proxy, QUEUE, Scene, member};

use crate::{BINARY, DEVICE, IP, assert_silent, token, unmask};

const EVENT: &str = r#"{"user_id": "u", "ip": "203.0.113.77", "device_id": "d"}"#;
const STRAY: &str = r#"{"foo": "oops_wrong_msg_type", "bar": "123"}"#;
/// What deploy/roles.sql tells how to take from everybody.
const CLOSE: &str = "REVOKE CREATE ON SCHEMA public FROM PUBLIC; \
    DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', \
    current_database()); END $$";
const CALL_APPEND: &str = "SELECT veilstream.append_audit('unmask', 'u', 'h', 'r', '{ip}', \
    ARRAY[decode(repeat('ab', 16), 'hex')])";
const CALL_USE: &str = "SELECT veilstream.use_key_set(repeat('a', 16), 1, \
    decode(repeat('00', 32), 'hex'), '{1}', ARRAY[decode(repeat('cd', 16), 'hex')], NULL)";
const CALL_ASK: &str = "SELECT veilstream.ask_key_set(repeat('a', 16), 1, \
    decode(repeat('00', 32), 'hex'), '{1}', ARRAY[decode(repeat('cd', 16), 'hex')], NULL)";
/// To say of a table that a role may not write to whose tokens it holds.
const BIND_FOREIGN: &str = "SELECT veilstream.use_key_set(repeat('a', 16), 1, \
    decode(repeat('00', 32), 'hex'), '{1}', ARRAY[decode(repeat('cd', 16), 'hex')], \
    'public.foreign_logins')";

const CALL_HOLDS: &str = "SELECT veilstream.holds_tokens_of('user_logins', repeat('a', 16))";
/// Every command about the quarantine, with an entry that is not there.
const QUARANTINE: [&[&str]; 5] = [
    &["quarantine", "list"],
    &["quarantine", "show", "--reason", "r", NOT_THERE],
    &["quarantine", "replay", "--all"],
    &["quarantine", "discard", "--yes", NOT_THERE],
    &["quarantine", "purge", "--older-than", "1s"],
];
const NOT_THERE: &str = "018bcfe5-687b-0000-0000-000000000001";

/// A scene with the roles, and one that logs in as a member of a group.
async fn with_member(group: &str) -> (Scene, String) {
    let scene = Scene::new(BINARY).await;
    scene.database.execute(CLOSE).await;
    let foreign = "CREATE TABLE public.foreign_logins (user_id text)";
    scene.database.execute(foreign).await;
    let url = member(&scene.database, group).await;
    (scene, url)
}

async fn assert_refused(url: &str, statements: &[&str]) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    for sql in statements {
        let error = client.batch_execute(sql).await.expect_err(sql);
        let code = error.code().unwrap_or_else(|| panic!("{sql}: {error}"));
        assert_eq!(code.code(), "42501", "{sql}: {error}");
    }
}

/// What none of the roles may do.
const NOBODY: &[&str] = &[
    "SELECT 1 FROM user_logins",
    "UPDATE user_logins SET locale = 'XX'",
    "DELETE FROM user_logins",
    "TRUNCATE user_logins",
    "INSERT INTO user_logins (user_id) VALUES ('u') RETURNING user_id",
    "COPY user_logins TO STDOUT",
    "ALTER TABLE user_logins ADD COLUMN mine text",
    "ALTER TABLE user_logins DISABLE TRIGGER ALL",
    "CREATE INDEX mine ON user_logins (user_id)",
    "CREATE TRIGGER mine BEFORE INSERT ON user_logins FOR EACH ROW \
     EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "DROP TABLE user_logins",
    "UPDATE veilstream.quarantine SET id = id",
    "UPDATE veilstream.quarantine SET message_id = 'other', sent_at = now()",
    "UPDATE veilstream.quarantine SET key_id = 1, nonce = '', queue_arn = ''",
    "TRUNCATE veilstream.quarantine",
    "UPDATE veilstream.identity SET keep_until = keep_until",
    "DELETE FROM veilstream.identity",
    "TRUNCATE veilstream.identity",
    "UPDATE veilstream.ledger SET key = key",
    "DELETE FROM veilstream.ledger",
    "TRUNCATE veilstream.ledger",
    "DROP TABLE veilstream.ledger",
    "SELECT 1 FROM veilstream.queue_retention",
    "INSERT INTO veilstream.queue_retention VALUES ('a', 60, now())",
    "UPDATE veilstream.queue_retention SET retention = 60",
    "DELETE FROM veilstream.queue_retention",
    "DELETE FROM veilstream.ledger_start",
    "UPDATE veilstream.ledger_start SET day = 0",
    "UPDATE veilstream.identity SET keep_until = '1970-01-01'",
    "DELETE FROM veilstream.identity",
    "TRUNCATE veilstream.identity",
    "DROP TABLE veilstream.identity",
    "INSERT INTO veilstream.audit SELECT * FROM veilstream.audit",
    "UPDATE veilstream.audit SET reason = 'other'",
    "DELETE FROM veilstream.audit",
    "TRUNCATE veilstream.audit",
    "ALTER TABLE veilstream.audit DISABLE TRIGGER ALL",
    "DROP TRIGGER only_appended_to ON veilstream.audit",
    "DO $$ BEGIN LOCK TABLE veilstream.audit IN ACCESS EXCLUSIVE MODE; END $$",
    "SELECT 1 FROM veilstream.key_set",
    "INSERT INTO veilstream.key_set VALUES (repeat('a', 16), 1, decode(repeat('00', 32), 'hex'))",
    "UPDATE veilstream.key_set SET generation = 1",
    "DELETE FROM veilstream.key_set",
    "SELECT 1 FROM veilstream.masked_table",
    "DELETE FROM veilstream.masked_table",
    "UPDATE veilstream.unmask_limit SET per_call = 1000000",
    "UPDATE veilstream.schema_version SET version = 1",
    "INSERT INTO veilstream.schema_version VALUES (99)",
    "SELECT veilstream.audit_text('x')",
    "SELECT veilstream.ledger_bound(1)",
    "SELECT veilstream.target_name('user_logins')",
    BIND_FOREIGN,
    "CREATE OR REPLACE FUNCTION veilstream.refuse_change() RETURNS trigger LANGUAGE plpgsql AS \
     'BEGIN RETURN NULL; END'",
    "ALTER FUNCTION veilstream.append_audit SECURITY INVOKER",
    "CREATE TABLE veilstream.mine (a text)",
    "CREATE TABLE public.mine (a text)",
    "CREATE TEMPORARY TABLE mine (a text)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "DROP SCHEMA veilstream CASCADE",
    "CREATE ROLE mine",
    "SET session_replication_role = replica",
];

#[tokio::test]
async fn a_loader_runs_knows_duplicates_and_can_do_nothing_else() {
    // GIVEN a worker that is a loader, and no partition for today's messages
    let (scene, url) = with_member("loader").await;
    let drop_partitions = "DO $$ DECLARE one regclass; BEGIN \
        FOR one IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'veilstream.ledger'::regclass \
        LOOP EXECUTE 'DROP TABLE ' || one; END LOOP; END $$";
    scene.database.execute(drop_partitions).await;
    let loader = scene.binary().with("DATABASE_URL", &url);
    let old = "SELECT veilstream.add_ledger_partition(0); \
        INSERT INTO veilstream.identity VALUES (gen_random_uuid(), '1970-01-01')";
    scene.database.execute(old).await;
    let checked = loader.run(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    scene.send(EVENT);
    scene.send(STRAY);

    // WHEN messages are loaded whose deletion gets lost, and then come back
    let proxy = Proxy::losing_deletes(&scene.queue.address().to_string()).await;
    let through = scene.binary().with("DATABASE_URL", &url);
    let queue = proxy.before(&scene.queue.queue_url(QUEUE));
    let through = through.with("VEILSTREAM_QUEUE_URL", &queue);
    let first = run_once(&through).await;
    assert_eq!(first, [1, 0, 1]);
    proxy.give_back(&scene.queue.queue_url(QUEUE)).await;
    scene.send(EVENT);
    let second = run_once(&loader).await;

    // THEN they are loaded once
    assert_eq!(second, [1, 2, 0]);
    let rows = "SELECT count(*) FROM user_logins";
    assert_eq!(scene.database.count(rows).await, 2);
    assert_eq!(scene.queued(), 0);

    // AND what is over was dropped and forgotten
    for over in [
        "SELECT count(*) FROM pg_class WHERE relname = 'ledger_19700101'",
        "SELECT count(*) FROM veilstream.identity",
    ] {
        assert_eq!(scene.database.count(over).await, 0, "{over}");
    }

    // AND that is all that the role can do
    assert_refused(&url, NOBODY).await;
    let today = "SELECT 'veilstream.ledger_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')";
    let today = scene.database.rows(today).await[0][0].clone().unwrap();
    for statement in [
        format!("ALTER TABLE veilstream.ledger DETACH PARTITION {today}"),
        format!("DROP TABLE {today}"),
        format!("TRUNCATE {today}"),
        format!("SELECT 1 FROM {today}"),
    ] {
        assert_refused(&url, &[&statement]).await;
    }
    assert_refused(
        &url,
        &[
            "SELECT 1 FROM veilstream.quarantine",
            "UPDATE veilstream.quarantine SET reason = 'other'",
            "DELETE FROM veilstream.quarantine",
            CALL_HOLDS,
            "SELECT 1 FROM veilstream.audit",
            "SELECT 1 FROM veilstream.unmask_limit",
            CALL_APPEND,
        ],
    )
    .await;
    let token = token(&scene, "ip", IP);
    assert_silent(
        &unmask(&loader, &[&token]).await,
        4,
        &["42501", "roles.sql"],
    );
    for command in [
        &["migrate", "--new-key-set"][..],
        &["audit", "list"],
        &["audit", "verify"],
    ] {
        let refused = loader.run(command).await;
        assert_eq!(refused.code, Some(4), "{command:?}: {refused:#?}");
        assert!(refused.stderr.contains("42501"), "{refused:#?}");
    }
    for command in QUARANTINE {
        let refused = loader.run(command).await;
        assert_eq!(refused.code, Some(4), "{command:?}: {refused:#?}");
        let grant = "ON veilstream.quarantine TO ";
        assert!(refused.stderr.contains(grant), "{refused:#?}");
    }
}

/// Loaded, duplicates, quarantined.
async fn run_once(binary: &Binary) -> [u64; 3] {
    let run = binary.run(&["run", "--once", "--output", "json"]).await;
    assert_eq!(run.code, Some(0), "{run:#?}");
    ["loaded", "duplicates", "quarantined"].map(|name| run.total(name))
}

#[tokio::test]
async fn an_operator_unmasks_with_a_trail_looks_after_the_quarantine_and_no_more() {
    let (scene, url) = with_member("operator").await;
    scene.send(STRAY);
    assert_eq!(scene.run_once().await.total("quarantined"), 1);
    let operator = scene.binary().with("DATABASE_URL", &url);
    let listed = operator.run(&["quarantine", "list"]).await;
    assert_eq!(listed.code, Some(0), "{listed:#?}");
    let id = scene.quarantine().await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let show = ["quarantine", "show", "--reason", "ticket 4711", &id];
    let shown = operator.run(&show).await;
    assert_eq!(shown.stdout, format!("{STRAY}\n"), "{shown:#?}");
    let replayed = operator.run(&["quarantine", "replay", &id]).await;
    assert_eq!(replayed.code, Some(8), "{replayed:#?}");
    let discarded = operator.run(&["quarantine", "discard", "--yes", &id]).await;
    assert_eq!(discarded.code, Some(0), "{discarded:#?}");
    let purged = operator
        .run(&["quarantine", "purge", "--older-than", "1s"])
        .await;
    assert_eq!(purged.code, Some(0), "{purged:#?}");
    settled_entries_are_final(&scene, &url).await;
    let ip = token(&scene, "ip", IP);
    let unmasked = unmask(&operator, &[&ip]).await;
    assert_eq!(unmasked.code, Some(0), "{unmasked:#?}");
    assert_eq!(unmasked.stdout, format!("{IP}\n"));
    let role = scene
        .database
        .rows("SELECT DISTINCT database_role FROM veilstream.audit")
        .await;
    let (name, _) = url["postgresql://".len()..].split_once(':').unwrap();
    assert_eq!(role, [[Some(name.to_owned())]]);

    assert_refused(&url, NOBODY).await;
    assert_refused(
        &url,
        &[
            "INSERT INTO veilstream.ledger VALUES ('018bcfe5-687b-0000-0000-000000000001')",
            "INSERT INTO veilstream.quarantine SELECT * FROM veilstream.quarantine",
            "SELECT 1 FROM veilstream.ledger",
            "SELECT 1 FROM veilstream.ledger_start",
            "SELECT 1 FROM veilstream.audit",
            "SELECT 1 FROM veilstream.unmask_limit",
            "SELECT veilstream.add_ledger_partition(1)",
            "SELECT veilstream.record_queue_retention('a', 60)",
            "SELECT veilstream.add_ledger_partitions_ahead()",
            "SELECT veilstream.drop_ledger_partition()",
            "SELECT veilstream.prune_identity()",
            CALL_USE,
        ],
    )
    .await;

    // WHEN it may not leave a trail any more, THEN it opens nothing
    let revoke = "REVOKE EXECUTE ON FUNCTION veilstream.append_audit FROM veilstream_operator";
    scene.database.execute(revoke).await;
    let device = token(&scene, "device_id", DEVICE);
    let refused = unmask(&operator, &[&ip, &device]).await;
    assert_silent(&refused, 4, &["without its trail", "42501", "roles.sql"]);
    scene.send(STRAY);
    assert_eq!(scene.run_once().await.total("quarantined"), 1);
    let id = scene.quarantine().await.remove(0)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let refused = operator
        .run(&["quarantine", "show", "--reason", "ticket 4711", &id])
        .await;
    let grant = "GRANT EXECUTE ON FUNCTION veilstream.append_audit TO";
    assert_silent(&refused, 4, &[grant]);
}

/// Neither what is settled nor what an entry is about can be changed, so that no row loads twice.
async fn settled_entries_are_final(scene: &Scene, url: &str) {
    for _ in 0..2 {
        scene.send(STRAY);
    }
    assert_eq!(scene.run_once().await.total("quarantined"), 2);
    let settle = "UPDATE veilstream.quarantine SET state = 'replayed', settled_at = now() \
        WHERE id = (SELECT min(id::text)::uuid FROM veilstream.quarantine WHERE state = 'open')";
    scene.database.execute(settle).await;
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    for refused in [
        "SET state = 'open', settled_at = NULL WHERE state = 'replayed'",
        "SET state = 'discarded', sealed = '' WHERE state = 'replayed'",
        "SET settled_at = now() - interval '1 year' WHERE state = 'replayed'",
        "SET reason = 'other' WHERE state = 'replayed'",
        "SET sealed = '' WHERE state = 'open'",
        "SET sealed = sealed || '\\x00' WHERE state = 'open'",
        "SET sealed = '', state = 'replayed', settled_at = now() WHERE state = 'open'",
    ] {
        let update = format!("UPDATE veilstream.quarantine {refused}");
        let error = client.batch_execute(&update).await.expect_err(&update);
        assert_eq!(error.code().unwrap().code(), "55000", "{update}: {error}");
    }
    let discard = "UPDATE veilstream.quarantine \
        SET state = 'discarded', settled_at = now(), sealed = '' WHERE state = 'open'";
    assert_eq!(client.execute(discard, &[]).await.unwrap(), 1);
    client
        .batch_execute("DELETE FROM veilstream.quarantine")
        .await
        .unwrap();
}

#[tokio::test]
async fn an_auditor_reads_the_trail_and_can_do_nothing_else() {
    let (scene, url) = with_member("auditor").await;
    let ip = token(&scene, "ip", IP);
    assert_eq!(unmask(&scene.binary(), &[&ip]).await.code, Some(0));
    let auditor = scene.binary().with("DATABASE_URL", &url);
    for command in [["audit", "list"], ["audit", "verify"]] {
        let read = auditor.run(&command).await;
        assert_eq!(read.code, Some(0), "{read:#?}");
    }
    assert_refused(&url, NOBODY).await;
    assert_refused(
        &url,
        &[
            "INSERT INTO user_logins (user_id) VALUES ('u')",
            "SELECT 1 FROM veilstream.ledger",
            "SELECT 1 FROM veilstream.ledger_start",
            "SELECT 1 FROM veilstream.identity",
            "SELECT 1 FROM veilstream.quarantine",
            "UPDATE veilstream.quarantine SET reason = 'other'",
            "DELETE FROM veilstream.quarantine",
            "SELECT 1 FROM veilstream.identity",
            CALL_HOLDS,
            "SELECT 1 FROM veilstream.unmask_limit",
            "SELECT veilstream.add_ledger_partition(1)",
            "SELECT veilstream.drop_ledger_partition()",
            CALL_APPEND,
            CALL_USE,
            CALL_ASK,
        ],
    )
    .await;
    assert_silent(&unmask(&auditor, &[&ip]).await, 4, &["42501"]);
}

#[tokio::test]
async fn what_a_worker_lacks_is_named_as_the_statement_to_run() {
    // GIVEN a role with nothing, to which is granted what is asked for until nothing is
    let (scene, url) = with_member("auditor").await;
    let (name, _) = url["postgresql://".len()..].split_once(':').unwrap();
    scene
        .database
        .execute(&format!("REVOKE veilstream_auditor FROM {name}"))
        .await;
    let worker = scene.binary().with("DATABASE_URL", &url);
    let mut granted = 0;
    let last = loop {
        let checked = worker.run(&["check"]).await;
        let Some((_, grants)) = checked.stdout.split_once("or: GRANT ") else {
            break checked;
        };
        assert_eq!(checked.code, Some(4), "{checked:#?}");
        let grants = grants.lines().next().unwrap();
        scene.database.execute(&format!("GRANT {grants}")).await;
        granted += grants.matches(" TO ").count();
        assert!(granted < 20, "{checked:#?}");
    };
    assert_eq!(granted, 12, "{last:#?}");
    // What is left is the table, which is the user's own.
    let insert = format!("GRANT INSERT ON user_logins TO {name}");
    assert!(last.stdout.contains(&insert), "{last:#?}");
    assert!(!last.stdout.contains("creates the table"), "{last:#?}");
    scene.database.execute(&insert).await;
    assert_eq!(worker.run(&["check"]).await.code, Some(0));
    scene.send(EVENT);
    assert_eq!(run_once(&worker).await, [1, 0, 0]);
}

#[tokio::test]
async fn what_an_operator_lacks_is_named_as_the_statement_to_run() {
    // GIVEN a role with nothing but the target table, to which is granted what is asked for
    let (scene, url) = with_member("auditor").await;
    scene.send(STRAY);
    assert_eq!(scene.run_once().await.total("quarantined"), 1);
    let (name, _) = url["postgresql://".len()..].split_once(':').unwrap();
    scene
        .database
        .execute(&format!(
            "REVOKE veilstream_auditor FROM {name}; GRANT INSERT ON user_logins TO {name}"
        ))
        .await;
    let operator = scene.binary().with("DATABASE_URL", &url);
    let mut granted = 0;
    for command in QUARANTINE {
        loop {
            let finished = operator.run(command).await;
            let Some((_, grants)) = finished.stderr.split_once("or: GRANT ") else {
                assert!(matches!(finished.code, Some(0 | 2 | 8)), "{finished:#?}");
                break;
            };
            assert_eq!(finished.code, Some(4), "{finished:#?}");
            let grants = grants.lines().next().unwrap();
            scene.database.execute(&format!("GRANT {grants}")).await;
            granted += grants.matches(" TO ").count();
            assert!(granted < 20, "{finished:#?}");
        }
    }

    // THEN that is what deploy/roles.sql grants
    assert_eq!(granted, 10);
}

#[tokio::test]
async fn who_may_write_to_a_table_says_whose_tokens_it_holds() {
    let (scene, url) = with_member("loader").await;
    let (name, _) = url["postgresql://".len()..].split_once(':').unwrap();
    let bind = BIND_FOREIGN.replace("foreign_logins", "user_logins");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    assert_refused(&url, &[BIND_FOREIGN]).await;
    client.batch_execute(&bind).await.unwrap();
    // A right on some columns is one to write; and so is that of a role that was taken on.
    scene
        .database
        .execute(&format!(
            "GRANT INSERT (user_id) ON foreign_logins TO veilstream_loader; \
             ALTER ROLE {name} NOINHERIT"
        ))
        .await;
    let taken_on = format!("SET ROLE veilstream_loader; {BIND_FOREIGN}");
    client.batch_execute(&taken_on).await.unwrap();
    let bound = "SELECT count(*) FROM veilstream.masked_table";
    assert_eq!(scene.database.count(bound).await, 2);
}

#[tokio::test]
async fn roles_can_be_made_again_and_need_a_target() {
    let (scene, _) = with_member("loader").await;
    member(&scene.database, "auditor").await;
    let psql = localpg::Cluster::binaries().unwrap().program("psql");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/roles.sql");
    let output = Command::new(psql)
        .args([&scene.database.url(), "-X", "-q", "-f", file])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("-v target="), "{said}");
}
