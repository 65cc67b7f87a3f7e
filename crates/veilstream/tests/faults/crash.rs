//! Killed without warning, again and again.

use std::{ops::Range, time::Duration};

use testkit::Scene;

use crate::{BINARY, logins::send, sql::Sql};

const MESSAGES: usize = 5_000;
/// So many more are sent before each kill.
const PORTION: usize = 250;
/// A kill comes once so many of them are settled, at the most.
const SOON: i64 = 125;
const STRAY_EVERY: usize = 50;
const KILLS: usize = 10;

#[tokio::test]
async fn ten_kills_in_mid_run_neither_lose_nor_double_a_message() {
    let seed = std::env::var("VEILSTREAM_TEST_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("the seed of this run: VEILSTREAM_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);

    // GIVEN a queue whose messages come back two seconds after a crash
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "2")]).await;
    let sql = Sql::connect(&scene.database.url()).await;
    let settled = "SELECT (SELECT count(*) FROM user_logins) \
                   + (SELECT count(*) FROM veilstream.quarantine)";

    // WHEN the worker is killed at random moments while it loads, and more messages come
    let mut sent = 0;
    let mut kills = 0;
    while kills < KILLS {
        assert!(sent < MESSAGES, "it is too fast to be killed in mid-run");
        send_some(&scene, sent..sent + PORTION);
        sent += PORTION;
        let enough = sql.count(settled).await + random.i64(1..=SOON);
        let running = scene.start();
        tokio::time::timeout(Duration::from_secs(30), async {
            while sql.count(settled).await < enough {}
        })
        .await
        .expect("it gets on");
        tokio::time::sleep(Duration::from_micros(random.u64(..3_000))).await;
        running.kill().await;
        // One that came after the last delete was none in mid-run.
        kills += usize::from(scene.queued() > 0);
        println!("killed at {} of {sent}", sql.count(settled).await);
    }
    send_some(&scene, sent..MESSAGES);
    while scene.queued() > 0 {
        let clean = scene.run_once().await;
        assert_eq!(clean.code, Some(0), "{clean:#?}");
    }

    // THEN every message is in exactly one place
    let strays = i64::try_from(MESSAGES / STRAY_EVERY).unwrap();
    let messages = i64::try_from(MESSAGES).unwrap();
    for (query, expected) in [
        ("SELECT count(*) FROM user_logins", messages - strays),
        (
            "SELECT count(DISTINCT user_id) FROM user_logins",
            messages - strays,
        ),
        ("SELECT count(*) FROM veilstream.quarantine", strays),
        (
            "SELECT count(DISTINCT message_id) FROM veilstream.quarantine",
            strays,
        ),
        ("SELECT count(*) FROM veilstream.ledger", messages),
    ] {
        assert_eq!(sql.count(query).await, expected, "{query}");
    }
}

/// Events, some of which are for the quarantine.
fn send_some(scene: &Scene, numbers: Range<usize>) {
    for number in numbers {
        if number % STRAY_EVERY == 0 {
            scene.send(&format!(
                r#"{{"foo": "oops_wrong_msg_type", "bar": "{number}"}}"#
            ));
        } else {
            send(scene, number..number + 1);
        }
    }
}
