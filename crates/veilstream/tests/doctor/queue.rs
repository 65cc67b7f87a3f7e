//! The queue.

use serde_json::{Value, json};
use testkit::{
    QUEUE, Scene,
    sqs_proxy::{Change, Fault, Refusal, SqsProxy},
};

use crate::{BINARY, Checked};

/// Gives the scene's queue a dead-letter queue, for messages that were received so often.
pub(crate) async fn redrive(scene: &Scene, receives: u32) {
    scene.queue.create_queue("dead", &[]).unwrap();
    let dead = "arn:aws:sqs:us-east-1:000000000000:dead";
    let policy = json!({"deadLetterTargetArn": dead, "maxReceiveCount": receives}).to_string();
    let url = scene.queue.queue_url(QUEUE);
    let asked = json!({"QueueUrl": url, "Attributes": {"RedrivePolicy": policy}});
    let address = scene.queue.address().to_string();
    testkit::call(&address, "SetQueueAttributes", &asked).await;
}

/// WHEN a queue is checked that does this to calls of an action.
async fn checked_through(to: &'static str, fault: fn() -> Fault) -> Checked {
    let scene = Scene::new(BINARY).await;
    let proxy = SqsProxy::with(&scene, move |action, _| {
        if to.is_empty() || action == to {
            fault()
        } else {
            Fault::Pass
        }
    })
    .await;
    Checked::with(&scene.binary(), &["--queue-url", &proxy.queue_url()]).await
}

/// WHEN the scene's queue is checked, its answers to an action changed.
async fn checked_with(scene: &Scene, to: &'static str, change: fn(Value) -> Value) -> Checked {
    let proxy = SqsProxy::with(scene, move |action, request| {
        if action != to {
            return Fault::Pass;
        }
        Fault::Change(Change {
            request: request.clone(),
            answer: Box::new(change),
        })
    })
    .await;
    Checked::with(&scene.binary(), &["--queue-url", &proxy.queue_url()]).await
}

fn denied() -> Fault {
    Fault::Refuse(Refusal {
        status: 403,
        code: "AccessDenied",
        retry_after: None,
    })
}

#[tokio::test]
async fn a_host_that_is_not_known_is_named() {
    let scene = Scene::new(BINARY).await;
    let url = "http://sqs.nonexistent.invalid:4566/000000000000/login-queue";
    let checked = Checked::with(&scene.binary(), &["--queue-url", url]).await;
    let host = "sqs.nonexistent.invalid";
    checked.assert("queue dns", "error", 3, host, "/etc/resolv.conf");
}

#[tokio::test]
async fn a_queue_that_does_not_exist_or_is_not_reached_is_found() {
    let scene = Scene::new(BINARY).await;
    let other = scene.queue.queue_url("another-queue");
    let checked = Checked::with(&scene.binary(), &["--queue-url", &other]).await;
    let remedy = "aws sqs create-queue";
    checked.assert("queue", "error", 3, "no such queue", remedy);

    let closed = "http://127.0.0.1:1/000000000000/login-queue";
    let checked = Checked::with(&scene.binary(), &["--queue-url", closed]).await;
    checked.assert(
        "queue",
        "error",
        3,
        "cannot be reached",
        "start the service",
    );
}

#[tokio::test]
async fn each_permission_that_is_missing_is_named_as_iam_calls_it() {
    for (action, permission, check) in [
        ("ReceiveMessage", "sqs:ReceiveMessage", "permissions"),
        ("DeleteMessageBatch", "sqs:DeleteMessage", "permissions"),
        (
            "ChangeMessageVisibilityBatch",
            "sqs:ChangeMessageVisibility",
            "permissions",
        ),
        ("GetQueueAttributes", "sqs:GetQueueAttributes", "queue"),
    ] {
        let checked = checked_through(action, denied).await;
        let allow = format!("allow {permission} on");
        checked.assert(check, "error", 3, "", &allow);
    }
}

#[tokio::test]
async fn of_an_encrypted_queue_it_is_said_that_opening_its_messages_is_not_probed() {
    let of_ours = "arn:aws:kms:us-east-1:000000000000:key/0987dcba-09fe-87dc-65ba-ab0987654321";
    for (key, is_told) in [(of_ours, true), ("alias/aws/sqs", false)] {
        let scene = Scene::with_queue(BINARY, &[("KmsMasterKeyId", key)]).await;
        let checked = Checked::by(&scene.binary()).await;
        let told = checked.findings.iter().find(|one| {
            let detail = one["detail"].as_str().unwrap();
            one["check"] == "permissions" && detail.contains("kms:Decrypt")
        });
        assert_eq!(told.is_some(), is_told, "{:#?}", checked.findings);
        if let Some(told) = told {
            let detail = told["detail"].as_str().unwrap();
            assert!(
                detail.contains(key) && detail.contains("ReadAnEncryptedQueue"),
                "{detail}"
            );
            assert_eq!(told["verdict"], "ok");
        }
    }
}

#[tokio::test]
async fn a_permission_that_cannot_be_probed_now_is_no_error() {
    let busy = || {
        Fault::Refuse(Refusal {
            status: 503,
            code: "ServiceUnavailable",
            retry_after: None,
        })
    };
    let checked = checked_through("DeleteMessageBatch", busy).await;
    let detail = "whether sqs:DeleteMessage is allowed is not known";
    checked.assert("permissions", "warning", 0, detail, "again");
}

#[tokio::test]
async fn an_entry_that_fails_for_another_reason_than_its_handle_allows_nothing() {
    let scene = Scene::new(BINARY).await;
    let failed = |_| json!({"Failed": [{"Id": "0", "SenderFault": false, "Code": "KmsDisabled"}]});
    let checked = checked_with(&scene, "DeleteMessageBatch", failed).await;
    let detail = "whether sqs:DeleteMessage is allowed is not known";
    checked.assert("permissions", "warning", 0, detail, "again");
}

#[tokio::test]
async fn a_service_that_gives_what_the_probe_asks_for_hides_nothing() {
    // GIVEN a service that knows no bound, and messages
    let scene = Scene::new(BINARY).await;
    for _ in 0..3 {
        scene.send("{}");
    }
    let proxy = SqsProxy::with(&scene, |action, request| {
        if action != "ReceiveMessage" {
            return Fault::Pass;
        }
        let mut request = request.clone();
        request["MaxNumberOfMessages"] = json!(10);
        Fault::Change(Change {
            request,
            answer: Box::new(|answer| answer),
        })
    })
    .await;

    // WHEN
    let checked = Checked::with(&scene.binary(), &["--queue-url", &proxy.queue_url()]).await;

    // THEN one call was made, and all is visible
    assert!(checked.sound().contains(&"permissions"));
    assert_eq!(proxy.calls("ReceiveMessage").len(), 1);
    let counts = scene.queue.counts(QUEUE).unwrap();
    assert_eq!((counts.visible, counts.in_flight), (3, 0));
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_warned_of_also_where_only_veilstream_s_signatures_hold() {
    let late = checked_through("", || Fault::Clock(-120)).await;
    let behind = "s behind this machine's";
    late.assert("queue clock", "warning", 0, behind, "chronyc");
    let ahead = "s ahead of this machine's; AWS refuses";
    let early = checked_through("", || Fault::Clock(3 * 3_600)).await;
    early.assert("queue clock", "warning", 0, ahead, "chronyc");
}

#[tokio::test]
async fn attributes_that_endanger_a_run_are_warned_of() {
    let scene = Scene::with_queue(BINARY, &[("VisibilityTimeout", "5")]).await;
    let short = Checked::by(&scene.binary()).await;
    let set = "--attributes VisibilityTimeout=60";
    short.assert("visibility time-out", "warning", 0, "5 s is short", set);
    let detail = "there is none";
    short.assert("dead-letter queue", "warning", 0, detail, "RedrivePolicy");

    let scene = Scene::with_queue(BINARY, &[("MessageRetentionPeriod", "3600")]).await;
    redrive(&scene, 1).await;
    let strict = Checked::by(&scene.binary()).await;
    let (detail, raise) = ("after 1 receive:", "raise maxReceiveCount");
    strict.assert("dead-letter queue", "warning", 0, detail, raise);
    let keep = "MessageRetentionPeriod=345600";
    strict.assert("retention", "warning", 0, "3600 s only", keep);
}

/// GIVEN a ledger that a queue of four days was served with, and that has dropped what was over.
const SERVED: &str = "SELECT veilstream.record_queue_retention('of-four-days', 345600); \
    SELECT veilstream.add_ledger_partition(floor(extract(epoch FROM now()) / 86400)::bigint - 8); \
    SELECT veilstream.drop_ledger_partition()";

#[tokio::test]
async fn a_queue_that_keeps_messages_from_before_the_ledger_begins_is_warned_of() {
    let scene = Scene::with_queue(BINARY, &[("MessageRetentionPeriod", "1209600")]).await;
    let fresh = Checked::by(&scene.binary()).await;
    assert!(fresh.sound().contains(&"retention"));
    scene.database.execute(SERVED).await;

    // WHEN one of 14 days joins it
    let joined = Checked::by(&scene.binary()).await;

    // THEN the day is named, and what to do
    let begins =
        "SELECT to_char(DATE '1970-01-01' + day::int, 'YYYY-MM-DD') FROM veilstream.ledger_start";
    let begins = scene.database.rows(begins).await[0][0].clone().unwrap();
    let detail = format!("for 14.0 d, and the ledger begins with {begins}");
    let remedy = "set veilstream.ledger_start back";
    joined.assert("retention", "warning", 0, &detail, remedy);
    assert!(!joined.sound().contains(&"retention"));

    // AND all is well once that is done
    let back = "UPDATE veilstream.ledger_start SET day = 0";
    scene.database.execute(back).await;
    let well = Checked::by(&scene.binary()).await;
    assert!(well.sound().contains(&"retention"), "{:#?}", well.findings);
}

#[tokio::test]
async fn a_ledger_that_has_dropped_only_what_is_over_is_no_reason_to_warn() {
    let scene = Scene::with_queue(BINARY, &[("MessageRetentionPeriod", "345600")]).await;
    scene.database.execute(SERVED).await;
    let dropped = "SELECT count(*) FROM veilstream.ledger_start WHERE day > 0";
    assert_eq!(scene.database.count(dropped).await, 1);
    let checked = Checked::by(&scene.binary()).await;
    let detail = "4.0 d, and the ledger knows them for longer";
    checked.assert("retention", "ok", 0, detail, "");
}

#[tokio::test]
async fn where_the_ledger_begins_is_not_known_to_a_role_that_may_not_read_it() {
    let scene = Scene::new(BINARY).await;
    let url = testkit::member(&scene.database, "loader").await;
    let loader = ["--database-url", &url];
    let may = Checked::with(&scene.binary(), &loader).await;
    assert!(may.sound().contains(&"retention"), "{:#?}", may.findings);

    let revoke = "REVOKE SELECT ON veilstream.ledger_start FROM veilstream_loader";
    scene.database.execute(revoke).await;
    let checked = Checked::with(&scene.binary(), &loader).await;
    let grant = "GRANT SELECT ON veilstream.ledger_start TO loader_";
    checked.assert("retention", "warning", 0, "is not known", grant);
}

#[tokio::test]
async fn a_dead_letter_queue_that_was_deleted_is_missed() {
    // GIVEN a queue whose policy names another one
    let scene = Scene::new(BINARY).await;
    redrive(&scene, 10).await;
    let there = Checked::by(&scene.binary()).await;
    assert!(there.sound().contains(&"dead-letter queue"));

    // WHEN that is deleted
    let dead = json!({"QueueUrl": scene.queue.queue_url("dead")});
    let address = scene.queue.address().to_string();
    testkit::call(&address, "DeleteQueue", &dead).await;

    // THEN it is missed
    let gone = Checked::by(&scene.binary()).await;
    let (detail, create) = (":dead is not there", "create it");
    gone.assert("dead-letter queue", "warning", 0, detail, create);
    assert!(!gone.sound().contains(&"dead-letter queue"));
}

#[tokio::test]
async fn a_dead_letter_queue_that_cannot_be_asked_for_is_said_to_be_unknown() {
    let scene = Scene::new(BINARY).await;
    redrive(&scene, 10).await;
    let elsewhere = |mut answer: Value| {
        let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:111111111111:dead","maxReceiveCount":10}"#;
        answer["Attributes"]["RedrivePolicy"] = json!(policy);
        answer
    };
    let elsewhere = checked_with(&scene, "GetQueueAttributes", elsewhere).await;
    let proxy = SqsProxy::with(&scene, |action, _| match action {
        "GetQueueUrl" => denied(),
        _ => Fault::Pass,
    })
    .await;
    let hidden = Checked::with(&scene.binary(), &["--queue-url", &proxy.queue_url()]).await;
    for checked in [elsewhere, hidden] {
        let detail = "after 10 receives; not known whether it is there";
        checked.assert("dead-letter queue", "ok", 0, detail, "");
    }
}

#[tokio::test]
async fn a_redrive_policy_that_cannot_be_read_is_warned_of() {
    let scene = Scene::new(BINARY).await;
    let unreadable = |mut answer: Value| {
        answer["Attributes"]["RedrivePolicy"] = json!("often");
        answer
    };
    let checked = checked_with(&scene, "GetQueueAttributes", unreadable).await;
    let detail = "RedrivePolicy cannot be read";
    checked.assert("dead-letter queue", "warning", 0, detail, "set the policy");
}

#[tokio::test]
async fn http_to_another_machine_is_warned_of() {
    // GIVEN an address that is not a loopback one, though it leads to this machine
    let scene = Scene::new(BINARY).await;
    let url = scene.queue.queue_url(QUEUE);
    let url = url
        .replace("127.0.0.1", "0.0.0.0")
        .replace("localhost", "0.0.0.0");
    let binary = scene.binary().with("AWS_ACCESS_KEY_ID", "id");
    let binary = binary.with("AWS_SECRET_ACCESS_KEY", "secret");
    let checked = Checked::with(&binary, &["--queue-url", &url]).await;
    checked.assert("queue tls", "warning", 0, "http to 0.0.0.0", "https://");
}
