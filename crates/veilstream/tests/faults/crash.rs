//! Killed without warning, again and again.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use testkit::Scene;

use crate::{
    BINARY,
    logins::send,
    sql::Sql,
    sqs_proxy::{Fault, SqsProxy},
};

const MESSAGES: usize = 5_000;
const KILLS: usize = 10;
/// So many more are sent before each kill.
const PORTION: usize = MESSAGES / KILLS;
/// A kill comes once so many of them are settled, at the most.
const SOON: i64 = 350;
/// Once a worker has asked so many times, ten messages each, the queue becomes slow: what is left
/// of a portion lasts until the kill, however fast the worker and however slow the test.
const FAST_RECEIVES: usize = 30;
const STRAY_EVERY: usize = 50;

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
    let receives = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&receives);
    let proxy = SqsProxy::with(&scene, move |action, _| {
        if action != "ReceiveMessage" {
            return Fault::Pass;
        }
        let fast = count.fetch_add(1, Ordering::SeqCst) < FAST_RECEIVES;
        Fault::Delay(Duration::from_millis(if fast { 2 } else { 500 }))
    })
    .await;
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());

    // WHEN the worker is killed at random moments while it loads, and more messages come
    for kill in 1..=KILLS {
        let sent = kill * PORTION;
        send_some(&scene, sent - PORTION..sent);
        let enough = sql.count(settled).await + random.i64(1..=SOON);
        receives.store(0, Ordering::SeqCst);
        let running = binary.start(&["run", "--output", "json"]);
        tokio::time::timeout(Duration::from_secs(30), async {
            while sql.count(settled).await < enough {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .expect("it gets on");
        tokio::time::sleep(Duration::from_micros(random.u64(..3_000))).await;
        running.kill().await;
        let done = sql.count(settled).await;
        println!("killed at {done} of {sent}");
        assert!(done < i64::try_from(sent).unwrap(), "in mid-run");
    }
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
