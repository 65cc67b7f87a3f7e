//! How many calls are under way at once: as many as help, and no more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use testkit::{Binary, Scene, eventually};

use crate::{
    BINARY,
    logins::{LONG_VISIBILITY, assert_adds_up, send, settle_and_end},
    sql::Sql,
    sqs_proxy::{Fault, Refusal, SqsProxy},
};

const RUN: [&str; 3] = ["run", "--output", "json"];
const RUN_ONCE: [&str; 4] = ["run", "--once", "--output", "json"];
const RECEIVE: &str = "ReceiveMessage";
const DELETE: &str = "DeleteMessageBatch";
/// What each call takes beyond its work. So much that a busy machine makes little difference.
const FAR: Duration = Duration::from_millis(200);

async fn far_away(scene: &Scene) -> SqsProxy {
    SqsProxy::with(scene, |_, _| Fault::Delay(FAR)).await
}

fn through(scene: &Scene, proxy: &SqsProxy) -> Binary {
    scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_far_away_is_asked_many_times_at_once_and_left_in_peace_when_it_is_empty() {
    // GIVEN a queue to which each call takes its time
    const MESSAGES: usize = 4_000;
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let proxy = far_away(&scene).await;
    send(&scene, 0..MESSAGES);

    // WHEN a backlog is worked off
    let running = through(&scene, &proxy).start(&RUN);
    eventually("the queue is empty", || async { scene.queued() == 0 }).await;

    // THEN many calls were under way at once
    let receives = proxy.under_way(RECEIVE).most;
    let deletes = proxy.under_way(DELETE).most;
    assert!((30..=128).contains(&receives), "{receives}");
    assert!((16..=128).contains(&deletes), "{deletes}");

    // AND then there is one, which waits for as long as SQS lets it
    eventually("one receive is under way", || async {
        let last = proxy.calls(RECEIVE).pop().unwrap();
        proxy.under_way(RECEIVE).now == 1 && last.request["WaitTimeSeconds"] == 20
    })
    .await;
    let calls = proxy.calls(RECEIVE).len();
    // The subject is time: an empty queue is not asked again meanwhile.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(proxy.calls(RECEIVE).len(), calls);

    // AND what comes then is seen at once
    send(&scene, MESSAGES..MESSAGES + 1);
    settle_and_end(&scene, running).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(MESSAGES + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_calls_are_under_way_than_the_configuration_allows() {
    // GIVEN a queue that is far away, and bounds
    const MESSAGES: usize = 3_000;
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let proxy = far_away(&scene).await;
    let config = scene.folder.path().join("bounds.toml");
    std::fs::write(&config, "[queue]\nmost_receivers = 12\nmost_deleters = 3\n").unwrap();
    send(&scene, 0..MESSAGES);

    // WHEN a backlog is worked off
    let binary = through(&scene, &proxy).with("VEILSTREAM_CONFIG", &config.display().to_string());
    let finished = binary.run(&RUN_ONCE).await;

    // THEN that many calls were under way at once, and no more
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert_adds_up(&finished);
    assert_eq!(proxy.under_way(RECEIVE).most, 12);
    assert_eq!(proxy.under_way(DELETE).most, 3);
    assert_eq!(scene.queued(), 0);
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(MESSAGES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_cost_about_two_hundred_calls() {
    for delay in [Duration::ZERO, Duration::from_millis(10)] {
        // GIVEN a backlog, near or far away
        const THOUSANDS: usize = 10;
        let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
        let proxy = SqsProxy::with(&scene, move |_, _| Fault::Delay(delay)).await;
        send(&scene, 0..THOUSANDS * 1_000);

        // WHEN it is worked off
        let finished = through(&scene, &proxy).run(&RUN_ONCE).await;

        // THEN receives came back full, and deletes went out full
        assert_eq!(finished.code, Some(0), "{finished:#?}");
        assert_eq!(finished.total("deleted"), 10_000);
        let calls = [RECEIVE, DELETE, "ChangeMessageVisibilityBatch"];
        let calls = calls.map(|action| proxy.calls(action).len());
        let at_once = [RECEIVE, DELETE].map(|action| proxy.under_way(action).most);
        println!("{delay:?}: {calls:?} calls, {at_once:?} at once");
        // That the queue is empty, each receiver sees for itself, and then leaves.
        let under_load = calls.iter().sum::<usize>() - at_once[0];
        assert!(under_load <= THOUSANDS * 205, "{calls:?}, {at_once:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_fleet_backs_off_together_when_the_queue_throttles() {
    // GIVEN a worker with many receives and deletes under way
    const MESSAGES: usize = 6_000;
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let throttles = Arc::new(AtomicBool::new(false));
    let is_throttling = Arc::clone(&throttles);
    let proxy = SqsProxy::with(&scene, move |_, _| {
        if is_throttling.load(Ordering::SeqCst) {
            Fault::Refuse(Refusal {
                status: 400,
                code: "ThrottlingException",
                retry_after: None,
            })
        } else {
            Fault::Delay(FAR)
        }
    })
    .await;
    send(&scene, 0..MESSAGES);
    let running = through(&scene, &proxy).start(&RUN);
    eventually("many are under way", || async {
        proxy.under_way(RECEIVE).now > 25 && proxy.under_way(DELETE).now > 1
    })
    .await;

    // WHEN the queue throttles for some seconds
    let before = [RECEIVE, DELETE].map(|action| proxy.calls(action).len());
    throttles.store(true, Ordering::SeqCst);
    // The subject is time: how often it is asked meanwhile.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = [RECEIVE, DELETE].map(|action| proxy.calls(action).len());

    // THEN each call that was under way was the last one, but for one of each kind that tries again
    for (before, after) in before.into_iter().zip(after) {
        assert!(after - before <= 128 + 30, "{} calls", after - before);
    }
    let under_way = proxy.under_way(RECEIVE).now + proxy.under_way(DELETE).now;
    assert!(under_way <= 2, "{under_way}");

    // AND everything is loaded once when it answers again
    throttles.store(false, Ordering::SeqCst);
    settle_and_end(&scene, running).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(MESSAGES).await;
}
