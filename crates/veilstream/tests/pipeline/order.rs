//! FIFO queues: the order of a group is the order of its rows.

use serde_json::json;
use testkit::{Scene, call};

use crate::{BINARY, assert_counted, event};

const FIFO: &str = "login-queue.fifo";
const GROUPS: u64 = 10;
const EACH: u64 = 30;
/// A message in the midst of each group that is no row.
const STRAY: u64 = 13;

/// Sends the groups' messages, interleaved, ten to a call.
async fn send_groups(scene: &Scene) {
    let address = scene.queue.address().to_string();
    for number in 0..EACH {
        let entries = (0..GROUPS).map(|group| {
            let body = if number == STRAY {
                "oops".to_owned()
            } else {
                let user = json!(format!("group-{group}"));
                event(&[("user_id", user), ("app_version", json!(number))])
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

#[tokio::test]
async fn rows_of_a_fifo_group_land_in_its_order() {
    // GIVEN a table that numbers its rows
    let scene = Scene::new(BINARY).await;
    scene
        .database
        .execute("ALTER TABLE user_logins ADD place bigint GENERATED ALWAYS AS IDENTITY")
        .await;
    scene
        .queue
        .create_queue(FIFO, &[("FifoQueue", "true")])
        .unwrap();
    send_groups(&scene).await;

    // WHEN
    let run = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &scene.queue.queue_url(FIFO))
        .run(&["run", "--once", "--output", "json"])
        .await;

    // THEN
    let all = GROUPS * EACH;
    assert_counted(&run, [all, all - GROUPS, 0, GROUPS, 0, all]);
    let orders = "SELECT user_id::text, string_agg(app_version::text, ' ' ORDER BY place) \
                  FROM user_logins GROUP BY user_id ORDER BY user_id";
    let landed = scene.database.rows(orders).await;
    let numbers = (0..EACH).filter(|number| *number != STRAY);
    let numbers: Vec<_> = numbers.map(|number| number.to_string()).collect();
    let expected = (0..GROUPS)
        .map(|group| vec![Some(format!("group-{group}")), Some(numbers.join(" "))])
        .collect::<Vec<_>>();
    assert_eq!(landed, expected);
    let left = scene.queue.counts(FIFO).unwrap();
    assert_eq!(left.visible + left.in_flight, 0);
}
