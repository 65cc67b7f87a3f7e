//! The same case on the built-in queue and on moto.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use testkit::{Binary, Finished, Moto, QUEUE, Scene, call};

use crate::{
    BINARY, RUN_ONCE, assert_counted,
    moto::{MotoQueue, assert_empties, assert_settled},
};

/// A scene, and where its messages are.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    /// A queue in moto, which takes the place of the scene's own.
    moto: Option<MotoQueue>,
}

impl Stage {
    pub(crate) async fn built_in() -> Self {
        Self {
            scene: Scene::new(BINARY).await,
            moto: None,
        }
    }

    pub(crate) async fn moto() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("stage-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Self {
            scene: Scene::new(BINARY).await,
            moto: Some(MotoQueue::create(&name).await),
        }
    }

    /// The binary, with everything that a run needs in its environment.
    pub(crate) fn binary(&self) -> Binary {
        let binary = self.scene.binary();
        match &self.moto {
            None => binary,
            Some(queue) => binary.with("VEILSTREAM_QUEUE_URL", queue.url()),
        }
    }

    /// Receives ten messages at the most, those that are visible at this very moment: of each its id
    /// and how often it was received, this time included.
    pub(crate) async fn receive(&self) -> Vec<(String, u64)> {
        let (address, url) = match &self.moto {
            None => (
                self.scene.queue.address().to_string(),
                self.scene.queue.queue_url(QUEUE),
            ),
            Some(queue) => (Moto::shared().address(), queue.url().to_owned()),
        };
        let parameters = json!({
            "QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0,
            "VisibilityTimeout": 600, "AttributeNames": ["ApproximateReceiveCount"],
        });
        let answer = call(&address, "ReceiveMessage", &parameters).await;
        let messages = answer["Messages"].as_array().into_iter().flatten();
        messages
            .map(|message| {
                let count = message["Attributes"]["ApproximateReceiveCount"].as_str();
                let id = message["MessageId"].as_str().unwrap();
                (id.to_owned(), count.unwrap().parse().unwrap())
            })
            .collect()
    }

    /// How many messages are visible and how many in flight, in moto.
    pub(crate) async fn counts(&self) -> [u64; 2] {
        self.moto.as_ref().expect("moto").counts().await
    }

    /// Puts an event into the queue: its message id.
    pub(crate) async fn send(&self, body: &str) -> String {
        match &self.moto {
            None => self.scene.send(body),
            Some(queue) => queue.send(body).await,
        }
    }

    /// Loads what is in the queue, and asserts that so many messages were loaded, so many
    /// quarantined, and none is left; the run that did it.
    pub(crate) async fn assert_settles(&self, settled: [u64; 2]) -> Finished {
        self.assert_settles_with(&self.binary(), settled).await
    }

    /// The same with more in the binary's environment.
    pub(crate) async fn assert_settles_with(&self, binary: &Binary, settled: [u64; 2]) -> Finished {
        let run = binary.run(&RUN_ONCE).await;
        match &self.moto {
            None => {
                let [loaded, quarantined] = settled;
                let all = loaded + quarantined;
                assert_counted(&run, [all, loaded, 0, quarantined, 0, all]);
                assert_eq!(self.scene.queued(), 0);
            }
            Some(queue) => {
                assert_settled(&run, settled);
                assert_empties(queue, binary).await;
            }
        }
        run
    }
}

/// Runs each case on both queues.
macro_rules! on_both_queues {
    ($($case:ident),+ $(,)?) => {
        mod on_the_built_in_queue {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&$crate::both_queues::Stage::built_in().await).await;
                }
            )+
        }

        mod on_moto {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&$crate::both_queues::Stage::moto().await).await;
                }
            )+
        }
    };
}
pub(crate) use on_both_queues;
