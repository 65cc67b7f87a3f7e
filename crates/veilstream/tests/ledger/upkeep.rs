//! Days of the ledger are made ahead and dropped behind, beside the loading and never in its way.

use std::time::Duration;

use serde_json::json;
use testkit::{QUEUE, Scene, call, eventually};
use tokio_util::sync::CancellationToken;
use veilstream::{
    metrics::Metrics,
    pipeline::Until,
    startup::{Overrides, Settings},
    upkeep,
};

use crate::{BINARY, login, rows, totals};

/// Today's number, by the server's clock.
const TODAY: &str = "floor(extract(epoch FROM now()) / 86400)::bigint";
const QUEUE_ARN: &str = "SELECT queue_arn FROM veilstream.queue_retention";

/// How old the days of the ledger are, the oldest first.
async fn ages(scene: &Scene) -> Vec<i64> {
    let sql = format!(
        "SELECT ({TODAY} - date_part('epoch', to_date(substr(relname, 8), 'YYYYMMDD'))::bigint / 86400)::text \
         FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid \
         WHERE inhparent = 'veilstream.ledger'::regclass ORDER BY relname"
    );
    let rows = scene.database.rows(&sql).await;
    let number = |row: &Vec<Option<String>>| row[0].as_ref().unwrap().parse().unwrap();
    rows.iter().map(number).collect()
}

/// Makes the days of these ages, each with a key in it, as if they had been loaded then.
async fn make_days(scene: &Scene, ages: std::ops::RangeInclusive<i64>) {
    let sql = format!(
        "SELECT veilstream.add_ledger_partition({TODAY} - age) FROM generate_series({}, {}) age; \
         INSERT INTO veilstream.ledger SELECT veilstream.ledger_bound({TODAY} - age) \
         FROM generate_series({0}, {1}) age ON CONFLICT DO NOTHING",
        ages.start(),
        ages.end()
    );
    scene.database.execute(&sql).await;
}

#[tokio::test]
async fn days_that_no_queue_needs_are_dropped_and_all_others_stay() {
    // GIVEN a ledger of 30 days; the queue keeps messages for 4 days, and another one, which a worker
    // served 14 days ago, for 14
    let scene = Scene::new(BINARY).await;
    make_days(&scene, 3..=30).await;
    let other = "INSERT INTO veilstream.queue_retention VALUES \
                 ('arn:aws:sqs:us-east-1:000000000000:other', 1209600, now() - interval '14 days')";
    scene.database.execute(other).await;

    // WHEN a worker runs
    assert_eq!(totals(&scene.run_once().await), [0; 4]);

    // THEN what 14 days and two more have been over for is gone, and days ahead are there
    let kept: Vec<i64> = (-2..=16).rev().collect();
    assert_eq!(ages(&scene).await, kept);

    // AND when the other queue has not been served for 16 days, this one's 4 days count, and the
    // other is forgotten
    let unseen = "UPDATE veilstream.queue_retention SET seen_at = now() - interval '16 days' \
                  WHERE retention = 1209600";
    scene.database.execute(unseen).await;
    assert_eq!(totals(&scene.run_once().await), [0; 4]);
    let kept: Vec<i64> = (-2..=6).rev().collect();
    assert_eq!(ages(&scene).await, kept);
    let queues = scene.database.rows(QUEUE_ARN).await;
    assert_eq!(queues.len(), 1, "{queues:?}");
    assert!(queues[0][0].as_ref().unwrap().ends_with(":login-queue"));
}

#[tokio::test]
async fn a_worker_that_runs_for_long_makes_its_rounds_and_sees_a_new_retention() {
    // GIVEN a worker with rounds that are short enough for a test
    let scene = Scene::new(BINARY).await;
    let settings = Settings::new(Overrides {
        queue_url: Some(scene.queue.queue_url(QUEUE)),
        database_url: Some(scene.database.url()),
        keyset: Some(scene.keyset()),
        ..Overrides::default()
    });
    let parts = settings
        .unwrap()
        .without_environment()
        .parts()
        .await
        .unwrap();
    let stop = CancellationToken::new();
    let until = Until::Stopped;
    let often = Duration::from_millis(100);
    let metrics = Metrics::new();
    let working = upkeep::keep(&parts, &metrics, until, often, &stop);
    let looking = async {
        // WHEN days grow old, THEN they are dropped, without a new start
        make_days(&scene, 3..=20).await;
        let oldest = async || ages(&scene).await[0];
        eventually("old days are dropped", async || oldest().await == 6).await;

        // AND a retention that was changed meanwhile is known, beside the one before
        let longer = json!({
            "QueueUrl": scene.queue.queue_url(QUEUE),
            "Attributes": {"MessageRetentionPeriod": "1209600"},
        });
        let address = scene.queue.address().to_string();
        call(&address, "SetQueueAttributes", &longer).await;
        let known = "SELECT count(*) FROM veilstream.queue_retention \
                     WHERE retention IN (345600, 1209600) AND seen_at > now() - interval '1 minute'";
        eventually("it is known", async || {
            scene.database.count(known).await == 2
        })
        .await;

        // AND a database that goes away and comes back changes nothing
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE application_name = 'veilstream' AND datname = current_database()";
        scene.database.execute(end).await;
        let unseen = "UPDATE veilstream.queue_retention SET seen_at = now() - interval '3 days'";
        scene.database.execute(unseen).await;
        let known = known.replace("IN (345600, 1209600)", "= 1209600");
        eventually("it is seen again", async || {
            scene.database.count(&known).await == 1
        })
        .await;
        stop.cancel();
    };

    // THEN it ends when it is told to
    tokio::join!(working, looking);
}

#[tokio::test]
async fn without_a_word_of_any_queue_the_longest_retention_of_sqs_counts() {
    let scene = Scene::new(BINARY).await;
    make_days(&scene, 3..=20).await;
    let drop = "SELECT coalesce(veilstream.drop_ledger_partition(), 0)";
    while scene.database.count(drop).await > 0 {}
    assert_eq!(ages(&scene).await[0], 16);
}

#[tokio::test]
async fn a_retention_that_is_lowered_does_not_replace_the_longer_one() {
    // GIVEN a worker that served a queue of 14 days
    let two_weeks = &[("MessageRetentionPeriod", "1209600")];
    let scene = Scene::with_queue(BINARY, two_weeks).await;
    assert_eq!(totals(&scene.run_once().await), [0; 4]);

    // WHEN its retention is a minute
    let arn = scene.database.rows(QUEUE_ARN).await[0][0].clone().unwrap();
    let record = format!("SELECT veilstream.record_queue_retention('{arn}', 60)");
    scene.database.execute(&record).await;
    make_days(&scene, 3..=20).await;
    assert_eq!(totals(&scene.run_once().await), [0; 4]);

    // THEN both are known, and nothing is dropped that the longer one needs
    let known = "SELECT retention::text FROM veilstream.queue_retention q ORDER BY q.retention";
    let known = scene.database.rows(known).await;
    assert_eq!(
        known,
        [[Some("60".to_owned())], [Some("1209600".to_owned())]]
    );
    assert_eq!(ages(&scene).await[0], 16);
}

#[tokio::test]
async fn what_is_no_queue_s_retention_is_refused() {
    let scene = Scene::new(BINARY).await;
    for arguments in ["'a', 59", "'a', 1209601", "'', 60", "NULL, 60", "'a', NULL"] {
        let sql = format!("SELECT veilstream.record_queue_retention({arguments})");
        let client = scene.database.connect().await;
        let error = client.batch_execute(&sql).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "22023", "{arguments}");
    }
}

#[tokio::test]
async fn a_ledger_that_others_hold_is_left_alone_and_loading_goes_on() {
    // GIVEN days to drop, and a transaction that has the ledger in use
    let scene = Scene::new(BINARY).await;
    make_days(&scene, 20..=22).await;
    let other = scene.database.connect().await;
    let hold = "BEGIN; LOCK TABLE veilstream.ledger IN ROW EXCLUSIVE MODE";
    other.batch_execute(hold).await.unwrap();

    // WHEN messages come
    for user in 0..50 {
        scene.send(&login(user));
    }
    let finished = scene.run_once().await;

    // THEN they are loaded, and nothing is dropped
    assert_eq!(totals(&finished), [50, 0, 0, 0]);
    assert_eq!(ages(&scene).await[0], 22);

    // AND with the ledger free again the next round drops them
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(totals(&scene.run_once().await), [0; 4]);
    assert_eq!(ages(&scene).await[0], 4);
}

#[tokio::test]
async fn upkeep_that_fails_is_told_once_and_ends_no_run() {
    let scene = Scene::new(BINARY).await;
    let broken = "CREATE OR REPLACE FUNCTION veilstream.prune_identity() RETURNS bigint LANGUAGE plpgsql \
                  AS $$ BEGIN RAISE 'canary'; END $$";
    scene.database.execute(broken).await;
    scene.send(&login(1));
    let finished = scene.run_once().await;
    assert_eq!(totals(&finished), [1, 0, 0, 0]);
    let told = finished
        .stderr
        .matches("the upkeep of the ledger fails")
        .count();
    assert_eq!(told, 1, "{finished:#?}");
    assert!(finished.stderr.contains("P0001"), "{finished:#?}");
    assert!(!finished.stderr.contains("canary"), "{finished:#?}");
}

#[tokio::test]
async fn dropping_while_loaders_load_fails_and_loses_nothing() {
    const MESSAGES: usize = 3_000;
    // GIVEN a worker that loads, and a year of days to drop
    let scene = Scene::new(BINARY).await;
    make_days(&scene, 20..=120).await;
    let worker = scene.start();
    let sending = async {
        for user in 0..MESSAGES {
            scene.send(&login(user));
            if user % 20 == 0 {
                tokio::task::yield_now().await;
            }
        }
    };

    // WHEN they are dropped by three workers at once
    let drop_all = async || {
        let client = scene.database.connect().await;
        let begun = "SELECT veilstream.drop_ledger_partition()";
        while ages(&scene).await[0] > 16 {
            // It may be another one's turn, or the ledger in use.
            let _ = client.batch_execute(begun).await;
        }
    };
    tokio::join!(sending, drop_all(), drop_all(), drop_all());
    eventually("all is settled", async || scene.queued() == 0).await;
    worker.signal("TERM").await;
    let finished = worker.finish().await;

    // THEN each message is there once
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_eq!(finished.total("loaded"), MESSAGES as u64, "{finished:#?}");
    assert_eq!(rows(&scene).await, i64::try_from(MESSAGES).unwrap());
    let different = "SELECT count(DISTINCT user_id) FROM user_logins";
    assert_eq!(scene.database.count(different).await, rows(&scene).await);
}

#[tokio::test]
async fn a_message_of_a_day_that_was_dropped_is_left_and_never_loaded_twice() {
    // GIVEN a message that was loaded and is still in the queue, and a ledger that has dropped its day
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "5")]).await;
    let message = scene.send(&login(1));
    assert_eq!(totals(&scene.run_once().await), [1, 0, 0, 0]);
    let forget = format!(
        "UPDATE veilstream.ledger_start SET day = {TODAY} + 1; \
         DO $$ BEGIN EXECUTE (SELECT 'DROP TABLE veilstream.' || relname FROM pg_inherits \
         JOIN pg_class c ON c.oid = inhrelid \
         WHERE relname = 'ledger_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')); END $$"
    );
    scene.database.execute(&forget).await;
    scene.send(&login(2));

    // WHEN messages of that day come
    let finished = scene.run_once().await;

    // THEN they stay in the queue, with a word about it
    let [loaded, duplicates, quarantined, left] = totals(&finished);
    assert_eq!(
        [loaded, duplicates, quarantined],
        [0; 3],
        "{finished:#?} {message}"
    );
    assert!(left > 0, "{finished:#?}");
    assert!(
        finished.stderr.contains("docs/delivery.md"),
        "{finished:#?}"
    );
    assert_eq!(rows(&scene).await, 1);
    assert_eq!(scene.queued(), 1);

    // AND an owner who knows that they were not loaded can have them loaded
    let back = format!("UPDATE veilstream.ledger_start SET day = {TODAY}");
    scene.database.execute(&back).await;
    eventually("it is visible again", async || {
        totals(&scene.run_once().await)[0] == 1 || rows(&scene).await == 2
    })
    .await;
    assert_eq!(rows(&scene).await, 2);
}
