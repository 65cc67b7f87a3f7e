//! Configuration and key set.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use testkit::{Binary, Scene, member};

use crate::{BINARY, Checked, password};

const EVENT: &str = r#"{"user_id": "u", "ip": "203.0.113.77", "device_id": "d"}"#;

#[tokio::test]
async fn mistakes_in_the_configuration_are_found() {
    let scene = Scene::new(BINARY).await;
    let path = scene.folder.path().join("veilstream.toml");
    fs::write(&path, "[pipeline]\ntabel = \"t\"\n").unwrap();
    let checked = Checked::with(&scene.binary(), &["--config", path.to_str().unwrap()]).await;
    let remedy = "docs/configuration.md";
    checked.assert("configuration", "error", 2, "pipeline.tabel", remedy);

    let checked = Checked::with(&scene.binary(), &["--queue-url", "login-queue"]).await;
    checked.assert("queue", "error", 2, "http://", "VEILSTREAM_QUEUE_URL");
    let wrong = "postgresql://u@h:port/app";
    let checked = Checked::with(&scene.binary(), &["--database-url", wrong]).await;
    checked.assert(
        "database",
        "error",
        2,
        "port",
        "postgresql://user@host:5432",
    );
}

#[tokio::test]
async fn a_key_set_that_is_missing_damaged_or_open_to_others_is_found() {
    let scene = Scene::new(BINARY).await;
    let path = scene.keyset();
    let missing = Checked::with(&scene.binary(), &["--keyset", "/nonexistent.json"]).await;
    let create = "veilstream keys create";
    missing.assert("key set", "error", 5, "/nonexistent.json", create);

    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let chmod = format!("chmod 600 {}", path.display());
    let checked = Checked::by(&scene.binary()).await;
    checked.assert("key set", "error", 5, "0644", &chmod);

    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "oops").unwrap();
    let checked = Checked::by(&scene.binary()).await;
    checked.assert("key set", "error", 5, "not JSON", "from its backup");
}

#[tokio::test]
async fn an_admin_server_that_would_not_start_is_found() {
    // GIVEN a configuration with a token that is not there, or can be read by others
    let scene = Scene::new(BINARY).await;
    let token = scene.folder.path().join("token");
    let config = scene.folder.path().join("admin.toml");
    let checked = async |admin: &str| {
        let logins = veilstream::config::builtin::LOGINS_TOML;
        fs::write(&config, format!("{logins}\n[admin]\n{admin}\n")).unwrap();
        let binary = scene.binary().without("VEILSTREAM_ADMIN_LISTEN");
        Checked::with(&binary, &["--config", &config.display().to_string()]).await
    };

    // THEN each is found, and what to do
    let missing = checked("token_file = \"token\"").await;
    missing.assert("admin", "error", 2, "cannot be read", "correct the file");
    fs::write(&token, "correct-horse-battery-staple").unwrap();
    fs::set_permissions(&token, Permissions::from_mode(0o644)).unwrap();
    let open = checked("token_file = \"token\"").await;
    open.assert("admin", "error", 2, "chmod o=", "correct the file");
    // The configuration file is refused with such an address, so that only an option has it.
    let open = ["--admin-listen", "0.0.0.0:8484"];
    let everybody = Checked::with(&scene.binary(), &open).await;
    let detail = "open to other machines at 0.0.0.0:8484";
    everybody.assert("admin", "error", 2, detail, "token_file");

    // AND a run without the server needs no token
    let off = checked("listen = \"off\"\ntoken_file = \"none\"").await;
    assert_eq!(off.code, Some(0), "{:#?}", off.findings);

    // AND what is right is said to be
    fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    let right = checked("token_file = \"token\"").await;
    assert!(right.sound().contains(&"admin"));
}

/// WHEN a configuration is checked whose page acts through this connection.
async fn acting_through(scene: &Scene, url: &str, token: bool) -> Checked {
    let file = scene.folder.path().join("token");
    fs::write(&file, "correct-horse-battery-staple").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let token = if token { "token_file = \"token\"" } else { "" };
    let logins = veilstream::config::builtin::LOGINS_TOML;
    let config = scene.folder.path().join("operator.toml");
    let text = format!("{logins}\n[admin]\n{token}\ndatabase_url = \"{url}\"\n");
    fs::write(&config, text).unwrap();
    let binary = scene.binary().without("VEILSTREAM_ADMIN_LISTEN");
    Checked::with(&binary, &["--config", &config.display().to_string()]).await
}

#[tokio::test]
async fn an_operator_s_connection_that_does_not_serve_is_found_with_what_to_do_about_it() {
    let scene = Scene::new(BINARY).await;
    let operator = member(&scene.database, "operator").await;
    let (server, _) = operator.rsplit_once('/').unwrap();
    for (url, detail, remedy) in [
        (
            "postgresql://u@127.0.0.1:1/none",
            "cannot be reached",
            "start the server",
        ),
        (
            &*operator.replace(password(&operator), "wrong"),
            "28P01",
            "correct the password",
        ),
        (
            &*format!("{server}/postgres"),
            "is missing",
            "name the database",
        ),
        ("postgresql://u@h:port/app", "port", "under [admin]"),
    ] {
        let checked = acting_through(&scene, url, true).await;
        checked.assert("admin", "warning", 0, detail, remedy);
    }
}

#[tokio::test]
async fn a_role_that_sees_the_quarantine_and_may_not_settle_it_is_no_operator() {
    // GIVEN a role that may list entries
    let scene = Scene::new(BINARY).await;
    let url = member(&scene.database, "auditor").await;
    let select = "GRANT SELECT ON veilstream.quarantine TO veilstream_auditor";
    scene.database.execute(select).await;

    // THEN what it lacks is named once, and so is the role that has it
    let checked = acting_through(&scene, &url, true).await;
    let remedy = "GRANT veilstream_operator";
    for lacking in [
        "EXECUTE ON FUNCTION veilstream.append_audit TO",
        "UPDATE (state, settled_at, sealed) ON veilstream.quarantine TO",
    ] {
        checked.assert("admin", "warning", 0, lacking, remedy);
    }

    // AND where it lacks the table only, that is
    let operator = member(&scene.database, "operator").await;
    let acts = acting_through(&scene, &operator, true).await;
    acts.assert("admin", "ok", 0, "may list, replay and discard", "");
    let revoke = "REVOKE INSERT ON user_logins FROM veilstream_operator";
    scene.database.execute(revoke).await;
    let checked = acting_through(&scene, &operator, true).await;
    let (detail, remedy) = (
        "GRANT INSERT ON user_logins TO operator_",
        "deploy/roles.sql",
    );
    checked.assert("admin", "warning", 0, detail, remedy);
}

#[tokio::test]
async fn an_operator_s_connection_without_a_token_is_of_no_use() {
    let scene = Scene::new(BINARY).await;
    let operator = member(&scene.database, "operator").await;
    let checked = acting_through(&scene, &operator, false).await;
    checked.assert("admin", "warning", 0, "no token", "set `token_file`");
}

#[tokio::test]
async fn a_key_set_without_the_domain_and_another_one_than_the_table_s_are_found() {
    let scene = Scene::new(BINARY).await;
    scene.send(EVENT);
    assert_eq!(scene.run_once().await.total("loaded"), 1);
    let other = |name: &str| scene.folder.path().join(name).display().to_string();
    let (other, without) = (other("other.json"), other("without.json"));
    for arguments in [&[&*other][..], &[&*without, "--domain", "ip"]] {
        let create = [&["keys", "create", "--plaintext"], arguments].concat();
        assert_eq!(Binary::new(BINARY).run(&create).await.code, Some(0));
    }

    let checked = Checked::with(&scene.binary(), &["--keyset", &without]).await;
    let add = "veilstream keys add-domain";
    checked.assert("key set", "error", 5, "device_id", add);
    let checked = Checked::with(&scene.binary(), &["--keyset", &other]).await;
    let detail = "holds tokens of key set";
    checked.assert("generation", "error", 5, detail, "migrate --new-key-set");
}

#[tokio::test]
async fn an_identity_that_is_forgotten_before_the_queue_forgets_is_warned_of() {
    let scene = Scene::new(BINARY).await;
    let path = scene.folder.path().join("veilstream.toml");
    let logins = include_str!("../../src/config/logins.toml");
    let known = "[pipeline]\nidentity = \"body_digest\"\nidentity_retention = \"1d\"\n";
    fs::write(&path, logins.replace("[pipeline]\n", known)).unwrap();
    let checked = Checked::with(&scene.binary(), &["--config", path.to_str().unwrap()]).await;
    let detail = "the queue keeps messages for 4.0 d";
    checked.assert("retention", "warning", 0, detail, "identity_retention");
    checked.assert("identity", "warning", 0, "body_digest", "/event_id");
}
