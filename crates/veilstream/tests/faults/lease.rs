//! Messages that take longer than the queue's visibility time-out.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use testkit::{Binary, Finished, QUEUE, Scene, call, eventually};

use crate::{
    BINARY,
    logins::{assert_adds_up, log_lines, send, settle_and_end},
    postgres_proxy::{Line, PostgresProxy},
    sql::Sql,
    sqs_proxy::{Change, Fault, Refusal, SqsProxy},
};

const RUN: [&str; 3] = ["run", "--output", "json"];

/// Makes a load into the empty table take so many seconds.
async fn slow_down(sql: &Sql, seconds: u32) {
    sql.execute(&format!(
        "CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN IF NOT EXISTS (SELECT FROM user_logins) THEN PERFORM pg_sleep({seconds}); END IF; \
         RETURN NULL; END $$; \
         CREATE TRIGGER take_time BEFORE INSERT ON user_logins FOR EACH STATEMENT \
         EXECUTE FUNCTION take_time()"
    ))
    .await;
}

/// How many messages another consumer gets right now.
async fn receive_as_another(scene: &Scene) -> usize {
    let request = json!({
        "QueueUrl": scene.queue.queue_url(QUEUE), "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0,
    });
    let answer = call(
        &scene.queue.address().to_string(),
        "ReceiveMessage",
        &request,
    )
    .await;
    answer["Messages"].as_array().map_or(0, Vec::len)
}

fn assert_received_once(finished: &Finished, messages: usize) {
    let messages = messages as u64;
    assert_eq!(finished.total("received"), messages, "{finished:#?}");
    assert_eq!(finished.total("loaded"), messages, "{finished:#?}");
    assert_eq!(finished.total("duplicates"), 0, "{finished:#?}");
    assert_eq!(finished.total("deleted"), messages, "{finished:#?}");
}

#[tokio::test]
async fn what_takes_three_visibility_time_outs_is_loaded_once_and_nobody_else_gets_it() {
    // GIVEN a table that takes three times as long as the queue hides messages
    const MESSAGES: usize = 200;
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "3")]).await;
    let sql = Sql::connect(&scene.database.url()).await;
    slow_down(&sql, 9).await;
    send(&scene, 0..MESSAGES);

    // WHEN they are loaded, and another consumer asks for messages all the time
    let running = scene.start();
    eventually("all is in flight", || async {
        scene.queue.counts(QUEUE).unwrap().visible == 0
    })
    .await;
    eventually("all is loaded", || async {
        assert_eq!(receive_as_another(&scene).await, 0, "hidden from others");
        scene.queued() == 0
    })
    .await;

    // THEN each was received and loaded once
    let finished = settle_and_end(&scene, running).await;
    assert_received_once(&finished, MESSAGES);
    sql.assert_each_once(MESSAGES).await;
}

#[tokio::test]
async fn extensions_that_fail_for_a_while_are_tried_again_in_time() {
    // GIVEN a queue that hides messages for eight seconds and at first does not do so for longer: it
    // refuses, does not answer, refuses again
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "8")]).await;
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    let proxy = SqsProxy::with(&scene, move |action, _| {
        if action != "ChangeMessageVisibilityBatch" {
            return Fault::Pass;
        }
        let refusal = |status, code| {
            Fault::Refuse(Refusal {
                status,
                code,
                retry_after: Some(60),
            })
        };
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => refusal(503, "ServiceUnavailable"),
            1 => Fault::Hang,
            2 => refusal(400, "ThrottlingException"),
            _ => Fault::Pass,
        }
    })
    .await;
    let sql = Sql::connect(&scene.database.url()).await;
    slow_down(&sql, 10).await;
    send(&scene, 0..5);

    // WHEN a load takes longer
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let running = binary.start(&RUN);
    let finished = settle_and_end(&scene, running).await;

    // THEN no message came back, and it was said what was wrong, and when it was over
    assert!(count.load(Ordering::SeqCst) > 3, "{finished:#?}");
    assert_received_once(&finished, 5);
    sql.assert_each_once(5).await;
    let said = "asked to keep messages hidden, answers again";
    assert_eq!(log_lines(&finished, said), 1, "{finished:#?}");
}

#[tokio::test]
async fn a_worker_that_was_told_to_end_keeps_messages_hidden_until_it_has_loaded_them() {
    // GIVEN a table that takes twice as long as the queue hides messages
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "3")]).await;
    let sql = Sql::connect(&scene.database.url()).await;
    slow_down(&sql, 6).await;
    send(&scene, 0..50);
    let running = scene.start();
    eventually("all is in flight", || async {
        scene.queue.counts(QUEUE).unwrap().in_flight == 50
    })
    .await;

    // WHEN it is told to end, THEN nobody else gets them
    running.signal("TERM").await;
    eventually("all is loaded", || async {
        assert_eq!(receive_as_another(&scene).await, 0, "hidden from others");
        scene.queued() == 0
    })
    .await;
    assert_received_once(&running.finish().await, 50);
    sql.assert_each_once(50).await;
}

/// GIVEN a queue whose first answer to an extension says that every entry has failed, WHEN a load
/// takes longer than its visibility time-out; the run, and the handles of each call to extend.
async fn run_with_failed_entries(sender_fault: bool) -> (Finished, Vec<Vec<String>>) {
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "4")]).await;
    let sql = Sql::connect(&scene.database.url()).await;
    slow_down(&sql, 6).await;
    let failed = AtomicUsize::new(0);
    let proxy = SqsProxy::with(&scene, move |action, request| {
        let extends = action == "ChangeMessageVisibilityBatch";
        if !extends || failed.fetch_add(1, Ordering::SeqCst) > 0 {
            return Fault::Pass;
        }
        // Nothing is hidden for longer than a moment.
        let mut changed = request.clone();
        for entry in changed["Entries"].as_array_mut().unwrap() {
            entry["VisibilityTimeout"] = 2.into();
        }
        let entries = request["Entries"].as_array().unwrap().iter();
        let failed = entries.map(|entry| {
            json!({"Id": entry["Id"], "SenderFault": sender_fault, "Code": "ReceiptHandleIsInvalid"})
        });
        let failed: Vec<_> = failed.collect();
        Fault::Change(Change {
            request: changed,
            answer: Box::new(move |_| json!({"Failed": failed})),
        })
    })
    .await;
    send(&scene, 0..3);
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let finished = settle_and_end(&scene, binary.start(&RUN)).await;
    sql.assert_each_once(3).await;
    let alarm = log_lines(&finished, "asked to keep messages hidden");
    assert_eq!(alarm, 0, "{finished:#?}");
    let calls = proxy.calls("ChangeMessageVisibilityBatch");
    let handles = calls.iter().map(|call| {
        let entries = call.request["Entries"].as_array().unwrap().iter();
        let handle = |entry: &Value| entry["ReceiptHandle"].as_str().unwrap().to_owned();
        entries.map(handle).collect()
    });
    (finished, handles.collect())
}

#[tokio::test]
async fn entries_that_were_not_extended_are_tried_again_in_time() {
    let (finished, handles) = run_with_failed_entries(false).await;
    assert_received_once(&finished, 3);
    assert!(handles.len() > 1);
    let again = handles[1..].concat();
    assert!(handles[0].iter().all(|handle| again.contains(handle)));
}

#[tokio::test]
async fn an_entry_whose_handle_is_not_valid_any_more_is_given_up_quietly() {
    let (finished, handles) = run_with_failed_entries(true).await;
    let again = handles[1..].concat();
    assert!(!handles[0].iter().any(|handle| again.contains(handle)));
    // It came back, and was known.
    let came_back = handles[0].len() as u64;
    assert_eq!(finished.total("duplicates"), came_back, "{finished:#?}");
}

/// The binary, told to keep messages for three seconds at the most.
fn with_short_lease(scene: &Scene, queue: &SqsProxy) -> Binary {
    let config = scene.folder.path().join("veilstream.toml");
    std::fs::write(&config, "[queue]\nlongest_lease = \"3s\"\n").unwrap();
    scene
        .binary()
        .with("VEILSTREAM_CONFIG", &config.display().to_string())
        .with("VEILSTREAM_QUEUE_URL", &queue.queue_url())
}

#[tokio::test]
async fn deletes_are_given_up_after_the_longest_lease_and_the_messages_known_again() {
    // GIVEN a worker that keeps messages for three seconds at the most, and a queue that cannot
    // delete them
    const MESSAGES: usize = 25;
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "1")]).await;
    let proxy = SqsProxy::with(&scene, |action, _| match action {
        "DeleteMessageBatch" => Fault::Refuse(Refusal {
            status: 503,
            code: "ServiceUnavailable",
            retry_after: None,
        }),
        _ => Fault::Pass,
    })
    .await;
    send(&scene, 0..MESSAGES);
    let running = with_short_lease(&scene, &proxy).start(&RUN);
    let sql = Sql::connect(&scene.database.url()).await;
    eventually("all is loaded", || async { sql.rows().await == 25 }).await;

    // WHEN it is told to end, THEN it does not wait for the queue for ever
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_adds_up(&finished);
    assert_eq!(finished.total("deleted"), 0);
    let given_up = "in flight for longer than queue.longest_lease";
    assert!(log_lines(&finished, given_up) > 0, "{finished:#?}");

    // THEN nothing is lost, and nothing is there twice
    assert_eq!(scene.queued(), MESSAGES);
    eventually("they are visible", || async {
        scene.queue.counts(QUEUE).unwrap().visible == MESSAGES
    })
    .await;
    let next = scene.run_once().await;
    assert_eq!(next.code, Some(0), "{next:#?}");
    assert_eq!(next.total("duplicates"), MESSAGES as u64);
    assert_eq!(scene.queued(), 0);
    sql.assert_each_once(MESSAGES).await;
}

#[tokio::test]
async fn what_exceeds_the_longest_lease_is_left_and_loaded_once_later() {
    // GIVEN a worker that keeps messages for three seconds at the most, whose database hangs
    const MESSAGES: usize = 40;
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "1")]).await;
    let url = scene.database.url();
    let (queue, database) = (SqsProxy::to(&scene).await, PostgresProxy::to(&url).await);
    let binary = with_short_lease(&scene, &queue).with("DATABASE_URL", &database.url(&url));
    let running = binary.start(&RUN);
    send(&scene, 0..1);
    eventually("it works", || async { scene.queued() == 0 }).await;
    database.set(Line::Hangs);
    send(&scene, 1..MESSAGES + 1);
    eventually("all is in flight", || async {
        scene.queue.counts(QUEUE).unwrap().in_flight == MESSAGES
    })
    .await;
    let receives = || queue.calls("ReceiveMessage").len();
    let before = receives();

    // WHEN its database goes away
    eventually("they come back", || async { receives() > before }).await;
    database.set(Line::Down);

    // THEN it leaves them, so that others can have them
    eventually("they are visible to others", || async {
        scene.queue.counts(QUEUE).unwrap().visible == MESSAGES
    })
    .await;

    // THEN each is loaded once when the database is back, and the books are balanced
    database.set(Line::Up);
    eventually("the queue is empty", || async { scene.queued() == 0 }).await;
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_adds_up(&finished);
    assert!(finished.total("left") >= MESSAGES as u64, "{finished:#?}");
    let lines = log_lines(&finished, "in flight for longer than queue.longest_lease");
    assert!(
        (1..MESSAGES).contains(&lines),
        "a line a batch: {finished:#?}"
    );
    let sql = Sql::connect(&url).await;
    sql.assert_each_once(MESSAGES + 1).await;
}
