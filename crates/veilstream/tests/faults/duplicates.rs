//! A queue that hands everything out twice.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use serde_json::Value;
use testkit::Scene;

use crate::{
    BINARY,
    logins::{assert_adds_up, send},
    sql::Sql,
    sqs_proxy::{Change, Fault, SqsProxy},
};

const MESSAGES: usize = 2_000;

/// Hands messages out again: twice in the same answer, and once more in the next one, which as a
/// rule is another receiver's.
#[derive(Default)]
struct Storm {
    last: Mutex<Vec<Value>>,
    handed_out: AtomicU64,
}

impl Storm {
    fn strike(&self, mut answer: Value) -> Value {
        let Some(messages) = answer["Messages"].as_array_mut() else {
            return answer;
        };
        let fresh = messages.clone();
        messages.extend(fresh.clone());
        messages.extend(std::mem::replace(&mut *self.last.lock(), fresh));
        self.handed_out
            .fetch_add(messages.len() as u64, Ordering::SeqCst);
        answer
    }
}

#[tokio::test]
async fn a_storm_of_duplicates_loads_each_message_once_and_counts_the_others() {
    // GIVEN a queue that hands every message out three times, nearly at once
    let scene = Scene::new(BINARY).await;
    send(&scene, 0..MESSAGES);
    let storm = Arc::new(Storm::default());
    let striking = Arc::clone(&storm);
    let proxy = SqsProxy::with(&scene, move |action, request| {
        if action != "ReceiveMessage" {
            return Fault::Pass;
        }
        let storm = Arc::clone(&striking);
        Fault::Change(Change {
            request: request.clone(),
            answer: Box::new(move |answer| storm.strike(answer)),
        })
    })
    .await;

    // WHEN they are loaded
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let finished = binary.run(&["run", "--once", "--output", "json"]).await;

    // THEN each is there once, and every other delivery was counted as a duplicate
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(MESSAGES).await;
    assert_adds_up(&finished);
    let handed_out = storm.handed_out.load(Ordering::SeqCst);
    assert!(handed_out > 2 * MESSAGES as u64);
    assert_eq!(finished.total("received"), handed_out);
    assert_eq!(finished.total("loaded"), MESSAGES as u64);
    assert_eq!(finished.total("duplicates"), handed_out - MESSAGES as u64);
    // Of deliveries that were loaded together only the newest is deleted.
    let deleted = finished.total("deleted");
    assert!(
        (MESSAGES as u64..handed_out).contains(&deleted),
        "{finished:#?}"
    );
    assert_eq!(scene.queued(), 0);
}

#[tokio::test]
async fn messages_that_come_back_while_a_slow_database_loads_them_are_loaded_once() {
    // GIVEN a table that takes longer to load than the queue keeps messages hidden
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "1")]).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute(
        "CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END $$; \
         CREATE TRIGGER take_time BEFORE INSERT ON user_logins EXECUTE FUNCTION take_time()",
    )
    .await;
    send(&scene, 0..400);

    // WHEN they are loaded
    while scene.queued() > 0 {
        let finished = scene.run_once().await;
        assert_eq!(finished.code, Some(0), "{finished:#?}");
        assert_adds_up(&finished);
    }

    // THEN each is there once
    sql.assert_each_once(400).await;
}
