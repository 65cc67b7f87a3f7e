//! What the ledger's functions refuse, whoever calls them.

use serde_json::json;
use testkit::{
    Scene, call, eventually,
    sqs_proxy::{Change, Fault, SqsProxy},
};

use crate::{BINARY, login, rows, totals};

/// Today's number, by the server's clock.
const TODAY: &str = "floor(extract(epoch FROM now()) / 86400)::bigint";
const MILLIS_PER_DAY: i64 = 86_400_000;

/// How many of the days of these ages can be made, each in a transaction of its own, as workers do.
async fn made(scene: &Scene, ages: std::ops::RangeInclusive<i64>) -> usize {
    let client = scene.database.connect().await;
    let mut made = 0;
    for age in ages {
        let sql = format!("SELECT veilstream.add_ledger_partition({TODAY} - $1)");
        let row = client.query_one(&sql, &[&age]).await.unwrap();
        made += usize::from(row.get::<_, bool>(0));
    }
    made
}

/// In front of a queue of the scene: changes when messages were sent, by so many days, if their body
/// holds the text.
async fn sent_otherwise(scene: &Scene, queue: &str, text: &'static str, days: i64) -> SqsProxy {
    SqsProxy::before(
        &scene.queue.endpoint_url(),
        queue,
        move |action, request| {
            if action != "ReceiveMessage" {
                return Fault::Pass;
            }
            Fault::Change(Change {
                request: request.clone(),
                answer: Box::new(move |mut answer| {
                    for message in answer["Messages"].as_array_mut().into_iter().flatten() {
                        if message["Body"].as_str().unwrap().contains(text) {
                            let sent = &mut message["Attributes"]["SentTimestamp"];
                            let millis: i64 = sent.as_str().unwrap().parse().unwrap();
                            *sent = (millis + days * MILLIS_PER_DAY).to_string().into();
                        }
                    }
                    answer
                }),
            })
        },
    )
    .await
}

#[tokio::test]
async fn days_that_no_queue_has_are_not_made_without_end() {
    let scene = Scene::new(BINARY).await;

    // Ahead, a week has to do, for clocks that differ.
    assert_eq!(made(&scene, -20..=-8).await, 0);
    assert_eq!(made(&scene, -7..=-1).await, 7);

    // Behind, all that SQS can deliver, and some for wrong clocks and tests.
    assert_eq!(made(&scene, 31..=450).await, 400);
    assert_eq!(made(&scene, 0..=30).await, 31);
    assert_eq!(made(&scene, 31..=32).await, 2, "they are there");
}

#[tokio::test]
async fn queues_are_not_recorded_without_end() {
    // GIVEN as many queues as are taken
    let scene = Scene::new(BINARY).await;
    let record =
        |number: usize| format!("SELECT veilstream.record_queue_retention('q-{number}', 60)");
    let fill =
        "SELECT veilstream.record_queue_retention('q-' || n, 60) FROM generate_series(1, 1000) n";
    scene.database.execute(fill).await;

    // THEN one more is refused, and a worker for it says what to do
    let client = scene.database.connect().await;
    let error = client.batch_execute(&record(1_001)).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "54000");
    let finished = scene.run_once().await;
    assert_eq!(finished.code, Some(4), "{finished:#?}");
    assert!(
        finished.stderr.contains("queue_retention holds 1,000"),
        "{finished:#?}"
    );

    // AND one that is known is not, nor one more once another has not been seen for long
    scene.database.execute(&record(1_000)).await;
    let unseen = "UPDATE veilstream.queue_retention SET seen_at = now() - interval '16 days' \
                  WHERE queue_arn = 'q-1'";
    scene.database.execute(unseen).await;
    assert_eq!(totals(&scene.run_once().await), [0; 4]);
}

#[tokio::test]
async fn a_message_of_a_day_far_ahead_is_left_and_the_others_are_loaded() {
    // GIVEN a queue that says of one message that it was sent in a month
    let scene = Scene::new(BINARY).await;
    for user in 1..=3 {
        scene.send(&login(user));
    }
    let proxy = sent_otherwise(&scene, testkit::QUEUE, "u-2", 30).await;

    // WHEN
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let finished = binary.run(&["run", "--once", "--output", "json"]).await;

    // THEN
    assert_eq!(totals(&finished), [2, 0, 0, 1]);
    assert!(
        finished.stderr.contains("docs/delivery.md"),
        "{finished:#?}"
    );
    assert_eq!(rows(&scene).await, 2);
    assert_eq!(scene.queued(), 1);
}

#[tokio::test]
async fn on_a_fifo_queue_nothing_overtakes_a_message_that_is_older_than_the_ledger() {
    const FIFO: &str = "login-queue.fifo";
    // GIVEN a group whose second message is older than the ledger
    let scene = Scene::new(BINARY).await;
    let attributes = [("FifoQueue", "true"), ("VisibilityTimeout", "5")];
    scene.queue.create_queue(FIFO, &attributes).unwrap();
    let numbered = format!(
        "ALTER TABLE user_logins ADD place bigint GENERATED ALWAYS AS IDENTITY; \
         UPDATE veilstream.ledger_start SET day = {TODAY} - 50"
    );
    scene.database.execute(&numbered).await;
    let address = scene.queue.address().to_string();
    let entries = (1..=4).map(|number| {
        json!({
            "Id": number.to_string(), "MessageBody": login(number), "MessageGroupId": "g",
            "MessageDeduplicationId": number.to_string(),
        })
    });
    let batch = json!({
        "QueueUrl": scene.queue.queue_url(FIFO), "Entries": entries.collect::<Vec<_>>(),
    });
    call(&address, "SendMessageBatch", &batch).await;
    let proxy = sent_otherwise(&scene, FIFO, "u-2", -100).await;

    // WHEN they come in one receive
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let run = async || binary.run(&["run", "--once", "--output", "json"]).await;
    let finished = run().await;

    // THEN what is behind it is left with it, and nothing of the group overtakes it
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert!(
        finished.stderr.contains("docs/delivery.md"),
        "{finished:#?}"
    );
    let users = "SELECT coalesce(string_agg(user_id, ' ' ORDER BY place), '') FROM user_logins";
    let users = async || scene.database.rows(users).await[0][0].clone().unwrap();
    let landed = users().await;
    assert!(["", "u-1"].contains(&&*landed), "{landed}");

    // AND once the owner says that they are new, they are loaded in their order
    let back = format!("UPDATE veilstream.ledger_start SET day = {TODAY} - 200");
    scene.database.execute(&back).await;
    eventually("they are loaded", async || {
        run().await;
        users().await == "u-1 u-2 u-3 u-4"
    })
    .await;
}
