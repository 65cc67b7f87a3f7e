//! The database or the queue goes away and comes back, or breaks a call off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use localpg::Cluster;
use serde_json::{Value, json};
use testkit::{Finished, Scene, eventually};

use crate::{
    BINARY,
    logins::{LONG_VISIBILITY, assert_adds_up, given_back, log_lines, send, settle_and_end},
    postgres_proxy::{Cut, Line, PostgresProxy},
    sql::Sql,
    sqs_proxy::{Change, Fault, SqsProxy},
};

const RUN: [&str; 3] = ["run", "--output", "json"];
const RUN_ONCE: [&str; 4] = ["run", "--once", "--output", "json"];

async fn reaches(what: &str, sql: &Sql, rows: i64) {
    eventually(what, || async { sql.rows().await >= rows }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_crashes_and_comes_back_has_each_message_once() {
    // GIVEN a server of its own under a worker that loads
    let scene = Scene::unmigrated(BINARY, &[]).await;
    let start = || Cluster::builder().durable(false).start().unwrap();
    let mut cluster = tokio::task::spawn_blocking(start).await.unwrap();
    let binary = scene
        .binary()
        .with("DATABASE_URL", &cluster.url("postgres"));
    let migrated = binary.run(&["migrate"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    let running = binary.start(&RUN);
    let sql = Sql::connect(&cluster.url("postgres")).await;
    send(&scene, 0..1_000);
    reaches("it loads", &sql, 1).await;

    // WHEN the server crashes under load, messages keep coming, and it starts again
    send(&scene, 1_000..2_000);
    tokio::task::block_in_place(|| cluster.stop_immediate());
    send(&scene, 2_000..3_000);
    assert!(scene.queued() >= 1_000, "what is not committed stays");
    // An outage, and not just a connection that breaks: of that the log says nothing.
    tokio::time::sleep(Duration::from_secs(4)).await;
    tokio::task::block_in_place(|| cluster.start_again()).unwrap();

    // THEN each is there once, and each change of state was said once
    let finished = settle_and_end(&scene, running).await;
    let sql = Sql::connect(&cluster.url("postgres")).await;
    sql.assert_each_once(3_000).await;
    let away = log_lines(&finished, "the database does not answer");
    let back = log_lines(&finished, "the database answers again");
    assert_eq!((away, back), (1, 1), "{finished:#?}");
}

#[tokio::test]
async fn a_queue_that_goes_away_and_comes_back_has_each_message_loaded_once() {
    // GIVEN a worker that loads
    let scene = Scene::new(BINARY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    let proxy = SqsProxy::to(&scene).await;
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let running = binary.start(&RUN);
    send(&scene, 0..1_000);
    reaches("it loads", &sql, 1).await;

    // WHEN the queue refuses for a while, and messages keep coming
    proxy.set_away(true);
    let away = Instant::now();
    send(&scene, 1_000..2_000);
    eventually("it tries again and again", || async {
        let calls = proxy.calls("ReceiveMessage");
        let refused = calls.iter().filter(|call| call.refused).count();
        // An outage, and not just a connection that breaks: of that the log says nothing.
        refused >= 8 && away.elapsed() > Duration::from_secs(8)
    })
    .await;
    proxy.set_away(false);

    // THEN each is there once, and each change of state was said once
    let finished = settle_and_end(&scene, running).await;
    sql.assert_each_once(2_000).await;
    let away = log_lines(&finished, "the queue does not answer");
    let back = log_lines(&finished, "the queue answers again");
    assert_eq!((away, back), (1, 1), "{finished:#?}");
}

#[tokio::test]
async fn a_minute_without_a_database_ends_a_run_once_and_nothing_is_deleted() {
    // GIVEN a run with an end, that has started
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let url = scene.database.url();
    let (queue, database) = (SqsProxy::to(&scene).await, PostgresProxy::to(&url).await);
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &queue.queue_url())
        .with("DATABASE_URL", &database.url(&url));
    let running = binary.start(&RUN_ONCE);
    eventually("it has started", || async {
        !queue.calls("ReceiveMessage").is_empty()
    })
    .await;

    // WHEN the database is away for good before the messages come
    database.set(Line::Down);
    send(&scene, 0..200);
    let finished = running.finish().await;

    // THEN it ends after a minute, says so, and leaves everything
    assert_eq!(finished.code, Some(4), "{finished:#?}");
    assert!(database.refused() > 5, "it tried again and again");
    let seconds = finished.summary()["seconds"].as_f64().unwrap();
    assert!((60.0..100.0).contains(&seconds), "{seconds} s");
    assert_eq!(log_lines(&finished, "the database does not answer"), 1);
    assert!(
        finished.stderr.contains("Nothing was deleted"),
        "{finished:#?}"
    );
    assert_adds_up(&finished);
    assert_eq!(finished.total("deleted"), 0);
    Sql::connect(&url).await.assert_empty().await;
    given_back(&scene, 200).await;
}

/// GIVEN connections that are cut at a place, WHEN messages are loaded, THEN each is there once.
async fn run_with_cut(cut: Cut) -> Finished {
    let scene = Scene::new(BINARY).await;
    let url = scene.database.url();
    send(&scene, 0..2_000);
    let proxy = PostgresProxy::cutting(&url, cut).await;
    let binary = scene.binary().with("DATABASE_URL", &proxy.url(&url));
    let finished = binary.run(&RUN_ONCE).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert_eq!(proxy.cuts(), cut.times, "{finished:#?}");
    Sql::connect(&url).await.assert_each_once(2_000).await;
    assert_adds_up(&finished);
    assert_eq!(finished.total("deleted"), 2_000);
    assert_eq!(scene.queued(), 0);
    finished
}

#[tokio::test]
async fn connections_cut_in_the_middle_of_a_copy_load_each_message_once() {
    let cut = Cut {
        after: b"\"user_logins\" (",
        bytes: 1_000,
        times: 6,
    };
    let finished = run_with_cut(cut).await;
    assert_eq!(finished.total("loaded"), 2_000, "no COPY had come through");
}

#[tokio::test]
async fn a_lost_answer_to_a_commit_is_found_out_by_loading_again() {
    // The server has the COMMIT; whether it acts on it before it sees the cut is its own affair.
    let cut = Cut {
        after: b"SELECT 1; COMMIT",
        bytes: 0,
        times: 6,
    };
    let finished = run_with_cut(cut).await;
    let settled = finished.total("loaded") + finished.total("duplicates");
    assert_eq!(settled, 2_000);
}

#[tokio::test]
async fn a_lost_answer_to_a_delete_is_asked_for_again() {
    // GIVEN a queue whose first answers to DeleteMessageBatch get lost
    let scene = Scene::new(BINARY).await;
    let lost = AtomicUsize::new(0);
    let proxy = SqsProxy::with(&scene, move |action, _| {
        if action == "DeleteMessageBatch" && lost.fetch_add(1, Ordering::SeqCst) < 10 {
            Fault::LoseAnswer
        } else {
            Fault::Pass
        }
    })
    .await;
    send(&scene, 0..300);

    // WHEN messages are loaded
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let finished = binary.run(&RUN_ONCE).await;

    // THEN each is there once, and the answers came in the end
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    Sql::connect(&scene.database.url())
        .await
        .assert_each_once(300)
        .await;
    assert_eq!(finished.total("deleted"), 300);
    assert!(proxy.calls("DeleteMessageBatch").len() >= 40);
    assert_eq!(scene.queued(), 0);
}

#[tokio::test]
async fn entries_that_were_not_deleted_are_tried_again_and_no_others() {
    // GIVEN a queue that deletes only some of each of the first batches: of those it keeps, it says
    // so of some and is silent about the others
    let scene = Scene::new(BINARY).await;
    let kept = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&kept);
    let proxy = SqsProxy::with(&scene, move |action, request| {
        if action != "DeleteMessageBatch" || count.load(Ordering::SeqCst) >= 60 {
            return Fault::Pass;
        }
        let (delete, keep) = split(request);
        if delete.is_empty() {
            return Fault::Pass;
        }
        count.fetch_add(keep.len(), Ordering::SeqCst);
        let mut request = request.clone();
        request["Entries"] = Value::Array(delete);
        Fault::Change(Change {
            request,
            answer: Box::new(move |answer| with_failed(answer, &keep)),
        })
    })
    .await;
    send(&scene, 0..300);

    // WHEN messages are loaded
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let finished = binary.run(&RUN_ONCE).await;

    // THEN all are deleted in the end, and what was deleted is not deleted again
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert_eq!(finished.total("deleted"), 300);
    assert_eq!(scene.queued(), 0);
    let calls = proxy.calls("DeleteMessageBatch");
    let entries: usize = calls.iter().map(|call| entries(&call.request).len()).sum();
    assert_eq!(entries, 300 + kept.load(Ordering::SeqCst));
    Sql::connect(&scene.database.url())
        .await
        .assert_each_once(300)
        .await;
}

fn entries(request: &Value) -> &Vec<Value> {
    request["Entries"].as_array().unwrap()
}

/// Every third entry is deleted, the others are kept.
fn split(request: &Value) -> (Vec<Value>, Vec<Value>) {
    let numbered = entries(request).iter().cloned().enumerate();
    let (delete, keep): (Vec<_>, Vec<_>) = numbered.partition(|(place, _)| place % 3 == 0);
    let plain =
        |entries: Vec<(usize, Value)>| entries.into_iter().map(|(_, entry)| entry).collect();
    (plain(delete), plain(keep))
}

/// Half of what was kept is said to have failed.
fn with_failed(mut answer: Value, keep: &[Value]) -> Value {
    let failed: Vec<_> = keep
        .iter()
        .step_by(2)
        .map(|entry| json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError"}))
        .collect();
    answer["Failed"] = failed.into();
    answer
}
