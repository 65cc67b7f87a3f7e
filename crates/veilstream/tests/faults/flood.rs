//! A changed producer: most messages are no rows any more.

use std::time::Duration;

use testkit::{Finished, Running, Scene, eventually};

use crate::{
    BINARY,
    logins::{LONG_VISIBILITY, assert_adds_up, log_lines, send},
    sql::Sql,
};

const STRAYS: usize = 400;
const SAID: &str = "has their producer changed?";

fn send_strays(scene: &Scene, strays: usize) {
    for _ in 0..strays {
        scene.send(r#"{"foo": "oops_wrong_msg_type", "bar": "123"}"#);
    }
}

async fn run_once(scene: &Scene, more: &[&str]) -> Finished {
    let arguments = [&["run", "--once", "--output", "json"], more].concat();
    scene.binary().run(&arguments).await
}

fn total(finished: &Finished, name: &str) -> usize {
    usize::try_from(finished.total(name)).unwrap()
}

#[tokio::test]
async fn with_once_a_flood_of_rejects_ends_the_run_with_a_code_of_its_own() {
    // GIVEN more strays than rows
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    send_strays(&scene, STRAYS);
    send(&scene, 0..50);

    // WHEN
    let finished = run_once(&scene, &[]).await;

    // THEN it says why, and what is no row is in the queue, but for the first few
    assert_eq!(finished.code, Some(7), "{finished:#?}");
    assert!(finished.stderr.contains(SAID), "{finished:#?}");
    assert!(finished.stderr.contains("missing_field"), "{finished:#?}");
    assert!(
        finished.stderr.contains("--no-reject-limit"),
        "{finished:#?}"
    );
    assert_adds_up(&finished);
    let quarantined = total(&finished, "quarantined");
    assert!(quarantined < 250, "{finished:#?}");
    let loaded = total(&finished, "loaded");
    assert_eq!(scene.queued(), STRAYS + 50 - quarantined - loaded);
    eventually("what is left was given back", || async {
        scene.queue.counts(testkit::QUEUE).unwrap().in_flight == 0
    })
    .await;

    // AND who wants them in quarantine gets them there
    let forced = run_once(&scene, &["--no-reject-limit"]).await;
    assert_eq!(forced.code, Some(0), "{forced:#?}");
    assert_eq!(scene.queued(), 0);
    assert_eq!(sql.rows().await, 50);
    let strays = i64::try_from(STRAYS).unwrap();
    let entries = "SELECT count(*) FROM veilstream.quarantine";
    assert_eq!(sql.count(entries).await, strays);
}

#[tokio::test]
async fn fewer_than_two_hundred_or_half_of_them_are_no_flood() {
    let scene = Scene::new(BINARY).await;
    send_strays(&scene, 190);
    let few = run_once(&scene, &[]).await;
    assert_eq!(few.code, Some(0), "{few:#?}");
    assert_eq!(total(&few, "quarantined"), 190);

    for number in 0..300 {
        send_strays(&scene, 1);
        send(&scene, number..number + 1);
    }
    let half = run_once(&scene, &[]).await;
    assert_eq!(half.code, Some(0), "{half:#?}");
    assert_eq!(total(&half, "quarantined"), 300);
}

#[tokio::test]
async fn a_table_that_refuses_all_rows_is_a_flood_too() {
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute("ALTER TABLE user_logins ADD CHECK (device_type = 'iOS')")
        .await;
    send(&scene, 0..1_500);
    let finished = run_once(&scene, &[]).await;
    assert_eq!(finished.code, Some(7), "{finished:#?}");
    assert!(finished.stderr.contains("SQLSTATE 23514"), "{finished:#?}");
    assert_adds_up(&finished);
    let quarantined = total(&finished, "quarantined");
    // As soon as there are enough to tell.
    assert!((190..=210).contains(&quarantined), "{finished:#?}");
    assert_eq!(scene.queued(), 1_500 - quarantined);
    assert_eq!(sql.rows().await, 0);
    assert_eq!(sql.keys().await, i64::try_from(quarantined).unwrap());
}

#[tokio::test]
async fn a_few_bad_rows_in_a_large_backlog_are_no_flood() {
    // GIVEN more messages in flight than the limit looks at, and one bad row in ten
    const MESSAGES: usize = 2_500;
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute("ALTER TABLE user_logins ADD CHECK (user_id NOT LIKE '%7_')")
        .await;
    send(&scene, 0..MESSAGES);

    let config = scene.folder.path().join("limit.toml");
    let logins = include_str!("../../src/config/logins.toml");
    let limited = logins.replace("[pipeline]\n", "[pipeline]\nreject_limit = 20\n");
    std::fs::write(&config, limited).unwrap();

    // WHEN they are loaded, THEN every good one is
    let config = config.display().to_string();
    let finished = run_once(&scene, &["--config", &config]).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert_adds_up(&finished);
    let bad = (0..MESSAGES).filter(|number| number / 10 % 10 == 7).count();
    assert_eq!(total(&finished, "quarantined"), bad);
    assert_eq!(scene.queued(), 0);
}

#[tokio::test]
async fn a_fifo_queue_whose_rows_are_all_refused_stays_stopped() {
    // GIVEN a FIFO queue of rows that the table refuses, each receive of one group
    const FIFO: &str = "login-queue.fifo";
    let scene = Scene::new(BINARY).await;
    scene
        .queue
        .create_queue(FIFO, &[("FifoQueue", "true"), ("VisibilityTimeout", "600")])
        .unwrap();
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute("ALTER TABLE user_logins ADD CHECK (device_type = 'iOS')")
        .await;
    for number in 0..1_200 {
        let body = serde_json::json!({
            "user_id": format!("user-{number}"), "device_type": "android",
            "ip": "203.0.113.77", "device_id": "867-53-0900",
        });
        let group = (number / 10).to_string();
        let message = serde_json::json!({
            "QueueUrl": scene.queue.queue_url(FIFO), "MessageBody": body.to_string(),
            "MessageGroupId": group, "MessageDeduplicationId": number.to_string(),
        });
        testkit::call(&scene.queue.address().to_string(), "SendMessage", &message).await;
    }

    // WHEN a worker meets them
    let running = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &scene.queue.queue_url(FIFO))
        .start(&["run", "--output", "json"]);
    let entries = "SELECT count(*) FROM veilstream.quarantine";
    eventually("it has taken some", || async {
        sql.count(entries).await >= 190
    })
    .await;
    eventually("it gives back the others", || async {
        scene.queue.counts(FIFO).unwrap().in_flight == 0
    })
    .await;

    // THEN it stops once, and nothing that it tries makes it go on
    let finished = end(running).await;
    assert_eq!(log_lines(&finished, SAID), 1, "{finished:#?}");
    assert_eq!(
        log_lines(&finished, "receiving as before"),
        0,
        "{finished:#?}"
    );
    assert!(total(&finished, "quarantined") < 230, "{finished:#?}");
}

async fn end(running: Running) -> Finished {
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_adds_up(&finished);
    finished
}

#[tokio::test]
async fn a_worker_waits_until_the_flood_is_over_and_goes_on_by_itself() {
    // GIVEN a worker that has met a flood
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    let running = scene.start();
    send_strays(&scene, STRAYS);
    let entries = "SELECT count(*) FROM veilstream.quarantine";
    eventually("it has taken some", || async {
        sql.count(entries).await > 0
    })
    .await;
    eventually("it gives back the others", || async {
        let counts = scene.queue.counts(testkit::QUEUE).unwrap();
        counts.in_flight == 0 && counts.visible > 0
    })
    .await;
    let taken = sql.count(entries).await;
    let left = scene.queued();
    assert!(left > STRAYS / 2, "{left}");

    // WHEN the producer is mended (here: its strays are gone), THEN rows are loaded within a minute
    let queue = serde_json::json!({"QueueUrl": scene.queue.queue_url(testkit::QUEUE)});
    testkit::call(&scene.queue.address().to_string(), "PurgeQueue", &queue).await;
    send(&scene, 0..300);
    tokio::time::timeout(Duration::from_secs(100), async {
        while sql.rows().await < 300 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("it tries one receive a minute");
    let finished = end(running).await;
    assert_eq!(sql.count(entries).await, taken);
    assert_eq!(log_lines(&finished, SAID), 1, "{finished:#?}");
    assert_eq!(
        log_lines(&finished, "receiving as before"),
        1,
        "{finished:#?}"
    );
    assert_eq!(total(&finished, "loaded"), 300);
}
