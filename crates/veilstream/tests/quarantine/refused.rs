//! What is not replayed at all.

use serde_json::json;
use testkit::Binary;

use crate::{
    BINARY, CORRECTED, NOT_THERE, ROWS, assert_refused, assert_replayed, configured, corrected,
    open, rejected, replay,
};

#[tokio::test]
async fn ids_that_are_none_unknown_or_of_another_pipeline_replay_nothing() {
    let scene = rejected(2).await;
    let ids = open(&scene).await;
    let corrected = corrected(&scene);
    for (which, said) in [
        (&["not-an-id"][..], "prints it"),
        (&["018bcfe5687b00000000000000000001"], "prints it"),
        (&[], "required"),
        (&["--all", ids[0].as_str()], "cannot be used with"),
        (&["--all", "--code", "too_long"], "cannot be used with"),
        (&[ids[0].as_str(), NOT_THERE], NOT_THERE),
    ] {
        assert_refused(&replay(&corrected, which).await, 2, &[said]);
    }
    let other = CORRECTED.replace("\"logins\"", "\"other\"");
    let other = configured(&scene, &other);
    let refused = replay(&other, &[&ids[0]]).await;
    assert_refused(&refused, 2, &["pipeline logins", "pipeline other"]);
    let all = replay(&other, &["--all"]).await;
    assert_replayed(&all, 0, (0, 0, 0, json!({}), 0));
    assert_eq!(scene.database.count(ROWS).await, 0);
    assert_eq!(open(&scene).await, ids);
}

#[tokio::test]
async fn another_key_set_than_the_table_s_own_replays_nothing() {
    let scene = rejected(1).await;
    let foreign = scene.folder.path().join("foreign.json");
    let foreign = foreign.to_str().unwrap();
    let created = Binary::new(BINARY)
        .run(&["keys", "create", foreign, "--plaintext"])
        .await;
    assert_eq!(created.code, Some(0), "{created:#?}");
    let with_foreign = corrected(&scene)
        .without("VEILSTREAM_KEYSET")
        .with("VEILSTREAM_KEYSET", foreign);
    let refused = replay(&with_foreign, &["--all"]).await;
    assert_refused(&refused, 5, &["holds tokens of key set"]);

    // Where the owner lets another key set begin, a worker decides which; a replay does not.
    let freed = scene.binary().run(&["migrate", "--new-key-set"]).await;
    assert_eq!(freed.code, Some(0), "{freed:#?}");
    for binary in [&with_foreign, &corrected(&scene)] {
        let refused = replay(binary, &["--all"]).await;
        assert_refused(&refused, 5, &["no key set yet", "veilstream run"]);
    }
    let run = with_foreign
        .run(&["run", "--once", "--output", "json"])
        .await;
    assert_eq!(run.code, Some(0), "{run:#?}");
    // Then an original that the other key set sealed does not open, and stays.
    let unopened = replay(&with_foreign, &["--all"]).await;
    assert_replayed(&unopened, 8, (0, 0, 0, json!({}), 1));
    assert!(unopened.stderr.contains("does not open"), "{unopened:#?}");
    assert_eq!(scene.database.count(ROWS).await, 0);
    assert_eq!(open(&scene).await.len(), 1);
}

#[tokio::test]
async fn a_table_or_a_database_that_is_not_there_ends_with_4() {
    let scene = rejected(1).await;
    let nowhere = "postgresql://veilstream@127.0.0.1:1/app?connect_timeout=5";
    let away = corrected(&scene).with("DATABASE_URL", nowhere);
    assert_refused(&replay(&away, &["--all"]).await, 4, &[]);
    scene
        .database
        .execute("ALTER TABLE user_logins DROP COLUMN locale")
        .await;
    let refused = replay(&corrected(&scene), &["--all"]).await;
    assert_refused(&refused, 4, &["column locale is missing"]);
}
