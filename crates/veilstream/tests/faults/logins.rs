//! Login events that can be told apart, and what became of them.

use std::ops::Range;

use testkit::{Finished, QUEUE, Running, Scene, eventually};

/// Values of every event that may appear nowhere in clear.
pub(crate) const IP: &str = "203.0.113.77";
pub(crate) const DEVICE: &str = "867-53-0900";

/// Attributes of a queue that hides messages for so long that what is visible again within a test
/// was given back.
pub(crate) const LONG_VISIBILITY: [(&str, &str); 1] = [("VisibilityTimeout", "600")];

/// Queues one event for each number; `user_id` is the number's own.
pub(crate) fn send(scene: &Scene, numbers: Range<usize>) {
    for number in numbers {
        scene.send(&format!(
            r#"{{"user_id": "user-{number}", "app_version": "2.3.0", "device_type": "android", "ip": "{IP}", "locale": "RU", "device_id": "{DEVICE}"}}"#
        ));
    }
}

/// Waits until so many messages can be received again at once.
pub(crate) async fn given_back(scene: &Scene, messages: usize) {
    eventually("what was left is visible again", || async {
        scene.queue.counts(QUEUE).unwrap().visible == messages
    })
    .await;
    assert_eq!(scene.queued(), messages);
}

/// Waits until the queue is empty, then ends the run in order.
pub(crate) async fn settle_and_end(scene: &Scene, running: Running) -> Finished {
    eventually("the queue is empty", || async { scene.queued() == 0 }).await;
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_adds_up(&finished);
    assert_eq!(finished.total("left"), 0, "{finished:#?}");
    finished
}

/// Everything that was received is accounted for, in the summary's own words.
pub(crate) fn assert_adds_up(finished: &Finished) {
    let total = |name| finished.total(name);
    let settled = total("loaded") + total("duplicates") + total("quarantined") + total("left");
    assert_eq!(total("received"), settled, "{finished:#?}");
}

/// How many lines of the log hold a text.
pub(crate) fn log_lines(finished: &Finished, text: &str) -> usize {
    let lines = finished.stderr.lines();
    lines.filter(|line| line.contains(text)).count()
}
