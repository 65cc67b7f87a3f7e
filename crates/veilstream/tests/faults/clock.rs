//! A queue whose clock is not this machine's.

use testkit::{Finished, Scene};

use crate::{
    BINARY,
    logins::{log_lines, send},
    sql::Sql,
    sqs_proxy::{Fault, Refusal, SqsProxy},
};

const WARNING: &str = "this machine's clock is wrong";

/// GIVEN a queue whose clock is so many seconds ahead, and refuses what is signed with another time,
/// WHEN messages are loaded.
async fn run_with_clock(ahead: i64) -> (Finished, SqsProxy) {
    let scene = Scene::new(BINARY).await;
    send(&scene, 0..100);
    let proxy = SqsProxy::with(&scene, move |_, _| Fault::Clock(ahead)).await;
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let finished = binary.run(&["run", "--once", "--output", "json"]).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(100).await;
    assert_eq!(scene.queued(), 0);
    (finished, proxy)
}

#[tokio::test]
async fn a_clock_that_is_wrong_by_hours_is_corrected_by_the_queue_s_and_said_once() {
    for ahead in [3 * 3_600, -3 * 3_600] {
        let (finished, proxy) = run_with_clock(ahead).await;
        assert_eq!(log_lines(&finished, WARNING), 1, "{finished:#?}");
        let said = [0, 1, -1].map(|off| format!("\"seconds_behind\":{}", ahead + off));
        let said = said.iter().any(|text| finished.stderr.contains(text));
        assert!(said, "{ahead}: {finished:#?}");
        // Only the first request was signed twice.
        assert_eq!(proxy.calls("GetQueueAttributes").len(), 2);
    }
}

#[tokio::test]
async fn a_clock_that_is_a_little_off_is_nobody_s_business() {
    let (finished, proxy) = run_with_clock(120).await;
    assert_eq!(log_lines(&finished, WARNING), 0, "{finished:#?}");
    assert_eq!(proxy.calls("GetQueueAttributes").len(), 1);
}

#[tokio::test]
async fn a_wrong_secret_is_not_taken_for_a_wrong_clock() {
    // GIVEN a queue that refuses every signature
    let scene = Scene::new(BINARY).await;
    let proxy = SqsProxy::with(&scene, |_, _| {
        Fault::Refuse(Refusal {
            status: 403,
            code: "SignatureDoesNotMatch",
            retry_after: None,
        })
    })
    .await;

    // WHEN it is asked, THEN the start fails at once, with advice
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let finished = binary.run(&["run", "--once"]).await;
    assert_eq!(finished.code, Some(3), "{finished:#?}");
    assert!(finished.stderr.contains("secret access key"));
    assert_eq!(proxy.calls("GetQueueAttributes").len(), 1);
}
