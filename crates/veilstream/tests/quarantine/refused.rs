//! What is not replayed at all.

use serde_json::json;
use testkit::{Binary, eventually};

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
        (&["--code", "mising_field"], "missing_field"),
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
    // Nothing of its own is open: perhaps it was renamed.
    for part in ["nothing of pipeline other is open", "2 of pipeline logins"] {
        assert!(all.stderr.contains(part), "{part}: {all:#?}");
    }
    assert_eq!(scene.database.count(ROWS).await, 0);
    assert_eq!(open(&scene).await, ids);
    let trail = "SELECT count(*) FROM veilstream.audit";
    assert_eq!(scene.database.count(trail).await, 0, "nothing was opened");
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

    // What is open would be replayed by nobody, so that the owner has to say that it shall stay.
    let migrate = ["migrate", "--new-key-set"];
    let said = [
        "1 open entry of pipeline logins",
        "replay --all",
        "--keep-quarantine",
    ];
    assert_refused(&scene.binary().run(&migrate).await, 2, &said);
    let refused = replay(&with_foreign, &["--all"]).await;
    assert_refused(&refused, 5, &["holds tokens of key set"]);
    let migrate = [&migrate[..], &["--keep-quarantine"]].concat();
    let freed = scene.binary().run(&migrate).await;
    assert_eq!(freed.code, Some(0), "{freed:#?}");
    // Then a worker decides whose tokens the table holds; a replay does not.
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
    let said = unopened.stderr.as_str();
    let (first, last) = (
        said.find("quarantine show"),
        said.find("quarantine discard"),
    );
    assert!(first.is_some() && first < last, "{unopened:#?}");
    assert_eq!(scene.database.count(ROWS).await, 0);
    // The old key set opens it.
    let id = open(&scene).await.remove(0);
    let show = ["quarantine", "show", "--reason", "r", &id];
    let shown = scene.binary().run(&show).await;
    assert!(shown.stdout.contains("device-0"), "{shown:#?}");
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

#[tokio::test]
async fn a_key_set_that_may_not_be_used_any_more_stops_a_replay_that_runs() {
    // GIVEN a replay of two that waits for the second one
    let scene = rejected(2).await;
    let ids = open(&scene).await;
    let somebody = scene.database.connect().await;
    let hold = format!(
        "BEGIN; SELECT FROM veilstream.quarantine WHERE id = '{}' FOR UPDATE",
        ids[1]
    );
    somebody.batch_execute(&hold).await.unwrap();
    let which = ["quarantine", "replay", "--output", "json", &ids[0], &ids[1]];
    let running = corrected(&scene).start(&which);
    eventually("it waits", || async {
        let waiting = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        scene.database.count(waiting).await == 1
    })
    .await;

    // WHEN the owner frees the table for another key set
    let migrate = ["migrate", "--new-key-set", "--keep-quarantine"];
    assert_eq!(scene.binary().run(&migrate).await.code, Some(0));
    somebody.batch_execute("ROLLBACK").await.unwrap();

    // THEN the second one is not loaded
    let finished = running.finish().await;
    assert_replayed(&finished, 5, (1, 0, 0, json!({}), 0));
    assert!(finished.stderr.contains("no key set yet"), "{finished:#?}");
    assert_eq!(scene.database.count(ROWS).await, 1);
    assert_eq!(open(&scene).await, ids[1..]);
}
