//! Login events that can be told apart, and what became of them.

use std::ops::Range;

use testkit::{Finished, QUEUE, Scene, eventually};

/// Values of every event that may appear nowhere in clear.
pub(crate) const IP: &str = "203.0.113.77";
pub(crate) const DEVICE: &str = "867-53-0900";

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
