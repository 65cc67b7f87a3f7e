//! The first steps with a queue that nobody has described: `veilstream init` and `veilstream plan`.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is not there fails it"
)]

mod init;
mod plan;

use serde_json::{Value, json};
use testkit::{Finished, QUEUE, Scene, call};

const BINARY: &str = env!("CARGO_BIN_EXE_veilstream");

/// Asserts that none of these is in what a run printed.
fn assert_covered(run: &Finished, canaries: &[&str]) {
    for canary in canaries {
        assert!(!run.stdout.contains(canary), "{canary}: {run:#?}");
        assert!(!run.stderr.contains(canary), "{canary}: {run:#?}");
    }
}

/// How often each message of the scene's queue was received before; all of them are visible.
async fn received_before(scene: &Scene) -> Vec<u64> {
    let counts = scene.queue.counts(QUEUE).unwrap();
    assert_eq!(counts.in_flight, 0);
    let mut before = Vec::new();
    while before.len() < counts.visible {
        let parameters = json!({
            "QueueUrl": scene.queue.queue_url(QUEUE), "MaxNumberOfMessages": 10,
            "VisibilityTimeout": 600, "AttributeNames": ["ApproximateReceiveCount"],
        });
        let address = scene.queue.address().to_string();
        let answer = call(&address, "ReceiveMessage", &parameters).await;
        let messages = answer["Messages"]
            .as_array()
            .expect("as many as are visible");
        before.extend(messages.iter().map(|message| {
            let count: &Value = &message["Attributes"]["ApproximateReceiveCount"];
            count.as_str().unwrap().parse::<u64>().unwrap() - 1
        }));
    }
    before
}

/// A FIFO queue and one whose messages may be received three times, with a message each.
fn queues_that_can_be_harmed(scene: &Scene) -> [(&'static str, &'static str); 2] {
    scene.queue.create_queue("dead", &[]).unwrap();
    let policy = json!({
        "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 3,
    });
    let strict = [("RedrivePolicy", &*policy.to_string())];
    scene.queue.create_queue("strict", &strict).unwrap();
    scene.queue.send("strict", r#"{"a": 1}"#).unwrap();
    let fifo = [("FifoQueue", "true"), ("ContentBasedDeduplication", "true")];
    scene.queue.create_queue("orders.fifo", &fifo).unwrap();
    [("orders.fifo", "FIFO"), ("strict", "redrive policy")]
}

/// Asserts that a command does not look into such queues unless it is forced.
async fn assert_refused(command: &str, forced: &[&str]) {
    let scene = Scene::new(BINARY).await;
    for (queue, words) in queues_that_can_be_harmed(&scene) {
        let url = scene.queue.queue_url(queue);
        let binary = scene.binary().with("VEILSTREAM_QUEUE_URL", &url);
        let refused = binary.run(&[command]).await;
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert_eq!(refused.stdout, "");
        assert!(refused.stderr.contains(words), "{refused:#?}");
        assert!(refused.stderr.contains("--force"), "{refused:#?}");
        if queue == "strict" {
            let forced = binary.run(forced).await;
            assert_eq!(forced.code, Some(0), "{forced:#?}");
            assert_eq!(scene.queue.counts(queue).unwrap().visible, 1);
        }
    }
}
