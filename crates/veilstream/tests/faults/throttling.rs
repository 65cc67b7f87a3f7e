//! A queue that says "later".

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use testkit::{Scene, eventually};

use crate::{
    BINARY,
    logins::{LONG_VISIBILITY, assert_adds_up, given_back, log_lines, send},
    sql::Sql,
    sqs_proxy::{Fault, Refusal, SqsProxy},
};

/// The ways in which SQS says it.
const REFUSALS: [Refusal; 4] = [
    Refusal {
        status: 400,
        code: "ThrottlingException",
        retry_after: None,
    },
    Refusal {
        status: 429,
        code: "TooManyRequestsException",
        retry_after: None,
    },
    Refusal {
        status: 403,
        code: "RequestThrottled",
        retry_after: None,
    },
    Refusal {
        status: 503,
        code: "ServiceUnavailable",
        retry_after: None,
    },
];

/// A proxy that refuses an action so many times.
async fn refusing(
    scene: &Scene,
    refused: &'static str,
    refusal: Refusal,
    times: usize,
) -> SqsProxy {
    let count = AtomicUsize::new(0);
    SqsProxy::with(scene, move |action, _| {
        if action == refused && count.fetch_add(1, Ordering::SeqCst) < times {
            Fault::Refuse(refusal)
        } else {
            Fault::Pass
        }
    })
    .await
}

#[tokio::test]
async fn receives_and_deletes_that_are_throttled_are_tried_again_until_they_come_through() {
    let actions = [
        ("ReceiveMessage", "the queue"),
        ("DeleteMessageBatch", "the queue, asked to delete,"),
    ];
    for ((action, service), refusal) in actions.into_iter().cycle().zip(REFUSALS) {
        // GIVEN a queue that throttles
        let scene = Scene::new(BINARY).await;
        let proxy = refusing(&scene, action, refusal, 10).await;
        send(&scene, 0..500);

        // WHEN messages are loaded
        let binary = scene
            .binary()
            .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
        let finished = binary.run(&["run", "--once", "--output", "json"]).await;

        // THEN each is there once, and it was said once, not once a try
        assert_eq!(finished.code, Some(0), "{action}: {finished:#?}");
        assert_adds_up(&finished);
        assert_eq!(finished.total("deleted"), 500, "{action}");
        let said = ["does not answer", "answers again"];
        let said = said.map(|what| log_lines(&finished, &format!("{service} {what}")));
        assert_eq!(said, [1, 1], "{finished:#?}");
        let sql = Sql::connect(&scene.database.url()).await;
        sql.assert_each_once(500).await;
        assert_eq!(scene.queued(), 0);
    }
}

#[tokio::test]
async fn a_queue_that_says_how_long_to_wait_is_not_asked_before() {
    // GIVEN a queue that refuses the first delete and asks for three seconds
    let scene = Scene::new(BINARY).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let proxy = SqsProxy::with(&scene, move |action, _| {
        if action != "DeleteMessageBatch" || count.fetch_add(1, Ordering::SeqCst) > 0 {
            return Fault::Pass;
        }
        Fault::Refuse(Refusal {
            status: 503,
            code: "ServiceUnavailable",
            retry_after: Some(3),
        })
    })
    .await;
    send(&scene, 0..1);

    // WHEN a message is loaded, THEN it is deleted by the second call, and not before
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let finished = binary.run(&["run", "--once", "--output", "json"]).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert_eq!(finished.total("deleted"), 1);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let seconds = finished.summary()["seconds"].as_f64().unwrap();
    assert!(seconds >= 3.0, "{seconds} s");
}

#[tokio::test]
async fn giving_back_is_tried_again_when_it_is_throttled() {
    // GIVEN a worker whose table goes away, and a queue that throttles giving back
    const MESSAGES: usize = 200;
    let scene = Scene::with_queue(BINARY, &LONG_VISIBILITY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    let proxy = refusing(&scene, "ChangeMessageVisibilityBatch", REFUSALS[1], 5).await;
    let binary = scene
        .binary()
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let running = binary.start(&["run", "--output", "json"]);
    eventually("it waits for messages", || async {
        !proxy.calls("ReceiveMessage").is_empty()
    })
    .await;
    sql.execute("ALTER TABLE user_logins RENAME TO elsewhere")
        .await;

    // WHEN messages come, THEN all of them are visible again
    send(&scene, 0..MESSAGES);
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(4), "{finished:#?}");
    assert_adds_up(&finished);
    given_back(&scene, MESSAGES).await;
}
