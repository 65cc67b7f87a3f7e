//! The pipeline on another SQS server, filled and looked at with boto3.

use testkit::{Binary, Finished, Moto, Proxy, Scene};

use crate::{BINARY, reasons};

const RUN_ONCE: [&str; 4] = ["run", "--once", "--output", "json"];

/// Makes the queue and sends so many events, every tenth a stray one; prints the queue's URL.
const FILL: &str = r#"
import boto3, json
sqs = boto3.client("sqs")
url = sqs.create_queue(QueueName="login-queue", Attributes={"VisibilityTimeout": "5"})["QueueUrl"]
def event(i):
    if i % 10 == 9:
        return {"foo": "oops_wrong_msg_type", "bar": "123"}
    return {"user_id": f"user-{i:03}", "app_version": "2.3.0", "device_type": "android",
            "ip": f"10.0.0.{i}", "locale": None if i % 5 == 0 else "RU", "device_id": f"device-{i % 7}"}
for start in range(0, EVENTS, 10):
    entries = [{"Id": str(i), "MessageBody": json.dumps(event(i))} for i in range(start, start + 10)]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 10
print(url)
"#;

/// Prints how many messages are visible and how many in flight.
const COUNT: &str = r#"
import boto3
sqs = boto3.client("sqs")
names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
url = sqs.get_queue_url(QueueName="login-queue")["QueueUrl"]
attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
print(*(attributes[name] for name in names))
"#;

/// The scene's database and key set; the queue is another server's.
fn binary(scene: &Scene) -> Binary {
    scene.binary().without("VEILSTREAM_QUEUE_URL")
}

fn fill(moto: &Moto, events: u32) -> String {
    moto.script(&format!("EVENTS = {events}\n{FILL}"))
}

/// Asserts how many messages were loaded and quarantined, and that none was left. To receivers that
/// ask at the same moment moto may hand out the same message, as AWS does now and then; so the
/// number of duplicates is not moto's to promise.
fn assert_settled(run: &Finished, settled: [u64; 2]) {
    assert_eq!(run.code, Some(0), "{run:#?}");
    let [loaded, quarantined] = ["loaded", "quarantined"].map(|name| run.total(name));
    assert_eq!([loaded, quarantined], settled, "{run:#?}");
    let all = loaded + quarantined + run.total("duplicates");
    assert_eq!(run.total("received"), all, "{run:#?}");
}

/// Asserts that the queue gets empty. moto's lists have no lock: of two deletes at the same moment
/// it may lose one, whose message then comes back; further runs may only find duplicates.
async fn assert_empties(moto: &Moto, binary: &Binary) {
    for _ in 0..5 {
        if moto.script(COUNT) == "0 0" {
            return;
        }
        assert_settled(&binary.run(&RUN_ONCE).await, [0, 0]);
    }
    assert_eq!(moto.script(COUNT), "0 0");
}

#[tokio::test]
async fn events_of_boto3_in_moto_are_loaded_and_deleted() {
    // GIVEN a hundred events, ten of them stray
    let moto = Moto::start().await;
    let url = fill(&moto, 100);
    let scene = Scene::new(BINARY).await;

    // WHEN nothing but the queue's URL is set
    let run = binary(&scene)
        .with("VEILSTREAM_QUEUE_URL", &url)
        .run(&RUN_ONCE)
        .await;

    // THEN
    assert_settled(&run, [90, 10]);
    let count = async |what: &str| {
        let sql = format!("SELECT count({what}) FROM user_logins WHERE user_id LIKE 'user-%'");
        scene.database.count(&sql).await
    };
    assert_eq!(count("*").await, 90);
    assert_eq!(count("DISTINCT user_id").await, 90);
    assert_eq!(count("DISTINCT masked_ip").await, 90);
    assert_eq!(count("DISTINCT masked_device_id").await, 7);
    assert_eq!(count("locale").await, 70);
    let reasons = reasons(&scene).await;
    assert_eq!(reasons.len(), 10);
    let missing = ("missing_field".to_owned(), Some("user_id".to_owned()));
    assert!(reasons.values().all(|reason| *reason == missing));
    assert_empties(
        &moto,
        &binary(&scene).with("AWS_ENDPOINT_URL", &moto.endpoint_url()),
    )
    .await;
}

#[tokio::test]
async fn what_moto_delivers_again_is_a_duplicate() {
    // GIVEN messages that were loaded and whose deletion got lost
    let moto = Moto::start().await;
    let url = fill(&moto, 20);
    let scene = Scene::new(BINARY).await;
    let endpoint = moto.endpoint_url();
    let proxy = Proxy::losing_deletes(endpoint.strip_prefix("http://").unwrap()).await;
    let first = binary(&scene)
        .with("VEILSTREAM_QUEUE_URL", &proxy.before(&url))
        .run(&RUN_ONCE)
        .await;
    assert_settled(&first, [18, 2]);
    proxy.give_back(&url).await;

    // WHEN the queue is found by its default name at the endpoint
    let from_endpoint = binary(&scene).with("AWS_ENDPOINT_URL", &endpoint);
    let second = from_endpoint.run(&RUN_ONCE).await;

    // THEN
    assert_settled(&second, [0, 0]);
    assert!(second.total("duplicates") >= 20, "{second:#?}");
    let rows = "SELECT count(*) FROM user_logins";
    assert_eq!(scene.database.count(rows).await, 18);
    assert_eq!(reasons(&scene).await.len(), 2);
    assert_empties(&moto, &from_endpoint).await;
}
