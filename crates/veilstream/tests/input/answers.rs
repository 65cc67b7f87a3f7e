//! Answers of a queue whose length is not known beforehand.

use serde_json::json;
use testkit::{Scene, eventually};

use crate::{
    BINARY,
    forger::{Forger, Forgery, Length},
};

fn login(user: &str) -> String {
    json!({"user_id": user, "ip": "192.0.2.1", "device_id": "d"}).to_string()
}

#[tokio::test]
async fn an_answer_without_its_length_is_read() {
    // GIVEN
    let scene = Scene::new(BINARY).await;
    for user in 0..25 {
        scene.send(&login(&user.to_string()));
    }
    let forger = Forger::start(&scene, Vec::new(), Length::Unknown).await;

    // WHEN
    let binary = scene.binary().with("VEILSTREAM_QUEUE_URL", &forger.queue_url());
    let run = binary.run(&["run", "--once", "--output", "json"]).await;

    // THEN
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert_eq!(run.total("loaded"), 25, "{run:#?}");
    assert_eq!(scene.queued(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_turns_out_larger_than_its_share_of_memory_is_not_read() {
    // GIVEN a message of 17 MiB in an answer that does not say so
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "600")]).await;
    let body = login(&"u".repeat(17 << 20));
    let forger = Forger::start(&scene, vec![Forgery::of(body.as_bytes())], Length::Unknown).await;
    scene.send(&Forgery::placeholder(0));
    let binary = scene.binary().with("VEILSTREAM_QUEUE_URL", &forger.queue_url());
    let running = binary.start(&["run", "--output", "json"]);
    let in_flight = || scene.queue.counts(testkit::QUEUE).unwrap().in_flight;
    eventually("it was received", || async { in_flight() == 1 }).await;

    // WHEN others come
    scene.send(&login("ann"));
    let rows = "SELECT count(*) FROM user_logins";
    eventually("they are loaded", || async { scene.database.count(rows).await == 1 }).await;
    running.signal("TERM").await;
    let run = running.finish().await;

    // THEN it says why that one stays in the queue
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert!(run.stderr.contains("has more than 16777216 bytes"), "{run:#?}");
    assert_eq!(run.total("received"), 1, "{run:#?}");
    assert_eq!(scene.queued(), 1);
}
