//! Deletes that the queue refuses for good.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Finished, QUEUE, Scene, call};

use crate::{
    BINARY,
    logins::{assert_adds_up, send},
    sql::Sql,
    sqs_proxy::{Change, Fault, Refusal, SqsProxy},
};

const RUN_ONCE: [&str; 4] = ["run", "--once", "--output", "json"];

/// It is to be seen by who asks for it, and by nobody else.
fn assert_without_alarm(finished: &Finished) {
    let lines = finished.stderr.lines();
    let mut said = lines
        .filter(|line| line.contains("not deleted;"))
        .peekable();
    assert!(said.peek().is_some(), "{finished:#?}");
    assert!(said.all(|line| line.contains("DEBUG")), "{finished:#?}");
}

#[tokio::test]
async fn a_delete_that_cannot_succeed_is_given_up_at_once_and_without_alarm() {
    // GIVEN a queue that says of every third entry that its receipt handle is not valid any more
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "600")]).await;
    let proxy = SqsProxy::with(&scene, |action, request| {
        if action != "DeleteMessageBatch" {
            return Fault::Pass;
        }
        let entries = request["Entries"].as_array().unwrap().iter().enumerate();
        let (keep, delete): (Vec<_>, Vec<_>) = entries.partition(|(place, _)| place % 3 == 0);
        if delete.is_empty() {
            return Fault::Pass;
        }
        let failed = |(_, entry): &(usize, &Value)| {
            json!({"Id": entry["Id"], "SenderFault": true, "Code": "ReceiptHandleIsInvalid"})
        };
        let failed: Vec<_> = keep.iter().map(failed).collect();
        let delete = delete.into_iter().map(|(_, entry)| entry.clone());
        let mut request = request.clone();
        request["Entries"] = delete.collect();
        Fault::Change(Change {
            request,
            answer: Box::new(move |mut answer| {
                answer["Failed"] = failed.into();
                answer
            }),
        })
    })
    .await;
    send(&scene, 0..300);

    // WHEN messages are loaded
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url())
        .with("VEILSTREAM_LOG", "debug");
    let finished = binary.run(&RUN_ONCE).await;

    // THEN each is there once, and no delete was tried twice
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert_adds_up(&finished);
    assert_without_alarm(&finished);
    let calls = proxy.calls("DeleteMessageBatch");
    let entries = calls.iter().map(|call| call.request["Entries"].as_array());
    assert_eq!(
        entries.map(|entries| entries.unwrap().len()).sum::<usize>(),
        300
    );
    let queued = u64::try_from(scene.queued()).unwrap();
    assert_eq!(finished.total("deleted"), 300 - queued);
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(300).await;
}

#[tokio::test]
async fn messages_of_a_fifo_queue_whose_handles_expired_are_duplicates_later() {
    // GIVEN a FIFO queue that hides messages for a second and refuses to do so for longer, and a
    // table that takes longer
    const FIFO: &str = "login-queue.fifo";
    let scene = Scene::new(BINARY).await;
    let attributes = [("FifoQueue", "true"), ("VisibilityTimeout", "1")];
    scene.queue.create_queue(FIFO, &attributes).unwrap();
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute(
        "CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$; \
         CREATE TRIGGER take_time BEFORE INSERT ON user_logins FOR EACH STATEMENT \
         EXECUTE FUNCTION take_time()",
    )
    .await;
    let url = scene.queue.queue_url(FIFO);
    for number in 0..10 {
        let body =
            json!({"user_id": format!("user-{number}"), "ip": "192.0.2.1", "device_id": "d"});
        let message = json!({
            "QueueUrl": url, "MessageBody": body.to_string(), "MessageGroupId": "group",
            "MessageDeduplicationId": number.to_string(),
        });
        call(&scene.queue.address().to_string(), "SendMessage", &message).await;
    }
    let proxy = SqsProxy::with(&scene, |action, _| match action {
        "ChangeMessageVisibilityBatch" => Fault::Refuse(Refusal {
            status: 500,
            code: "InternalFailure",
            retry_after: None,
        }),
        _ => Fault::Pass,
    })
    .await;

    // WHEN they are loaded
    let url = proxy.queue_url().replace(QUEUE, FIFO);
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &url)
        .with("VEILSTREAM_LOG", "debug");
    let began = Instant::now();
    let finished = binary.run(&RUN_ONCE).await;
    assert!(began.elapsed() > Duration::from_secs(2), "{finished:#?}");

    // THEN the queue has refused to delete by the handles that had expired, and each is there once
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert_adds_up(&finished);
    assert_without_alarm(&finished);
    assert!(finished.total("duplicates") >= 10, "{finished:#?}");
    sql.assert_each_once(10).await;
    let counts = scene.queue.counts(FIFO).unwrap();
    assert_eq!(counts.visible + counts.in_flight, 0, "{finished:#?}");
}
