//! What somebody should look at, also when it comes up while a worker runs.

use std::{fs, sync::Arc, time::Duration};

use serde_json::{Value, json};
use testkit::{QUEUE, Scene, call, eventually, sqs_proxy::SqsProxy};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use veilstream::{
    admin::About,
    history::History,
    metrics::Metrics,
    pipeline::{Pipeline, Until},
    startup::{Overrides, Settings},
};

use crate::{Admin, BINARY, end};

const OFTEN: Duration = Duration::from_millis(100);
const SHORT: &str = "VisibilityTimeout=60";
const NO_DEAD_LETTERS: &str = "dead-letter queue: there is none";

/// A worker within this process, whose doctor looks often enough for a test.
async fn worker(scene: &Scene, proxy: &SqsProxy, stop: &CancellationToken) -> Admin {
    let settings = || {
        let overrides = Overrides {
            queue_url: Some(proxy.queue_url()),
            database_url: Some(scene.database.url()),
            keyset: Some(scene.keyset()),
            ..Overrides::default()
        };
        Settings::new(overrides).unwrap().without_environment()
    };
    let parts = settings().parts().await.unwrap();
    let about = About {
        pipeline: "logins".to_owned(),
        table: "user_logins".to_owned(),
        queue: proxy.queue_url(),
        database: "a test's".to_owned(),
    };
    let metrics = Arc::new(Metrics::new());
    let history = Arc::new(History::new(Arc::clone(&metrics)));
    let known = parts.warnings.clone();
    let run = Pipeline::new(parts, Until::Stopped, Arc::clone(&metrics), stop.clone());
    let admin = veilstream::admin::Admin::new(about, run.clone(), metrics, history)
        .warning_of(known)
        .looking_again(settings(), OFTEN, OFTEN);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(admin.serve(listener, stop.clone()));
    tokio::spawn(run.run());
    Admin { address }
}

async fn warnings(admin: &Admin) -> Vec<String> {
    let status = admin.status().await;
    let warnings = status["warnings"].as_array().unwrap().iter();
    let text = |one: &Value| one.as_str().unwrap().to_owned();
    warnings.map(text).collect()
}

async fn shows(admin: &Admin, words: &str) -> bool {
    warnings(admin).await.iter().any(|one| one.contains(words))
}

async fn set_visibility(scene: &Scene, seconds: &str) {
    let attributes = json!({"VisibilityTimeout": seconds});
    let asked = json!({"QueueUrl": scene.queue.queue_url(QUEUE), "Attributes": attributes});
    let address = scene.queue.address().to_string();
    call(&address, "SetQueueAttributes", &asked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_up_while_a_worker_runs_is_shown_until_it_is_mended() {
    // GIVEN a worker that was warned of one thing at its start
    let scene = Scene::new(BINARY).await;
    let proxy = SqsProxy::to(&scene).await;
    let stop = CancellationToken::new();
    let admin = worker(&scene, &proxy, &stop).await;
    let warned = warnings(&admin).await;
    assert!(shows(&admin, NO_DEAD_LETTERS).await, "{warned:#?}");
    assert!(!shows(&admin, SHORT).await, "{warned:#?}");

    // WHEN the queue and the table are changed
    set_visibility(&scene, "5").await;
    let execute = async |sql| scene.database.execute(sql).await;
    execute("ALTER TABLE user_logins ALTER COLUMN locale TYPE int USING 0").await;

    // THEN both are shown, each once
    let wrong = "column locale is integer";
    for words in [SHORT, wrong, NO_DEAD_LETTERS] {
        eventually(words, || shows(&admin, words)).await;
        let warned = warnings(&admin).await;
        let told = warned.iter().filter(|one| one.contains(words)).count();
        assert_eq!(told, 1, "{words}: {warned:#?}");
    }

    // WHEN the queue is away, and the table is mended
    proxy.set_away(true);
    execute("ALTER TABLE user_logins ALTER COLUMN locale TYPE varchar USING NULL").await;

    // THEN nothing is said of the queue but what was known
    eventually("the table is mended", async || !shows(&admin, wrong).await).await;
    let warned = warnings(&admin).await;
    let of_queue = warned.iter().filter(|one| one.contains("queue"));
    assert_eq!(of_queue.count(), 2, "{warned:#?}");
    assert!(shows(&admin, SHORT).await && shows(&admin, NO_DEAD_LETTERS).await);

    // WHEN it is back and mended too, that is seen
    proxy.set_away(false);
    set_visibility(&scene, "60").await;
    eventually("the queue is mended", async || !shows(&admin, SHORT).await).await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_values_that_are_seen_while_it_runs_are_warned_of_without_showing_them() {
    // GIVEN a column in clear whose name says nothing
    let scene = Scene::new(BINARY).await;
    let config = scene.folder.path().join("people.toml");
    let text = "[pipeline]\nname = \"people\"\ntable = \"people\"\n\
        [[columns]]\nname = \"reach\"\ntype = \"text\"\npath = \"/reach\"\n";
    fs::write(&config, text).unwrap();
    let admin = Admin::local();
    let binary = admin
        .of(&scene)
        .with("VEILSTREAM_CONFIG", &config.display().to_string());
    let migrated = binary.run(&["migrate"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    let running = binary.start(&["run", "--output", "json"]);
    admin.is_up().await;
    assert!(!shows(&admin, "reach").await);

    // WHEN what goes into it are e-mail addresses
    for number in 0..30 {
        let event = json!({"reach": format!("canary{number}@example.com")});
        scene.send(&event.to_string());
    }

    // THEN the list says so
    let words = "column reach is loaded in clear";
    eventually(words, || shows(&admin, words)).await;
    assert!(!shows(&admin, "canary").await);
    end(running).await;
}
