//! Messages that are delivered more than once, or not as they were sent.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use testkit::{Meddling, Proxy, QUEUE, Scene};

use crate::{BINARY, assert_counted, login, reasons, users};

const STRAY: &str = r#"{"foo": "oops_wrong_msg_type", "bar": "123"}"#;

/// A proxy before the scene's queue.
async fn proxy(scene: &Scene, rule: impl Fn(&str) -> Meddling + Send + Sync + 'static) -> Proxy {
    Proxy::start(&scene.queue.address().to_string(), rule).await
}

/// Changes what a receive brings.
fn altered(action: &str, alter: fn(&mut Value)) -> Meddling {
    match action {
        "ReceiveMessage" => Meddling::Alter(alter),
        _ => Meddling::Pass,
    }
}

fn messages(answer: &mut Value) -> Option<&mut Vec<Value>> {
    answer.get_mut("Messages")?.as_array_mut()
}

fn is_of(message: &Value, user: &str) -> bool {
    message["Body"].as_str().unwrap().contains(user)
}

#[tokio::test]
async fn a_message_that_comes_back_in_a_later_run_is_a_duplicate() {
    // GIVEN messages that were loaded and quarantined, and whose deletion got lost
    let scene = Scene::new(BINARY).await;
    scene.send(&login("ann"));
    scene.send(STRAY);
    let proxy = Proxy::losing_deletes(&scene.queue.address().to_string()).await;
    let first = scene.run_once_through(&proxy).await;
    assert_counted(&first, [2, 1, 0, 1, 0, 2]);
    assert_eq!(scene.queued(), 2);
    proxy.give_back(&scene.queue.queue_url(QUEUE)).await;

    // WHEN they come back, with a new one beside them
    scene.send(&login("bob"));
    let second = scene.run_once().await;

    // THEN they are known, and deleted at last
    assert_counted(&second, [3, 1, 2, 0, 0, 3]);
    assert_eq!(users(&scene).await, ["ann", "bob"]);
    assert_eq!(reasons(&scene).await.len(), 1);
    assert_eq!(scene.queued(), 0);
}

#[tokio::test]
async fn a_message_that_comes_back_in_the_same_run_is_a_duplicate() {
    // GIVEN a queue that hands messages out again soon, and whose first delete gets lost
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "1")]).await;
    scene.send(&login("ann"));
    let deletes = AtomicU32::new(0);
    let losing_the_first = proxy(&scene, move |action| match action {
        "DeleteMessageBatch" if deletes.fetch_add(1, Ordering::Relaxed) == 0 => Meddling::Lose,
        _ => Meddling::Pass,
    });

    // WHEN
    let run = scene.run_once_through(&losing_the_first.await).await;

    // THEN
    assert_counted(&run, [2, 1, 1, 0, 0, 2]);
    assert_eq!(users(&scene).await, ["ann"]);
    assert_eq!(scene.queued(), 0);
}

#[tokio::test]
async fn a_queue_that_forbids_deleting_ends_the_run_and_nothing_lands_twice() {
    // GIVEN
    let scene = Scene::new(BINARY).await;
    scene.send(&login("ann"));
    let forbidding = proxy(&scene, |action| match action {
        "DeleteMessageBatch" => Meddling::Refuse,
        _ => Meddling::Pass,
    });
    let forbidding = forbidding.await;

    // WHEN
    let forbidden = scene.run_once_through(&forbidding).await;
    forbidding.give_back(&scene.queue.queue_url(QUEUE)).await;
    let allowed = scene.run_once().await;

    // THEN the first run says what is missing, and the second one knows the message
    assert_eq!(forbidden.code, Some(3), "{forbidden:#?}");
    assert!(forbidden.stderr.contains("sqs:DeleteMessage"));
    let counted = ["loaded", "deleted"].map(|name| forbidden.total(name));
    assert_eq!(counted, [1, 0]);
    assert_counted(&allowed, [1, 0, 1, 0, 0, 1]);
    assert_eq!(users(&scene).await, ["ann"]);
    assert_eq!(scene.queued(), 0);
}

#[tokio::test]
async fn a_message_that_comes_twice_at_once_counts_once() {
    // GIVEN a queue that gives every message twice in one answer
    let scene = Scene::new(BINARY).await;
    scene.send(&login("ann"));
    scene.send(STRAY);
    let doubling = proxy(&scene, |action| {
        altered(action, |answer| {
            if let Some(messages) = messages(answer) {
                messages.extend(messages.clone());
            }
        })
    });

    // WHEN
    let run = scene.run_once_through(&doubling.await).await;

    // THEN
    assert_eq!(run.code, Some(0), "{run:#?}");
    let counted = ["received", "loaded", "duplicates", "quarantined", "left"];
    assert_eq!(counted.map(|name| run.total(name)), [4, 1, 2, 1, 0]);
    assert_eq!(users(&scene).await, ["ann"]);
    assert_eq!(reasons(&scene).await.len(), 1);
    assert_eq!(scene.queued(), 0);
}

#[tokio::test]
async fn equal_events_that_were_sent_twice_are_two_rows() {
    let scene = Scene::new(BINARY).await;
    scene.send(&login("ann"));
    scene.send(&login("ann"));

    let run = scene.run_once().await;

    assert_counted(&run, [2, 2, 0, 0, 0, 2]);
    assert_eq!(users(&scene).await, ["ann", "ann"]);
}

#[tokio::test]
async fn a_message_that_did_not_arrive_as_it_was_sent_is_left_in_the_queue() {
    // GIVEN damaged bodies, digests and envelopes among good messages
    let scene = Scene::new(BINARY).await;
    for user in [
        "good-1",
        "body",
        "digest",
        "no-md5",
        "no-time",
        "bad-time",
        "no-attributes",
        "good-2",
    ] {
        scene.send(&login(user));
    }
    let damaging = proxy(&scene, |action| {
        altered(action, |answer| {
            for message in messages(answer).into_iter().flatten() {
                if is_of(message, "\"body\"") {
                    message["Body"] = json!(login("\"body\" of another"));
                } else if is_of(message, "\"digest\"") {
                    message["MD5OfBody"] = json!("0123456789abcdef0123456789abcdef");
                } else if is_of(message, "\"no-md5\"") {
                    message.as_object_mut().unwrap().remove("MD5OfBody");
                } else if is_of(message, "\"no-time\"") {
                    message["Attributes"] = json!({});
                } else if is_of(message, "\"bad-time\"") {
                    message["Attributes"]["SentTimestamp"] = json!("yesterday");
                } else if is_of(message, "\"no-attributes\"") {
                    message.as_object_mut().unwrap().remove("Attributes");
                }
            }
        })
    });

    // WHEN
    let run = scene.run_once_through(&damaging.await).await;

    // THEN they are still there, neither loaded nor quarantined
    assert_counted(&run, [8, 2, 0, 0, 6, 2]);
    assert_eq!(users(&scene).await, ["good-1", "good-2"]);
    assert!(reasons(&scene).await.is_empty());
    assert_eq!(scene.queued(), 6);
    let claims = "SELECT count(*) FROM veilstream.ledger";
    assert_eq!(scene.database.count(claims).await, 2);
}

#[tokio::test]
async fn a_message_that_is_left_again_and_again_does_not_keep_a_run_once_from_its_end() {
    // GIVEN a damaged message that is visible again within every poll, and a good one
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "1")]).await;
    scene.send(&login("damaged"));
    scene.send(&login("good"));
    let damaging = proxy(&scene, |action| {
        altered(action, |answer| {
            for message in messages(answer).into_iter().flatten() {
                if is_of(message, "\"damaged\"") {
                    message["MD5OfBody"] = json!("0123456789abcdef0123456789abcdef");
                }
            }
        })
    });

    // WHEN it is delivered over and over, THEN the run ends all the same, and has not lost it
    let run = scene.run_once_through(&damaging.await).await;
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert_eq!(run.total("loaded"), 1, "{run:#?}");
    assert!(run.total("left") > 1, "{run:#?}");
    assert_eq!(scene.queued(), 1);
}
