//! SIGTERM and SIGINT, under load and with a database or a queue that hangs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use testkit::{Finished, QUEUE, Running, Scene, eventually};

use crate::{
    BINARY,
    logins::{assert_adds_up, given_back, send, settle_and_end},
    postgres_proxy::{Line, PostgresProxy},
    sql::Sql,
    sqs_proxy::{Fault, SqsProxy},
};

/// Long enough that what is visible again within a test was given back.
const LONG_VISIBILITY: [(&str, &str); 1] = [("VisibilityTimeout", "600")];
const RUN: [&str; 3] = ["run", "--output", "json"];

/// GIVEN a worker under load, WHEN it gets a signal, THEN it settles what it has taken and ends.
async fn assert_drains(signal: &str, code: i32) {
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    let running = scene.start();
    let mut sent = 0;
    // The load goes on until the worker has ended.
    let signalled = AtomicBool::new(false);
    let load = async {
        while !signalled.load(Ordering::SeqCst) {
            send(&scene, sent..sent + 500);
            sent += 500;
            eventually("the worker keeps up", || async {
                signalled.load(Ordering::SeqCst) || scene.queued() < 1_000
            })
            .await;
        }
        send(&scene, sent..sent + 500);
        sent += 500;
    };
    let end = async {
        eventually("it loads", || async { sql.rows().await > 1_000 }).await;
        running.signal(signal).await;
        signalled.store(true, Ordering::SeqCst);
        running.finish().await
    };
    let ((), finished) = tokio::join!(load, end);

    assert_eq!(finished.code, Some(code), "{finished:#?}");
    assert_adds_up(&finished);
    let loaded = usize::try_from(finished.total("loaded")).unwrap();
    assert_eq!(finished.total("deleted"), finished.total("loaded"));
    assert_eq!(scene.queued(), sent - loaded);
    sql.assert_each_once(loaded).await;
    given_back(&scene, sent - loaded).await;

    // The rest is loaded by the next one.
    let next = scene.run_once().await;
    assert_eq!(next.code, Some(0), "{next:#?}");
    sql.assert_each_once(sent).await;
}

#[tokio::test]
async fn sigterm_under_load_settles_what_is_in_flight_and_ends_with_143() {
    assert_drains("TERM", 143).await;
}

#[tokio::test]
async fn sigint_under_load_settles_what_is_in_flight_and_ends_with_130() {
    assert_drains("INT", 130).await;
}

#[tokio::test]
async fn without_json_the_summary_is_a_sentence() {
    let scene = Scene::new(BINARY).await;
    send(&scene, 0..10);
    let running = scene.binary().start(&["run"]);
    eventually("all is loaded", || async { scene.queued() == 0 }).await;
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    let sentence = "10 received: 10 loaded, 0 duplicates, 0 quarantined, 0 left in the queue; \
                    10 deleted";
    assert!(finished.stdout.contains(sentence), "{finished:#?}");
}

/// A worker whose database has stopped answering while messages are in flight.
struct Hung {
    scene: Scene,
    running: Running,
    _proxy: Arc<PostgresProxy>,
}

impl Hung {
    const MESSAGES: usize = 300;

    async fn new() -> Self {
        let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
        let url = scene.database.url();
        let proxy = PostgresProxy::to(&url).await;
        let binary = scene.binary().with("DATABASE_URL", &proxy.url(&url));
        let running = binary.start(&RUN);
        send(&scene, 0..1);
        eventually("it works", || async { scene.queued() == 0 }).await;
        proxy.set(Line::Hangs);
        send(&scene, 1..1 + Self::MESSAGES);
        eventually("all is in flight", || async {
            scene.queue.counts(QUEUE).unwrap().in_flight == Self::MESSAGES
        })
        .await;
        Self {
            scene,
            running,
            _proxy: Arc::new(proxy),
        }
    }
}

#[tokio::test]
async fn sigterm_with_a_hung_database_ends_within_half_a_minute_and_gives_messages_back() {
    let Hung {
        scene,
        running,
        _proxy,
    } = Hung::new().await;
    let asked = Instant::now();
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert!(asked.elapsed() < Duration::from_secs(30), "{finished:#?}");
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_adds_up(&finished);
    assert_eq!(finished.total("left"), Hung::MESSAGES as u64);
    given_back(&scene, Hung::MESSAGES).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(1).await;
}

/// Ends a worker and asserts that it does so within its deadline and with its books balanced.
async fn end_within_half_a_minute(running: Running) -> Finished {
    let asked = Instant::now();
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert!(asked.elapsed() < Duration::from_secs(30), "{finished:#?}");
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_adds_up(&finished);
    finished
}

/// A queue that from some moment on does not answer calls of an action any more.
async fn hanging(scene: &Scene, action: &'static str, hangs: &Arc<AtomicBool>) -> SqsProxy {
    let hangs = Arc::clone(hangs);
    SqsProxy::with(scene, move |asked, _| {
        if asked == action && hangs.load(Ordering::SeqCst) {
            Fault::Hang
        } else {
            Fault::Pass
        }
    })
    .await
}

#[tokio::test]
async fn sigterm_while_receives_hang_ends_soon() {
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let hangs = Arc::new(AtomicBool::new(false));
    let proxy = hanging(&scene, "ReceiveMessage", &hangs).await;
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let running = binary.start(&RUN);
    send(&scene, 0..100);
    eventually("all is loaded", || async { scene.queued() == 0 }).await;
    hangs.store(true, Ordering::SeqCst);
    // Long polls that had begun before bring these.
    send(&scene, 100..200);
    eventually("receives hang", || async {
        scene.queue.counts(QUEUE).unwrap().in_flight == 0
    })
    .await;

    let asked = Instant::now();
    let finished = end_within_half_a_minute(running).await;
    assert!(asked.elapsed() < Duration::from_secs(15), "{finished:#?}");
    let loaded = usize::try_from(finished.total("loaded")).unwrap();
    assert_eq!(scene.queued(), 200 - loaded);
    assert_eq!(scene.run_once().await.code, Some(0));
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(200).await;
}

#[tokio::test]
async fn sigterm_while_deletes_hang_ends_in_time_and_what_was_committed_comes_back_as_duplicates() {
    // GIVEN a worker that has committed messages and cannot delete them
    const MESSAGES: usize = 300;
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "20")]).await;
    let hangs = Arc::new(AtomicBool::new(true));
    let proxy = hanging(&scene, "DeleteMessageBatch", &hangs).await;
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let sql = Sql::connect(&scene.database.url()).await;
    send(&scene, 0..MESSAGES);
    let running = binary.start(&RUN);
    eventually("all is committed", || async { sql.rows().await == 300 }).await;

    // WHEN it is told to end, THEN it does, and nothing is lost
    let finished = end_within_half_a_minute(running).await;
    assert_eq!(finished.total("loaded"), MESSAGES as u64);
    assert_eq!(finished.total("deleted"), 0);
    assert_eq!(scene.queued(), MESSAGES);

    // THEN the next one knows them, once their time is up
    let next = scene.start();
    eventually("their visibility time-out ends", || async {
        scene.queued() < MESSAGES
    })
    .await;
    let next = settle_and_end(&scene, next).await;
    assert_eq!(next.total("duplicates"), MESSAGES as u64);
    assert_eq!(next.total("deleted"), MESSAGES as u64);
    sql.assert_each_once(MESSAGES).await;
}

#[tokio::test]
async fn sigterm_while_giving_back_hangs_ends_in_time_and_loses_nothing() {
    // GIVEN a worker whose database hangs, and a queue that does not answer when given back to
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "60")]).await;
    let url = scene.database.url();
    let database = PostgresProxy::to(&url).await;
    let hangs = Arc::new(AtomicBool::new(true));
    let proxy = hanging(&scene, "ChangeMessageVisibilityBatch", &hangs).await;
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url())
        .with("DATABASE_URL", &database.url(&url));
    let running = binary.start(&RUN);
    send(&scene, 0..1);
    eventually("it works", || async { scene.queued() == 0 }).await;
    database.set(Line::Hangs);
    send(&scene, 1..301);
    eventually("all is in flight", || async {
        scene.queue.counts(QUEUE).unwrap().in_flight == 300
    })
    .await;

    // WHEN it is told to end, THEN it does, says so, and nothing is lost
    let finished = end_within_half_a_minute(running).await;
    assert_eq!(finished.total("left"), 300);
    let said = "could not be given back in time";
    assert!(finished.stderr.contains(said), "{finished:#?}");
    assert!(
        !finished.stderr.contains("tasks did not end"),
        "{finished:#?}"
    );
    assert_eq!(scene.queued(), 300);
    Sql::connect(&url).await.assert_each_once(1).await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once_even_with_a_hung_database() {
    let Hung {
        scene,
        mut running,
        _proxy,
    } = Hung::new().await;
    running.signal("TERM").await;
    assert!(running.is_running(), "it waits for the database");
    running.signal("INT").await;
    let asked = Instant::now();
    let finished = running.finish().await;
    assert!(asked.elapsed() < Duration::from_secs(3), "{finished:#?}");
    assert!(matches!(finished.code, Some(130 | 143)), "{finished:#?}");
    assert_eq!(scene.queued(), Hung::MESSAGES, "nothing is deleted");
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(1).await;
}
