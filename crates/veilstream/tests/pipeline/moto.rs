//! The pipeline on another SQS server, filled and looked at with boto3.

use serde_json::json;
use testkit::{Binary, Finished, Moto, Proxy, QUEUE, Scene, call, eventually};

use crate::{BINARY, RUN_ONCE, both_queues::Stage, login, reasons};

/// Messages whose deletion moto has lost come back after so many seconds.
const VISIBILITY: &str = "5";

/// Makes the queue and sends so many events, every tenth a stray one; prints the queue's URL.
const FILL: &str = r#"
import boto3, json
sqs = boto3.client("sqs")
url = sqs.create_queue(QueueName=NAME, Attributes={"VisibilityTimeout": VISIBILITY})["QueueUrl"]
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

/// A queue in the one moto of all tests.
pub(crate) struct MotoQueue(String);

impl MotoQueue {
    pub(crate) async fn create(name: &str) -> Self {
        let parameters =
            json!({"QueueName": name, "Attributes": {"VisibilityTimeout": VISIBILITY}});
        let created = call(&Moto::shared().address(), "CreateQueue", &parameters).await;
        Self(created["QueueUrl"].as_str().unwrap().to_owned())
    }

    /// One that boto3 makes and fills with so many events.
    pub(crate) fn filled(name: &str, events: u32) -> Self {
        let settings = format!("NAME = '{name}'\nVISIBILITY = '{VISIBILITY}'\nEVENTS = {events}");
        Self(Moto::shared().script(&format!("{settings}\n{FILL}")))
    }

    pub(crate) fn url(&self) -> &str {
        &self.0
    }

    pub(crate) async fn send(&self, body: &str) -> String {
        let parameters = json!({"QueueUrl": self.0, "MessageBody": body});
        let sent = call(&Moto::shared().address(), "SendMessage", &parameters).await;
        sent["MessageId"].as_str().unwrap().to_owned()
    }

    /// How many messages are visible and how many in flight.
    pub(crate) async fn counts(&self) -> [u64; 2] {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ];
        let parameters = json!({"QueueUrl": self.0, "AttributeNames": names});
        let answer = call(&Moto::shared().address(), "GetQueueAttributes", &parameters).await;
        names.map(|name| {
            let count = answer["Attributes"][name].as_str().unwrap();
            count.parse().unwrap()
        })
    }
}

/// The scene's database and key set; the queue is another server's.
fn binary(scene: &Scene) -> Binary {
    scene.binary().without("VEILSTREAM_QUEUE_URL")
}

/// Asserts how many messages were loaded and quarantined, and that none was left. To receivers that
/// ask at the same moment moto may hand out the same message, as AWS does now and then; so the
/// number of duplicates is not moto's to promise.
pub(crate) fn assert_settled(run: &Finished, settled: [u64; 2]) {
    assert_eq!(run.code, Some(0), "{run:#?}");
    let [loaded, quarantined] = ["loaded", "quarantined"].map(|name| run.total(name));
    assert_eq!([loaded, quarantined], settled, "{run:#?}");
    let all = loaded + quarantined + run.total("duplicates");
    assert_eq!(run.total("received"), all, "{run:#?}");
}

/// Asserts that the queue gets empty. moto's lists have no lock: of two deletes at the same moment
/// it may lose one, whose message then comes back; further runs may only find duplicates.
pub(crate) async fn assert_empties(queue: &MotoQueue, binary: &Binary) {
    for _ in 0..5 {
        eventually("nothing is in flight for ever", || async {
            let [visible, in_flight] = queue.counts().await;
            visible > 0 || in_flight == 0
        })
        .await;
        if queue.counts().await == [0, 0] {
            return;
        }
        assert_settled(&binary.run(&RUN_ONCE).await, [0, 0]);
    }
    assert_eq!(queue.counts().await, [0, 0]);
}

#[tokio::test]
async fn events_of_boto3_in_moto_are_loaded_and_deleted() {
    // GIVEN a hundred events, ten of them stray
    let queue = MotoQueue::filled("queue-of-boto3", 100);
    let scene = Scene::new(BINARY).await;

    // WHEN nothing but the queue's URL is set
    let binary = binary(&scene).with("VEILSTREAM_QUEUE_URL", queue.url());
    let run = binary.run(&RUN_ONCE).await;

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
    assert_empties(&queue, &binary).await;
}

#[tokio::test]
async fn what_moto_delivers_again_is_a_duplicate() {
    // GIVEN messages that were loaded and whose deletion got lost
    let queue = MotoQueue::filled(QUEUE, 20);
    let scene = Scene::new(BINARY).await;
    let proxy = Proxy::losing_deletes(&Moto::shared().address()).await;
    let first = binary(&scene)
        .with("VEILSTREAM_QUEUE_URL", &proxy.before(queue.url()))
        .run(&RUN_ONCE)
        .await;
    assert_settled(&first, [18, 2]);
    proxy.give_back(queue.url()).await;

    // WHEN the queue is found by its default name at the endpoint
    let from_endpoint = binary(&scene).with("AWS_ENDPOINT_URL", &Moto::shared().endpoint_url());
    let second = from_endpoint.run(&RUN_ONCE).await;

    // THEN
    assert_settled(&second, [0, 0]);
    assert!(second.total("duplicates") >= 20, "{second:#?}");
    let rows = "SELECT count(*) FROM user_logins";
    assert_eq!(scene.database.count(rows).await, 18);
    assert_eq!(reasons(&scene).await.len(), 2);
    assert_empties(&queue, &from_endpoint).await;
}

#[tokio::test]
async fn what_takes_longer_than_moto_hides_it_is_kept_hidden() {
    // GIVEN a table that takes twice as long as moto hides messages
    let stage = Stage::moto().await;
    let database = &stage.scene.database;
    database
        .execute(
            "CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(11); RETURN NULL; END $$; \
             CREATE TRIGGER take_time BEFORE INSERT ON user_logins FOR EACH STATEMENT \
             EXECUTE FUNCTION take_time()",
        )
        .await;
    for user in ["ann", "bob", "eve"] {
        stage.send(&login(user)).await;
    }

    // WHEN they are loaded
    let running = stage.binary().start(&["run", "--output", "json"]);
    eventually("all is in flight", || async {
        stage.counts().await == [0, 3]
    })
    .await;
    let rows = "SELECT count(*) FROM user_logins";
    eventually("all is loaded", || async {
        // THEN nobody else can have them meanwhile
        let visible = stage.receive().await;
        assert!(visible.is_empty(), "{visible:?}");
        database.count(rows).await == 3
    })
    .await;
    running.signal("TERM").await;
    let finished = running.finish().await;
    assert_eq!(finished.code, Some(143), "{finished:#?}");
    assert_eq!(finished.total("loaded"), 3, "{finished:#?}");
}
