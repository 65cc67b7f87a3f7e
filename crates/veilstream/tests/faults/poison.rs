//! Rows that only PostgreSQL refuses: each is isolated, and its neighbours are loaded.

use serde_json::{Value, json};
use testkit::{QUEUE, Scene, eventually};

use crate::{
    BINARY,
    logins::{DEVICE, IP, LONG_VISIBILITY, assert_adds_up, send},
    sql::Sql,
};

/// A table that is against three of its rows.
const NOT_THREE: &str = "ALTER TABLE user_logins ADD CONSTRAINT not_three \
     CHECK (user_id NOT IN ('user-7', 'user-8', 'user-4999'))";

/// GIVEN a table that is against a few rows, WHEN all are loaded, THEN all others land, and those
/// few are in quarantine with PostgreSQL's code and the name that it blames.
async fn assert_isolated(table: &str, against: &[usize], sqlstate: &str, blamed: Value) {
    const MESSAGES: usize = 60;
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute(table).await;
    send(&scene, 0..MESSAGES);
    let finished = scene.run_once().await;

    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert_adds_up(&finished);
    assert_eq!(finished.total("quarantined"), against.len() as u64);
    assert_eq!(finished.total("deleted"), MESSAGES as u64);
    assert_eq!(scene.queued(), 0);
    let loaded = i64::try_from(MESSAGES - against.len()).unwrap();
    assert_eq!(sql.rows().await, loaded);
    for number in against {
        let row = format!("SELECT count(*) FROM user_logins WHERE user_id = 'user-{number}'");
        assert_eq!(sql.count(&row).await, 0, "{number}");
    }
    let quarantine = scene.quarantine().await;
    assert_eq!(quarantine.len(), against.len());
    for entry in quarantine {
        assert_eq!(entry["reason"], "refused_by_database", "{entry}");
        assert_eq!(entry["sqlstate"], sqlstate, "{entry}");
        assert_eq!(entry["column"], blamed, "{entry}");
    }
    assert!(
        !finished.stderr.contains("does not answer"),
        "{finished:#?}"
    );
    for value in [IP, DEVICE, "user-7", "android", "vs1s."] {
        let silent = !finished.stderr.contains(value) && !finished.stdout.contains(value);
        assert!(silent, "{value} in {finished:#?}");
    }
}

#[tokio::test]
async fn rows_that_a_check_constraint_refuses_go_to_quarantine() {
    let table = NOT_THREE;
    assert_isolated(table, &[7, 8], "23514", json!("not_three")).await;
}

#[tokio::test]
async fn rows_that_a_trigger_refuses_go_to_quarantine_and_its_words_are_not_shown() {
    let table = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.user_id = 'user-0' OR NEW.user_id LIKE '%9' THEN \
         RAISE EXCEPTION 'no % here', NEW.user_id; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE FUNCTION refuse()";
    assert_isolated(table, &[0, 9, 19, 29, 39, 49, 59], "P0001", Value::Null).await;
}

#[tokio::test]
async fn rows_that_a_deferred_constraint_refuses_at_commit_go_to_quarantine() {
    let table = "CREATE TABLE people (user_id varchar(128) PRIMARY KEY); \
         INSERT INTO people SELECT 'user-' || n FROM generate_series(0, 57) n; \
         ALTER TABLE user_logins ADD CONSTRAINT known_person FOREIGN KEY (user_id) \
         REFERENCES people DEFERRABLE INITIALLY DEFERRED";
    assert_isolated(table, &[58, 59], "23503", json!("known_person")).await;
}

#[tokio::test]
async fn a_row_that_always_takes_too_long_goes_to_quarantine_and_the_others_are_loaded() {
    let table = "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.user_id = 'user-7' THEN RAISE 'too slow' USING ERRCODE = '57014'; END IF; \
         RETURN NEW; END $$; \
         CREATE TRIGGER be_slow BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE FUNCTION be_slow()";
    assert_isolated(table, &[7], "57014", Value::Null).await;
}

#[tokio::test]
async fn a_row_of_which_the_server_says_what_nobody_knows_goes_to_quarantine_too() {
    let table = "CREATE FUNCTION be_odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.user_id = 'user-7' THEN RAISE 'odd' USING ERRCODE = 'MY001'; END IF; \
         RETURN NEW; END $$; \
         CREATE TRIGGER be_odd BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE FUNCTION be_odd()";
    assert_isolated(table, &[7], "MY001", Value::Null).await;
}

#[tokio::test]
async fn every_row_may_be_refused() {
    let table = "ALTER TABLE user_logins ADD CONSTRAINT only_ios CHECK (device_type = 'iOS')";
    let all: Vec<usize> = (0..60).collect();
    assert_isolated(table, &all, "23514", json!("only_ios")).await;
}

#[tokio::test]
async fn three_bad_rows_of_five_thousand_cost_a_few_dozen_transactions() {
    // GIVEN five thousand messages, as many of them in flight at once as may be, since the table is locked
    const MESSAGES: usize = 5_000;
    const IN_FLIGHT: usize = 4_000;
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute(NOT_THREE).await;
    // Counts statements, also of what is rolled back.
    sql.execute(
        "CREATE SEQUENCE claims; CREATE FUNCTION count_claim() RETURNS trigger LANGUAGE plpgsql \
         SECURITY DEFINER AS $$ BEGIN PERFORM nextval('claims'); RETURN NULL; END $$; \
         CREATE TRIGGER count_claim AFTER INSERT ON veilstream.ledger \
         FOR EACH STATEMENT EXECUTE FUNCTION count_claim()",
    )
    .await;
    sql.execute("BEGIN; LOCK TABLE user_logins IN SHARE MODE")
        .await;
    send(&scene, 0..MESSAGES);
    let running = scene.start();
    eventually("all is in flight", || async {
        scene.queue.counts(QUEUE).unwrap().in_flight == IN_FLIGHT
    })
    .await;

    // WHEN they are loaded
    sql.execute("COMMIT").await;
    eventually("the queue is empty", || async { scene.queued() == 0 }).await;
    running.signal("TERM").await;
    let finished = running.finish().await;

    // THEN all but three land, in few transactions
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_adds_up(&finished);
    assert_eq!(finished.total("loaded"), 4_997);
    assert_eq!(finished.total("quarantined"), 3);
    assert_eq!(sql.rows().await, 4_997);
    let claims = sql.count("SELECT last_value FROM claims").await;
    println!("{claims} transactions");
    // Three times log2(5,000) halvings of two parts each, and the few batches that there are.
    assert!(claims < 3 * 13 * 2 + 20, "{claims}");
}

#[tokio::test]
async fn what_is_rejected_can_be_left_to_the_queue_s_own_redrive_policy() {
    // GIVEN a pipeline that leaves what is rejected, and a queue that gives up after two receives
    const GOOD: usize = 20;
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "1")]).await;
    scene.queue.create_queue("dead", &[]).unwrap();
    let arn = dead_letter_arn(&scene, &scene.queue.queue_url("dead")).await;
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 2}).to_string();
    set_attribute(&scene, "RedrivePolicy", &policy).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute(NOT_THREE).await;
    let config = leaving(&scene);

    // WHEN one message is no row and two are refused by the table
    send(&scene, 0..GOOD);
    scene.send("oops");
    let arguments = ["run", "--output", "json", "--config", &config];
    let running = scene.binary().start(&arguments);
    eventually("the queue's redrive policy acts", || async {
        scene.queue.counts("dead").unwrap().visible == 3
    })
    .await;
    running.signal("TERM").await;
    let finished = running.finish().await;

    // THEN the others are loaded, and nothing of the three is claimed or quarantined
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_adds_up(&finished);
    assert_eq!(finished.total("left"), 6, "twice each: {finished:#?}");
    sql.assert_each_once(GOOD - 2).await;
    assert!(scene.quarantine().await.is_empty());
    assert!(
        finished.stderr.contains("rejected: not_json"),
        "{finished:#?}"
    );
    let refused = "rejected: refused_by_database in column not_three";
    assert!(finished.stderr.contains(refused), "{finished:#?}");
}

#[tokio::test]
async fn of_what_is_left_the_log_tells_in_a_few_lines() {
    // GIVEN a pipeline that leaves what is rejected
    const REJECTS: usize = 400;
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "600")]).await;
    let config = leaving(&scene);
    for _ in 0..REJECTS {
        scene.send("oops");
    }

    // WHEN all messages are rejected
    let limitless = "--no-reject-limit";
    let arguments = ["run", "--output", "json", limitless, "--config", &config];
    let running = scene.binary().start(&arguments);
    eventually("all are received", || async {
        scene.queue.counts(QUEUE).unwrap().in_flight == REJECTS
    })
    .await;
    running.signal("TERM").await;
    let finished = running.finish().await;

    // THEN the log tells of each, and not of each receive
    let lines = finished
        .stderr
        .lines()
        .filter(|line| line.contains("left in the queue"));
    let told: Vec<_> = lines
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["messages"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(told.iter().sum::<u64>(), REJECTS as u64, "{finished:#?}");
    assert!(told.len() < REJECTS / 20, "{told:?}");
}

/// A configuration that leaves rejected logins in the queue.
fn leaving(scene: &Scene) -> String {
    let config = scene.folder.path().join("leave.toml");
    let logins = include_str!("../../src/config/logins.toml");
    let leaving = logins.replace("[pipeline]\n", "[pipeline]\non_reject = \"leave\"\n");
    assert_ne!(leaving, logins);
    std::fs::write(&config, leaving).unwrap();
    config.display().to_string()
}

async fn dead_letter_arn(scene: &Scene, url: &str) -> String {
    let asked = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
    let address = scene.queue.address().to_string();
    let answer = testkit::call(&address, "GetQueueAttributes", &asked).await;
    answer["Attributes"]["QueueArn"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn set_attribute(scene: &Scene, name: &str, value: &str) {
    let address = scene.queue.address().to_string();
    let url = scene.queue.queue_url(QUEUE);
    let asked = json!({"QueueUrl": url, "Attributes": {name: value}});
    testkit::call(&address, "SetQueueAttributes", &asked).await;
}
