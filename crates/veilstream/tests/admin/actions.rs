//! What a person does about the quarantine, and as whom.

use std::time::Duration;

use http::{Method, StatusCode};
use testkit::{Running, Scene, eventually, member};

use crate::{Admin, Answer, BINARY, TOKEN, end, settled};

const RUN: [&str; 3] = ["run", "--output", "json"];
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock'";
const DISCARDED: &str = "SELECT count(*) FROM veilstream.quarantine WHERE state = 'discarded'";

/// A worker that has quarantined so many messages, and their entries.
async fn with_entries(messages: usize) -> (Scene, Admin, Running, Vec<String>) {
    let scene = Scene::new(BINARY).await;
    let admin = Admin::local();
    for number in 0..messages {
        scene.send(&format!("no JSON {number}"));
    }
    let operator = member(&scene.database, "operator").await;
    let running = admin.with_operator(&scene, &operator).start(&RUN);
    settled(&scene).await;
    let ids = "SELECT id::text FROM veilstream.quarantine ORDER BY id";
    let ids = scene.database.rows(ids).await;
    let ids = ids.into_iter().map(|row| row[0].clone().unwrap());
    (scene, admin, running, ids.collect())
}

async fn discard(admin: &Admin, id: &str) -> Answer {
    let token = format!("Bearer {TOKEN}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", &*token),
    ];
    let path = format!("/api/quarantine/{id}/discard");
    admin.ask(Method::POST, &path, &headers).await
}

/// Somebody else's transaction on an entry.
async fn hold(scene: &Scene, id: &str) -> tokio_postgres::Client {
    let other = scene.database.connect().await;
    let sql = format!("BEGIN; SELECT FROM veilstream.quarantine WHERE id = '{id}' FOR UPDATE");
    other.batch_execute(&sql).await.unwrap();
    other
}

async fn one_waits(scene: &Scene) {
    eventually("the action waits for the entry", || async {
        scene.database.count(WAITING).await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_done_and_logged_though_whoever_asked_has_left() {
    // GIVEN an action that is under way
    let (scene, admin, running, ids) = with_entries(1).await;
    let other = hold(&scene, &ids[0]).await;

    // WHEN whoever asked for it leaves
    tokio::select! {
        answer = discard(&admin, &ids[0]) => panic!("{}", answer.body),
        () = one_waits(&scene) => {}
    }
    assert_eq!(admin.get("/healthz").await.status, StatusCode::OK);
    other.batch_execute("COMMIT").await.unwrap();

    // THEN it is done, and in the log
    eventually("the entry is discarded", || async {
        scene.database.count(DISCARDED).await == 1
    })
    .await;
    let log = end(running).await;
    let line = log.lines().find(|line| line.contains(&ids[0]));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains("somebody acted") && line.contains("discarded"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_acts_at_a_time_and_who_leaves_before_it_is_their_turn_has_done_nothing() {
    // GIVEN an action that is under way
    let (scene, admin, running, ids) = with_entries(2).await;
    let other = hold(&scene, &ids[0]).await;
    let first = discard(&admin, &ids[0]);
    let others = async {
        one_waits(&scene).await;

        // WHEN somebody wants another one, and does not wait for it
        let second = discard(&admin, &ids[1]);
        let second = tokio::time::timeout(Duration::from_secs(1), second).await;

        // THEN it has not begun
        assert!(second.is_err(), "both were under way at once");
        assert_eq!(scene.database.count(DISCARDED).await, 0);
        other.batch_execute("COMMIT").await.unwrap();
    };
    let (first, ()) = tokio::join!(first, others);
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);

    // AND can be asked for again
    let second = discard(&admin, &ids[1]).await;
    assert_eq!(second.status, StatusCode::OK, "{}", second.body);
    assert!(second.body.contains("\"discarded\""), "{}", second.body);
    end(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_acts_is_neither_named_nor_proved_by_what_the_environment_says_of_who_loads() {
    let scene = Scene::new(BINARY).await;
    let operator = member(&scene.database, "operator").await;
    let (user, rest) = operator.split_once(":of-the-member@").unwrap();
    let (_, name) = user.rsplit_once("//").unwrap();
    // What would let the operator in, if it were used: all members have the same password.
    let (nameless, without_password) = (
        format!("postgresql://{rest}?password=of-the-member"),
        format!("{user}@{rest}"),
    );
    for (url, variable, value, why) in [
        (&nameless, "PGUSER", name, "user"),
        (&without_password, "PGPASSWORD", "of-the-member", "password"),
    ] {
        // GIVEN a worker with a variable of who loads, and an operator who lacks just that
        let admin = Admin::local();
        let binary = admin.with_operator(&scene, url).with(variable, value);
        let running = binary.start(&RUN);
        admin.is_up().await;

        // THEN nobody logs in by it
        let quarantine = &admin.status().await["quarantine"];
        let error = quarantine["newest_error"].as_str();
        let error = error.unwrap_or_else(|| panic!("{variable}: {quarantine}"));
        assert!(error.contains(why), "{variable}: {error}");

        // AND on a shell an unreadable quarantine is not taken for an empty one
        let url = format!("http://{}", admin.address);
        let told = scene.binary().run(&["status", "--admin", &url]).await;
        let words = "the newest entries cannot be read";
        assert!(told.stdout.contains(words), "{told:#?}");
        end(running).await;
    }
}
