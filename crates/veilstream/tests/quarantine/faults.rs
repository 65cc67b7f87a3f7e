//! Killed, cut off, and two at once: an entry is never loaded twice, and none is lost.

use serde_json::json;
use testkit::eventually;

use crate::{
    DEVICES, ROWS, assert_replayed, corrected, lost_answer::LosingCommits, open, rejected, replay,
};

const REPLAY_ALL: [&str; 5] = ["quarantine", "replay", "--all", "--output", "json"];

#[tokio::test]
async fn a_replay_that_is_killed_goes_on_where_it_stopped() {
    const EVENTS: i64 = 600;
    let scene = rejected(600).await;
    let corrected = corrected(&scene);
    // WHEN it is killed after each hundred rows
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
    let scene = rejected(600).await;
    let running = corrected(&scene).start(&REPLAY_ALL);
    eventually("some are replayed", || async {
        scene.database.count(ROWS).await > 0
    })
    .await;
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    let rows = u64::try_from(scene.database.count(ROWS).await).unwrap();
    assert_eq!(finished.total("replayed"), rows, "{finished:#?}");
    assert_eq!(open(&scene).await.len().min(100), 100);
}
