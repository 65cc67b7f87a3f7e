//! The pipeline on services that speak SQS's older protocol: moto speaks both, and a proxy before it
//! only the older one.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use testkit::{Binary, Finished, Meddling, Moto, Proxy, QUEUE, Scene, call, eventually};

use crate::{
    BINARY, RUN_ONCE, event, login,
    moto::{MotoQueue, assert_empties, assert_settled},
    reasons, users,
};

/// What a call in JSON gets from a service that does not know JSON.
type Ignorance = (u16, &'static str);

/// LocalStack 2.3, as its users report it.
const LOCALSTACK: Ignorance = (
    500,
    "<?xml version='1.0' encoding='utf-8'?>\n<ErrorResponse \
     xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Code>InternalError</Code><Message>\
     exception while calling sqs with unknown operation: Operation detection failed. Missing Action \
     in request for query-protocol service ServiceModel(sqs).</Message></Error>\
     <RequestId>b42307a4</RequestId></ErrorResponse>",
);

/// moto 4.1, which looks for the queue's URL in a form, and LocalStack 0.x, which was built on it.
const OLD_MOTO: Ignorance = (
    400,
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ErrorResponse>\n    <Error>\n        \
     <Code>AWS.SimpleQueueService.NonExistentQueue</Code>\n        <Message><![CDATA[The specified \
     queue does not exist for this wsdl version.]]></Message>\n    </Error>\n</ErrorResponse>",
);

/// The same, asked for a queue by its name.
const OLD_MOTO_BY_NAME: Ignorance = (
    200,
    "<GetQueueUrlResponse><GetQueueUrlResult><QueueUrl>http://127.0.0.1/0/q</QueueUrl>\
     </GetQueueUrlResult></GetQueueUrlResponse>",
);

/// `ElasticMQ` before 1.4.
const ELASTICMQ: Ignorance = (
    400,
    "<ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">\n      <Error>\n        \
     <Type>Sender</Type>\n        <Code>MissingAction</Code>\n        <Message>MissingAction; see \
     the SQS docs.</Message>\n        <Detail/>\n      </Error>\n      \
     <RequestId>00000000-0000-0000-0000-000000000000</RequestId>\n    </ErrorResponse>",
);

/// Others: a form parser's complaint, a gateway, a service that only knows other targets, a page.
const OTHERS: [Ignorance; 6] = [
    (400, "Bad Request"),
    (404, ""),
    (
        415,
        r#"{"statusCode":415,"code":"FST_ERR_CTP_INVALID_MEDIA_TYPE","error":"Unsupported Media Type"}"#,
    ),
    (502, "<html><h1>502 Bad Gateway</h1></html>"),
    (
        400,
        r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#,
    ),
    (200, r#"{"status": "running"}"#),
];

/// The binary with this under `[queue]`, on a queue of moto's.
fn binary(scene: &Scene, section: &str, queue_url: &str) -> Binary {
    let path = scene.folder.path().join("veilstream.toml");
    fs::write(&path, format!("[queue]\n{section}\n")).unwrap();
    scene
        .binary()
        .with("VEILSTREAM_CONFIG", path.to_str().unwrap())
        .with("VEILSTREAM_QUEUE_URL", queue_url)
}

/// What the lines of the log say that have such a field.
fn logged<'l>(run: &'l Finished, field: &'l str) -> impl Iterator<Item = Value> + 'l {
    let lines = run.stderr.lines();
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(move |line| line.get(field).cloned())
}

/// Runs on a hundred events, ten of them stray, and asserts that each is loaded or quarantined
/// once, and deleted.
async fn assert_moved(section: &str, protocol: Option<&str>, queue: &MotoQueue, url: &str) {
    let scene = Scene::new(BINARY).await;
    let binary = binary(&scene, section, url);
    let run = binary.run(&RUN_ONCE).await;
    assert_settled(&run, [90, 10]);
    let count = "SELECT count(DISTINCT user_id) FROM user_logins WHERE user_id LIKE 'user-%'";
    assert_eq!(scene.database.count(count).await, 90);
    let rows = "SELECT count(*) FROM user_logins";
    assert_eq!(scene.database.count(rows).await, 90);
    assert_eq!(reasons(&scene).await.len(), 10);
    let spoken: Vec<_> = logged(&run, "protocol").collect();
    let expected: Vec<_> = protocol.map(Value::from).into_iter().collect();
    assert_eq!(spoken, expected, "{run:#?}");
    assert_empties(queue, &binary).await;
}

#[tokio::test]
async fn events_in_moto_are_loaded_and_deleted_in_either_protocol() {
    for (name, section, spoken) in [
        ("by-json", "protocol = 'json'", None),
        ("by-query", "protocol = 'query'", Some("query")),
        ("by-what-moto-speaks", "", None),
    ] {
        let queue = MotoQueue::filled(name, 100);
        assert_moved(section, spoken, &queue, queue.url()).await;
    }
}

#[tokio::test]
async fn a_service_that_speaks_only_the_older_protocol_is_found_out_at_start() {
    // GIVEN a service that answers JSON as an old LocalStack does
    let queue = MotoQueue::filled("of-an-old-localstack", 100);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&calls);
    let old = Proxy::of_query_only(&Moto::shared().address(), LOCALSTACK, move |action| {
        seen.lock().push(action.to_owned());
        Meddling::Pass
    })
    .await;

    // WHEN nothing is said of the protocol, THEN everything is moved by the older one
    assert_moved("", Some("query"), &queue, &old.before(queue.url())).await;
    let of = |action: &str| calls.lock().iter().filter(|call| *call == action).count();
    assert!(of("DeleteMessageBatch") >= 10);
    assert!(of("ReceiveMessage") >= 10);
}

#[tokio::test]
async fn whatever_a_service_says_that_does_not_know_json_the_older_protocol_is_tried() {
    let scene = Scene::new(BINARY).await;
    let queue = MotoQueue::create("of-many-services").await;
    let moto = Moto::shared().address();
    let named = [LOCALSTACK, OLD_MOTO, OLD_MOTO_BY_NAME, ELASTICMQ];
    for to_json in named.into_iter().chain(OTHERS) {
        let old = Proxy::of_query_only(&moto, to_json, |_| Meddling::Pass).await;
        let url = old.before(queue.url());
        let checked = binary(&scene, "", &url).run(&["check"]).await;
        assert_eq!(checked.code, Some(0), "{to_json:?}\n{checked:#?}");
        assert!(checked.stdout.contains(", protocol query"), "{checked:#?}");
        // AND one that is told to speak JSON says what is wrong
        let told = binary(&scene, "protocol = 'json'", &url);
        let told = told.run(&["check"]).await;
        assert_eq!(told.code, Some(3), "{to_json:?}\n{told:#?}");
    }
}

#[tokio::test]
async fn a_hiccup_of_a_gateway_at_start_does_not_settle_the_older_protocol() {
    // GIVEN a service that speaks both, before which a gateway fails once
    let scene = Scene::new(BINARY).await;
    let queue = MotoQueue::create("behind-a-gateway").await;
    let calls = AtomicUsize::new(0);
    let gateway = Proxy::start(&Moto::shared().address(), move |_| {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Meddling::Answer(502, "<html><h1>502 Bad Gateway</h1></html>"),
            _ => Meddling::Pass,
        }
    })
    .await;

    // WHEN, THEN it is spoken to in JSON
    let url = gateway.before(queue.url());
    let checked = binary(&scene, "", &url).run(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    assert!(!checked.stdout.contains("protocol query"), "{checked:#?}");
}

#[tokio::test]
async fn what_sqs_refuses_in_json_is_not_taken_for_another_protocol() {
    // GIVEN a service that speaks both, and refuses in JSON
    let scene = Scene::new(BINARY).await;
    let queue = MotoQueue::create("refused").await;
    for (status, answer, said) in [
        (
            400,
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}"#,
            "QueueDoesNotExist): there is no such queue",
        ),
        (
            403,
            r#"{"__type":"com.amazon.coral.service#AccessDeniedException"}"#,
            "AccessDeniedException): the credentials lack",
        ),
        (
            403,
            r#"{"__type":"com.amazon.coral.service#InvalidSignatureException"}"#,
            "InvalidSignatureException): the signature is wrong",
        ),
        (
            403,
            r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException"}"#,
            "UnrecognizedClientException): the access key",
        ),
        (
            400,
            r#"{"__type":"com.amazonaws.sqs#RequestThrottled"}"#,
            "cannot serve GetQueueAttributes now (400 RequestThrottled)",
        ),
        (
            503,
            r#"{"__type":"com.amazon.coral.service#ServiceUnavailable"}"#,
            "cannot serve GetQueueAttributes now (503 ServiceUnavailable)",
        ),
    ] {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let refusing = Proxy::start(&Moto::shared().address(), move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Meddling::Answer(status, answer)
        })
        .await;

        // WHEN, THEN it is asked once, and its refusal is told
        let url = refusing.before(queue.url());
        let checked = binary(&scene, "", &url).run(&["check"]).await;
        assert_eq!(checked.code, Some(3), "{checked:#?}");
        assert!(checked.stdout.contains(said), "{checked:#?}");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{said}");
    }
}

#[tokio::test]
async fn of_two_errors_the_one_is_told_that_helps() {
    let scene = Scene::new(BINARY).await;
    let moto = Moto::shared().address();
    // Neither protocol is understood: the first error
    let page = "<html>secret</html>";
    let other = Proxy::start(&moto, move |_| Meddling::Answer(200, page)).await;
    let url = other.before("http://host/000000000000/login-queue");
    let checked = binary(&scene, "", &url).run(&["check"]).await;
    assert_eq!(checked.code, Some(3), "{checked:#?}");
    let said = "is not one of SQS's JSON protocol";
    assert!(checked.stdout.contains(said), "{checked:#?}");
    assert!(!checked.stdout.contains("secret"), "{checked:#?}");
    // The older one is understood, and refuses: its error
    let old = Proxy::of_query_only(&moto, LOCALSTACK, |_| Meddling::Pass).await;
    let url = old.before("http://host/000000000000/no-such-queue");
    let checked = binary(&scene, "", &url).run(&["check"]).await;
    assert_eq!(checked.code, Some(3), "{checked:#?}");
    let said = "there is no such queue";
    assert!(checked.stdout.contains(said), "{checked:#?}");
}

#[tokio::test]
async fn bodies_arrive_to_the_byte_through_xml() {
    // GIVEN values with what XML escapes, normalises or cannot say plainly
    let scene = Scene::new(BINARY).await;
    let queue = MotoQueue::create("nasty").await;
    let values = [
        "<&>\"' &amp; &#13; ]]>",
        "<![CDATA[x]]> <!-- --> </Body>",
        "\r\n\r\t\n  both ends  ",
        "\u{1f600}\u{10ffff}\u{fffd}\u{85}\u{2028}\u{7f}",
        "%26+%2B=&QueueUrl=no",
    ];
    for (user, value) in values.iter().enumerate() {
        let user = json!(format!("user-{user}"));
        queue
            .send(&event(&[("user_id", user), ("locale", json!(value))]))
            .await;
    }
    // One that has line ends of its own around the JSON, which are not escaped in it
    let loose = format!("\r\n\t{}\r", login("user-loose"));
    queue.send(&loose).await;

    // WHEN, THEN
    let query = binary(&scene, "protocol = 'query'", queue.url());
    let run = query.run(&RUN_ONCE).await;
    assert_settled(&run, [values.len() as u64 + 1, 0]);
    let sql = "SELECT locale::text FROM user_logins WHERE locale <> 'RU' ORDER BY user_id";
    let landed = scene.database.rows(sql).await;
    let expected = values.map(|value| vec![Some(value.to_owned())]);
    assert_eq!(landed, expected);
    assert_empties(&queue, &query).await;
}

#[tokio::test]
async fn what_fails_in_the_older_protocol_is_tried_again() {
    // GIVEN a queue that is throttled, broken, out of credentials or answers something odd at first
    const RECEIVES: [(u16, &str); 6] = [
        (
            400,
            "<ErrorResponse><Error><Type>Sender</Type><Code>RequestThrottled</Code></Error></ErrorResponse>",
        ),
        (503, "<html>busy</html>"),
        (
            403,
            "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>",
        ),
        (200, ""),
        (200, "<html>secret</html>"),
        (
            200,
            "<ReceiveMessageResponse><ReceiveMessageResult><Message><Body>secret</Body></Message>\
             </ReceiveMessageResult></ReceiveMessageResponse>",
        ),
    ];
    const DELETES: [(u16, &str); 3] = [
        (
            200,
            "<DeleteMessageBatchResponse><DeleteMessageBatchResult><BatchResultErrorEntry><Id>0</Id>\
             <SenderFault>false</SenderFault><Code>InternalError</Code></BatchResultErrorEntry>\
             </DeleteMessageBatchResult></DeleteMessageBatchResponse>",
        ),
        (200, ""),
        (
            500,
            "<ErrorResponse><Error><Code>InternalError</Code></Error></ErrorResponse>",
        ),
    ];
    let queue = MotoQueue::filled("failing-at-first", 100);
    let scene = Scene::new(BINARY).await;
    let [received, deleted] = [const { AtomicUsize::new(0) }; 2];
    let failing = Proxy::start(&Moto::shared().address(), move |action| {
        let next = |count: &AtomicUsize, answers: &[(u16, &'static str)]| {
            let answer = answers.get(count.fetch_add(1, Ordering::SeqCst)).copied();
            answer.map_or(Meddling::Pass, |(status, body)| {
                Meddling::Answer(status, body)
            })
        };
        match action {
            "ReceiveMessage" => next(&received, &RECEIVES),
            "DeleteMessageBatch" => next(&deleted, &DELETES),
            _ => Meddling::Pass,
        }
    })
    .await;

    // WHEN
    let url = failing.before(queue.url());
    let query = binary(&scene, "protocol = 'query'", &url);
    let run = query.run(&RUN_ONCE).await;

    // THEN everything is moved, what was no message was left, and nothing of an answer is said
    assert_eq!(run.code, Some(0), "{run:#?}");
    let totals = ["loaded", "quarantined", "left"].map(|name| run.total(name));
    assert_eq!(totals, [90, 10, 1], "{run:#?}");
    assert!(!run.stderr.contains("secret"), "{run:#?}");
    assert_empties(&queue, &query).await;
}

/// moto hands out two messages of a group at the same moment now and then, so that the order is not
/// its to promise; on the built-in queue it is asserted (`order.rs`).
#[tokio::test]
async fn messages_of_a_fifo_queue_are_moved_in_the_older_protocol() {
    // GIVEN two groups on a FIFO queue
    let scene = Scene::new(BINARY).await;
    let address = Moto::shared().address();
    let attributes = json!({"FifoQueue": "true", "VisibilityTimeout": "5"});
    let parameters = json!({"QueueName": "groups.fifo", "Attributes": attributes});
    let created = call(&address, "CreateQueue", &parameters).await;
    let url = created["QueueUrl"].as_str().unwrap();
    for number in 0..24 {
        let user = format!("user-{number:02}");
        let message = json!({
            "QueueUrl": url, "MessageBody": login(&user),
            "MessageGroupId": (number % 2).to_string(),
            "MessageDeduplicationId": number.to_string(),
        });
        call(&address, "SendMessage", &message).await;
    }

    // WHEN
    let query = binary(&scene, "protocol = 'query'", url);
    let run = query.run(&RUN_ONCE).await;

    // THEN
    assert_settled(&run, [24, 0]);
    let expected: Vec<_> = (0..24).map(|number| format!("user-{number:02}")).collect();
    assert_eq!(users(&scene).await, expected);
}

#[tokio::test]
async fn what_takes_long_is_kept_hidden_in_the_older_protocol() {
    // GIVEN a table that takes twice as long as moto hides messages
    let scene = Scene::new(BINARY).await;
    scene
        .database
        .execute(
            "CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(11); RETURN NULL; END $$; \
             CREATE TRIGGER take_time BEFORE INSERT ON user_logins FOR EACH STATEMENT \
             EXECUTE FUNCTION take_time()",
        )
        .await;
    let queue = MotoQueue::create("hidden").await;
    for user in ["ann", "bob", "eve"] {
        queue.send(&login(user)).await;
    }

    // WHEN they are loaded
    let query = binary(&scene, "protocol = 'query'", queue.url());
    let running = query.start(&["run", "--output", "json"]);
    eventually("all is in flight", || async {
        queue.counts().await == [0, 3]
    })
    .await;
    let rows = "SELECT count(*) FROM user_logins";
    eventually("all is loaded", || async {
        // THEN nobody else can have them meanwhile
        let [visible, _] = queue.counts().await;
        assert_eq!(visible, 0);
        scene.database.count(rows).await == 3
    })
    .await;
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_eq!(finished.total("loaded"), 3, "{finished:#?}");
}

#[tokio::test]
async fn a_queue_is_found_by_its_name_in_the_older_protocol() {
    let scene = Scene::new(BINARY).await;
    let queue = MotoQueue::create(QUEUE).await;
    let by_name = binary(&scene, "protocol = 'query'", "")
        .with("AWS_ENDPOINT_URL", &Moto::shared().endpoint_url());
    let checked = by_name.run(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    assert!(checked.stdout.contains(queue.url()), "{checked:#?}");
}
