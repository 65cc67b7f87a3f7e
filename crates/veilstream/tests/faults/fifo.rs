//! The order of FIFO groups, kept through connections that break, answers that get lost and rows
//! that PostgreSQL refuses.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::json;
use testkit::{QUEUE, Scene, call, eventually};

use crate::{
    BINARY,
    logins::assert_adds_up,
    postgres_proxy::{Cut, PostgresProxy},
    sql::Sql,
    sqs_proxy::{Fault, SqsProxy},
};

const FIFO: &str = "login-queue.fifo";
const GROUPS: usize = 50;
const EACH: usize = 24;
/// In every fifth group PostgreSQL refuses this one.
const REFUSED: usize = 11;
const STRAY: usize = 5;

/// A scene with a FIFO queue, and a table that numbers its rows and is against some of them.
async fn scene() -> (Scene, Sql) {
    let scene = Scene::new(BINARY).await;
    let fifo = [("FifoQueue", "true"), ("VisibilityTimeout", "2")];
    scene.queue.create_queue(FIFO, &fifo).unwrap();
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute(&format!(
        "ALTER TABLE user_logins ADD place bigint GENERATED ALWAYS AS IDENTITY, \
         ADD CHECK (app_version <> {REFUSED} OR user_id NOT LIKE '%0')"
    ))
    .await;
    (scene, sql)
}

/// Sends the groups' messages, interleaved, ten to a call. In each group one is no row.
async fn send_groups(scene: &Scene) {
    let address = scene.queue.address().to_string();
    for number in 0..EACH {
        for first in (0..GROUPS).step_by(10) {
            let entries = (first..first + 10).map(|group| {
                let body = if number == STRAY {
                    "oops".to_owned()
                } else {
                    json!({
                        "user_id": format!("group-{group}"), "app_version": number.to_string(),
                        "ip": "203.0.113.77", "device_id": "867-53-0900",
                    })
                    .to_string()
                };
                json!({
                    "Id": group.to_string(), "MessageBody": body,
                    "MessageGroupId": group.to_string(),
                    "MessageDeduplicationId": format!("{group}-{number}"),
                })
            });
            let batch = json!({
                "QueueUrl": scene.queue.queue_url(FIFO), "Entries": entries.collect::<Vec<_>>(),
            });
            let sent = call(&address, "SendMessageBatch", &batch).await;
            assert_eq!(sent["Successful"].as_array().unwrap().len(), 10);
        }
    }
}

fn is_refused(group: usize, number: usize) -> bool {
    number == REFUSED && group.is_multiple_of(10)
}

/// Each group's rows stand in the order of their numbers.
async fn assert_in_order(scene: &Scene, expected: impl Fn(usize, usize) -> bool) {
    let orders = "SELECT user_id::text, string_agg(app_version::text, ' ' ORDER BY place) \
                  FROM user_logins GROUP BY user_id";
    let mut landed = scene.database.rows(orders).await;
    landed.sort();
    let mut groups: Vec<_> = (0..GROUPS)
        .map(|group| {
            let numbers = (0..EACH).filter(|number| expected(group, *number));
            let numbers: Vec<_> = numbers.map(|number| number.to_string()).collect();
            vec![Some(format!("group-{group}")), Some(numbers.join(" "))]
        })
        .collect();
    groups.sort();
    assert_eq!(landed, groups);
}

fn queued(scene: &Scene) -> usize {
    let counts = scene.queue.counts(FIFO).unwrap();
    counts.visible + counts.in_flight
}

#[tokio::test]
async fn groups_keep_their_order_through_faults_and_bisection() {
    // GIVEN a queue whose answers get lost and a database whose connections are cut
    let (scene, sql) = scene().await;
    send_groups(&scene).await;
    let url = scene.database.url();
    let cut = Cut {
        after: b"\"user_logins\" (",
        bytes: 200,
        times: 6,
    };
    let postgres = PostgresProxy::cutting(&url, cut).await;
    let calls = AtomicUsize::new(0);
    let sqs = SqsProxy::with(&scene, move |action, _| {
        let faulty = matches!(action, "ReceiveMessage" | "DeleteMessageBatch");
        if faulty && calls.fetch_add(1, Ordering::SeqCst) % 7 == 3 {
            Fault::LoseAnswer
        } else {
            Fault::Pass
        }
    })
    .await;
    let queue = sqs.queue_url().replace(testkit::QUEUE, FIFO);
    let queue = queue.replace(".fifo.fifo", ".fifo");

    // WHEN a worker drains it
    let running = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &queue)
        .with("DATABASE_URL", &postgres.url(&url))
        .start(&["run", "--output", "json"]);
    eventually("the queue is empty", || async { queued(&scene) == 0 }).await;
    running.signal("TERM").await;
    let finished = running.finish().await;

    // THEN each group is in order, without what is in quarantine
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_adds_up(&finished);
    assert!(postgres.cuts() > 0);
    assert_in_order(&scene, |group, number| {
        number != STRAY && !is_refused(group, number)
    })
    .await;
    let rejected = i64::try_from(GROUPS + GROUPS / 10).unwrap();
    let entries = "SELECT count(*) FROM veilstream.quarantine";
    assert_eq!(sql.count(entries).await, rejected);
}

#[tokio::test]
async fn with_once_the_rest_of_a_group_is_waited_for_while_a_delete_takes_long() {
    // GIVEN a FIFO queue of which receives answer late, and the first delete takes longer than an
    // empty poll: it comes through while the answer to the second empty one is on its way
    const MESSAGES: usize = 15;
    let scene = Scene::new(BINARY).await;
    let fifo = [("FifoQueue", "true"), ("VisibilityTimeout", "60")];
    scene.queue.create_queue(FIFO, &fifo).unwrap();
    for number in 0..MESSAGES {
        let body = json!({"user_id": number.to_string(), "ip": "192.0.2.1", "device_id": "d"});
        let message = json!({
            "QueueUrl": scene.queue.queue_url(FIFO), "MessageBody": body.to_string(),
            "MessageGroupId": "group", "MessageDeduplicationId": number.to_string(),
        });
        call(&scene.queue.address().to_string(), "SendMessage", &message).await;
    }
    let deletes = AtomicUsize::new(0);
    let proxy = SqsProxy::with(&scene, move |action, _| match action {
        "ReceiveMessage" => Fault::Late(Duration::from_secs(1)),
        "DeleteMessageBatch" if deletes.fetch_add(1, Ordering::SeqCst) == 0 => {
            Fault::Delay(Duration::from_millis(3_500))
        }
        _ => Fault::Pass,
    })
    .await;

    // WHEN it is emptied
    let url = proxy.queue_url().replace(QUEUE, FIFO);
    let binary = scene.binary().with("VEILSTREAM_QUEUE_URL", &url);
    let finished = binary.run(&["run", "--once", "--output", "json"]).await;

    // THEN nothing is left
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert_adds_up(&finished);
    assert_eq!(queued(&scene), 0);
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(MESSAGES).await;
}

#[tokio::test]
async fn what_is_left_holds_back_the_rest_of_its_group() {
    // GIVEN a pipeline that leaves what is rejected
    let (scene, sql) = scene().await;
    send_groups(&scene).await;
    let config = scene.folder.path().join("leave.toml");
    let logins = include_str!("../../src/config/logins.toml");
    let leaving = logins.replace("[pipeline]\n", "[pipeline]\non_reject = \"leave\"\n");
    std::fs::write(&config, leaving).unwrap();
    let config = config.display().to_string();

    // WHEN it runs, THEN no group gets beyond the message that is no row
    let arguments = ["run", "--output", "json", "--config", &config];
    let running = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &scene.queue.queue_url(FIFO))
        .start(&arguments);
    let settled = i64::try_from(GROUPS * STRAY).unwrap();
    eventually("all before it is loaded", || async {
        sql.rows().await == settled
    })
    .await;
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_adds_up(&finished);
    assert_in_order(&scene, |_, number| number < STRAY).await;
    assert_eq!(queued(&scene), GROUPS * (EACH - STRAY));
}
