//! Configuration and key set.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use testkit::{Binary, Scene};

use crate::{BINARY, Checked};

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
    // GIVEN a configuration with a token that is not there, or can be read by others, and an operator that may not
    // see the quarantine
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
    let nobody = checked("database_url = \"postgresql://127.0.0.1:1/none\"").await;
    nobody.assert("admin", "warning", 0, "is not seen", "veilstream_operator");
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
    let url = scene.database.url();
    let right = checked(&format!("token_file = \"token\"\ndatabase_url = \"{url}\"")).await;
    assert!(right.sound().contains(&"admin"));
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
