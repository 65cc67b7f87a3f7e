//! What PostgreSQL refuses is never deleted from the queue.

use std::time::Duration;

use testkit::{Binary, Finished, QUEUE, Scene, eventually};

use crate::{
    BINARY,
    logins::{DEVICE, IP, LONG_VISIBILITY, assert_adds_up, given_back, send},
    sql::Sql,
    sqs_proxy::{Fault, SqsProxy},
};

const MESSAGES: usize = 40;
const SWALLOW: &str = "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
     CREATE TRIGGER swallow BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE FUNCTION swallow()";

/// The run says why it ended, quotes no value, and everything is where it was before.
async fn assert_nothing_happened(scene: &Scene, finished: &Finished, said: &[&str]) {
    assert_eq!(finished.code, Some(4), "{finished:#?}");
    for part in said {
        assert!(finished.stderr.contains(part), "{part} in {finished:#?}");
    }
    for value in [IP, DEVICE, "user-0", "user-1", "android", "vs1s."] {
        let silent = !finished.stderr.contains(value) && !finished.stdout.contains(value);
        assert!(silent, "{value} in {finished:#?}");
    }
    assert_adds_up(finished);
    assert_eq!(finished.total("deleted"), 0);
    assert_eq!(finished.total("loaded"), 0);
    given_back(scene, MESSAGES).await;
}

/// GIVEN a table that cannot be loaded, WHEN messages are, THEN none is lost.
async fn assert_ends(table: &str, said: &[&str]) {
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute(table).await;
    send(&scene, 0..MESSAGES);
    let finished = scene.run_once().await;
    assert_nothing_happened(&scene, &finished, said).await;
    sql.assert_empty().await;
}

#[tokio::test]
async fn a_trigger_that_swallows_rows_stops_the_run_and_nothing_is_deleted() {
    assert_ends(SWALLOW, &["rows were sent and 0 taken", "a trigger"]).await;
}

/// GIVEN a worker that waits for messages, WHEN the table changes under it and messages come, THEN
/// it ends and none is lost.
async fn assert_change_in_mid_run_is_refused(
    scene: &Scene,
    binary: &Binary,
    change: &str,
    undo: &str,
    said: &[&str],
) {
    let sql = Sql::connect(&scene.database.url()).await;
    let proxy = SqsProxy::to(scene).await;
    let queue = ["--queue-url", &proxy.queue_url()];
    let running = binary.start(&["run", "--output", "json", queue[0], queue[1]]);
    eventually("it waits for messages", || async {
        !proxy.calls("ReceiveMessage").is_empty()
    })
    .await;
    sql.execute(change).await;
    send(scene, 0..MESSAGES);
    let finished = running.finish().await;
    assert_nothing_happened(scene, &finished, said).await;

    // Once that is mended, the same messages go in.
    sql.execute(undo).await;
    sql.assert_empty().await;
    let mended = binary.run(&["run", "--once", "--output", "json"]).await;
    assert_eq!(mended.code, Some(0), "{mended:#?}");
    sql.assert_each_once(MESSAGES).await;
    assert_eq!(scene.queued(), 0);
}

#[tokio::test]
async fn a_table_that_is_dropped_in_mid_run_ends_it_and_nothing_is_deleted() {
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    assert_change_in_mid_run_is_refused(
        &scene,
        &scene.binary(),
        "ALTER TABLE user_logins RENAME TO elsewhere",
        "ALTER TABLE elsewhere RENAME TO user_logins",
        &["SQLSTATE 42P01", "veilstream migrate"],
    )
    .await;
}

#[tokio::test]
async fn a_column_that_becomes_wider_in_mid_run_ends_it_and_nothing_is_deleted() {
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    assert_change_in_mid_run_is_refused(
        &scene,
        &scene.binary(),
        "ALTER TABLE user_logins ALTER COLUMN app_version TYPE bigint",
        "ALTER TABLE user_logins ALTER COLUMN app_version TYPE integer",
        &["SQLSTATE 08P01", "another type", "veilstream check"],
    )
    .await;
}

#[tokio::test]
async fn thousands_of_messages_in_flight_are_given_back_over_a_long_way_too() {
    // GIVEN thousands of messages in flight, since the table is locked, and a queue far away
    const IN_FLIGHT: usize = 3_000;
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    let proxy = SqsProxy::with(&scene, |action, _| match action {
        "ChangeMessageVisibilityBatch" => Fault::Delay(Duration::from_millis(20)),
        _ => Fault::Pass,
    })
    .await;
    sql.execute("BEGIN; LOCK TABLE user_logins IN SHARE MODE")
        .await;
    send(&scene, 0..IN_FLIGHT);
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let running = binary.start(&["run", "--output", "json"]);
    eventually("all is in flight", || async {
        scene.queue.counts(QUEUE).unwrap().in_flight == IN_FLIGHT
    })
    .await;

    // WHEN the table is taken away
    sql.execute("ALTER TABLE user_logins RENAME TO elsewhere; COMMIT")
        .await;

    // THEN all of them are visible again
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(4), "{finished:#?}");
    assert_adds_up(&finished);
    given_back(&scene, IN_FLIGHT).await;
    sql.execute("ALTER TABLE elsewhere RENAME TO user_logins")
        .await;
    sql.assert_empty().await;
}

#[tokio::test]
async fn a_privilege_that_is_taken_away_in_mid_run_ends_it_and_nothing_is_deleted() {
    // GIVEN a role with just what a worker needs
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute(
        "CREATE ROLE worker LOGIN PASSWORD 'of-the-worker'; \
         GRANT USAGE ON SCHEMA veilstream TO worker; \
         GRANT SELECT ON veilstream.schema_version TO worker; \
         GRANT SELECT, INSERT ON veilstream.ledger, veilstream.identity TO worker; \
         GRANT EXECUTE ON FUNCTION veilstream.add_ledger_partition, \
         veilstream.record_queue_retention, veilstream.add_ledger_partitions_ahead, \
         veilstream.drop_ledger_partition, veilstream.prune_identity, \
         veilstream.ask_key_set, veilstream.use_key_set \
             TO worker; \
         GRANT INSERT ON user_logins, veilstream.quarantine TO worker",
    )
    .await;
    let url = scene.database.url();
    let (_, server) = url.rsplit_once('@').unwrap();
    let url = format!("postgresql://worker:of-the-worker@{server}");

    // WHEN it may no longer write the ledger, THEN it ends, and the next one does not start
    assert_change_in_mid_run_is_refused(
        &scene,
        &scene.binary().with("DATABASE_URL", &url),
        "REVOKE INSERT ON veilstream.ledger FROM worker",
        "GRANT INSERT ON veilstream.ledger TO worker",
        &["SQLSTATE 42501", "veilstream.ledger", "grant"],
    )
    .await;
    sql.execute("REVOKE INSERT ON veilstream.ledger FROM worker")
        .await;
    let next = scene.binary().with("DATABASE_URL", &url);
    let next = next.run(&["check"]).await;
    assert_eq!(next.code, Some(4), "{next:#?}");
    let said = "INSERT ON veilstream.ledger";
    assert!(next.stdout.contains(said), "{next:#?}");
}

#[tokio::test]
async fn a_run_that_fails_takes_each_message_no_more_than_once() {
    // GIVEN one message, and a table that swallows it
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute(SWALLOW).await;
    send(&scene, 0..1);

    // WHEN it ends the run, THEN it was given back when nobody of this run could take it again: a
    // redrive policy counts every time
    let finished = scene.run_once().await;
    assert_eq!(finished.code, Some(4), "{finished:#?}");
    assert_eq!(finished.total("received"), 1, "{finished:#?}");
    given_back(&scene, 1).await;
}
