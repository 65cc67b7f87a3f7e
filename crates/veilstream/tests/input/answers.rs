//! Answers of a queue whose length is not known beforehand.

use serde_json::json;
use testkit::Scene;

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
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &forger.queue_url());
    let run = binary.run(&["run", "--once", "--output", "json"]).await;

    // THEN
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert_eq!(run.total("loaded"), 25, "{run:#?}");
    assert_eq!(scene.queued(), 0);
}

#[tokio::test]
async fn an_answer_that_turns_out_larger_than_its_share_of_memory_is_not_read() {
    // GIVEN ten messages, and then one of 17 MiB in an answer that does not say so
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "600")]).await;
    for user in 0..10 {
        scene.send(&login(&user.to_string()));
    }
    let large = Forgery::of(login(&"u".repeat(17 << 20)).as_bytes());
    let forger = Forger::start(&scene, vec![large], Length::Unknown).await;
    scene.send(&Forgery::placeholder(0));

    // WHEN
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &forger.queue_url());
    let run = binary.run(&["run", "--once", "--output", "json"]).await;

    // THEN it is in the queue, the log says why, and the others are loaded
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert!(
        run.stderr.contains("has more than 16777216 bytes"),
        "{run:#?}"
    );
    assert_eq!(
        ["received", "loaded"].map(|name| run.total(name)),
        [10, 10],
        "{run:#?}"
    );
    assert_eq!(scene.queued(), 1);
}
