//! The database.

use testkit::Scene;

use crate::{BINARY, Checked, password};

/// WHEN the database is checked under another URL.
async fn checked(scene: &Scene, url: &str) -> Checked {
    Checked::with(&scene.binary(), &["--database-url", url]).await
}

#[tokio::test]
async fn a_host_that_is_not_known_is_named() {
    let scene = Scene::new(BINARY).await;
    let url = "postgresql://u@db.nonexistent.invalid/app";
    let checked = checked(&scene, url).await;
    let host = "db.nonexistent.invalid";
    checked.assert("database dns", "error", 4, host, "/etc/resolv.conf");
}

#[tokio::test]
async fn a_server_that_is_not_reached_or_refuses_is_found() {
    let scene = Scene::new(BINARY).await;
    let url = scene.database.url();
    let (server, _) = url.rsplit_once('/').unwrap();
    for (url, detail, remedy) in [
        (format!("{server}/nowhere"), "3D000", "CREATE DATABASE"),
        (
            url.replace(password(&url), "wrong"),
            "28P01",
            "correct the password",
        ),
        (
            "postgresql://u@127.0.0.1:1/app".to_owned(),
            "cannot be reached",
            "start the server",
        ),
        (format!("{url}?sslmode=require"), "TLS", "sslmode"),
    ] {
        let checked = checked(&scene, &url).await;
        checked.assert("database", "error", 4, detail, remedy);
    }
}

#[tokio::test]
async fn rows_that_would_cross_the_network_in_clear_are_warned_of() {
    // GIVEN an address that is not a loopback one, though it leads to this machine
    let scene = Scene::new(BINARY).await;
    let url = scene.database.url().replace("127.0.0.1", "0.0.0.0");
    let checked = checked(&scene, &url).await;
    let detail = "rows cross the network to 0.0.0.0:";
    checked.assert("database tls", "warning", 0, detail, "sslmode=verify-full");
}

#[tokio::test]
async fn a_schema_that_is_missing_is_found() {
    let scene = Scene::unmigrated(BINARY, &[]).await;
    let checked = Checked::by(&scene.binary()).await;
    checked.assert("database", "error", 4, "missing", "veilstream migrate");
}

#[tokio::test]
async fn a_role_that_may_not_load_is_found_with_all_that_it_lacks() {
    let scene = Scene::new(BINARY).await;
    let sql = "DROP ROLE IF EXISTS doctor; CREATE ROLE doctor LOGIN PASSWORD 'of-the-doctor'";
    scene.database.execute(sql).await;
    let url = scene.database.url();
    let (_, server) = url.rsplit_once('@').unwrap();
    let url = format!("postgresql://doctor:of-the-doctor@{server}");

    // Who may not even look into the schema has reached the database.
    let found = checked(&scene, &url).await;
    let lacking = "GRANT USAGE ON SCHEMA veilstream TO doctor";
    found.assert("privileges", "error", 4, lacking, "deploy/roles.sql");
    assert!(found.sound().contains(&"database"), "{:#?}", found.findings);
    let usage = "GRANT USAGE ON SCHEMA veilstream TO doctor; GRANT INSERT ON user_logins TO doctor";
    scene.database.execute(usage).await;
    let found = checked(&scene, &url).await;
    for lacking in [
        "GRANT SELECT ON veilstream.schema_version TO doctor",
        "GRANT INSERT ON veilstream.quarantine TO doctor",
    ] {
        found.assert("privileges", "error", 4, lacking, "deploy/roles.sql");
    }

    let version = "GRANT SELECT ON veilstream.schema_version TO doctor";
    scene.database.execute(version).await;
    let found = checked(&scene, &url).await;
    let lacking = "GRANT SELECT, INSERT ON veilstream.ledger TO doctor";
    found.assert("privileges", "error", 4, lacking, "deploy/roles.sql");
    assert!(found.sound().contains(&"columns"), "{:#?}", found.findings);

    // The commits that are measured ask for no privilege that PUBLIC does not have; one that took
    // it away
    // is told.
    assert!(found.sound().contains(&"commit time"));
    let revoke =
        "REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text) FROM PUBLIC";
    let revoked = scene.database.connect().await.batch_execute(revoke).await;
    // From version 17 on it has one parameter more.
    let revoke = "REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text, \
                  boolean) FROM PUBLIC";
    if revoked.is_err() {
        scene.database.execute(revoke).await;
    }
    let found = checked(&scene, &url).await;
    let not_measured =
        |one: &serde_json::Value| one["check"] == "commit time" && one["verdict"] == "warning";
    assert!(
        found.findings.iter().any(not_measured),
        "{:#?}",
        found.findings
    );
}

#[tokio::test]
async fn a_table_that_does_not_fit_or_does_not_last_is_found() {
    let scene = Scene::new(BINARY).await;
    let remedy = "ALTER TABLE";
    for (sql, check, verdict, code, detail) in [
        (
            "ALTER TABLE user_logins SET UNLOGGED",
            "durability",
            "warning",
            0,
            "UNLOGGED",
        ),
        (
            "ALTER TABLE user_logins ALTER app_version TYPE text",
            "columns",
            "error",
            4,
            "column app_version is text where int4 is configured",
        ),
        (
            "ALTER TABLE user_logins DROP COLUMN locale",
            "columns",
            "error",
            4,
            "column locale is missing",
        ),
    ] {
        scene.database.execute(sql).await;
        let found = Checked::by(&scene.binary()).await;
        found.assert(check, verdict, code, detail, remedy);
    }
    scene.database.execute("DROP TABLE user_logins").await;
    let found = Checked::by(&scene.binary()).await;
    let detail = "user_logins does not exist";
    found.assert("columns", "error", 4, detail, "veilstream migrate");
}
