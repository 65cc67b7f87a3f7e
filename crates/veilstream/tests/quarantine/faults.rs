//! Killed, cut off, and two at once: an entry is never loaded twice, and none is lost.

use serde_json::json;
use testkit::eventually;

use crate::{
    DEVICES, ROWS, assert_replayed, corrected, lost_answer::LosingCommits, open, rejected, replay,
};

const REPLAY: [&str; 4] = ["quarantine", "replay", "--output", "json"];
const REPLAY_ALL: [&str; 5] = ["quarantine", "replay", "--output", "json", "--all"];

#[tokio::test]
async fn a_replay_that_is_killed_goes_on_where_it_stopped() {
    const EVENTS: i64 = 600;
    let scene = rejected(600).await;
    let corrected = corrected(&scene);
    // However slow the test and however fast the machine, it is killed in mid-run.
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END $$; \
        CREATE TRIGGER slow BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE FUNCTION slow()";
    scene.database.execute(slow).await;
    // WHEN it is killed again and again
    for kill in 1..=5 {
        let running = corrected.start(&REPLAY_ALL);
        let enough = scene.database.count(ROWS).await + 20 * kill;
        eventually("some are replayed", || async {
            scene.database.count(ROWS).await >= enough
        })
        .await;
        running.kill().await;
        let rows = scene.database.count(ROWS).await;
        println!("killed at {rows} of {EVENTS}");
        assert!(rows < EVENTS, "in mid-run");
    }
    let last = replay(&corrected, &["--all"]).await;

    // THEN
    assert_eq!(last.code, Some(0), "{last:#?}");
    assert_eq!(scene.database.count(ROWS).await, EVENTS);
    assert_eq!(scene.database.count(DEVICES).await, EVENTS);
    assert!(scene.quarantine().await.is_empty());
}

#[tokio::test]
async fn two_replays_at_once_share_the_work() {
    let scene = rejected(200).await;
    let corrected = corrected(&scene);
    let (one, other) = tokio::join!(corrected.run(&REPLAY_ALL), corrected.run(&REPLAY_ALL));
    assert_eq!(
        (one.code, other.code),
        (Some(0), Some(0)),
        "{one:#?} {other:#?}"
    );
    let replayed = one.total("replayed") + other.total("replayed");
    assert_eq!(replayed, 200, "{one:#?} {other:#?}");
    assert_eq!(scene.database.count(ROWS).await, 200);
    assert_eq!(scene.database.count(DEVICES).await, 200);
}

#[tokio::test]
async fn an_entry_that_somebody_holds_is_waited_for_or_left_to_him() {
    // GIVEN two entries, the older of which somebody is just discarding
    let scene = rejected(2).await;
    let ids = open(&scene).await;
    let somebody = scene.database.connect().await;
    let discard = format!(
        "BEGIN; UPDATE veilstream.quarantine \
         SET state = 'discarded', settled_at = now(), sealed = '' WHERE id = '{}'",
        ids[1]
    );
    somebody.batch_execute(&discard).await.unwrap();

    // WHEN all are replayed, THEN the other one is not held up
    let running = corrected(&scene).start(&REPLAY_ALL);
    eventually("the other is replayed", || async {
        scene.database.count(ROWS).await == 1
    })
    .await;
    somebody.batch_execute("COMMIT").await.unwrap();
    let finished = running.finish().await;
    assert_replayed(&finished, 0, (1, 0, 1, json!({}), 0));
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_found_out() {
    let scene = rejected(4).await;
    let proxy = LosingCommits::first(3, &scene.database.url()).await;
    let through = corrected(&scene).with("DATABASE_URL", &proxy.url(&scene.database.url()));
    let replayed = replay(&through, &["--all"]).await;
    assert_eq!(proxy.lost(), 3, "{replayed:#?}");
    assert_replayed(&replayed, 0, (4, 0, 0, json!({}), 0));
    assert_eq!(scene.database.count(ROWS).await, 4);
    assert_eq!(scene.database.count(DEVICES).await, 4);
}

#[tokio::test]
async fn a_replay_that_is_told_to_end_says_what_it_did() {
    // GIVEN a replay of three entries that waits for the second one
    let scene = rejected(3).await;
    let ids = open(&scene).await;
    let somebody = scene.database.connect().await;
    let hold = format!(
        "BEGIN; SELECT FROM veilstream.quarantine WHERE id = '{}' FOR UPDATE",
        ids[1]
    );
    somebody.batch_execute(&hold).await.unwrap();
    let which = [&REPLAY[..], &[&ids[0], &ids[1], &ids[2]]].concat();
    let running = corrected(&scene).start(&which);
    eventually("it waits", || async {
        let waiting = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        scene.database.count(waiting).await == 1
    })
    .await;

    // WHEN
    running.signal("TERM").await;
    somebody.batch_execute("ROLLBACK").await.unwrap();
    let finished = running.finish().await;

    // THEN it ends after the one that it is at
    assert_replayed(&finished, 143, (2, 0, 0, json!({}), 0));
    assert_eq!(scene.database.count(ROWS).await, 2);
    assert_eq!(open(&scene).await, ids[2..]);
}
