//! Several workers on one queue.

use testkit::Scene;

use crate::{BINARY, logins::send, sql::Sql};

#[tokio::test]
async fn two_workers_share_a_queue_and_load_each_message_once() {
    let scene = Scene::new(BINARY).await;
    send(&scene, 0..5_000);
    let (one, other) = tokio::join!(scene.run_once(), scene.run_once());
    for worker in [&one, &other] {
        assert_eq!(worker.code, Some(0), "{worker:#?}");
        assert!(worker.total("loaded") > 0, "both had a share: {worker:#?}");
    }
    assert_eq!(one.total("loaded") + other.total("loaded"), 5_000);
    assert_eq!(one.total("deleted") + other.total("deleted"), 5_000);
    assert_eq!(scene.queued(), 0);
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(5_000).await;
}
