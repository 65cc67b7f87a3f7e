//! Several workers on one queue.

use testkit::{Scene, eventually};

use crate::{
    BINARY,
    logins::{send, settle_and_end},
    sql::Sql,
    sqs_proxy::SqsProxy,
};

#[tokio::test]
async fn two_workers_share_a_queue_and_load_each_message_once() {
    // GIVEN two workers that both wait at an empty queue
    let scene = Scene::new(BINARY).await;
    let proxies = [SqsProxy::to(&scene).await, SqsProxy::to(&scene).await];
    let workers = proxies.each_ref().map(|proxy| {
        let binary = scene
            .binary()
            .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
        binary.start(&["run", "--output", "json"])
    });
    eventually("both receive", || async {
        let receives = |proxy: &SqsProxy| !proxy.calls("ReceiveMessage").is_empty();
        proxies.iter().all(receives)
    })
    .await;

    // WHEN many messages come
    send(&scene, 0..5_000);
    let mut finished = Vec::new();
    for worker in workers {
        finished.push(settle_and_end(&scene, worker).await);
    }

    // THEN both have had a share, and each message is there once
    let total = |name| finished.iter().map(|run| run.total(name)).sum::<u64>();
    assert_eq!(total("loaded"), 5_000, "{finished:#?}");
    assert_eq!(total("deleted"), 5_000, "{finished:#?}");
    for worker in &finished {
        assert!(worker.total("loaded") > 0, "both had a share: {worker:#?}");
    }
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(5_000).await;
}
