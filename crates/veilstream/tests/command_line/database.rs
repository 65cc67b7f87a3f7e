//! `veilstream migrate`, `veilstream check` and `veilstream quarantine list`.

use serde_json::json;
use testkit::Scene;
use veilstream::load::schema::VERSION;

use crate::{EXAMPLE, VEILSTREAM};

const STRAY: &str = r#"{"foo": "oops_wrong_msg_type", "bar": "123"}"#;

#[tokio::test]
async fn migrating_twice_changes_nothing_the_second_time() {
    let scene = Scene::unmigrated(VEILSTREAM, &[]).await;
    let first = scene.binary().run(&["migrate"]).await;
    assert_eq!(first.code, Some(0), "{first:#?}");
    assert_eq!(
        first.stdout,
        format!("schema veilstream created (version {VERSION})\ntable user_logins created\n")
    );
    let second = scene.binary().run(&["migrate"]).await;
    assert_eq!(second.code, Some(0), "{second:#?}");
    assert_eq!(
        second.stdout,
        format!(
            "schema veilstream is up to date (version {VERSION})\n\
             table user_logins exists and is left as it is\n"
        )
    );
}

#[tokio::test]
async fn the_table_is_made_beside_our_schema_also_for_a_role_of_the_same_name() {
    let scene = Scene::new(VEILSTREAM).await;
    let role = scene.database.rows("SELECT current_user::text").await;
    assert_eq!(role, [[Some("veilstream".to_owned())]]);
    let tables = "SELECT schemaname::text FROM pg_tables WHERE tablename = 'user_logins'";
    let schemas = scene.database.rows(tables).await;
    assert_eq!(schemas, [[Some("public".to_owned())]]);
    scene.send(EXAMPLE);
    assert_eq!(scene.run_once().await.total("loaded"), 1);
}

#[tokio::test]
async fn a_table_that_exists_is_left_as_it_is() {
    let scene = Scene::unmigrated(VEILSTREAM, &[]).await;
    scene
        .database
        .execute("CREATE TABLE user_logins (mine text); INSERT INTO user_logins VALUES ('kept')")
        .await;
    let migrated = scene.binary().run(&["migrate"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    let rows = scene.database.rows("SELECT * FROM user_logins").await;
    assert_eq!(rows, [[Some("kept".to_owned())]]);
}

#[tokio::test]
async fn without_a_database_migrate_says_so() {
    let scene = Scene::unmigrated(VEILSTREAM, &[]).await;
    let nowhere = "postgresql://veilstream@127.0.0.1:1/app?connect_timeout=5";
    let refused = scene
        .binary()
        .run(&["migrate", "--database-url", nowhere])
        .await;
    assert_eq!(refused.code, Some(4), "{refused:#?}");
    assert!(refused.stderr.contains("127.0.0.1"), "{refused:#?}");
}

#[tokio::test]
async fn a_check_of_what_is_in_place_is_ok() {
    let scene = Scene::new(VEILSTREAM).await;
    scene.send(STRAY);
    let checked = scene.binary().run(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    for line in [
        "ok     configuration: pipeline logins, table user_logins",
        "ok     key set: domains ip, device_id",
        "ok     columns: 7 columns fit",
        "about 1 messages, visibility time-out 30 s",
    ] {
        assert!(checked.stdout.contains(line), "{checked:#?}");
    }
    assert_eq!(scene.queued(), 1, "a check takes nothing");

    let checked = scene.binary().run(&["check", "--output", "json"]).await;
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    let findings = checked.summary();
    assert_eq!(findings["ok"], json!(true));
    let names: Vec<_> = findings["findings"]
        .as_array()
        .expect("an array")
        .iter()
        .map(|finding| finding["check"].as_str().expect("a name"))
        .collect();
    for name in ["configuration", "key set", "queue", "database", "columns"] {
        assert!(names.contains(&name), "{names:?}");
    }
}

#[tokio::test]
async fn a_check_finds_everything_at_once_and_ends_as_the_first_of_it_says() {
    let scene = Scene::unmigrated(VEILSTREAM, &[]).await;
    let checked = scene
        .binary()
        .with("VEILSTREAM_KEYSET", "/nonexistent/keyset.json")
        .run(&["check", "--output", "json"])
        .await;
    assert_eq!(checked.code, Some(5), "{checked:#?}");
    let findings = checked.summary();
    assert_eq!(findings["ok"], json!(false));
    let wrong: Vec<_> = findings["findings"]
        .as_array()
        .expect("an array")
        .iter()
        .filter(|finding| finding["ok"] == json!(false))
        .map(|finding| finding["check"].as_str().expect("a name"))
        .collect();
    assert_eq!(wrong, ["key set", "database"]);
}

#[tokio::test]
async fn the_quarantine_is_listed_as_text_and_as_json() {
    let scene = Scene::new(VEILSTREAM).await;
    let list = ["quarantine", "list"];
    let list_json = ["quarantine", "list", "--output", "json"];
    let empty = scene.binary().run(&list).await;
    assert_eq!(
        empty.stdout, "nothing of pipeline logins is open\n",
        "{empty:#?}"
    );
    let empty = scene.binary().run(&list_json).await;
    assert_eq!(empty.stdout, "[]\n", "{empty:#?}");

    let message_id = scene.send(STRAY);
    scene.run_once().await;
    let listed = scene.binary().run(&list).await;
    assert_eq!(listed.code, Some(0), "{listed:#?}");
    assert!(listed.stdout.contains("missing_field"), "{listed:#?}");
    let entries = scene.quarantine().await;
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    let id = entry["id"].as_str().unwrap();
    assert!(listed.stdout.contains(id), "{listed:#?}");
    assert_eq!(entry["reason"], "missing_field");
    assert_eq!(entry["column"], "user_id");
    assert_eq!(entry["message_id"], json!(message_id));
    assert_eq!(entry["pipeline"], "logins");
    assert!(!entry.to_string().contains("oops_wrong_msg_type"));
}
